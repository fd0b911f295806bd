-- P19 over-capacity: Provider with more in use than its capacity
-- Severity: warning, impact M
--
-- Says: {provider_name} has {used} {resource_class} in use, {excess} more than its capacity of {capacity}: {cause}
--
-- Why: Somebody lowered total or allocation_ratio or raised the reserve, which placement allows, or wrote by SQL.
-- Placement offers nothing of the class there. Before 2025.2 it also refuses every write that leaves the class over
-- capacity, so that no server can be resized, migrated or evacuated away.
--
-- Left alone:
-- - an ironic node in use, or a one-time-use PCI device, which reserve all they have
-- - an excess of one by rounding of the ratio is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory show {provider} {resource_class}
--   openstack resource provider show --allocations {provider}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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

SELECT concat('cell ', coalesce(mapping.name, mapping.uuid), ' is not named in this file: what is in it looks unknown')
    AS warning
FROM nova_api.cell_mappings AS mapping
WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
    '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
    '') = 'nova_cell0')
  AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova');

WITH resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      parent_provider_id
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, CONCAT(allocation_ratio) + 0e0 AS allocation_ratio,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, resource_class_id, used, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
sources AS (
  SELECT 'placement' AS `role`, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision
  UNION ALL
  SELECT 'api' AS `role`, NULL AS revision
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_classes.name AS resource_class, `usage`.used, CASE WHEN ((inventories.total - inventories.reserved) *
    inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
    inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
    inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END AS capacity,
    `usage`.used - CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
    1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
    1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
    NOT NULL) THEN 1000000000000000 END AS excess, CASE WHEN (inventories.reserved >= inventories.total) THEN
    'all of it is reserved' WHEN (inventories.allocation_ratio = 0) THEN 'the allocation ratio is 0' WHEN (`usage`.used
    <= inventories.total * inventories.allocation_ratio) THEN 'it would fit but for what is reserved' WHEN
    (inventories.total >= `usage`.used) THEN 'it would fit at a ratio of 1' ELSE
    'more is in use than exists at this ratio' END AS cause, inventories.total, inventories.reserved,
    inventories.allocation_ratio,
    'the rows do not tell whether the capacity or the servers are wrong: compare nova.conf of the host (allocation ratios, reserved_host_*) with openstack server list --all-projects --host'
    AS withheld, CASE WHEN (`usage`.newest >= coalesce(inventories.created_at,
    '')) THEN `usage`.newest ELSE inventories.created_at END AS newest_change,
    CASE WHEN (`usage`.used - CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
    1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
    1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
    NOT NULL) THEN 1000000000000000 END <= 1 AND inventories.allocation_ratio != floor(inventories.allocation_ratio))
    THEN 'I' WHEN (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'placement'
    AND sources.revision IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25', '422ece571366')
)) THEN 'H' ELSE 'M' END AS impact
FROM inventories
INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
INNER JOIN (
  SELECT allocations.resource_provider_id AS resource_provider_id, allocations.resource_class_id AS resource_class_id,
      sum(allocations.used) AS used, max(allocations.created_at) AS newest
  FROM allocations
  GROUP BY allocations.resource_provider_id, allocations.resource_class_id
) AS `usage` ON `usage`.resource_provider_id = inventories.resource_provider_id
  AND `usage`.resource_class_id = inventories.resource_class_id
WHERE `usage`.used > CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio <
    1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio *
    1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS
    NOT NULL) THEN 1000000000000000 END
  AND NOT ((resource_classes.name LIKE 'CUSTOM\\_%' ESCAPE '\\' OR resource_providers.parent_provider_id IS NOT NULL AND
      (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))) AND inventories.reserved =
      inventories.total AND inventories.total >= `usage`.used)
ORDER BY provider_name, provider, resource_class;
