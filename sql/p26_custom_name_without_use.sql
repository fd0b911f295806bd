-- P26 custom-name-without-use: Custom resource classes and traits that nothing has
-- Severity: info, impact I
--
-- Says: {names} custom {kind} are on no provider, though something may still ask for them: {sample}
--
-- Why: Placement keeps the names until somebody deletes them (openstack resource class delete, openstack trait delete).
-- Before that look through what asks for names: images, flavors where they were not read, the copies of flavors that
-- servers keep and every move uses, neutron's ports (CUSTOM_PHYSNET_*, CUSTOM_VNIC_TYPE_*), and cyborg's device
-- profiles. A request for a name that placement does not know is an error, not an empty answer.
--
-- Left alone:
-- - names that a flavor asks for, where nova's API database is read
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT name FROM {classes} WHERE name LIKE 'CUSTOM%' AND id NOT IN (SELECT resource_class_id FROM inventories UNION SELECT resource_class_id FROM allocations)"
--   mariadb placement -e "SELECT name FROM {traits} WHERE name LIKE 'CUSTOM%' AND id NOT IN (SELECT trait_id FROM resource_provider_traits)"
--
-- Names to change: placement, nova_api
--
-- Written by: placement-audit sql

SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SET SESSION TRANSACTION READ ONLY;
SET SESSION time_zone = '+00:00';
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
SET SESSION group_concat_max_len = 1048576;
-- Each entry of the WITH is kept apart, so that it gets an index where it is joined.
SET SESSION optimizer_switch = 'derived_merge=off';
SET @taken_at = UTC_TIMESTAMP();

WITH inventories AS (
  SELECT resource_class_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_class_id
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT trait_id
  FROM placement.resource_provider_traits
),
flavor_extra_specs AS (
  SELECT CAST(`key` AS CHAR) AS `key`
  FROM nova_api.flavor_extra_specs
)
SELECT unused.`table`, unused.kind, CASE WHEN (unused.`table` = 'resource_classes') THEN unused.`table` END AS classes,
    CASE WHEN (unused.`table` = 'traits') THEN unused.`table` END AS traits, count(*) AS names,
    concat(CAST(max(CASE WHEN (unused.place = 1) THEN unused.name END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (unused.place = 2) THEN unused.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (unused.place = 3) THEN unused.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (unused.place = 4) THEN unused.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (unused.place = 5) THEN unused.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    'images, copies of flavors that servers keep, neutron''s ports and cyborg''s device profiles may ask for a name, and are not in these rows: look through them before you delete one'
    AS withheld, NULL AS newest_change
FROM (
  SELECT 'resource_classes' AS `table`, 'resource classes' AS kind, resource_classes.name AS name,
      row_number() OVER (ORDER BY resource_classes.name) AS place
  FROM resource_classes
  WHERE resource_classes.name LIKE 'CUSTOM\\_%' ESCAPE '\\'
    AND NOT (EXISTS (
      SELECT *
      FROM inventories
      WHERE inventories.resource_class_id = resource_classes.id
    ))
    AND (resource_classes.id NOT IN (
      SELECT allocations.resource_class_id
      FROM allocations
    ))
    AND (resource_classes.name NOT IN (
      SELECT substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`, ':') + 1) AS substr_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` LIKE '%:CUSTOM\\_%' ESCAPE '\\'
    ))
  UNION ALL
  SELECT 'traits' AS anon_1, 'traits' AS anon_2, traits.name AS name, row_number() OVER (ORDER BY traits.name) AS anon_3
  FROM traits
  WHERE traits.name LIKE 'CUSTOM\\_%' ESCAPE '\\'
    AND (traits.id NOT IN (
      SELECT resource_provider_traits.trait_id
      FROM resource_provider_traits
    ))
    AND (traits.name NOT IN (
      SELECT substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`, ':') + 1) AS substr_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` LIKE '%:CUSTOM\\_%' ESCAPE '\\'
    ))
) AS unused
GROUP BY unused.`table`, unused.kind
ORDER BY unused.`table`;
