-- N21 evacuation-record-of-running-server: Server that the next start of nova-compute on its host would remove
-- Severity: error, impact H
--
-- Says: server {instance} ({vm_state}) is on {host}, and its evacuation from {host} is still {status}: do not restart
-- nova-compute on {host}, for its next start removes the guest
--
-- Why: When it starts, nova-compute destroys every guest on its host of which it finds an evacuation from there that is
-- accepted, pre-migrating or done, also in deleted records. It does not look where the server is by now (nova 20 to
-- 34). So it removes a server that came back, or that was never evacuated after all, in newer releases with its local
-- disks. A restart for an upgrade or a reboot of the host is enough. It makes no difference whether the host is up,
-- down or forced down.
--
-- Left alone:
-- - an evacuation that goes on, or is stuck while the host is down (N08)
-- - a server that is on another host: its old guest here is to be removed
-- - a server that two cells show
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack --os-compute-api-version 2.30 server migrate --live-migration {movable}
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
-- Before 2023.2 there is no instances.compute_id: write NULL in its place.
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
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id,
      CONVERT(launched_on USING utf8mb4) AS launched_on, instance_type_id, vcpus, memory_mb, root_gb, ephemeral_gb,
      deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id,
      CONVERT(launched_on USING utf8mb4) AS launched_on, instance_type_id, vcpus, memory_mb, root_gb, ephemeral_gb,
      deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.instances
),
migrations AS (
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
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
)
SELECT migrations.cell, migrations.id AS migration_id, migrations.uuid AS migration,
    migrations.instance_uuid AS instance, migrations.source_compute AS host, migrations.status,
    migrations.dest_compute AS dest_host, servers.vm_state, servers.task_state,
    CASE WHEN (coalesce(coalesce(lone_computes.forced_down, 0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
) + 0e0) ELSE 60 END) SECOND USING ascii), 0) = 1) THEN 'up' ELSE 'down' END AS service, CASE WHEN (NOT (EXISTS (
  SELECT *
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
  WHERE nodes.cell = servers.cell
    AND nodes.hypervisor_hostname = servers.node
    AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
    AND nodes.hypervisor_type = 'ironic'
)) AND coalesce(coalesce(lone_computes.forced_down, 0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
) + 0e0) ELSE 60 END) SECOND USING ascii), 0) = 1 AND servers.vm_state = 'active' AND servers.task_state IS NULL AND NOT
    (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning', 'migrating',
    'deleting', 'soft-deleting', 'restoring', 'shelving_offloading', 'unshelving') OR coalesce(servers.task_state,
    '') LIKE 'resize%' OR coalesce(servers.task_state, '') LIKE 'rebuild%') AND NOT (EXISTS (
  SELECT *
  FROM migrations AS move
  WHERE move.instance_uuid = servers.uuid
    AND coalesce(move.deleted, 0) = 0
    AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
        'done'))
    AND coalesce(move.status, '') != 'finished'
))) THEN servers.uuid END AS movable, CASE WHEN (NOT (EXISTS (
  SELECT *
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
  WHERE nodes.cell = servers.cell
    AND nodes.hypervisor_hostname = servers.node
    AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
    AND nodes.hypervisor_type = 'ironic'
)) AND coalesce(coalesce(lone_computes.forced_down, 0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
) + 0e0) ELSE 60 END) SECOND USING ascii), 0) = 1 AND servers.vm_state = 'active' AND servers.task_state IS NULL AND NOT
    (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning', 'migrating',
    'deleting', 'soft-deleting', 'restoring', 'shelving_offloading', 'unshelving') OR coalesce(servers.task_state,
    '') LIKE 'resize%' OR coalesce(servers.task_state, '') LIKE 'rebuild%') AND NOT (EXISTS (
  SELECT *
  FROM migrations AS move
  WHERE move.instance_uuid = servers.uuid
    AND coalesce(move.deleted, 0) = 0
    AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
        'done'))
    AND coalesce(move.status, '') != 'finished'
))) THEN NULL WHEN (coalesce(coalesce(lone_computes.forced_down, 0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
) + 0e0) ELSE 60 END) SECOND USING ascii), 0) != 1) THEN concat('nova-compute on ',
    CAST(migrations.source_compute AS CHAR),
    ' is down and must not start yet, and nova has no command that ends such a record. See where the guest is (''virsh list --all'' there and on the record''s destination). If it is on ',
    CAST(migrations.source_compute AS CHAR), ' alone, ', 'a DBA sets the status of the record (table migrations of ',
    migrations.cell, ', id ', CAST(migrations.id AS CHAR), CASE WHEN (migrations.status = 'done') THEN
    ') to ''completed''' ELSE ') to ''failed''' END, ' before that service starts.') ELSE
    concat('the server cannot be live-migrated as it is. Let its task or migration end, then move it to another host (stopped ones with ''openstack server migrate''), or see with ''virsh list --all'' that the guest is on ',
    CAST(migrations.source_compute AS CHAR), ' alone: then ',
    'a DBA sets the status of the record (table migrations of ', migrations.cell, ', id ', CAST(migrations.id AS CHAR),
    CASE WHEN (migrations.status = 'done') THEN ') to ''completed''' ELSE ') to ''failed''' END,
    '. Until then that nova-compute must not restart.') END AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) >= coalesce(CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
    '')) THEN migrations.created_at ELSE migrations.updated_at END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) ELSE CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
    '')) THEN migrations.created_at ELSE migrations.updated_at END END AS newest_change
FROM migrations
INNER JOIN (
  SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
      instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
      instances.user_id AS user_id, instances.availability_zone AS availability_zone, instances.hidden AS hidden,
      instances.compute_id AS compute_id, instances.launched_on AS launched_on,
      instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus, instances.memory_mb AS memory_mb,
      instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb, instances.deleted AS deleted,
      instances.deleted_at AS deleted_at, instances.created_at AS created_at, instances.updated_at AS updated_at
  FROM instances
  WHERE instances.deleted = 0
    AND coalesce(instances.hidden, 0) = 0
) AS servers ON servers.cell = migrations.cell
  AND servers.uuid = migrations.instance_uuid
LEFT OUTER JOIN (
  SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
      max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
      max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
      max(computes.updated_at) AS updated_at
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
  GROUP BY computes.cell, computes.host
  HAVING count(*) = 1
) AS lone_computes ON lone_computes.cell = migrations.cell
  AND lone_computes.host = migrations.source_compute
WHERE migrations.migration_type = 'evacuation'
  AND migrations.status IN ('accepted', 'pre-migrating', 'done')
  AND servers.host = migrations.source_compute
  AND NOT (EXISTS (
    SELECT *
    FROM instances AS twin
    WHERE twin.uuid = servers.uuid
      AND twin.cell != servers.cell
      AND twin.deleted = 0
      AND coalesce(twin.hidden, 0) = 0
  ))
  AND NOT ((EXISTS (
    SELECT *
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
    WHERE nodes.cell = servers.cell
      AND nodes.hypervisor_hostname = servers.node
      AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
      AND nodes.hypervisor_type = 'ironic'
  )) AND coalesce(lone_computes.version, 0) >= 74)
  AND (migrations.status = 'done' OR coalesce(servers.task_state,
      '') NOT LIKE 'rebuild%' OR coalesce(coalesce(lone_computes.forced_down,
      0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii), 0) = 1 AND CASE WHEN (migrations.created_at >=
      coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END < CONVERT((
    SELECT snapshot.as_of
    FROM snapshot
  ) + INTERVAL (-3600) SECOND USING ascii))
ORDER BY lone_computes.cell, migration_id;
