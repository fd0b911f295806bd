-- P33 empty-child-provider: Child providers without inventory, traits and children
-- Severity: info, impact I
--
-- Says: {providers} providers below others have neither inventory nor traits nor children: {sample}
--
-- Why: What they stood for is gone or not configured any more: a GPU that was taken out, a PCI device or an agent that
-- is no longer reported. They do no harm. Before you delete one (openstack resource provider delete), stop the service
-- that made it: while that runs, it may need its provider.
--
-- Left alone:
-- - blazar's, which has inventory while something is reserved
-- - a provider in an aggregate, which may bring a sharing provider to its tree
-- - a provider with traits of its own, which a request without resources can ask for
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, name, created_at FROM resource_providers WHERE parent_provider_id IS NOT NULL AND id NOT IN (SELECT resource_provider_id FROM inventories) AND id NOT IN (SELECT resource_provider_id FROM allocations)"
--   openstack --os-placement-api-version 1.14 resource provider show {first}
--   openstack resource provider inventory list {first}
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
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      parent_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id
  FROM placement.allocations
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
resource_provider_aggregates AS (
  SELECT resource_provider_id
  FROM placement.resource_provider_aggregates
)
SELECT empty_children.`table`, count(*) AS providers, max(CASE WHEN (empty_children.place = 1) THEN empty_children.uuid
    END) AS first, concat(CAST(max(CASE WHEN (empty_children.place = 1) THEN empty_children.name END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (empty_children.place = 2) THEN empty_children.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (empty_children.place = 3) THEN empty_children.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (empty_children.place = 4) THEN empty_children.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (empty_children.place = 5) THEN empty_children.name END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    'the rows do not tell whether what made a provider still runs and counts on it: its name and its root tell whom to ask (nova-compute, a neutron agent, cyborg)'
    AS withheld, min(empty_children.created_at) AS newest_change
FROM (
  SELECT 'resource_providers' AS `table`, resource_providers.uuid AS uuid, resource_providers.name AS name,
      resource_providers.created_at AS created_at, row_number() OVER (ORDER BY resource_providers.name) AS place
  FROM resource_providers
  WHERE resource_providers.parent_provider_id IS NOT NULL
    AND resource_providers.name NOT LIKE 'blazar\\_%' ESCAPE '\\'
    AND NOT (EXISTS (
      SELECT *
      FROM inventories
      WHERE inventories.resource_provider_id = resource_providers.id
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM allocations
      WHERE allocations.resource_provider_id = resource_providers.id
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM resource_provider_aggregates
      WHERE resource_provider_aggregates.resource_provider_id = resource_providers.id
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM resource_provider_traits
      WHERE resource_provider_traits.resource_provider_id = resource_providers.id
        AND (resource_provider_traits.trait_id NOT IN (
          SELECT traits.id
          FROM traits
          WHERE traits.name LIKE 'OWNER\\_%' ESCAPE '\\'
        ))
    ))
    AND (resource_providers.id NOT IN (
      SELECT child.parent_provider_id
      FROM resource_providers AS child
      WHERE child.parent_provider_id IS NOT NULL
    ))
) AS empty_children
GROUP BY empty_children.`table`
ORDER BY empty_children.`table`;
