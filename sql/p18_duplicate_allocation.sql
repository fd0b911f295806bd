-- P18 duplicate-allocation: Several allocation rows where there can be one
-- Severity: warning, impact M
--
-- Says: {consumer} has {rows} rows of {resource_class} on {provider_name}; together they take {used}
--
-- Why: Usage is the sum of the rows, while the API shows a single one of them, so that part of what is taken cannot be
-- seen. Whoever writes the consumer anew with all that it should hold (openstack resource provider allocation set)
-- replaces every row of it.
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider allocation show {consumer}
--   mariadb placement -e "SELECT consumer_id, id, used, created_at FROM allocations WHERE resource_provider_id = {provider_id} AND resource_class_id = {class_id} ORDER BY consumer_id"
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
SELECT twice.consumer_id AS consumer, resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, twice.`rows`, twice.used, twice.smallest, twice.largest,
    resource_providers.id AS provider_id, resource_classes.id AS class_id,
    'the rows do not tell which amount is right, and allocation set replaces all that the consumer holds: the flavor in openstack server show tells what that should be'
    AS withheld, twice.newest_change
FROM (
  SELECT allocations.resource_provider_id AS resource_provider_id, allocations.resource_class_id AS resource_class_id,
      allocations.consumer_id AS consumer_id, count(*) AS `rows`, sum(allocations.used) AS used,
      min(allocations.used) AS smallest, max(allocations.used) AS largest, max(allocations.created_at) AS newest_change
  FROM allocations
  GROUP BY allocations.resource_provider_id, allocations.resource_class_id, allocations.consumer_id
  HAVING count(*) > 1
) AS twice
INNER JOIN resource_providers ON resource_providers.id = twice.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = twice.resource_class_id
ORDER BY consumer, provider, resource_class;
