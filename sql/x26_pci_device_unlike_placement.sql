-- X26 pci-device-unlike-placement: Servers whose PCI devices are not what they hold in placement
-- Severity: warning, impact M
--
-- Says: servers on {node} {state}: {devices} devices, {sample}
--
-- Why: Either placement offers a device that is taken, and the server that gets it does not start; or it keeps back a
-- device that is free. Nova-compute, which runs, puts in what is missing each minute, unless placement refuses: its log
-- tells.
--
-- Left alone:
-- - devices that placement has no provider for: report_in_placement is off, or neutron's ports use them
-- - virtual functions that are not held, since neutron's may be among those of one device
-- - a migration, resize or another task of the server is in progress, or its move still holds something
-- - servers in error, and servers that hold nothing at all, which is a finding of its own
-- - a host whose nova-compute is down, has just been started, or was just enabled or disabled
-- - devices that were taken out of the host or of its configuration while a server had them
-- - a server or device that changed just now
-- - it is information where --config-file gives a nova.conf that turns off report_in_placement or the report each
--   minute
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {server}
--   openstack resource provider allocation show {server}
--   systemctl restart nova-compute  # on {restartable}, and read in its log what it says of PCI in placement
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
inventories AS (
  SELECT resource_provider_id, total
  FROM placement.inventories
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
),
pci_devices AS (
  SELECT 'cell0' AS cell, compute_node_id, CAST(address AS CHAR) AS address, CAST(parent_addr AS CHAR) AS parent_addr,
      CAST(dev_type AS CHAR) AS dev_type, CAST(vendor_id AS CHAR) AS vendor_id, CAST(product_id AS CHAR) AS product_id,
      CAST(status AS CHAR) AS status, CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
  UNION ALL
  SELECT 'cell1' AS cell, compute_node_id, CAST(address AS CHAR) AS address, CAST(parent_addr AS CHAR) AS parent_addr,
      CAST(dev_type AS CHAR) AS dev_type, CAST(vendor_id AS CHAR) AS vendor_id, CAST(product_id AS CHAR) AS product_id,
      CAST(status AS CHAR) AS status, CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
)
SELECT listed.cell, listed.host, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = listed.host
    AND start_hazard.cell = listed.cell
)) AND NOT (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = listed.host
    AND own_service.cell = listed.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = listed.host
    AND gone_service.cell = listed.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = listed.host
    AND its_server.cell = listed.cell
    AND its_server.deleted = 0
)))) THEN listed.host END AS restartable, CASE WHEN (CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM start_hazards AS start_hazard
  WHERE start_hazard.host = listed.host
    AND start_hazard.cell = listed.cell
)) AND NOT (NOT (EXISTS (
  SELECT *
  FROM services AS own_service
  WHERE own_service.host = listed.host
    AND own_service.cell = listed.cell
    AND own_service.`binary` = 'nova-compute'
    AND own_service.deleted = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM services AS gone_service
  WHERE gone_service.host = listed.host
    AND gone_service.cell = listed.cell
    AND gone_service.`binary` = 'nova-compute'
    AND gone_service.version <= 66
)) AND (EXISTS (
  SELECT *
  FROM instances AS its_server
  WHERE its_server.host = listed.host
    AND its_server.cell = listed.cell
    AND its_server.deleted = 0
)))) THEN listed.host END IS NULL) THEN concat('A start of nova-compute on ', listed.host,
    ' would remove a server that was evacuated from there and is back, or is about to be. Read in its log what it says of PCI in placement; openstack server migration list shows the evacuations.')
    END AS withheld, listed.node, listed.provider, listed.state, count(*) AS devices,
    count(DISTINCT listed.server) AS servers, concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.what END) AS
    CHAR), coalesce(concat(', ', max(CASE WHEN (listed.place = 2) THEN listed.what END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.what END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.what END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.what END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, min(listed.server) AS server,
    min(listed.product) AS product, min(listed.changed) AS newest_change, CASE WHEN (coalesce((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'report_in_placement'
), '') = '0' OR ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'update_resources_interval'
) + 0e0) < 0 OR ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'update_resources_interval'
) + 0e0) > 300) THEN 'I' ELSE 'M' END AS impact
FROM (
  SELECT each_device.cell AS cell, each_device.host AS host, each_device.node AS node, each_device.provider AS provider,
      each_device.server AS server, each_device.what AS what, each_device.state AS state,
      each_device.product AS product, each_device.changed AS changed, row_number() OVER (PARTITION BY each_device.cell,
      each_device.host, each_device.node, each_device.state ORDER BY each_device.what) AS place
  FROM (
    SELECT nodes.cell AS cell, nodes.host AS host, nodes.hypervisor_hostname AS node, own_provider.uuid AS provider,
        servers.uuid AS server, concat(servers.uuid, ' (', resource_providers.name, ')') AS what,
        'use PCI devices and hold none of them' AS state, device.product AS product,
        CASE WHEN (device.changed >= coalesce(CASE WHEN ((
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN device.changed ELSE CASE WHEN ((
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END END END AS changed
    FROM (
      SELECT pci_devices.cell AS cell, pci_devices.compute_node_id AS compute_node_id,
          pci_devices.instance_uuid AS instance_uuid, pci_devices.status AS status,
          CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN 1 ELSE 0 END AS whole,
          upper(CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN pci_devices.address ELSE
          pci_devices.parent_addr END) AS address, concat(pci_devices.vendor_id, ':',
          pci_devices.product_id) AS product, CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
          '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END AS changed
      FROM pci_devices
      WHERE pci_devices.deleted = 0
        AND pci_devices.instance_uuid IS NOT NULL
    ) AS device
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
    ) AS nodes ON nodes.cell = device.cell
      AND nodes.id = device.compute_node_id
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
    ) AS servers ON servers.uuid = device.instance_uuid
      AND nodes.cell = servers.cell
      AND nodes.hypervisor_hostname = servers.node
      AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
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
    INNER JOIN resource_providers AS own_provider ON own_provider.uuid = nodes.uuid
    INNER JOIN resource_providers ON resource_providers.name = (concat(nodes.hypervisor_hostname, '_', device.address))
      AND resource_providers.id IN (
        SELECT resource_provider_traits.resource_provider_id
        FROM resource_provider_traits
        INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
          AND traits.name = 'COMPUTE_MANAGED_PCI_DEVICE'
      )
      AND resource_providers.root_provider_id = own_provider.id
    WHERE device.whole = 1
      AND device.status = 'allocated'
      AND resource_providers.id IN (
        SELECT inventories.resource_provider_id
        FROM inventories
        GROUP BY inventories.resource_provider_id
        HAVING count(*) = 1
          AND max(inventories.total) = 1
      )
      AND NOT (EXISTS (
        SELECT *
        FROM allocations
        WHERE allocations.resource_provider_id = resource_providers.id
          AND allocations.consumer_id = servers.uuid
      ))
      AND (EXISTS (
        SELECT *
        FROM claims
        WHERE claims.consumer_id = servers.uuid
          AND claims.root_id = own_provider.id
          AND claims.core > 0
      ))
      AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
          'soft-delete', 'error')
      AND servers.host IS NOT NULL
      AND servers.node IS NOT NULL
      AND (servers.vm_state NOT IN ('error', 'resized'))
      AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
          'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
          'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
          '') LIKE 'rebuild%')
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS open_move
        WHERE open_move.instance_uuid = servers.uuid
          AND coalesce(open_move.deleted, 0) = 0
          AND (coalesce(open_move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
              'cancelled', 'done'))
      ))
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS open_move, claims AS moved
        WHERE open_move.instance_uuid = servers.uuid
          AND open_move.uuid = moved.consumer_id
      ))
      AND NOT (EXISTS (
        SELECT *
        FROM instances AS twin
        WHERE twin.uuid = servers.uuid
          AND twin.cell != servers.cell
          AND twin.deleted = 0
          AND coalesce(twin.hidden, 0) = 0
      ))
      AND coalesce(lone_computes.forced_down, 0) = 0
      AND lone_computes.last_seen_up >= CONVERT((
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
      AND (coalesce(lone_computes.updated_at, '') <= CONVERT(lone_computes.last_seen_up + INTERVAL (2) SECOND USING
          ascii) OR lone_computes.last_seen_up IS NULL)
    UNION ALL
    SELECT nodes.cell AS cell, nodes.host AS host, nodes.hypervisor_hostname AS node, own_provider.uuid AS provider,
        servers.uuid AS uuid, concat(servers.uuid, ' (', resource_providers.name, ')') AS anon_1,
        'hold more PCI devices than they use' AS anon_2, NULL AS anon_3,
        CASE WHEN (units.claimed >= coalesce(CASE WHEN ((
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN units.claimed ELSE CASE WHEN ((
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
      SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
          coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
          '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
          '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
      FROM migrations AS last_move
      WHERE last_move.instance_uuid = servers.uuid
    ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END END END AS anon_4
    FROM (
      SELECT allocations.consumer_id AS consumer_id, allocations.resource_provider_id AS resource_provider_id,
          sum(allocations.used) AS used, max(allocations.created_at) AS claimed
      FROM allocations
      WHERE allocations.resource_provider_id IN (
        SELECT resource_provider_traits.resource_provider_id
        FROM resource_provider_traits
        INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
          AND traits.name = 'COMPUTE_MANAGED_PCI_DEVICE'
      )
      GROUP BY allocations.consumer_id, allocations.resource_provider_id
    ) AS units
    INNER JOIN resource_providers ON resource_providers.id = units.resource_provider_id
    INNER JOIN resource_providers AS own_provider ON own_provider.id = resource_providers.root_provider_id
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
    ) AS servers ON servers.uuid = units.consumer_id
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
    ) AS nodes ON nodes.uuid = own_provider.uuid
      AND nodes.cell = servers.cell
      AND nodes.hypervisor_hostname = servers.node
      AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
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
    WHERE units.used > (
      SELECT count(*) AS count_1
      FROM (
        SELECT pci_devices.cell AS cell, pci_devices.compute_node_id AS compute_node_id,
            pci_devices.instance_uuid AS instance_uuid, pci_devices.status AS status,
            CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN 1 ELSE 0 END AS whole,
            upper(CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN pci_devices.address ELSE
            pci_devices.parent_addr END) AS address, concat(pci_devices.vendor_id, ':',
            pci_devices.product_id) AS product, CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
            '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END AS changed
        FROM pci_devices
        WHERE pci_devices.deleted = 0
          AND pci_devices.instance_uuid IS NOT NULL
      ) AS device
      WHERE device.cell = nodes.cell
        AND device.compute_node_id = nodes.id
        AND device.instance_uuid = servers.uuid
        AND (concat(nodes.hypervisor_hostname, '_', device.address)) = resource_providers.name
    )
      AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT pci_devices.cell AS cell, pci_devices.compute_node_id AS compute_node_id,
              pci_devices.instance_uuid AS instance_uuid, pci_devices.status AS status,
              CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN 1 ELSE 0 END AS whole,
              upper(CASE WHEN (pci_devices.dev_type IN ('type-PCI', 'type-PF')) THEN pci_devices.address ELSE
              pci_devices.parent_addr END) AS address, concat(pci_devices.vendor_id, ':',
              pci_devices.product_id) AS product, CASE WHEN (pci_devices.created_at >= coalesce(pci_devices.updated_at,
              '')) THEN pci_devices.created_at ELSE pci_devices.updated_at END AS changed
          FROM pci_devices
          WHERE pci_devices.deleted = 0
            AND pci_devices.instance_uuid IS NOT NULL
        ) AS device
        WHERE device.cell = nodes.cell
          AND device.compute_node_id = nodes.id
          AND device.instance_uuid = servers.uuid
          AND device.address IS NULL
      ))
      AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
          'soft-delete', 'error')
      AND servers.host IS NOT NULL
      AND servers.node IS NOT NULL
      AND (servers.vm_state NOT IN ('error', 'resized'))
      AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
          'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
          'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
          '') LIKE 'rebuild%')
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS open_move
        WHERE open_move.instance_uuid = servers.uuid
          AND coalesce(open_move.deleted, 0) = 0
          AND (coalesce(open_move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
              'cancelled', 'done'))
      ))
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS open_move, claims AS moved
        WHERE open_move.instance_uuid = servers.uuid
          AND open_move.uuid = moved.consumer_id
      ))
      AND NOT (EXISTS (
        SELECT *
        FROM instances AS twin
        WHERE twin.uuid = servers.uuid
          AND twin.cell != servers.cell
          AND twin.deleted = 0
          AND coalesce(twin.hidden, 0) = 0
      ))
      AND coalesce(lone_computes.forced_down, 0) = 0
      AND lone_computes.last_seen_up >= CONVERT((
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
      AND (coalesce(lone_computes.updated_at, '') <= CONVERT(lone_computes.last_seen_up + INTERVAL (2) SECOND USING
          ascii) OR lone_computes.last_seen_up IS NULL)
  ) AS each_device
) AS listed
GROUP BY listed.cell, listed.host, listed.node, listed.provider, listed.state
ORDER BY listed.cell, listed.host, listed.node, listed.state;
