-- P09 invalid-inventory: Inventory with a value that placement never accepts
-- Severity: warning, impact M
--
-- Says: the inventory of {resource_class} on {provider_name} is invalid: {reason}
--
-- Why: Placement refuses such values, so somebody wrote them past it. The class is offered wrongly or not at all; with
-- a step size below 1 an allocation of it fails with an internal error.
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory show {provider} {resource_class}
--   openstack --os-placement-api-version 1.26 resource provider inventory set --amend --resource {resource_class}:{correction} {provider}
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size,
      CONCAT(allocation_ratio) + 0e0 AS allocation_ratio, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, CASE WHEN (inventories.step_size < 1) THEN 'its step_size is below 1' WHEN
    (inventories.total < 1) THEN 'its total is below 1' WHEN (inventories.reserved < 0) THEN
    'its reserved amount is negative' WHEN (inventories.reserved > inventories.total) THEN
    'more is reserved than its total' WHEN (inventories.min_unit < 1) THEN 'its min_unit is below 1' WHEN
    (inventories.max_unit < 1) THEN 'its max_unit is below 1' WHEN (inventories.allocation_ratio < 0) THEN
    'its allocation_ratio is negative' ELSE 'one of its values is missing' END AS reason,
    CASE WHEN (inventories.step_size < 1) THEN 'step_size=1' WHEN (inventories.total < 1) THEN NULL WHEN
    (inventories.reserved < 0) THEN 'reserved=0' WHEN (inventories.reserved > inventories.total) THEN NULL WHEN
    (inventories.min_unit < 1) THEN 'min_unit=1' WHEN (inventories.max_unit < 1) THEN 'max_unit=2147483647' END AS
    correction, inventories.total, inventories.reserved, inventories.min_unit, inventories.max_unit,
    inventories.step_size, inventories.allocation_ratio, inventories.created_at AS newest_change,
    CASE WHEN (inventories.step_size < 1) THEN 'H' ELSE 'M' END AS impact
FROM inventories
INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
WHERE inventories.total IS NULL OR inventories.reserved IS NULL OR inventories.min_unit IS NULL OR inventories.max_unit
    IS NULL OR inventories.step_size IS NULL OR inventories.allocation_ratio IS NULL OR inventories.total < 1 OR
    inventories.min_unit < 1 OR inventories.max_unit < 1 OR inventories.step_size < 1 OR inventories.reserved < 0 OR
    inventories.allocation_ratio < 0 OR inventories.reserved > inventories.total
ORDER BY provider, resource_class;
