-- N02 server-not-mapped-to-its-cell: Server that nova looks for in another cell, or in none
-- Severity: error, impact H
--
-- Says: server {instance} is in {cell}, but nova's mapping of it names {mapped_to}
--
-- Why: The API finds a server by its mapping alone: this one can neither be shown nor deleted by its owner, while it
-- runs and holds its host's room.
--
-- Left alone:
-- - a build that is queued: N10 tells of one that has been for an hour
-- - a server made or changed just now: the mapping follows within moments
-- - a migration of the server is in progress: a resize between cells turns the mapping around
-- - cells that are known by --cell-db alone, not by cell_mappings
--
-- What to do, with a row's columns for the names in braces:
--   nova-manage cell_v2 verify_instance --uuid {instance}
--   nova-manage cell_v2 map_instances --cell_uuid {unmapped_in} --reset
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
instance_mappings AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, cell_id, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.instance_mappings
),
build_requests AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid
  FROM nova_api.build_requests
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
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
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
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, 0 AS cell0, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, 0 AS cell0, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name,
      coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000') THEN 1 END, 0) AS cell0,
      mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'missing' AS status
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
SELECT servers.uuid AS instance, servers.cell, servers.host, servers.vm_state,
    CASE WHEN (instance_mappings.instance_uuid IS NULL) THEN 'no cell, for there is none' WHEN
    (instance_mappings.cell_id IS NULL) THEN 'no cell yet, though no build is queued' ELSE coalesce(mapped_cell.cell,
    'a cell that is not there') END AS mapped_to, CASE WHEN (instance_mappings.instance_uuid IS NULL AND NOT (EXISTS (
  SELECT *
  FROM instances AS twin
  WHERE twin.uuid = servers.uuid
    AND twin.cell != servers.cell
    AND twin.deleted = 0
    AND coalesce(twin.hidden, 0) = 0
))) THEN own_cell.cell_uuid END AS unmapped_in, CASE WHEN (instance_mappings.instance_uuid IS NULL AND (EXISTS (
  SELECT *
  FROM instances AS twin
  WHERE twin.uuid = servers.uuid
    AND twin.cell != servers.cell
    AND twin.deleted = 0
    AND coalesce(twin.hidden, 0) = 0
))) THEN concat('another cell shows the server, too, and a mapping decides which of them nova believes: ',
    'see first where its guest is (N01)') WHEN (instance_mappings.instance_uuid IS NULL) THEN NULL ELSE
    concat('no command changes the mapping of a server: look for its guest on ', coalesce(servers.host, 'its host'),
    '; where it runs there, correct cell_id in nova''s instance_mappings by hand.') END AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) >= coalesce(CASE WHEN (instance_mappings.updated_at >= coalesce(CASE WHEN (servers.created_at >=
    coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END,
    '')) THEN instance_mappings.updated_at ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) ELSE CASE WHEN (instance_mappings.updated_at >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN instance_mappings.updated_at ELSE CASE WHEN
    (servers.created_at >= coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END END END
    AS newest_change, CASE WHEN (servers.cell IN (
  SELECT sources.name
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.cell0 = 1
)) THEN 'M' ELSE 'H' END AS impact
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
  SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.cell_id IS NOT NULL
) AS own_cell ON own_cell.cell = servers.cell
LEFT OUTER JOIN instance_mappings ON instance_mappings.instance_uuid = servers.uuid
LEFT OUTER JOIN (
  SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.cell_id IS NOT NULL
) AS mapped_cell ON mapped_cell.cell_id = instance_mappings.cell_id
WHERE servers.uuid IN (
  SELECT `row`.uuid
  FROM instances AS `row`
  WHERE `row`.deleted = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instance_mappings AS right_mapping, (
        SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell_id IS NOT NULL
      ) AS home
      WHERE right_mapping.instance_uuid = `row`.uuid
        AND home.cell_id = right_mapping.cell_id
        AND home.cell = `row`.cell
    ))
)
  AND coalesce(instance_mappings.cell_id != own_cell.cell_id, true) = 1
  AND (instance_mappings.instance_uuid IS NULL OR instance_mappings.cell_id IS NOT NULL OR NOT (EXISTS (
    SELECT *
    FROM build_requests
    WHERE build_requests.instance_uuid = servers.uuid
  )))
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
ORDER BY instance;
