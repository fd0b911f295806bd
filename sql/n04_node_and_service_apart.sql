-- N04 node-and-service-apart: Compute node without its service, or service without a compute node
-- Severity: error, impact H
--
-- Says: {host} in {cell} {state}
--
-- Why: The scheduler drops a host of which it finds only one half. A node without a service is offered by placement all
-- the same, and nobody can act on the servers there.
--
-- Left alone:
-- - a service or node made or deleted just now: the other half follows within a minute
-- - a service that is down
-- - services of a cell with bare metal, where a service may have no node
-- - bare metal nodes whose service is gone are information: another service takes them over
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--   openstack server list --all-projects --host {without_service}
--   # start nova-compute on {startable}, which makes its service anew
--   # read in the log of nova-compute on {without_node} why it cannot register its node
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
      deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      deleted
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
SELECT `row`.cell, `row`.host, `row`.node, `row`.state, `row`.without_service, `row`.without_node, `row`.startable,
    `row`.withheld, `row`.newest_change, `row`.impact
FROM (
  SELECT nodes.cell AS cell, nodes.host AS host, nodes.hypervisor_hostname AS node,
      'is a compute node, but its host has no nova-compute service' AS state, nodes.host AS without_service,
      NULL AS without_node, CASE WHEN (nodes.hypervisor_type != 'ironic') THEN CASE WHEN (NOT (EXISTS (
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
  )))) THEN nodes.host END END AS startable, CASE WHEN (nodes.hypervisor_type = 'ironic') THEN
      'another service takes bare metal over as soon as one is up: nothing is to be started for it.' WHEN (NOT (EXISTS (
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
  ))) THEN concat('servers are on ', CAST(nodes.host AS CHAR),
      ', and since 2024.1 nova-compute refuses to start beside guests when its service record is gone. A DBA brings the record back (deleted = 0 in services of ',
      nodes.cell,
      '; an archived one is in shadow_services). See with ''virsh list --all'' on it which guests there are.') ELSE CASE
      WHEN (EXISTS (
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
      END END AS withheld, CASE WHEN ((
    SELECT max(gone_service.deleted_at) AS max_1
    FROM services AS gone_service
    WHERE gone_service.cell = nodes.cell
      AND gone_service.host = nodes.host
  ) >= coalesce(nodes.created_at, '')) THEN (
    SELECT max(gone_service.deleted_at) AS max_1
    FROM services AS gone_service
    WHERE gone_service.cell = nodes.cell
      AND gone_service.host = nodes.host
  ) ELSE nodes.created_at END AS newest_change, CASE WHEN (nodes.hypervisor_type = 'ironic') THEN 'L' WHEN (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.deleted = 0
      AND instances.cell = nodes.cell
      AND instances.host = nodes.host
      AND instances.node = nodes.hypervisor_hostname
  )) THEN 'H' ELSE 'M' END AS impact
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
  WHERE nodes.host IS NOT NULL
    AND NOT (EXISTS (
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
      ) AS own_service
      WHERE own_service.cell = nodes.cell
        AND own_service.host = nodes.host
    ))
  UNION ALL
  SELECT computes.cell AS cell, computes.host AS host, NULL AS node,
      'has a nova-compute service that is up, but no compute node' AS state, NULL AS without_service,
      computes.host AS without_node, NULL AS startable,
      'nova-compute runs and tries each minute to create its compute node: its log says what refuses it. Since 2023.1 that is usually another compute node of the same name with another uuid.'
      AS withheld, CASE WHEN ((
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) >= coalesce(computes.created_at, '')) THEN (
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) ELSE computes.created_at END AS newest_change, CASE WHEN ((
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL) THEN 'H' ELSE 'L' END AS impact
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
  WHERE (computes.cell NOT IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ))
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
      ) AS own_node
      WHERE own_node.cell = computes.cell
        AND own_node.host = computes.host
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM compute_nodes
      WHERE compute_nodes.cell = computes.cell
        AND compute_nodes.hypervisor_type = 'ironic'
    ))
) AS `row`
ORDER BY `row`.cell, `row`.host, `row`.node;
