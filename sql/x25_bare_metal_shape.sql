-- X25 bare-metal-shape: Bare metal nodes that do not offer exactly one of one class
-- Severity: info, impact L
--
-- Says: {nodes} bare metal nodes {shape}: {sample}
--
-- Why: A bare metal server takes the whole node, so a node offers one unit of its resource class. With more on offer
-- placement can propose it for a second server, or for a virtual machine's flavor, and the boot fails.
--
-- Left alone:
-- - nodes without a resource class or in maintenance, which offer nothing
-- - reserved nodes
-- - traits
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory list {provider}
--   openstack baremetal node show {provider}
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
  SELECT resource_provider_id, resource_class_id, total, CONVERT(created_at USING ascii) AS created_at
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
)
SELECT listed.shape, count(*) AS nodes, concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.name END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 2) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, max(CASE WHEN (listed.place = 1) THEN listed.uuid END)
    AS provider,
    'what a node offers is nova''s report of ironic, which would come back: the resource class is set in ironic (openstack baremetal node show)'
    AS withheld, min(listed.changed) AS newest_change
FROM (
  SELECT offered.uuid AS uuid, offered.name AS name, offered.core AS core, offered.custom AS custom,
      offered.most AS most, offered.changed AS changed, CASE WHEN (offered.core > 0) THEN
      'offer CPUs, memory or disk, as before Stein' WHEN (offered.custom > 1) THEN 'offer more than one resource class'
      ELSE 'offer more than one of their resource class' END AS shape,
      row_number() OVER (PARTITION BY CASE WHEN (offered.core > 0) THEN 'offer CPUs, memory or disk, as before Stein'
      WHEN (offered.custom > 1) THEN 'offer more than one resource class' ELSE
      'offer more than one of their resource class' END ORDER BY offered.name) AS place
  FROM (
    SELECT resource_providers.uuid AS uuid, resource_providers.name AS name,
        sum(CASE WHEN (resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')) THEN 1 ELSE 0 END) AS core,
        sum(CASE WHEN (resource_classes.name LIKE 'CUSTOM\\_%' ESCAPE '\\') THEN 1 ELSE 0 END) AS custom,
        max(CASE WHEN (resource_classes.name LIKE 'CUSTOM\\_%' ESCAPE '\\') THEN inventories.total ELSE 0 END) AS most,
        max(CASE WHEN (nodes.created_at >= coalesce(inventories.created_at,
        '')) THEN nodes.created_at ELSE inventories.created_at END) AS changed
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
    WHERE nodes.hypervisor_type = 'ironic'
      AND inventories.total > 0
    GROUP BY resource_providers.uuid, resource_providers.name
  ) AS offered
  WHERE offered.core > 0 OR offered.custom > 1 OR offered.most > 1
) AS listed
GROUP BY listed.shape
ORDER BY listed.shape;
