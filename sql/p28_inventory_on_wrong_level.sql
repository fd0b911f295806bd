-- P28 inventory-on-wrong-level: Inventory that belongs on a child and is on the host itself
-- Severity: warning, impact M
--
-- Says: {provider_name} has {resource_class} itself, which this release of nova has on a provider below it
--
-- Why: Nova-compute moves inventory and allocations down when it first starts in a release that has them there. Here it
-- has started and not moved them: placement offers what nova does not give out, and the driver refuses to go on while
-- consumers hold the class on the host. Its log tells why the reshape failed.
--
-- Left alone:
-- - a host whose nova-compute has not been restarted in the new release yet
-- - a host whose nova-compute was started a moment ago and may still move them
-- - two services of one host's name
-- - hosts of other drivers than libvirt
-- - roots that are no compute node's
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory list {provider}
--   openstack resource provider show --allocations {provider}
--   systemctl restart nova-compute  # on {restartable}
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
  SELECT resource_provider_id, resource_class_id, total, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, resource_class_id
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
instances AS (
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state, deleted
  FROM nova.instances
),
migrations AS (
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted
  FROM nova_cell0.migrations
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted
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
start_hazards AS (
  SELECT evacuation_from_here.cell, evacuation_from_here.source_compute AS host, concat('remove the guest of server ',
      evacuated_server.uuid, ', whose evacuation from there is still ', evacuation_from_here.status) AS would
  FROM migrations AS evacuation_from_here
  INNER JOIN instances AS evacuated_server ON evacuated_server.uuid = evacuation_from_here.instance_uuid
    AND evacuated_server.cell = evacuation_from_here.cell
  WHERE evacuation_from_here.migration_type = 'evacuation'
    AND evacuation_from_here.status IN ('accepted', 'pre-migrating', 'done')
    AND evacuation_from_here.source_compute IS NOT NULL
    AND evacuated_server.deleted = 0
    AND (evacuated_server.host = evacuation_from_here.source_compute OR (EXISTS (
      SELECT *
      FROM migrations AS way_back
      WHERE way_back.instance_uuid = evacuation_from_here.instance_uuid
        AND way_back.cell = evacuation_from_here.cell
        AND way_back.dest_compute = evacuation_from_here.source_compute
        AND way_back.id > evacuation_from_here.id
        AND (coalesce(way_back.status, '') NOT IN ('failed', 'cancelled', 'reverted'))
        AND NOT (EXISTS (
          SELECT *
          FROM migrations AS way_out
          WHERE way_out.instance_uuid = way_back.instance_uuid
            AND way_out.cell = way_back.cell
            AND way_out.source_compute = way_back.dest_compute
            AND way_out.id > way_back.id
            AND way_out.status IN ('confirmed', 'completed', 'done')
        ))
    )))
  UNION
  SELECT open_move.cell, open_move.source_compute AS host, concat('break off the ', coalesce(open_move.migration_type,
      'migration'), ' of server ', moving_server.uuid, ', which is ', coalesce(open_move.status, '')) AS would
  FROM migrations AS open_move
  INNER JOIN instances AS moving_server ON moving_server.uuid = open_move.instance_uuid
    AND moving_server.cell = open_move.cell
  WHERE open_move.deleted = 0
    AND (coalesce(open_move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
        'done', 'finished'))
    AND open_move.source_compute IS NOT NULL
    AND moving_server.deleted = 0
  UNION
  SELECT open_move.cell, open_move.dest_compute AS host, concat('break off the ', coalesce(open_move.migration_type,
      'migration'), ' of server ', moving_server.uuid, ', which is ', coalesce(open_move.status, '')) AS would
  FROM migrations AS open_move
  INNER JOIN instances AS moving_server ON moving_server.uuid = open_move.instance_uuid
    AND moving_server.cell = open_move.cell
  WHERE open_move.deleted = 0
    AND (coalesce(open_move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
        'done', 'finished'))
    AND open_move.dest_compute IS NOT NULL
    AND moving_server.deleted = 0
  UNION
  SELECT busy_server.cell, busy_server.host, CASE WHEN (coalesce(busy_server.task_state,
      '') = 'deleting' OR coalesce(busy_server.vm_state, '') = 'deleted') THEN concat('delete server ', busy_server.uuid,
      ' for good') WHEN (coalesce(busy_server.vm_state, '') = 'building') THEN concat('put server ', busy_server.uuid,
      ', which is being built, into error') ELSE concat('break off or repeat what server ', busy_server.uuid,
      ' does, whose task is ', coalesce(busy_server.task_state, '')) END AS would
  FROM instances AS busy_server
  WHERE busy_server.deleted = 0
    AND busy_server.host IS NOT NULL
    AND (coalesce(busy_server.task_state, '') != '' OR coalesce(busy_server.vm_state, '') IN ('building', 'deleted'))
  UNION
  SELECT waiting_node.cell, waiting_node.host, concat('put server ', waiting_server.uuid,
      ', which is being built, into error') AS would
  FROM instances AS waiting_server
  INNER JOIN allocations AS waiting_claim ON waiting_claim.consumer_id = waiting_server.uuid
  INNER JOIN resource_providers AS waiting_on ON waiting_on.id = waiting_claim.resource_provider_id
  INNER JOIN compute_nodes AS waiting_node ON waiting_node.uuid = waiting_on.uuid
    AND waiting_node.cell = waiting_server.cell
  WHERE waiting_server.deleted = 0
    AND waiting_server.vm_state = 'building'
    AND waiting_server.host IS NULL
    AND waiting_node.deleted = 0
    AND waiting_node.host IS NOT NULL
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name, nodes.cell, nodes.host,
    CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = nodes.host
    AND start_hazard.cell = nodes.cell
)) AND NOT (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = nodes.host
    AND own_service.cell = nodes.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = nodes.host
    AND gone_service.cell = nodes.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = nodes.host
    AND its_server.cell = nodes.cell
    AND its_server.deleted = 0
)))) THEN nodes.host END AS restartable, CASE WHEN (CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = nodes.host
    AND start_hazard.cell = nodes.cell
)) AND NOT (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = nodes.host
    AND own_service.cell = nodes.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = nodes.host
    AND gone_service.cell = nodes.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = nodes.host
    AND its_server.cell = nodes.cell
    AND its_server.deleted = 0
)))) THEN nodes.host END IS NULL) THEN concat('A start of nova-compute on ', nodes.host,
    ' would remove a server that was evacuated from there and is back, or is about to be. See openstack server migration list for evacuations from that host, and end that first.')
    END AS withheld, resource_classes.name AS resource_class, inventories.total, lone_computes.version, (
  SELECT count(DISTINCT allocations.consumer_id) AS count_1
  FROM allocations
  WHERE allocations.resource_provider_id = resource_providers.id
    AND allocations.resource_class_id = resource_classes.id
) AS consumers, CASE WHEN (CASE WHEN (NOT (coalesce(lone_computes.updated_at,
    '') <= CONVERT(lone_computes.last_seen_up + INTERVAL (2) SECOND USING ascii) OR lone_computes.last_seen_up IS NULL))
    THEN lone_computes.updated_at END >= coalesce(inventories.created_at,
    '')) THEN CASE WHEN (NOT (coalesce(lone_computes.updated_at, '') <= CONVERT(lone_computes.last_seen_up + INTERVAL
    (2) SECOND USING ascii) OR lone_computes.last_seen_up IS NULL)) THEN lone_computes.updated_at END ELSE
    inventories.created_at END AS newest_change
FROM inventories
INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
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
) AS nodes ON nodes.uuid = resource_providers.uuid
INNER JOIN (
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
) AS lone_computes ON lone_computes.host = nodes.host
  AND lone_computes.cell = nodes.cell
WHERE resource_classes.name IN ('VGPU', 'MEM_ENCRYPTION_CONTEXT')
  AND (resource_classes.name = 'VGPU' AND lone_computes.version >= 37 OR resource_classes.name =
      'MEM_ENCRYPTION_CONTEXT' AND lone_computes.version >= 70)
  AND resource_providers.parent_provider_id IS NULL
  AND lower(nodes.hypervisor_type) IN ('qemu', 'kvm')
ORDER BY provider, resource_class;
