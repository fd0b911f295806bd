-- P09 invalid-inventory: Inventory with a value that placement never accepts
-- Severity: warning, impact M
--
-- Says: the inventory of {resource_class} on {provider_name} is invalid: {reason}
--
-- Why: Placement refuses such values: somebody wrote them by SQL. The class is offered wrongly or not at all; with a
-- step size below 1 an allocation of it fails with an internal error.
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
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, CASE WHEN (inventories.step_size < 1) THEN 'its step_size is below 1' WHEN
    (inventories.total < 1) THEN 'its total is below 1' WHEN (inventories.reserved < 0) THEN
    'its reserved amount is negative' WHEN (inventories.reserved > inventories.total) THEN
    'more is reserved than its total' WHEN (inventories.min_unit < 1) THEN 'its min_unit is below 1' WHEN
    (inventories.max_unit < 1) THEN 'its max_unit is below 1' WHEN (inventories.allocation_ratio < 0) THEN
    'its allocation_ratio is negative' ELSE 'one of its values is missing' END AS reason, CASE WHEN ((
  SELECT count(*) AS count_1
  FROM inventories AS all_of_it
  WHERE all_of_it.resource_provider_id = inventories.resource_provider_id
    AND all_of_it.resource_class_id != inventories.resource_class_id
    AND (all_of_it.total IS NULL OR all_of_it.reserved IS NULL OR all_of_it.min_unit IS NULL OR all_of_it.max_unit IS
        NULL OR all_of_it.step_size IS NULL OR all_of_it.allocation_ratio IS NULL OR all_of_it.total < 1 OR
        all_of_it.min_unit < 1 OR all_of_it.max_unit < 1 OR all_of_it.step_size < 1 OR all_of_it.reserved < 0 OR
        all_of_it.allocation_ratio < 0 OR all_of_it.reserved > all_of_it.total)
) + coalesce(CASE WHEN (inventories.step_size < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total < 1) THEN 1 END, 0) + coalesce(CASE WHEN (inventories.reserved < 0) THEN
    1 END, 0) + coalesce(CASE WHEN (inventories.reserved > inventories.total) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio < 0) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.reserved IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.step_size IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio IS NULL) THEN 1 END,
    0) != 1) THEN NULL WHEN (inventories.step_size < 1) THEN 'step_size=1' WHEN (inventories.total < 1) THEN NULL WHEN
    (inventories.reserved < 0) THEN CASE WHEN ((inventories.resource_provider_id NOT IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'COMPUTE_NODE'
))) THEN 'reserved=0' END WHEN (inventories.reserved > inventories.total) THEN NULL WHEN (inventories.min_unit < 1) THEN
    'min_unit=1' WHEN (inventories.max_unit < 1) THEN concat('max_unit=',
    CAST(inventories.total AS CHAR)) END AS correction, CASE WHEN (CASE WHEN ((
  SELECT count(*) AS count_1
  FROM inventories AS all_of_it
  WHERE all_of_it.resource_provider_id = inventories.resource_provider_id
    AND all_of_it.resource_class_id != inventories.resource_class_id
    AND (all_of_it.total IS NULL OR all_of_it.reserved IS NULL OR all_of_it.min_unit IS NULL OR all_of_it.max_unit IS
        NULL OR all_of_it.step_size IS NULL OR all_of_it.allocation_ratio IS NULL OR all_of_it.total < 1 OR
        all_of_it.min_unit < 1 OR all_of_it.max_unit < 1 OR all_of_it.step_size < 1 OR all_of_it.reserved < 0 OR
        all_of_it.allocation_ratio < 0 OR all_of_it.reserved > all_of_it.total)
) + coalesce(CASE WHEN (inventories.step_size < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total < 1) THEN 1 END, 0) + coalesce(CASE WHEN (inventories.reserved < 0) THEN
    1 END, 0) + coalesce(CASE WHEN (inventories.reserved > inventories.total) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio < 0) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.reserved IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.step_size IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio IS NULL) THEN 1 END,
    0) != 1) THEN NULL WHEN (inventories.step_size < 1) THEN 'step_size=1' WHEN (inventories.total < 1) THEN NULL WHEN
    (inventories.reserved < 0) THEN CASE WHEN ((inventories.resource_provider_id NOT IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'COMPUTE_NODE'
))) THEN 'reserved=0' END WHEN (inventories.reserved > inventories.total) THEN NULL WHEN (inventories.min_unit < 1) THEN
    'min_unit=1' WHEN (inventories.max_unit < 1) THEN concat('max_unit=',
    CAST(inventories.total AS CHAR)) END IS NOT NULL) THEN NULL WHEN ((
  SELECT count(*) AS count_1
  FROM inventories AS all_of_it
  WHERE all_of_it.resource_provider_id = inventories.resource_provider_id
    AND all_of_it.resource_class_id != inventories.resource_class_id
    AND (all_of_it.total IS NULL OR all_of_it.reserved IS NULL OR all_of_it.min_unit IS NULL OR all_of_it.max_unit IS
        NULL OR all_of_it.step_size IS NULL OR all_of_it.allocation_ratio IS NULL OR all_of_it.total < 1 OR
        all_of_it.min_unit < 1 OR all_of_it.max_unit < 1 OR all_of_it.step_size < 1 OR all_of_it.reserved < 0 OR
        all_of_it.allocation_ratio < 0 OR all_of_it.reserved > all_of_it.total)
) + coalesce(CASE WHEN (inventories.step_size < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total < 1) THEN 1 END, 0) + coalesce(CASE WHEN (inventories.reserved < 0) THEN
    1 END, 0) + coalesce(CASE WHEN (inventories.reserved > inventories.total) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit < 1) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio < 0) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.total IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.reserved IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.min_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.max_unit IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.step_size IS NULL) THEN 1 END,
    0) + coalesce(CASE WHEN (inventories.allocation_ratio IS NULL) THEN 1 END,
    0) != 1) THEN concat('several values of the provider are wrong, and the API takes all of them or none: write ',
    'them together, as nova.conf of the host or whoever reports the provider has them') ELSE
    'the right value is not in the rows: nova.conf of the host (reserved_host_*, allocation ratios) or whoever reports the provider has it'
    END AS withheld, inventories.total, inventories.reserved, inventories.min_unit, inventories.max_unit,
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
