-- P22 dangling-association: Aggregate or trait associations of which one side is missing
-- Severity: info, impact L
--
-- Says: {rows} rows of {table} name a {missing} that does not exist ({ids} ids): {sample}
--
-- Why: Placement shows such rows to nobody. They show that a row was removed by hand or lost in a restore. If it was
-- lost, restore it and keep these. Before MySQL 8 and MariaDB 10.2.4 a server may forget its highest id when it
-- restarts: then a new provider gets the id of the missing one, and with it aggregates where nobody put it.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"
--   mariadb placement -e "DELETE FROM {useless} WHERE {column} NOT IN (SELECT id FROM {home})"
--
-- Names to change: placement
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

WITH resource_providers AS (
  SELECT id, root_provider_id, parent_provider_id
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id
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
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
placement_aggregates AS (
  SELECT id
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
)
SELECT listed.`table`, listed.missing, listed.`column`, listed.home, listed.impact, count(*) AS ids,
    sum(listed.`rows`) AS `rows`, CASE WHEN (max(listed.needed) = 0) THEN listed.`table` END AS useless,
    CASE WHEN (max(listed.needed) = 0) THEN NULL WHEN (listed.missing = 'provider') THEN
    'a missing provider still has inventory, allocations or children, so that its row was lost and not deleted: restore it from a backup, and keep these'
    WHEN (listed.missing = 'aggregate') THEN
    'a sharing provider was in a missing aggregate, and these rows alone tell which hosts have their disk from it: restore the aggregate from a backup, or write the lists of all its members anew'
    ELSE
    'the missing trait may be the one by which a provider of disk shares it with hosts: look with openstack --os-placement-api-version 1.6 resource provider trait list, or into a backup, which trait it was'
    END AS withheld, concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.name END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 2) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, NULL AS newest_change
FROM (
  SELECT dangling.`table` AS `table`, dangling.missing AS missing, dangling.`column` AS `column`,
      dangling.missing_id AS missing_id, dangling.home AS home, dangling.impact AS impact, dangling.`rows` AS `rows`,
      dangling.needed AS needed, CAST(dangling.missing_id AS CHAR) AS name,
      row_number() OVER (PARTITION BY dangling.`table`, dangling.missing ORDER BY CAST(dangling.missing_id AS CHAR)) AS
      place
  FROM (
    SELECT 'resource_provider_aggregates' AS `table`, 'provider' AS missing, 'resource_provider_id' AS `column`,
        resource_provider_aggregates.resource_provider_id AS missing_id, 'resource_providers' AS home, 'M' AS impact,
        count(*) AS `rows`, max(CASE WHEN ((EXISTS (
      SELECT *
      FROM allocations
      WHERE allocations.resource_provider_id = resource_provider_aggregates.resource_provider_id
    )) OR (EXISTS (
      SELECT *
      FROM inventories
      WHERE inventories.resource_provider_id = resource_provider_aggregates.resource_provider_id
    )) OR (EXISTS (
      SELECT *
      FROM resource_providers AS below
      WHERE below.parent_provider_id = resource_provider_aggregates.resource_provider_id OR below.root_provider_id =
          resource_provider_aggregates.resource_provider_id
    ))) THEN 1 ELSE 0 END) AS needed
    FROM resource_provider_aggregates
    WHERE (resource_provider_aggregates.resource_provider_id NOT IN (
      SELECT resource_providers.id
      FROM resource_providers
    ))
    GROUP BY resource_provider_aggregates.resource_provider_id
    UNION ALL
    SELECT 'resource_provider_aggregates' AS `table`, 'aggregate' AS missing, 'aggregate_id' AS `column`,
        resource_provider_aggregates.aggregate_id AS missing_id, 'placement_aggregates' AS home, 'L' AS impact,
        count(*) AS `rows`, max(CASE WHEN ((EXISTS (
      SELECT *
      FROM resource_provider_traits AS borne, traits AS sharing
      WHERE borne.resource_provider_id = resource_provider_aggregates.resource_provider_id
        AND sharing.id = borne.trait_id
        AND sharing.name = 'MISC_SHARES_VIA_AGGREGATE'
    )) OR (EXISTS (
      SELECT *
      FROM inventories AS has, resource_classes AS class_of_it
      WHERE has.resource_provider_id = resource_provider_aggregates.resource_provider_id
        AND class_of_it.id = has.resource_class_id
        AND class_of_it.name IN ('DISK_GB')
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS has, resource_classes AS class_of_it
      WHERE has.resource_provider_id = resource_provider_aggregates.resource_provider_id
        AND class_of_it.id = has.resource_class_id
        AND class_of_it.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) THEN 1 ELSE 0 END) AS needed
    FROM resource_provider_aggregates
    WHERE (resource_provider_aggregates.aggregate_id NOT IN (
      SELECT placement_aggregates.id
      FROM placement_aggregates
    ))
    GROUP BY resource_provider_aggregates.aggregate_id
    UNION ALL
    SELECT 'resource_provider_traits' AS `table`, 'provider' AS missing, 'resource_provider_id' AS `column`,
        resource_provider_traits.resource_provider_id AS missing_id, 'resource_providers' AS home, 'L' AS impact,
        count(*) AS `rows`, max(CASE WHEN ((EXISTS (
      SELECT *
      FROM allocations
      WHERE allocations.resource_provider_id = resource_provider_traits.resource_provider_id
    )) OR (EXISTS (
      SELECT *
      FROM inventories
      WHERE inventories.resource_provider_id = resource_provider_traits.resource_provider_id
    )) OR (EXISTS (
      SELECT *
      FROM resource_providers AS below
      WHERE below.parent_provider_id = resource_provider_traits.resource_provider_id OR below.root_provider_id =
          resource_provider_traits.resource_provider_id
    ))) THEN 1 ELSE 0 END) AS needed
    FROM resource_provider_traits
    WHERE (resource_provider_traits.resource_provider_id NOT IN (
      SELECT resource_providers.id
      FROM resource_providers
    ))
    GROUP BY resource_provider_traits.resource_provider_id
    UNION ALL
    SELECT 'resource_provider_traits' AS `table`, 'trait' AS missing, 'trait_id' AS `column`,
        resource_provider_traits.trait_id AS missing_id, 'traits' AS home, 'L' AS impact, count(*) AS `rows`,
        max(CASE WHEN ((EXISTS (
      SELECT *
      FROM inventories AS has, resource_classes AS class_of_it
      WHERE has.resource_provider_id = resource_provider_traits.resource_provider_id
        AND class_of_it.id = has.resource_class_id
        AND class_of_it.name IN ('DISK_GB')
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS has, resource_classes AS class_of_it
      WHERE has.resource_provider_id = resource_provider_traits.resource_provider_id
        AND class_of_it.id = has.resource_class_id
        AND class_of_it.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) THEN 1 ELSE 0 END) AS needed
    FROM resource_provider_traits
    WHERE (resource_provider_traits.trait_id NOT IN (
      SELECT traits.id
      FROM traits
    ))
    GROUP BY resource_provider_traits.trait_id
  ) AS dangling
) AS listed
GROUP BY listed.`table`, listed.missing, listed.`column`, listed.home, listed.impact
ORDER BY listed.`table`, listed.missing;
