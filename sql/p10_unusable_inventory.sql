-- P10 unusable-inventory: Inventory that no request can ever use
-- Severity: info, impact L
--
-- Says: nobody can get {resource_class} from {provider_name}: {reason} (total {total}, reserved {reserved}, ratio
-- {allocation_ratio}, units from {min_unit} to {max_unit} in steps of {step_size})
--
-- Why: The numbers rule each other out, so what looks like capacity is never offered.
--
-- Left alone:
-- - all of it is reserved: a host being drained, an ironic node or one-time-use PCI device in use, a full segment
-- - inventories with invalid values, which have a finding of their own
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory show {provider} {resource_class}
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
    resource_classes.name AS resource_class, CASE WHEN (inventories.allocation_ratio = 0) THEN
    'its allocation_ratio is 0' WHEN (inventories.min_unit > inventories.max_unit) THEN
    'its min_unit is above its max_unit' WHEN (inventories.max_unit - inventories.max_unit %
    nullif(inventories.step_size, 0) < inventories.min_unit) THEN
    'no multiple of its step_size lies between min_unit and max_unit' ELSE 'its capacity is below its min_unit' END AS
    reason,
    'the rows do not tell which of the numbers is wrong: compare them with nova.conf of the host, or with what else reports the provider'
    AS withheld, CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
    1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
    1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
    NOT NULL) THEN 1000000000000000 END AS capacity, inventories.total, inventories.reserved, inventories.min_unit,
    inventories.max_unit, inventories.step_size, inventories.allocation_ratio, inventories.created_at AS newest_change
FROM inventories
INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
WHERE inventories.reserved < inventories.total
  AND NOT (inventories.total IS NULL OR inventories.reserved IS NULL OR inventories.min_unit IS NULL OR
      inventories.max_unit IS NULL OR inventories.step_size IS NULL OR inventories.allocation_ratio IS NULL OR
      inventories.total < 1 OR inventories.min_unit < 1 OR inventories.max_unit < 1 OR inventories.step_size < 1 OR
      inventories.reserved < 0 OR inventories.allocation_ratio < 0 OR inventories.reserved > inventories.total)
  AND (inventories.allocation_ratio = 0 OR inventories.min_unit > inventories.max_unit OR inventories.max_unit -
      inventories.max_unit % nullif(inventories.step_size, 0) < inventories.min_unit OR CASE WHEN ((inventories.total -
      inventories.reserved) * inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total -
      inventories.reserved) * inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total -
      inventories.reserved) * inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END <
      inventories.min_unit)
ORDER BY provider, resource_class;
