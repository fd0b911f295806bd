-- P21 allocation-without-inventory: Allocations of a class that the provider has no inventory of
-- Severity: warning, impact M
--
-- Says: {consumers} consumers hold {used} {resource_class} on {provider_name}, which has no inventory of that class
--
-- Why: Usage reports leave these amounts out, and each write of such a consumer that keeps them is refused, moves
-- included. If the class belongs there, whoever reports the provider (nova-compute, a neutron agent) has to bring its
-- inventory back: its log tells why it does not.
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory list {provider}
--   openstack resource provider show --allocations {provider}
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
  SELECT resource_provider_id, resource_class_id
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
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, count(DISTINCT allocations.consumer_id) AS consumers,
    min(allocations.consumer_id) AS first_consumer, sum(allocations.used) AS used,
    'the rows do not tell whether the inventory was lost or these amounts are left over: look whether what reports the provider (nova-compute, a neutron agent) still has the class, and whether the consumers are servers there (openstack server show)'
    AS withheld, max(allocations.created_at) AS newest_change
FROM allocations
INNER JOIN resource_providers ON resource_providers.id = allocations.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = allocations.resource_class_id
WHERE NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_provider_id = allocations.resource_provider_id
    AND inventories.resource_class_id = allocations.resource_class_id
))
GROUP BY resource_providers.id, resource_providers.uuid, resource_providers.name, resource_classes.id,
    resource_classes.name
ORDER BY provider, resource_class;
