-- N15 stray-hidden-server: Hidden row of a server that no resize between cells needs
-- Severity: warning, impact M
--
-- Says: server {instance} has a hidden row on {host} in {cell}, {state}
--
-- Why: A resize between cells hides the row that is not in use. When it ends without removing it, the row stays:
-- neither the API nor its owner sees it, while its host may still have the guest and its disk.
--
-- Left alone:
-- - any migration of the server that is in progress, or waits for its confirmation while the other is visible
-- - any task of the server but the one that it had when it was hidden
-- - rows changed just now, as the end of a resize removes them
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   nova-manage cell_v2 verify_instance --uuid {instance}
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
      hidden, compute_id, deleted, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      hidden, compute_id, deleted, CONVERT(created_at USING ascii) AS created_at,
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
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, deleted
  FROM nova.compute_nodes
),
sources AS (
  SELECT 'read' AS status
  UNION ALL
  SELECT 'read' AS status
  UNION ALL
  SELECT 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'missing' AS status
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
)
SELECT hidden.uuid AS instance, hidden.cell, hidden.host, hidden.vm_state, CASE WHEN (EXISTS (
  SELECT *
  FROM instances AS visible
  WHERE visible.uuid = hidden.uuid
    AND visible.deleted = 0
    AND coalesce(visible.hidden, 0) = 0
)) THEN 'though its resize is over' ELSE 'and no cell has one that can be seen' END AS state,
    concat('Only SQL removes a hidden row, and its host may still have the guest: look on ', coalesce(hidden.host,
    'the hosts of its last move'), ' (virsh list --all --uuid) first') AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = hidden.uuid
) >= coalesce((
  SELECT max(CASE WHEN (any_of_them.created_at >= coalesce(any_of_them.updated_at,
      '')) THEN any_of_them.created_at ELSE any_of_them.updated_at END) AS max_2
  FROM instances AS any_of_them
  WHERE any_of_them.uuid = hidden.uuid
), '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = hidden.uuid
) ELSE (
  SELECT max(CASE WHEN (any_of_them.created_at >= coalesce(any_of_them.updated_at,
      '')) THEN any_of_them.created_at ELSE any_of_them.updated_at END) AS max_2
  FROM instances AS any_of_them
  WHERE any_of_them.uuid = hidden.uuid
) END AS newest_change
FROM instances AS hidden
WHERE hidden.uuid IN (
  SELECT odd_servers.uuid
  FROM odd_servers
)
  AND hidden.hidden = 1
  AND hidden.deleted = 0
  AND NOT ((EXISTS (
    SELECT *
    FROM migrations
    WHERE migrations.instance_uuid = hidden.uuid
      AND coalesce(migrations.deleted, 0) = 0
      AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  )) AND (EXISTS (
    SELECT *
    FROM instances AS visible
    WHERE visible.uuid = hidden.uuid
      AND visible.deleted = 0
      AND coalesce(visible.hidden, 0) = 0
  )) OR (EXISTS (
    SELECT *
    FROM migrations AS move
    WHERE move.instance_uuid = hidden.uuid
      AND coalesce(move.deleted, 0) = 0
      AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
      AND coalesce(move.status, '') != 'finished'
  )))
  AND NOT ((coalesce(hidden.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
      'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
      'unshelving') OR coalesce(hidden.task_state, '') LIKE 'resize%' OR coalesce(hidden.task_state,
      '') LIKE 'rebuild%') AND hidden.task_state != 'resize_migrated')
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
ORDER BY instance, hidden.cell;
