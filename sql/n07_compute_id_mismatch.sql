-- N07 compute-id-mismatch: Servers that name another compute node by id than by host and node
-- Severity: info, impact L
--
-- Says: {servers} servers on {node} of {host}, {example} among them, name compute node {compute_id}, but that node's id
-- is {node_id}
--
-- Why: Host and node are what counts today, so nothing breaks yet. The compute service corrects the id when it counts
-- the server next: where it stays wrong, that service is down, or the node was made anew.
--
-- Left alone:
-- - servers without a compute_id, as before 2023.2
-- - a migration, resize or another task of the server is in progress
-- - servers on no live compute node, which are a finding of their own
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--   # the next start of nova-compute on {restartable} corrects it
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM placement.resource_providers
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id
  FROM placement.allocations
),
instances AS (
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
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, deleted
  FROM nova_cell0.services
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, deleted
  FROM nova.services
),
odd_servers AS (
  SELECT instances.uuid
  FROM instances
  WHERE instances.deleted = 0
    AND (instances.task_state IS NOT NULL OR instances.hidden = 1 OR (instances.cell NOT IN (
      SELECT compute_nodes.cell
      FROM compute_nodes
    )) OR instances.host IS NOT NULL AND instances.node IS NULL AND ((instances.cell, instances.host) NOT IN (
      SELECT compute_nodes.cell, compute_nodes.host
      FROM compute_nodes
      WHERE compute_nodes.deleted = 0
        AND compute_nodes.host IS NOT NULL
        AND compute_nodes.hypervisor_hostname IS NOT NULL
    )) OR instances.host IS NULL AND instances.node IS NOT NULL AND ((instances.cell, instances.node) NOT IN (
      SELECT compute_nodes.cell, compute_nodes.hypervisor_hostname
      FROM compute_nodes
      WHERE compute_nodes.deleted = 0
        AND compute_nodes.host IS NOT NULL
        AND compute_nodes.hypervisor_hostname IS NOT NULL
    )) OR instances.host IS NOT NULL AND instances.node IS NOT NULL AND ((instances.cell, instances.host,
        instances.node) NOT IN (
      SELECT compute_nodes.cell, compute_nodes.host, compute_nodes.hypervisor_hostname
      FROM compute_nodes
      WHERE compute_nodes.deleted = 0
        AND compute_nodes.host IS NOT NULL
        AND compute_nodes.hypervisor_hostname IS NOT NULL
    )) OR instances.host IS NOT NULL AND instances.node IS NOT NULL AND instances.compute_id IS NOT NULL AND
        ((instances.cell, instances.host, instances.node, instances.compute_id) NOT IN (
      SELECT compute_nodes.cell, compute_nodes.host, compute_nodes.hypervisor_hostname, compute_nodes.id
      FROM compute_nodes
      WHERE compute_nodes.deleted = 0
        AND compute_nodes.host IS NOT NULL
        AND compute_nodes.hypervisor_hostname IS NOT NULL
    )))
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
SELECT servers.cell, servers.host, max(CASE WHEN (NOT (EXISTS (
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
)))) THEN nodes.host END) AS restartable, max(CASE WHEN (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = nodes.host
    AND start_hazard.cell = nodes.cell
)) THEN concat('nova-compute on ', CAST(nodes.host AS CHAR), ' must not be started or restarted now: it would ', (
  SELECT concat(max(start_hazard.would), CASE WHEN (count(*) > 1) THEN concat(' (and ', CAST(count(*) - 1 AS CHAR),
      ' more of the kind)') ELSE '' END) AS anon_1
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = nodes.host
    AND start_hazard.cell = nodes.cell
), '. Settle that first; ''openstack server migration list --host ', CAST(nodes.host AS CHAR),
    ''' and ''openstack server list --all-projects --host ', CAST(nodes.host AS CHAR),
    ''' show what is open.') WHEN (NOT (EXISTS (
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
))) THEN concat('nova-compute on ', CAST(nodes.host AS CHAR),
    ' has no service record although servers are there: since 2024.1 it refuses to start beside guests that it does not know, so a restart would only end it. See N04 for the way back.')
    END) AS withheld, servers.node, count(DISTINCT servers.uuid) AS servers, min(servers.uuid) AS example,
    min(servers.compute_id) AS compute_id, min(nodes.id) AS node_id,
    CASE WHEN (max(nodes.created_at) >= coalesce(min(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END), '')) THEN max(nodes.created_at) ELSE min(CASE WHEN
    (servers.created_at >= coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END) END AS
    newest_change
FROM (
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
) AS servers
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
) AS nodes ON nodes.id != servers.compute_id
  AND nodes.cell = servers.cell
  AND nodes.hypervisor_hostname = servers.node
  AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
WHERE servers.uuid IN (
  SELECT odd_servers.uuid
  FROM odd_servers
)
  AND NOT (EXISTS (
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
    ) AS right_node
    WHERE right_node.id = servers.compute_id
      AND right_node.cell = servers.cell
      AND right_node.hypervisor_hostname = servers.node
      AND (right_node.host = servers.host OR right_node.hypervisor_type = 'ironic')
  ))
  AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
      'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
      'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
      '') LIKE 'rebuild%')
  AND NOT (EXISTS (
    SELECT *
    FROM migrations AS move
    WHERE move.instance_uuid = servers.uuid
      AND coalesce(move.deleted, 0) = 0
      AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
      AND coalesce(move.status, '') != 'finished'
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM instances AS twin
    WHERE twin.uuid = servers.uuid
      AND twin.cell != servers.cell
      AND twin.deleted = 0
      AND coalesce(twin.hidden, 0) = 0
  ))
GROUP BY servers.cell, servers.host, servers.node
ORDER BY nodes.cell, nodes.host, servers.node;
