-- N18 pci-device-of-gone-server: PCI device that is taken by a server which is not there
-- Severity: warning, impact M
--
-- Says: PCI device {address} of {node} is {status} to {owner}
--
-- Why: Nobody else gets the device. The compute service frees such devices each time it counts its resources, unless
-- that fails.
--
-- Left alone:
-- - a migration, resize, evacuation or another task of the server is in progress, or waits for its end
-- - what is merely claimed for a server
-- - hosts whose compute service is down: it frees the device when it comes back
-- - devices and servers changed just now
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   # read in the log of nova-compute on {host} what it says of {address}
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH instances AS (
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(node USING utf8mb4) AS node,
      CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(node USING utf8mb4) AS node,
      CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.migrations
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
services AS (
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.services
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.services
),
snapshot AS (
  SELECT CONVERT(@taken_at USING ascii) AS as_of
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
),
pci_devices AS (
  SELECT 'cell0' AS cell, compute_node_id, CAST(address AS CHAR) AS address, CAST(status AS CHAR) AS status,
      CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
  UNION ALL
  SELECT 'cell1' AS cell, compute_node_id, CAST(address AS CHAR) AS address, CAST(status AS CHAR) AS status,
      CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
)
SELECT nodes.cell, nodes.host, nodes.hypervisor_hostname AS node, pci_devices.address, pci_devices.status,
    pci_devices.instance_uuid AS instance, CASE WHEN (pci_devices.instance_uuid IS NULL) THEN 'nobody' WHEN (EXISTS (
  SELECT *
  FROM instances AS any_server
  WHERE any_server.uuid = pci_devices.instance_uuid
    AND any_server.deleted = 0
)) THEN concat('server ', pci_devices.instance_uuid, ', which is not on this host') ELSE concat('server ',
    pci_devices.instance_uuid, ', which is gone') END AS owner,
    'No command frees a device. Nova-compute frees it when it counts its resources, each minute, and it is up: its log tells what keeps it from that.'
    AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = pci_devices.instance_uuid
) >= coalesce(CASE WHEN ((
  SELECT max(CASE WHEN (any_server.deleted_at >= coalesce(CASE WHEN (any_server.created_at >=
      coalesce(any_server.updated_at, '')) THEN any_server.created_at ELSE any_server.updated_at END,
      '')) THEN any_server.deleted_at ELSE CASE WHEN (any_server.created_at >= coalesce(any_server.updated_at,
      '')) THEN any_server.created_at ELSE any_server.updated_at END END) AS max_2
  FROM instances AS any_server
  WHERE any_server.uuid = pci_devices.instance_uuid
) >= coalesce(CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
    '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END, '')) THEN (
  SELECT max(CASE WHEN (any_server.deleted_at >= coalesce(CASE WHEN (any_server.created_at >=
      coalesce(any_server.updated_at, '')) THEN any_server.created_at ELSE any_server.updated_at END,
      '')) THEN any_server.deleted_at ELSE CASE WHEN (any_server.created_at >= coalesce(any_server.updated_at,
      '')) THEN any_server.created_at ELSE any_server.updated_at END END) AS max_2
  FROM instances AS any_server
  WHERE any_server.uuid = pci_devices.instance_uuid
) ELSE CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
    '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = pci_devices.instance_uuid
) ELSE CASE WHEN ((
  SELECT max(CASE WHEN (any_server.deleted_at >= coalesce(CASE WHEN (any_server.created_at >=
      coalesce(any_server.updated_at, '')) THEN any_server.created_at ELSE any_server.updated_at END,
      '')) THEN any_server.deleted_at ELSE CASE WHEN (any_server.created_at >= coalesce(any_server.updated_at,
      '')) THEN any_server.created_at ELSE any_server.updated_at END END) AS max_2
  FROM instances AS any_server
  WHERE any_server.uuid = pci_devices.instance_uuid
) >= coalesce(CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
    '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END, '')) THEN (
  SELECT max(CASE WHEN (any_server.deleted_at >= coalesce(CASE WHEN (any_server.created_at >=
      coalesce(any_server.updated_at, '')) THEN any_server.created_at ELSE any_server.updated_at END,
      '')) THEN any_server.deleted_at ELSE CASE WHEN (any_server.created_at >= coalesce(any_server.updated_at,
      '')) THEN any_server.created_at ELSE any_server.updated_at END END) AS max_2
  FROM instances AS any_server
  WHERE any_server.uuid = pci_devices.instance_uuid
) ELSE CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
    '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END END END AS newest_change
FROM pci_devices
INNER JOIN (
  SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
      compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
      compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
      compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
      ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
      compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at, compute_nodes.created_at AS created_at,
      compute_nodes.updated_at AS updated_at
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
) AS nodes ON nodes.cell = pci_devices.cell
  AND nodes.id = pci_devices.compute_node_id
WHERE pci_devices.deleted = 0
  AND (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS computes
    WHERE computes.cell = nodes.cell
      AND computes.host = nodes.host
      AND coalesce(computes.forced_down, 0) = 0
      AND computes.last_seen_up >= CONVERT((
        SELECT snapshot.as_of
        FROM snapshot
      ) + INTERVAL (-CASE WHEN (((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'service_down_time'
      ) + 0e0) < 60) THEN ((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'service_down_time'
      ) + 0e0) ELSE 60 END) SECOND USING ascii)
  ))
  AND (pci_devices.instance_uuid IS NULL AND pci_devices.status IN ('claimed',
      'allocated') OR pci_devices.status = 'allocated' AND pci_devices.instance_uuid IS NOT NULL AND NOT (EXISTS (
    SELECT *
    FROM instances AS here
    WHERE here.uuid = pci_devices.instance_uuid
      AND here.deleted = 0
      AND here.cell = nodes.cell
      AND here.node = nodes.hypervisor_hostname
  )) AND NOT (EXISTS (
    SELECT *
    FROM instances AS busy
    WHERE busy.uuid = pci_devices.instance_uuid
      AND busy.deleted = 0
      AND (coalesce(busy.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
          'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
          'unshelving') OR coalesce(busy.task_state, '') LIKE 'resize%' OR coalesce(busy.task_state,
          '') LIKE 'rebuild%' OR busy.vm_state = 'resized')
  )) AND NOT (EXISTS (
    SELECT *
    FROM migrations
    WHERE migrations.instance_uuid = pci_devices.instance_uuid
      AND (coalesce(migrations.deleted, 0) = 0 AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted',
          'error', 'failed', 'completed', 'cancelled', 'done')) OR migrations.migration_type = 'evacuation' AND
          migrations.status = 'done')
  )))
ORDER BY nodes.cell, node, pci_devices.address;
