-- P17 nonpositive-allocation: Allocation of nothing, or of less
-- Severity: warning, impact M
--
-- Says: {consumer} holds {used} {resource_class} on {provider_name}
--
-- Why: Placement accepts no such amount: somebody wrote it by SQL. A negative one makes the provider look emptier than
-- it is.
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider allocation show {consumer}
--   openstack --os-placement-api-version 1.28 resource provider allocation unset --provider {provider} --resource-class {class_to_unset} {consumer}
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
SELECT bad.consumer_id AS consumer, resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    coalesce(resource_classes.name, concat('class ', CAST(bad.resource_class_id AS CHAR))) AS resource_class, bad.used,
    CASE WHEN (NOT ((EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.consumer_id = bad.consumer_id
    AND allocations.resource_provider_id = bad.resource_provider_id
    AND allocations.resource_class_id = bad.resource_class_id
    AND allocations.used > 0
)) OR (EXISTS (
  SELECT *
  FROM allocations AS other_bad
  WHERE other_bad.consumer_id = bad.consumer_id
    AND other_bad.used <= 0
    AND (other_bad.resource_provider_id != bad.resource_provider_id OR other_bad.resource_class_id !=
        bad.resource_class_id)
)))) THEN resource_classes.name END AS class_to_unset, CASE WHEN (EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.consumer_id = bad.consumer_id
    AND allocations.resource_provider_id = bad.resource_provider_id
    AND allocations.resource_class_id = bad.resource_class_id
    AND allocations.used > 0
)) THEN
    'The command would remove a good row of the same class as well. Write all that the consumer shall hold with allocation set, which replaces every row.'
    WHEN (resource_classes.name IS NULL) THEN
    'Placement has no name for the class, and no command works without the name: see P12 first.' WHEN (EXISTS (
  SELECT *
  FROM allocations AS other_bad
  WHERE other_bad.consumer_id = bad.consumer_id
    AND other_bad.used <= 0
    AND (other_bad.resource_provider_id != bad.resource_provider_id OR other_bad.resource_class_id !=
        bad.resource_class_id)
)) THEN
    'The consumer has another row of nothing, and placement refuses to write that back. Write all that the consumer shall hold with allocation set, which replaces every row.'
    ELSE NULL END AS withheld, bad.newest AS newest_change
FROM (
  SELECT allocations.consumer_id AS consumer_id, allocations.resource_provider_id AS resource_provider_id,
      allocations.resource_class_id AS resource_class_id, sum(allocations.used) AS used,
      max(allocations.created_at) AS newest
  FROM allocations
  WHERE allocations.used <= 0
  GROUP BY allocations.consumer_id, allocations.resource_provider_id, allocations.resource_class_id
) AS bad
INNER JOIN resource_providers ON resource_providers.id = bad.resource_provider_id
LEFT OUTER JOIN resource_classes ON resource_classes.id = bad.resource_class_id
ORDER BY consumer, provider, resource_class;
