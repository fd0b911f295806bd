-- N22 state-without-end: Server or resize in a state that nothing ends
-- Severity: warning, impact M
--
-- Says: server {instance} {verdict}
--
-- Why: No order and no periodic task of nova ends it. The server takes few orders or none, and what it or its migration
-- holds is never freed.
--
-- Left alone:
-- - a resized server whose resize waits to be confirmed, however long
-- - another migration or task of the server that is in progress
-- - a server that a cross-cell resize hides, or that two cells show, and servers in cell0
-- - a resize between cells of which only one half has ended, for an hour; a build without a task, for a day
-- - rows changed just now, as the two halves of each step are written one after the other
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack server event list {instance}
--   openstack resource provider allocation show {instance}
--   openstack resource provider allocation show {migration}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
-- Before 2023.2 there is no instances.compute_id: write NULL in its place.
-- No rows as long as cell_mappings has a cell that is not named here, or fewer than half of the compute nodes have a
-- provider: then a table of warnings stands in their place.
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
compute_nodes AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.compute_nodes
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
)
SELECT 'placement and nova may belong to different clouds: check the names of the schemas' AS warning
FROM DUAL
WHERE (
  SELECT count(*) AS count_1
  FROM compute_nodes AS any_node
  WHERE any_node.deleted = 0
) >= 4
  AND (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
      AND any_node.uuid IN (
        SELECT any_provider.uuid
        FROM resource_providers AS any_provider
      )
  ) * 2 < (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) OR (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) = 0
  AND (
    SELECT count(*) AS count_2
    FROM claims AS any_claim
  ) >= 4;

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
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, CONVERT(dest_node USING utf8mb4) AS dest_node, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, CONVERT(dest_node USING utf8mb4) AS dest_node, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.migrations
),
compute_nodes AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.compute_nodes
),
snapshot AS (
  SELECT CONVERT(@taken_at USING ascii) AS as_of
),
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, 0 AS cell0, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, 0 AS cell0, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name,
      coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000') THEN 1 END, 0) AS cell0,
      'missing' AS status
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
)
SELECT found.instance, found.cell, found.host, found.node, found.vm_state, found.fault, found.migration, found.verdict,
    found.withheld, found.newest_change, found.impact
FROM (
  SELECT servers.uuid AS instance, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, 'finished' AS fault, migrations.uuid AS migration, concat('is ',
      coalesce(servers.vm_state, 'in no state'), ' on ', coalesce(servers.host, 'its host'), ', while its ',
      coalesce(migrations.migration_type, 'migration'), ' from ', coalesce(migrations.source_compute, 'the source'),
      ' to ', coalesce(migrations.dest_compute, 'the destination'),
      ' waits for a confirmation that nova refuses') AS verdict, CASE WHEN (coalesce(servers.host =
      migrations.dest_compute, false) = 1 OR coalesce(servers.node = migrations.dest_node,
      false) = 1) THEN concat('Nova confirms only a server in state resized, and somebody has reset that state: ',
      'see that the guest is on ', coalesce(migrations.dest_compute, 'the destination'), ' (virsh list --all --uuid)',
      ', have a DBA set its vm_state to ''resized'' in the cell''s database, then confirm the move') ELSE
      concat('The server has left ', coalesce(migrations.dest_compute, 'the destination'),
      ', and this migration was not ended: see that the guest is on ', coalesce(servers.host, 'its host'),
      ' and not on ', coalesce(migrations.source_compute, 'the source'), ' (virsh list --all --uuid)',
      ', have a DBA end this migration in the cell''s database, and audit again: X12 then tells what it still holds')
      END AS withheld, CASE WHEN (CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
      '')) THEN migrations.created_at ELSE migrations.updated_at END >= coalesce(CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END,
      '')) THEN CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
      '')) THEN migrations.created_at ELSE migrations.updated_at END ELSE CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END END AS newest_change, CASE WHEN (EXISTS (
    SELECT *
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = migrations.uuid
  )) THEN 'H' ELSE 'M' END AS impact
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
  ) AS servers ON servers.uuid = migrations.instance_uuid
  WHERE migrations.status = 'finished'
    AND coalesce(migrations.deleted, 0) = 0
    AND coalesce(migrations.migration_type, 'migration') IN ('migration', 'resize')
    AND NOT (coalesce(servers.vm_state, '') = 'resized' AND (coalesce(servers.host = migrations.dest_compute,
        false) = 1 OR coalesce(servers.node = migrations.dest_node, false) = 1))
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
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.cell > migrations.cell
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
    ))
  UNION ALL
  SELECT servers.uuid AS instance, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, 'resized' AS fault, (
    SELECT max(open.uuid) AS max_3
    FROM migrations AS open
    WHERE open.instance_uuid = servers.uuid
      AND (EXISTS (
        SELECT *
        FROM claims AS last_claim
        WHERE last_claim.consumer_id = open.uuid
      ))
  ) AS migration, concat('is resized on ', coalesce(servers.host, 'its host'),
      ', but has no resize that could be confirmed or reverted') AS verdict,
      concat('Only a reset of its state ends this: see first that the guest is on ', coalesce(servers.host, 'its host'),
      ' (virsh list --all --uuid)', ', and how its last move ended') AS withheld, CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change, 'M' AS impact
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
  WHERE servers.vm_state = 'resized'
    AND servers.task_state IS NULL
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS open
      WHERE open.instance_uuid = servers.uuid
        AND coalesce(open.deleted, 0) = 0
        AND (coalesce(open.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'))
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
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
  UNION ALL
  SELECT servers.uuid AS instance, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, 'deleted' AS fault, NULL AS migration, concat('is in state deleted on ',
      coalesce(servers.host, 'its host'), ', but its row is not deleted') AS verdict,
      concat('The next start of nova-compute on ', coalesce(servers.host, 'its host'),
      ' completes the deletion: see first with openstack server event list ', servers.uuid,
      ' that its owner ordered one') AS withheld, CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change, CASE WHEN (EXISTS (
    SELECT *
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
      AND last_claim.own > 0
  )) THEN 'H' ELSE 'M' END AS impact
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
  WHERE servers.vm_state = 'deleted'
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
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
  UNION ALL
  SELECT servers.uuid AS instance, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, 'nowhere' AS fault, NULL AS migration, concat('is ', servers.vm_state,
      ', but nova has no ', CASE WHEN (servers.host IS NULL) THEN 'host' ELSE 'node' END, ' for it, while it holds ',
      coalesce((
    SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
        CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
        any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
    FROM allocations AS any_held
    INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
    LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
    WHERE any_held.consumer_id = servers.uuid
  ), 'nothing')) AS verdict, concat(CASE WHEN (EXISTS (
    SELECT *
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
      AND last_claim.own > 0
  )) THEN
      concat('The guest is most likely on the host on which the server holds resources, so nothing of that may be freed: ',
      'look there') ELSE concat('Nothing accounts for the guest: look on ', coalesce(servers.launched_on,
      'the hosts of its last moves'), ' and the hosts of its last moves') END, ' (virsh list --all --uuid)',
      ', and have a DBA set host and node of the server in the cell''s database') AS withheld, CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change, 'H' AS impact
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
  WHERE servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete')
    AND (servers.host IS NULL OR servers.node IS NULL)
    AND ((EXISTS (
      SELECT *
      FROM claims AS last_claim
      WHERE last_claim.consumer_id = servers.uuid
        AND last_claim.own > 0
    )) OR servers.vm_state != 'soft-delete')
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
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
  UNION ALL
  SELECT servers.uuid AS instance, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, 'building' AS fault, NULL AS migration, concat('has been building since ',
      coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, 'long ago'), ' without a task, and holds ', coalesce((
    SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
        CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
        any_held_on.name) SEPARATOR ', ') AS aggregate_strings_2
    FROM allocations AS any_held
    INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
    LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
    WHERE any_held.consumer_id = servers.uuid
  ), 'nothing')) AS verdict,
      concat('Nothing goes on with it: its owner may delete it, and a start of nova-compute on its host puts it ',
      'into error; see first in openstack server event list ', servers.uuid,
      ' that its build is not under way') AS withheld, CASE WHEN ((
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(last_claim.newest) AS max_1
    FROM claims AS last_claim
    WHERE last_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change, 'M' AS impact
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
  WHERE servers.vm_state = 'building'
    AND coalesce(servers.task_state, '') = ''
    AND CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END < CONVERT((
      SELECT snapshot.as_of
      FROM snapshot
    ) + INTERVAL (-86400) SECOND USING ascii)
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
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
  UNION ALL
  SELECT migrations.instance_uuid AS instance, migrations.cell AS cell, migrations.dest_compute AS host,
      migrations.dest_node AS node, NULL AS vm_state, 'halves' AS fault, migrations.uuid AS migration, concat('has a ',
      coalesce(migrations.migration_type, 'migration'), ' from ', coalesce(migrations.source_compute, 'the source'),
      ' to ', coalesce(migrations.dest_compute, 'the destination'), ' that is ', migrations.status, ' in ',
      migrations.cell, ' and ', (
    SELECT min(twin.status) AS min_1
    FROM migrations AS twin
    WHERE twin.uuid = migrations.uuid
      AND twin.cell != migrations.cell
      AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
  ), ' in another cell') AS verdict,
      concat('No command of nova ends a move that is over in one cell and open in another: see which of ',
      coalesce(migrations.source_compute, 'the source'), ' and ', coalesce(migrations.dest_compute, 'the destination'),
      ' has the guest', ' (virsh list --all --uuid)', ' before anybody changes a row in either cell') AS withheld,
      CASE WHEN ((
    SELECT max(CASE WHEN (twin.created_at >= coalesce(twin.updated_at,
        '')) THEN twin.created_at ELSE twin.updated_at END) AS max_4
    FROM migrations AS twin
    WHERE twin.uuid = migrations.uuid
      AND twin.cell != migrations.cell
      AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
  ) >= coalesce(CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
      '')) THEN migrations.created_at ELSE migrations.updated_at END, '')) THEN (
    SELECT max(CASE WHEN (twin.created_at >= coalesce(twin.updated_at,
        '')) THEN twin.created_at ELSE twin.updated_at END) AS max_4
    FROM migrations AS twin
    WHERE twin.uuid = migrations.uuid
      AND twin.cell != migrations.cell
      AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
  ) ELSE CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
      '')) THEN migrations.created_at ELSE migrations.updated_at END END AS newest_change, 'M' AS impact
  FROM migrations
  WHERE coalesce(migrations.deleted, 0) = 0
    AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
        'done'))
    AND (EXISTS (
      SELECT *
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.cell != migrations.cell
        AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
    ))
    AND (migrations.status = 'finished' OR (
      SELECT max(CASE WHEN (twin.created_at >= coalesce(twin.updated_at,
          '')) THEN twin.created_at ELSE twin.updated_at END) AS max_4
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.cell != migrations.cell
        AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
    ) >= CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
        '')) THEN migrations.created_at ELSE migrations.updated_at END)
    AND CASE WHEN ((
      SELECT max(CASE WHEN (twin.created_at >= coalesce(twin.updated_at,
          '')) THEN twin.created_at ELSE twin.updated_at END) AS max_4
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.cell != migrations.cell
        AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
    ) >= coalesce(CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
        '')) THEN migrations.created_at ELSE migrations.updated_at END, '')) THEN (
      SELECT max(CASE WHEN (twin.created_at >= coalesce(twin.updated_at,
          '')) THEN twin.created_at ELSE twin.updated_at END) AS max_4
      FROM migrations AS twin
      WHERE twin.uuid = migrations.uuid
        AND twin.cell != migrations.cell
        AND twin.status IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled', 'done')
    ) ELSE CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
        '')) THEN migrations.created_at ELSE migrations.updated_at END END < CONVERT((
      SELECT snapshot.as_of
      FROM snapshot
    ) + INTERVAL (-3600) SECOND USING ascii)
) AS found
WHERE NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
))
  AND NOT ((
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) >= 4 AND (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
      AND any_node.uuid IN (
        SELECT any_provider.uuid
        FROM resource_providers AS any_provider
      )
  ) * 2 < (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) OR (
    SELECT count(*) AS count_1
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) = 0 AND (
    SELECT count(*) AS count_2
    FROM claims AS any_claim
  ) >= 4)
ORDER BY found.instance, found.fault;
