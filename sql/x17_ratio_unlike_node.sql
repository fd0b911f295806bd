-- X17 ratio-unlike-node: Hosts with another allocation ratio in placement than in nova
-- Severity: info, impact I
--
-- Says: {hosts} hosts have ratio {ratio} for {resource_class} in placement, and {nova_ratio} in nova{outlook}: {sample}
--
-- Why: Placement's is the one that counts. Nova leaves it alone while nova.conf on the host sets none, so that a ratio
-- which somebody set in placement, or the default of an earlier release, lives on; nova's own number is then the
-- default for new hosts. With cpu_, ram_ or disk_allocation_ratio set, the next report overwrites it.
--
-- Left alone:
-- - a ratio that nova does not know
-- - a ratio of 0 in placement, which is a finding of its own
-- - bare metal
-- - differences in the seventh digit
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory show {first} {resource_class}
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, CONCAT(allocation_ratio) + 0e0 AS allocation_ratio,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
compute_nodes AS (
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname,
      CAST(hypervisor_type AS CHAR) AS hypervisor_type, vcpus, memory_mb, local_gb,
      CONCAT(cpu_allocation_ratio) + 0e0 AS cpu_allocation_ratio, CONCAT(ram_allocation_ratio) + 0e0 AS
      ram_allocation_ratio, CONCAT(disk_allocation_ratio) + 0e0 AS disk_allocation_ratio, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname,
      CAST(hypervisor_type AS CHAR) AS hypervisor_type, vcpus, memory_mb, local_gb,
      CONCAT(cpu_allocation_ratio) + 0e0 AS cpu_allocation_ratio, CONCAT(ram_allocation_ratio) + 0e0 AS
      ram_allocation_ratio, CONCAT(disk_allocation_ratio) + 0e0 AS disk_allocation_ratio, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.compute_nodes
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
)
SELECT differing.resource_class, differing.ratio, differing.nova_ratio,
    CASE WHEN (CASE WHEN (differing.resource_class = 'VCPU') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'cpu_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'MEMORY_MB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'ram_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'DISK_GB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'disk_allocation_ratio'
) + 0e0) END > 0) THEN concat('; ', CASE WHEN (differing.resource_class = 'VCPU') THEN 'cpu_allocation_ratio' WHEN
    (differing.resource_class = 'MEMORY_MB') THEN 'ram_allocation_ratio' WHEN (differing.resource_class = 'DISK_GB')
    THEN 'disk_allocation_ratio' END, ' = ', CAST(CASE WHEN (differing.resource_class = 'VCPU') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'cpu_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'MEMORY_MB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'ram_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'DISK_GB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'disk_allocation_ratio'
) + 0e0) END AS CHAR), ', which the next report applies') WHEN (CASE WHEN (differing.resource_class = 'VCPU') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_cpu_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'MEMORY_MB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_ram_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'DISK_GB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_disk_allocation_ratio'
) + 0e0) END > 0) THEN concat('; initial_', CASE WHEN (differing.resource_class = 'VCPU') THEN 'cpu_allocation_ratio'
    WHEN (differing.resource_class = 'MEMORY_MB') THEN 'ram_allocation_ratio' WHEN (differing.resource_class =
    'DISK_GB') THEN 'disk_allocation_ratio' END, ' = ', CAST(CASE WHEN (differing.resource_class = 'VCPU') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_cpu_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'MEMORY_MB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_ram_allocation_ratio'
) + 0e0) WHEN (differing.resource_class = 'DISK_GB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'initial_disk_allocation_ratio'
) + 0e0) END AS CHAR), ' is for new hosts alone') ELSE '' END AS outlook, count(*) AS hosts,
    concat(CAST(max(CASE WHEN (differing.place = 1) THEN differing.name END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (differing.place = 2) THEN differing.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (differing.place = 3) THEN differing.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (differing.place = 4) THEN differing.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (differing.place = 5) THEN differing.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, max(CASE WHEN (differing.place = 1) THEN differing.uuid
    END) AS first,
    'the rows do not tell which ratio is meant: it is set in nova.conf on the hosts, and where that is silent, placement''s own is right as it is'
    AS withheld, min(differing.changed) AS newest_change
FROM (
  SELECT resource_classes.name AS resource_class, inventories.allocation_ratio AS ratio,
      CASE WHEN (resource_classes.name = 'VCPU') THEN nodes.cpu_allocation_ratio WHEN (resource_classes.name =
      'MEMORY_MB') THEN nodes.ram_allocation_ratio WHEN (resource_classes.name = 'DISK_GB') THEN
      nodes.disk_allocation_ratio END AS nova_ratio, resource_providers.uuid AS uuid, resource_providers.name AS name,
      row_number() OVER (PARTITION BY resource_classes.name, inventories.allocation_ratio,
      CASE WHEN (resource_classes.name = 'VCPU') THEN nodes.cpu_allocation_ratio WHEN (resource_classes.name =
      'MEMORY_MB') THEN nodes.ram_allocation_ratio WHEN (resource_classes.name = 'DISK_GB') THEN
      nodes.disk_allocation_ratio END ORDER BY resource_providers.name) AS place,
      CASE WHEN (nodes.created_at >= coalesce(inventories.created_at,
      '')) THEN nodes.created_at ELSE inventories.created_at END AS changed
  FROM (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS nodes
  INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
  INNER JOIN inventories ON inventories.resource_provider_id = resource_providers.id
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
  WHERE resource_classes.name IN ('VCPU', 'MEMORY_MB', 'DISK_GB')
    AND coalesce(nodes.hypervisor_type, '') != 'ironic'
    AND CASE WHEN (resource_classes.name = 'VCPU') THEN nodes.cpu_allocation_ratio WHEN (resource_classes.name =
        'MEMORY_MB') THEN nodes.ram_allocation_ratio WHEN (resource_classes.name = 'DISK_GB') THEN
        nodes.disk_allocation_ratio END > 0
    AND abs(inventories.allocation_ratio - CASE WHEN (resource_classes.name = 'VCPU') THEN nodes.cpu_allocation_ratio
        WHEN (resource_classes.name = 'MEMORY_MB') THEN nodes.ram_allocation_ratio WHEN (resource_classes.name =
        'DISK_GB') THEN nodes.disk_allocation_ratio END) > CASE WHEN (resource_classes.name = 'VCPU') THEN
        nodes.cpu_allocation_ratio WHEN (resource_classes.name = 'MEMORY_MB') THEN nodes.ram_allocation_ratio WHEN
        (resource_classes.name = 'DISK_GB') THEN nodes.disk_allocation_ratio END * 1e-05
    AND inventories.allocation_ratio != 0
) AS differing
GROUP BY differing.resource_class, differing.ratio, differing.nova_ratio
ORDER BY differing.resource_class, differing.ratio, differing.nova_ratio;
