-- P20 unit-violation: Allocation of an amount that its inventory does not allow
-- Severity: info, impact L
--
-- Says: {consumer} holds {used} {resource_class} on {provider_name}, which is {fault}
--
-- Why: Placement tests the amount again each time the consumer is written, and refuses it: a server can then neither be
-- moved nor healed before the inventory allows what it holds. Usually the inventory was changed after the claim.
--
-- Left alone:
-- - several request groups on one provider: placement tests each part against min_unit and step_size, and not their sum
-- - an inventory whose max_unit or step_size is below 1: that is reported (P09), and not its consumers
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider allocation show {consumer}
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
  SELECT resource_provider_id, resource_class_id, min_unit, max_unit, step_size,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, resource_class_id, used, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
)
SELECT amount.consumer_id AS consumer, resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, amount.used, inventories.min_unit, inventories.max_unit,
    inventories.step_size, CASE WHEN (amount.used > inventories.max_unit) THEN concat('more than max_unit ',
    CAST(inventories.max_unit AS CHAR)) WHEN (amount.used < inventories.min_unit) THEN concat('less than min_unit ',
    CAST(inventories.min_unit AS CHAR)) ELSE concat('no multiple of step_size ',
    CAST(inventories.step_size AS CHAR)) END AS fault,
    'the rows do not tell whether the amount or the inventory is wrong: compare the flavor in openstack server show with what reports the provider'
    AS withheld, CASE WHEN (amount.created_at >= coalesce(inventories.created_at,
    '')) THEN amount.created_at ELSE inventories.created_at END AS newest_change,
    CASE WHEN (amount.used > inventories.max_unit AND resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB',
    'DISK_GB')) THEN 'M' ELSE 'L' END AS impact
FROM inventories
INNER JOIN allocations AS amount ON inventories.resource_provider_id = amount.resource_provider_id
  AND inventories.resource_class_id = amount.resource_class_id
INNER JOIN resource_providers ON resource_providers.id = amount.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = amount.resource_class_id
WHERE inventories.max_unit >= 1
  AND inventories.step_size >= 1
  AND amount.used >= 1
  AND (amount.used > inventories.max_unit OR amount.used < inventories.min_unit OR amount.used % inventories.step_size
      != 0)
  AND (
    SELECT count(*) AS count_1
    FROM allocations AS same
    WHERE same.resource_provider_id = amount.resource_provider_id
      AND same.resource_class_id = amount.resource_class_id
      AND same.consumer_id = amount.consumer_id
  ) = 1
ORDER BY consumer, provider, resource_class;
