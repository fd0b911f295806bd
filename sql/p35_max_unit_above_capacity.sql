-- P35 max-unit-above-capacity: Inventories that allow one consumer more than they have
-- Severity: info, impact I
--
-- Says: {providers} providers allow one consumer {excess} {resource_class} more than their whole capacity: {sample}
--
-- Why: An amount between the two never fits there, not even when all is free, although max_unit promises it. Nova
-- reports the physical total as max_unit: so every host with a reserve and a ratio of 1 is like this.
--
-- Left alone:
-- - a max_unit that was never set
-- - an inventory that is drained or in use by reserving all of it
-- - an inventory of which nobody can get anything, which is a finding of its own
-- - an inventory with numbers that the API would refuse is reported as such
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, name, total, reserved, allocation_ratio, max_unit FROM inventories JOIN resource_providers ON resource_providers.id = resource_provider_id WHERE resource_class_id = {class_id} AND max_unit > (total - reserved) * allocation_ratio"
--   openstack resource provider inventory show {first} {resource_class}
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
SELECT above_capacity.resource_class, above_capacity.excess, min(above_capacity.class_id) AS class_id,
    count(*) AS providers, concat(CAST(max(CASE WHEN (above_capacity.place = 1) THEN above_capacity.name END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (above_capacity.place = 2) THEN above_capacity.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (above_capacity.place = 3) THEN above_capacity.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (above_capacity.place = 4) THEN above_capacity.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (above_capacity.place = 5) THEN above_capacity.name END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    max(CASE WHEN (above_capacity.place = 1) THEN above_capacity.uuid END) AS first,
    max(above_capacity.max_unit) AS largest_max_unit, min(above_capacity.capacity) AS smallest_capacity,
    'nothing has to be done where the hosts are to keep this reserve; nova-compute reports max_unit itself, and would set it back'
    AS withheld, min(above_capacity.created_at) AS newest_change
FROM (
  SELECT resource_classes.name AS resource_class, resource_classes.id AS class_id,
      inventories.max_unit - CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
      1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
      1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
      NOT NULL) THEN 1000000000000000 END AS excess, resource_providers.uuid AS uuid, resource_providers.name AS name,
      inventories.max_unit AS max_unit, CASE WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
      inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END AS capacity,
      inventories.created_at AS created_at, row_number() OVER (PARTITION BY resource_classes.name,
      inventories.max_unit - CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
      1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
      1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
      NOT NULL) THEN 1000000000000000 END ORDER BY resource_providers.name) AS place
  FROM inventories
  INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
  WHERE NOT (inventories.total IS NULL OR inventories.reserved IS NULL OR inventories.min_unit IS NULL OR
      inventories.max_unit IS NULL OR inventories.step_size IS NULL OR inventories.allocation_ratio IS NULL OR
      inventories.total < 1 OR inventories.min_unit < 1 OR inventories.max_unit < 1 OR inventories.step_size < 1 OR
      inventories.reserved < 0 OR inventories.allocation_ratio < 0 OR inventories.reserved > inventories.total)
    AND inventories.max_unit > CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
        1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
        1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio
        IS NOT NULL) THEN 1000000000000000 END
    AND inventories.max_unit != 2147483647
    AND inventories.reserved < inventories.total
    AND CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio < 1000000000000000) THEN
        CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio * 1.000000001) AS SIGNED
        INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS NOT NULL) THEN
        1000000000000000 END >= 1
) AS above_capacity
GROUP BY above_capacity.resource_class, above_capacity.excess
ORDER BY above_capacity.resource_class, above_capacity.excess;
