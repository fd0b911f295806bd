-- P07 inventory-without-provider: Inventory whose provider is missing
-- Severity: info, impact L
--
-- Says: inventories of {classes} belong to provider id {provider_id}, which does not exist (rows: {rows})
--
-- Why: The rows do nothing as they are. They show that a provider was removed by hand or lost in a restore, and keep
-- custom resource classes from being deleted.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM inventories WHERE resource_provider_id = {provider_id}"
--   mariadb placement -e "DELETE FROM inventories WHERE resource_provider_id = {useless_id} AND NOT EXISTS (SELECT * FROM resource_providers WHERE {useless_id} IN (id, parent_provider_id, root_provider_id)) AND NOT EXISTS (SELECT * FROM allocations WHERE resource_provider_id = {useless_id})"
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
  SELECT resource_provider_id, resource_class_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
)
SELECT 'inventories' AS `table`, inventories.resource_provider_id AS provider_id, count(*) AS `rows`,
    group_concat(coalesce(resource_classes.name, concat('class ',
    CAST(inventories.resource_class_id AS CHAR))) SEPARATOR ', ') AS classes, CASE WHEN (NOT ((EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.resource_provider_id = inventories.resource_provider_id
)) OR (EXISTS (
  SELECT *
  FROM resource_providers AS below
  WHERE below.parent_provider_id = inventories.resource_provider_id OR below.root_provider_id =
      inventories.resource_provider_id
)))) THEN inventories.resource_provider_id END AS useless_id, CASE WHEN ((EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.resource_provider_id = inventories.resource_provider_id
)) OR (EXISTS (
  SELECT *
  FROM resource_providers AS below
  WHERE below.parent_provider_id = inventories.resource_provider_id OR below.root_provider_id =
      inventories.resource_provider_id
))) THEN
    'something is still held of the provider, or others are below it, so that its row was lost and not deleted: restore that row from a backup, and keep these'
    END AS withheld, max(inventories.created_at) AS newest_change
FROM inventories
LEFT OUTER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
LEFT OUTER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
WHERE resource_providers.id IS NULL
GROUP BY inventories.resource_provider_id
ORDER BY provider_id;
