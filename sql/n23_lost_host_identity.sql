-- N23 lost-host-identity: Servers of a host that nova knows by another name, or no longer
-- Severity: error, impact H
--
-- Says: {servers} servers, {example} among them, {state}
--
-- Why: A host with servers that is renamed, whose [DEFAULT]host is changed, or whose service or compute node is
-- deleted, is a new host to nova. Its servers still name the old one, which no service answers for: no order reaches
-- them, and placement counts them not at all or twice. Since 2023.1 nova-compute refuses to start when it notices that.
--
-- Left alone:
-- - a host that is merely down, and one that was replaced while it had no servers
-- - two hosts whose full names begin alike, or that once ran side by side
-- - bare metal that another service has taken over, while the service that its servers name is up
-- - a server with a task or an open migration, on a host that is no compute node
-- - a change of the last minutes
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--   openstack compute service list --service nova-compute --host {new_host}
--   openstack hypervisor list --matching {node}
--   openstack server list --all-projects --host {host}
--   systemctl restart nova-compute  # on {undeletable}: since 2023.1 it finds its compute node by its uuid, and takes the deletion back
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      root_provider_id
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
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
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
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, 0 AS cell0
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, 0 AS cell0
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name,
      coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000') THEN 1 END, 0) AS cell0
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
),
trees AS (
  SELECT resource_providers.id AS provider_id, coalesce(root.id, resource_providers.id) AS root_id,
      CASE WHEN (resource_providers.id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  ) OR root.name LIKE 'Neutron segment id %') THEN 1 ELSE 0 END AS shared
  FROM resource_providers
  LEFT OUTER JOIN resource_providers AS root ON root.id = resource_providers.root_provider_id
),
claims AS (
  SELECT allocations.consumer_id, trees.root_id, min(trees.shared) AS shared, count(*) AS `rows`,
      sum(CASE WHEN (trees.shared = 0) THEN 1 ELSE 0 END) AS own, sum(CASE WHEN (trees.shared = 0 AND
      allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS core, sum(CASE WHEN (trees.shared = 1 AND allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS pooled, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_1
    FROM resource_classes
    WHERE resource_classes.name = 'VCPU'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS vcpu,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_2
    FROM resource_classes
    WHERE resource_classes.name = 'PCPU'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pcpu,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_3
    FROM resource_classes
    WHERE resource_classes.name = 'MEMORY_MB'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS memory_mb,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_4
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS disk_gb,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_5
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  ) AND trees.shared = 1) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pooled_gb,
      max(allocations.created_at) AS newest
  FROM allocations
  INNER JOIN trees ON trees.provider_id = allocations.resource_provider_id
  GROUP BY trees.root_id, allocations.consumer_id
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
SELECT `row`.cell, `row`.host, `row`.node, `row`.servers, `row`.example,
    concat(CASE WHEN (`row`.kind = 'halves') THEN concat('name ', CAST(`row`.host AS CHAR), ' and ',
    CAST(`row`.node AS CHAR), ', but the compute node of that host is ', `row`.new_node, ', and ',
    CAST(`row`.node AS CHAR), ' is that of ', CAST(`row`.new_host AS CHAR)) WHEN (`row`.kind = 'taken') THEN
    concat('are on node ', CAST(`row`.node AS CHAR), ' of host ', CAST(`row`.host AS CHAR), ' in ', `row`.cell,
    ', but that compute node is now the one of ', CAST(`row`.new_host AS CHAR)) WHEN (`row`.kind = 'node renamed') THEN
    concat('are on node ', CAST(`row`.node AS CHAR), ' of host ', CAST(`row`.host AS CHAR), ' in ', `row`.cell,
    ', but the compute node of that host is called ', `row`.new_node,
    ' now') WHEN (`row`.kind = 'same node') THEN concat('are on node ', CAST(`row`.node AS CHAR), ' of host ',
    CAST(`row`.host AS CHAR), ' in ', `row`.cell, ', and ', CAST(`row`.new_host AS CHAR),
    ' has a compute node of that name now') WHEN (`row`.kind = 'host renamed') THEN concat('are on node ',
    CAST(`row`.node AS CHAR), ' of host ', CAST(`row`.host AS CHAR), ' in ', `row`.cell, ', and ',
    CAST(`row`.new_host AS CHAR), ' looks like the same machine') WHEN (`row`.kind = 'uuid') THEN concat('are on node ',
    CAST(`row`.node AS CHAR), ' of host ', CAST(`row`.host AS CHAR), ' in ', `row`.cell,
    ', whose compute node was deleted and made anew under another uuid') WHEN (`row`.kind = 'bare metal') THEN
    concat('name ', CAST(`row`.host AS CHAR), ' in ', `row`.cell, ' as their host, while ',
    CAST(`row`.new_host AS CHAR), ' has their bare metal node') ELSE concat('are on node ', CAST(`row`.node AS CHAR),
    ' of host ', CAST(`row`.host AS CHAR), ' in ', `row`.cell, ', whose compute node was deleted at ',
    coalesce(`row`.deleted_at, 'an unknown time')) END, ' (nova-compute of ', CAST(`row`.host AS CHAR), ': ',
    CASE WHEN (was.runs = 1) THEN 'up' WHEN (was.alive = 1) THEN 'down' WHEN (was.host IS NOT NULL) THEN 'deleted' ELSE
    'not there' END, CASE WHEN (CAST(`row`.new_host AS CHAR) IS NOT NULL) THEN concat(', of ',
    CAST(`row`.new_host AS CHAR), ': ', CASE WHEN (is_now.runs = 1) THEN 'up' WHEN (is_now.alive = 1) THEN 'down' WHEN
    (is_now.host IS NOT NULL) THEN 'deleted' ELSE 'not there' END) ELSE '' END, ')') AS state,
    lower(`row`.new_host) AS new_host, `row`.new_node, `row`.node_uuid, `row`.lost_node, (
  SELECT min(resource_providers.uuid) AS min_1
  FROM resource_providers
  WHERE resource_providers.name = `row`.node
) AS provider, CASE WHEN (`row`.kind = 'deleted' AND (EXISTS (
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
  WHERE computes.cell = `row`.cell
    AND computes.host = `row`.host
    AND computes.version >= 65
))) THEN CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = `row`.host
    AND start_hazard.cell = `row`.cell
)) AND NOT (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = `row`.host
    AND own_service.cell = `row`.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = `row`.host
    AND gone_service.cell = `row`.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = `row`.host
    AND its_server.cell = `row`.cell
    AND its_server.deleted = 0
)))) THEN `row`.host END END AS undeletable, CASE WHEN (`row`.kind = 'halves') THEN
    'host and node of these servers do not belong together, as if one had been changed in the database without the other. See with ''virsh list --all'' on both machines where the guests run; a DBA then sets host and node to that one''s.'
    WHEN (`row`.kind = 'uuid') THEN
    'the provider of the former uuid is all that accounts for these servers, so it cannot be deleted, and beside it nova-compute cannot make its own. Move the servers away until it is empty; or, with nova-compute stopped, a DBA gives the compute node its former uuid back, which is that provider''s, and since 2023.1 the file compute_id on the host gets it, too.'
    WHEN (`row`.kind = 'bare metal') THEN concat('bring nova-compute of ', CAST(`row`.host AS CHAR),
    ' back under that name: orders for these servers go to it alone. If it is gone for good, a DBA gives them the host that has their node; ''nova-manage db ironic_compute_node_move'' (since 2023.2) does both, but only before another service has taken the node.')
    WHEN (`row`.kind = 'deleted' AND (EXISTS (
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
  WHERE computes.cell = `row`.cell
    AND computes.host = `row`.host
    AND computes.version >= 65
))) THEN CASE WHEN (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = `row`.host
    AND start_hazard.cell = `row`.cell
)) THEN concat('nova-compute on ', CAST(`row`.host AS CHAR), ' must not be started or restarted now: it would ', (
  SELECT concat(max(start_hazard.would), CASE WHEN (count(*) > 1) THEN concat(' (and ', CAST(count(*) - 1 AS CHAR),
      ' more of the kind)') ELSE '' END) AS anon_1
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = `row`.host
    AND start_hazard.cell = `row`.cell
), '. Settle that first; ''openstack server migration list --host ', CAST(`row`.host AS CHAR),
    ''' and ''openstack server list --all-projects --host ', CAST(`row`.host AS CHAR),
    ''' show what is open.') WHEN (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = `row`.host
    AND own_service.cell = `row`.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = `row`.host
    AND gone_service.cell = `row`.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = `row`.host
    AND its_server.cell = `row`.cell
    AND its_server.deleted = 0
))) THEN concat('nova-compute on ', CAST(`row`.host AS CHAR),
    ' has no service record although servers are there: since 2024.1 it refuses to start beside guests that it does not know, so a restart would only end it. See N04 for the way back.')
    END WHEN (`row`.kind = 'deleted') THEN
    'before 2023.1, and without a service record, a start of nova-compute makes a compute node of another uuid, for which placement has no room. A DBA takes the deletion back first (deleted = 0 in compute_nodes and, if it is gone as well, services), where the rows were not archived.'
    ELSE
    'nova has no supported way to rename a host that has servers. See on the machine which guests run there (''virsh list --all''). Move away what was built under the new name, then give the machine its former name back (hostname, and [DEFAULT]host in nova.conf). Until then delete no service, compute node or provider of either name: before 2023.1 nova-compute itself deletes the compute node of the other name, together with what its servers hold.'
    END AS withheld, `row`.newest_change
FROM (
  SELECT stranded.cell AS cell, stranded.host AS host, stranded.node AS node, stranded.servers AS servers,
      stranded.example AS example, CASE WHEN ((
    SELECT min(taker.host) AS min_2
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
    ) AS taker
    WHERE taker.cell = stranded.cell
      AND taker.hypervisor_hostname = stranded.node
      AND taker.host != stranded.host
      AND coalesce(taker.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL AND (
    SELECT min(only_node.hypervisor_hostname) AS min_3
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
    HAVING count(*) = 1
  ) IS NOT NULL) THEN 'halves' WHEN ((
    SELECT min(taker.host) AS min_2
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
    ) AS taker
    WHERE taker.cell = stranded.cell
      AND taker.hypervisor_hostname = stranded.node
      AND taker.host != stranded.host
      AND coalesce(taker.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL) THEN 'taken' WHEN ((
    SELECT min(only_node.hypervisor_hostname) AS min_3
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
    HAVING count(*) = 1
  ) IS NOT NULL) THEN 'node renamed' WHEN ((
    SELECT min(heir.host) AS min_4
    FROM (
      SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
          '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
          '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
          coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
      ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
          max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
          min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
          max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
      FROM services AS any_service
      WHERE any_service.`binary` = 'nova-compute'
        AND any_service.host IS NOT NULL
      GROUP BY any_service.cell, any_service.host
    ) AS heir
    WHERE heir.cell = stranded.cell
      AND heir.short = lower(CASE WHEN (instr(stranded.host, '.') > 1) THEN substr(stranded.host, 1,
          instr(stranded.host, '.') - 1) ELSE stranded.host END)
      AND lower(heir.host) != lower(stranded.host)
      AND (lower(heir.host) = heir.short OR lower(stranded.host) = heir.short)
      AND heir.runs = 1
      AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
              '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
              '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
              coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
          ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
              max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
              min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
              max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
          FROM services AS any_service
          WHERE any_service.`binary` = 'nova-compute'
            AND any_service.host IS NOT NULL
          GROUP BY any_service.cell, any_service.host
        ) AS itself
        WHERE itself.cell = stranded.cell
          AND itself.host = stranded.host
          AND (itself.runs = 1 OR itself.seen > heir.since)
      ))
  ) IS NOT NULL) THEN 'host renamed' ELSE 'deleted' END AS kind, coalesce((
    SELECT min(taker.host) AS min_2
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
    ) AS taker
    WHERE taker.cell = stranded.cell
      AND taker.hypervisor_hostname = stranded.node
      AND taker.host != stranded.host
      AND coalesce(taker.hypervisor_type, '') != 'ironic'
  ), CASE WHEN ((
    SELECT min(only_node.hypervisor_hostname) AS min_3
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
    HAVING count(*) = 1
  ) IS NULL) THEN (
    SELECT min(heir.host) AS min_4
    FROM (
      SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
          '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
          '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
          coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
      ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
          max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
          min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
          max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
      FROM services AS any_service
      WHERE any_service.`binary` = 'nova-compute'
        AND any_service.host IS NOT NULL
      GROUP BY any_service.cell, any_service.host
    ) AS heir
    WHERE heir.cell = stranded.cell
      AND heir.short = lower(CASE WHEN (instr(stranded.host, '.') > 1) THEN substr(stranded.host, 1,
          instr(stranded.host, '.') - 1) ELSE stranded.host END)
      AND lower(heir.host) != lower(stranded.host)
      AND (lower(heir.host) = heir.short OR lower(stranded.host) = heir.short)
      AND heir.runs = 1
      AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
              '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
              '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
              coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
          ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
              max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
              min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
              max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
          FROM services AS any_service
          WHERE any_service.`binary` = 'nova-compute'
            AND any_service.host IS NOT NULL
          GROUP BY any_service.cell, any_service.host
        ) AS itself
        WHERE itself.cell = stranded.cell
          AND itself.host = stranded.host
          AND (itself.runs = 1 OR itself.seen > heir.since)
      ))
  ) END) AS new_host, (
    SELECT min(only_node.hypervisor_hostname) AS min_3
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
    HAVING count(*) = 1
  ) AS new_node, coalesce((
    SELECT min(taker.uuid) AS min_5
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
    ) AS taker
    WHERE taker.cell = stranded.cell
      AND taker.hypervisor_hostname = stranded.node
      AND taker.host != stranded.host
      AND coalesce(taker.hypervisor_type, '') != 'ironic'
  ), (
    SELECT min(only_node.uuid) AS min_6
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
  )) AS node_uuid, NULL AS lost_node, (
    SELECT max(gone_node.deleted_at) AS max_1
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = stranded.cell
      AND gone_node.host = stranded.host
      AND gone_node.hypervisor_hostname = stranded.node
      AND gone_node.deleted != 0
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) AS deleted_at, CASE WHEN ((
    SELECT max(gone_node.deleted_at) AS max_1
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = stranded.cell
      AND gone_node.host = stranded.host
      AND gone_node.hypervisor_hostname = stranded.node
      AND gone_node.deleted != 0
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) >= coalesce(stranded.changed, '')) THEN (
    SELECT max(gone_node.deleted_at) AS max_1
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = stranded.cell
      AND gone_node.host = stranded.host
      AND gone_node.hypervisor_hostname = stranded.node
      AND gone_node.deleted != 0
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) ELSE stranded.changed END AS newest_change
  FROM (
    SELECT servers.cell AS cell, servers.host AS host, servers.node AS node, count(*) AS servers,
        min(servers.uuid) AS example, min(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END) AS changed
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
    WHERE servers.host IS NOT NULL
      AND servers.node IS NOT NULL
      AND (servers.cell NOT IN (
        SELECT sources.name
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell0 = 1
      ))
      AND servers.uuid IN (
        SELECT odd_servers.uuid
        FROM odd_servers
      )
      AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid,
              compute_nodes.host AS host, compute_nodes.hypervisor_hostname AS hypervisor_hostname,
              compute_nodes.hypervisor_type AS hypervisor_type, compute_nodes.vcpus AS vcpus,
              compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
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
  ) AS stranded
  WHERE (
    SELECT min(taker.host) AS min_2
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
    ) AS taker
    WHERE taker.cell = stranded.cell
      AND taker.hypervisor_hostname = stranded.node
      AND taker.host != stranded.host
      AND coalesce(taker.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL OR (
    SELECT min(only_node.hypervisor_hostname) AS min_3
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
    ) AS only_node
    WHERE only_node.cell = stranded.cell
      AND only_node.host = stranded.host
      AND coalesce(only_node.hypervisor_type, '') != 'ironic'
    HAVING count(*) = 1
  ) IS NOT NULL OR (
    SELECT max(gone_node.deleted_at) AS max_1
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = stranded.cell
      AND gone_node.host = stranded.host
      AND gone_node.hypervisor_hostname = stranded.node
      AND gone_node.deleted != 0
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL OR (
    SELECT min(heir.host) AS min_4
    FROM (
      SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
          '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
          '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
          coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
      ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
          max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
          min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
          max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
      FROM services AS any_service
      WHERE any_service.`binary` = 'nova-compute'
        AND any_service.host IS NOT NULL
      GROUP BY any_service.cell, any_service.host
    ) AS heir
    WHERE heir.cell = stranded.cell
      AND heir.short = lower(CASE WHEN (instr(stranded.host, '.') > 1) THEN substr(stranded.host, 1,
          instr(stranded.host, '.') - 1) ELSE stranded.host END)
      AND lower(heir.host) != lower(stranded.host)
      AND (lower(heir.host) = heir.short OR lower(stranded.host) = heir.short)
      AND heir.runs = 1
      AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
              '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
              '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
              coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
          ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
              max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
              min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
              max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
          FROM services AS any_service
          WHERE any_service.`binary` = 'nova-compute'
            AND any_service.host IS NOT NULL
          GROUP BY any_service.cell, any_service.host
        ) AS itself
        WHERE itself.cell = stranded.cell
          AND itself.host = stranded.host
          AND (itself.runs = 1 OR itself.seen > heir.since)
      ))
  ) IS NOT NULL
  UNION ALL
  SELECT servers.cell AS cell, servers.host AS host, servers.node AS node, count(DISTINCT servers.uuid) AS servers,
      min(servers.uuid) AS example, max(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen,
      '')) THEN 'same node' ELSE 'host renamed' END) AS kind, min(CASE WHEN (its.runs = 1 AND its.since >=
      coalesce(old.seen, '')) THEN its.host ELSE new.host END) AS new_host, NULL AS new_node,
      min(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen, '')) THEN namesake_node.uuid END) AS node_uuid,
      min(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen,
      '')) THEN lower(nodes.hypervisor_hostname) END) AS lost_node, NULL AS deleted_at,
      CASE WHEN (max(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen,
      '')) THEN namesake_node.created_at END) >= coalesce(CASE WHEN (max(old.seen) >= coalesce(max(CASE WHEN (its.runs =
      1 AND its.since >= coalesce(old.seen, '')) THEN its.since ELSE new.since END),
      '')) THEN max(old.seen) ELSE max(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen,
      '')) THEN its.since ELSE new.since END) END, '')) THEN max(CASE WHEN (its.runs = 1 AND its.since >=
      coalesce(old.seen, '')) THEN namesake_node.created_at END) ELSE CASE WHEN (max(old.seen) >= coalesce(max(CASE WHEN
      (its.runs = 1 AND its.since >= coalesce(old.seen, '')) THEN its.since ELSE new.since END),
      '')) THEN max(old.seen) ELSE max(CASE WHEN (its.runs = 1 AND its.since >= coalesce(old.seen,
      '')) THEN its.since ELSE new.since END) END END AS newest_change
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
  ) AS servers ON servers.cell = nodes.cell
    AND servers.host = nodes.host
    AND servers.node = nodes.hypervisor_hostname
  LEFT OUTER JOIN (
    SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
        '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
        '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
        coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
    ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
        max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
        min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
        max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
    FROM services AS any_service
    WHERE any_service.`binary` = 'nova-compute'
      AND any_service.host IS NOT NULL
    GROUP BY any_service.cell, any_service.host
  ) AS old ON old.cell = nodes.cell
    AND old.host = nodes.host
  LEFT OUTER JOIN (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS namesake_node ON namesake_node.hypervisor_hostname = nodes.hypervisor_hostname
    AND namesake_node.cell = nodes.cell
    AND namesake_node.host != nodes.host
    AND coalesce(namesake_node.hypervisor_type, '') != 'ironic'
  LEFT OUTER JOIN (
    SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
        '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
        '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
        coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
    ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
        max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
        min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
        max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
    FROM services AS any_service
    WHERE any_service.`binary` = 'nova-compute'
      AND any_service.host IS NOT NULL
    GROUP BY any_service.cell, any_service.host
  ) AS its ON its.cell = namesake_node.cell
    AND its.host = namesake_node.host
  LEFT OUTER JOIN (
    SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
        '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
        '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
        coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
    ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
        max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
        min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
        max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
    FROM services AS any_service
    WHERE any_service.`binary` = 'nova-compute'
      AND any_service.host IS NOT NULL
    GROUP BY any_service.cell, any_service.host
  ) AS new ON old.cell = new.cell
    AND old.short = new.short
    AND lower(old.host) != lower(new.host)
    AND (lower(old.host) = old.short OR lower(new.host) = new.short)
    AND old.runs = 0
    AND new.runs = 1
    AND new.since >= coalesce(old.seen, '')
  WHERE coalesce(nodes.hypervisor_type, '') != 'ironic'
    AND coalesce(old.runs, 0) = 0
    AND (its.runs = 1 AND its.since >= coalesce(old.seen, '') OR new.host IS NOT NULL)
  GROUP BY servers.cell, servers.host, servers.node
  UNION ALL
  SELECT servers.cell AS cell, servers.host AS host, servers.node AS node, count(DISTINCT servers.uuid) AS servers,
      min(servers.uuid) AS example, 'uuid' AS kind, NULL AS new_host, NULL AS new_node, min(anew.uuid) AS node_uuid,
      NULL AS lost_node, max(former.deleted_at) AS deleted_at, CASE WHEN (max(former.deleted_at) >=
      coalesce(max(anew.created_at), '')) THEN max(former.deleted_at) ELSE max(anew.created_at) END AS newest_change
  FROM compute_nodes AS former
  INNER JOIN resource_providers ON resource_providers.uuid = former.uuid
  INNER JOIN (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS anew ON anew.cell = former.cell
    AND anew.host = former.host
    AND anew.hypervisor_hostname = former.hypervisor_hostname
    AND anew.uuid != former.uuid
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
  ) AS servers ON servers.cell = anew.cell
    AND servers.host = anew.host
    AND servers.node = anew.hypervisor_hostname
  WHERE former.deleted != 0
    AND coalesce(anew.hypervisor_type, '') != 'ironic'
    AND (
      SELECT count(*) AS count_1
      FROM claims AS holding
      WHERE holding.root_id = resource_providers.id
    ) > 0
    AND NOT (EXISTS (
      SELECT *
      FROM resource_providers AS own_provider
      WHERE own_provider.uuid = anew.uuid
    ))
  GROUP BY servers.cell, servers.host, servers.node
  UNION ALL
  SELECT servers.cell AS cell, servers.host AS host, NULL AS node, count(DISTINCT servers.uuid) AS servers,
      min(servers.uuid) AS example, 'bare metal' AS kind, min(metal.host) AS new_host, NULL AS new_node,
      NULL AS node_uuid, NULL AS lost_node, NULL AS deleted_at, CASE WHEN (max(dead.deleted_at) >= coalesce(CASE WHEN
      (max(dead.seen) >= coalesce(min(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END), '')) THEN max(dead.seen) ELSE min(CASE WHEN
      (servers.created_at >= coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END) END,
      '')) THEN max(dead.deleted_at) ELSE CASE WHEN (max(dead.seen) >= coalesce(min(CASE WHEN (servers.created_at >=
      coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END),
      '')) THEN max(dead.seen) ELSE min(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END) END END AS newest_change
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
  ) AS metal
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
  ) AS servers ON servers.cell = metal.cell
    AND servers.node = metal.hypervisor_hostname
  LEFT OUTER JOIN (
    SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
        '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host,
        '.') - 1) ELSE any_service.host END)) AS short, max(CASE WHEN (any_service.deleted = 0 AND
        coalesce(any_service.forced_down, 0) = 0 AND any_service.last_seen_up >= CONVERT((
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
    ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
        max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
        min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
        max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
    FROM services AS any_service
    WHERE any_service.`binary` = 'nova-compute'
      AND any_service.host IS NOT NULL
    GROUP BY any_service.cell, any_service.host
  ) AS dead ON dead.cell = servers.cell
    AND dead.host = servers.host
  WHERE metal.hypervisor_type = 'ironic'
    AND metal.host IS NOT NULL
    AND servers.host IS NOT NULL
    AND servers.host != metal.host
    AND coalesce(dead.runs, 0) = 0
  GROUP BY servers.cell, servers.host
) AS `row`
LEFT OUTER JOIN (
  SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
      '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host, '.') - 1) ELSE any_service.host END)) AS short,
      max(CASE WHEN (any_service.deleted = 0 AND coalesce(any_service.forced_down,
      0) = 0 AND any_service.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
      max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
      min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
      max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
  FROM services AS any_service
  WHERE any_service.`binary` = 'nova-compute'
    AND any_service.host IS NOT NULL
  GROUP BY any_service.cell, any_service.host
) AS was ON was.cell = `row`.cell
  AND was.host = `row`.host
LEFT OUTER JOIN (
  SELECT any_service.cell AS cell, any_service.host AS host, min(lower(CASE WHEN (instr(any_service.host,
      '.') > 1) THEN substr(any_service.host, 1, instr(any_service.host, '.') - 1) ELSE any_service.host END)) AS short,
      max(CASE WHEN (any_service.deleted = 0 AND coalesce(any_service.forced_down,
      0) = 0 AND any_service.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN 1 ELSE 0 END) AS runs,
      max(CASE WHEN (any_service.deleted = 0) THEN 1 ELSE 0 END) AS alive,
      min(CASE WHEN (any_service.deleted = 0) THEN any_service.created_at END) AS since,
      max(any_service.last_seen_up) AS seen, max(any_service.deleted_at) AS deleted_at
  FROM services AS any_service
  WHERE any_service.`binary` = 'nova-compute'
    AND any_service.host IS NOT NULL
  GROUP BY any_service.cell, any_service.host
) AS is_now ON is_now.cell = `row`.cell
  AND is_now.host = `row`.new_host
ORDER BY is_now.cell, is_now.host, `row`.node;
