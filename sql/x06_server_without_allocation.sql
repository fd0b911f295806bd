-- X06 server-without-allocation: Server that holds nothing on its host
-- Severity: error, impact H
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X06 tells which of them are faults.
--
-- Says: server {instance} is {vm_state} on {node} and holds {lacks} of that host; all that it holds: {held}
--
-- Why: Placement takes the host for emptier than it is and offers the same CPUs and memory once more, so the host is
-- overbooked without anybody having decided so.
--
-- Left alone:
-- - a migration, resize or another task of the server is in progress
-- - a flavor that asks for nothing, or for disk alone
-- - a bare metal node that offers nothing the server asks for
-- - a server that a cross-cell resize hides, or that two cells show
-- - a host whose provider is missing, which is a finding of its own
-- - a server whose CPUs and memory are on another host, which is a finding of its own
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack resource provider allocation show {instance}
--   nova-manage placement heal_allocations --instance {healable}
--   openstack --os-placement-api-version 1.28 resource provider allocation set {allocation_words} --project-id {project} --user-id {user} {instance}
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
  SELECT resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size,
      CONCAT(allocation_ratio) + 0e0 AS allocation_ratio
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
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
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
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(source_node USING utf8mb4) AS source_node, CONVERT(dest_compute USING utf8mb4) AS dest_compute,
      CONVERT(dest_node USING utf8mb4) AS dest_node, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(source_node USING utf8mb4) AS source_node, CONVERT(dest_compute USING utf8mb4) AS dest_compute,
      CONVERT(dest_node USING utf8mb4) AS dest_node, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
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
reach AS (
  SELECT trees.root_id, trees.provider_id
  FROM trees
  UNION
  SELECT trees.root_id, shared.resource_provider_id AS provider_id
  FROM resource_provider_aggregates AS shared
  INNER JOIN resource_provider_aggregates AS `member` ON `member`.aggregate_id = shared.aggregate_id
  INNER JOIN trees ON trees.provider_id = `member`.resource_provider_id
  WHERE shared.resource_provider_id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  )
),
unclaimed AS (
  SELECT instances.uuid
  FROM instances
  WHERE instances.deleted = 0
    AND instances.host IS NOT NULL
    AND NOT (EXISTS (
      SELECT *
      FROM claims
      WHERE claims.consumer_id = instances.uuid
        AND (claims.core > 0 AND ((claims.root_id NOT IN (
          SELECT resource_providers.id
          FROM resource_providers
          WHERE (resource_providers.id NOT IN (
            SELECT offered_in.root_id
            FROM trees AS offered_in
            INNER JOIN inventories ON inventories.resource_provider_id = offered_in.provider_id
            WHERE inventories.resource_class_id IN (
              SELECT resource_classes.id
              FROM resource_classes
              WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
            )
          ))
            AND (resource_providers.uuid NOT IN (
              SELECT compute_nodes.uuid
              FROM compute_nodes
              WHERE compute_nodes.uuid IS NOT NULL
            ))
        )) OR instances.node IN (
          SELECT bare_metal.hypervisor_hostname
          FROM compute_nodes AS bare_metal
          WHERE bare_metal.hypervisor_type = 'ironic'
            AND bare_metal.hypervisor_hostname IS NOT NULL
        ) OR NOT ((
          SELECT count(*) AS count_1
          FROM resource_classes AS known_class
          WHERE known_class.id = 0
            AND known_class.name = 'VCPU' OR known_class.id = 14
            AND known_class.name = 'PCPU' OR known_class.id = 1
            AND known_class.name = 'MEMORY_MB' OR known_class.id = 2
            AND known_class.name = 'DISK_GB'
        ) = 4 AND NOT (EXISTS (
          SELECT *
          FROM resource_classes AS known_class
          WHERE (known_class.id IN (0, 14, 1, 2) OR known_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
            AND coalesce(known_class.id = 0 AND known_class.name = 'VCPU' OR known_class.id = 14 AND known_class.name =
                'PCPU' OR known_class.id = 1 AND known_class.name = 'MEMORY_MB' OR known_class.id = 2 AND known_class.name
                = 'DISK_GB', 0) = 0
        )))) OR claims.own > 0 AND (instances.node IN (
          SELECT bare_metal.hypervisor_hostname
          FROM compute_nodes AS bare_metal
          WHERE bare_metal.hypervisor_type = 'ironic'
            AND bare_metal.hypervisor_hostname IS NOT NULL
        ) OR NOT ((
          SELECT count(*) AS count_1
          FROM resource_classes AS known_class
          WHERE known_class.id = 0
            AND known_class.name = 'VCPU' OR known_class.id = 14
            AND known_class.name = 'PCPU' OR known_class.id = 1
            AND known_class.name = 'MEMORY_MB' OR known_class.id = 2
            AND known_class.name = 'DISK_GB'
        ) = 4 AND NOT (EXISTS (
          SELECT *
          FROM resource_classes AS known_class
          WHERE (known_class.id IN (0, 14, 1, 2) OR known_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
            AND coalesce(known_class.id = 0 AND known_class.name = 'VCPU' OR known_class.id = 14 AND known_class.name =
                'PCPU' OR known_class.id = 1 AND known_class.name = 'MEMORY_MB' OR known_class.id = 2 AND known_class.name
                = 'DISK_GB', 0) = 0
        )))))
    ))
),
astray AS (
  SELECT instances.uuid
  FROM claims
  INNER JOIN resource_providers ON resource_providers.id = claims.root_id
  INNER JOIN instances ON instances.uuid = claims.consumer_id
  WHERE claims.own > 0
    AND instances.deleted = 0
    AND NOT (EXISTS (
      SELECT *
      FROM compute_nodes
      WHERE compute_nodes.uuid = resource_providers.uuid
        AND compute_nodes.deleted = 0
        AND compute_nodes.cell = instances.cell
        AND compute_nodes.hypervisor_hostname = instances.node
        AND (compute_nodes.host = instances.host OR compute_nodes.hypervisor_type = 'ironic')
    ))
),
unknown_consumers AS (
  SELECT DISTINCT claims.consumer_id
  FROM claims
  WHERE NOT (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.uuid = claims.consumer_id
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations
      WHERE migrations.uuid = claims.consumer_id
    ))
),
instance_actions AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action,
      CONVERT(start_time USING ascii) AS start_time
  FROM nova_cell0.instance_actions
  WHERE instance_uuid IN (
    SELECT migrations.instance_uuid
    FROM migrations
    WHERE migrations.uuid IN (
      SELECT claims.consumer_id
      FROM claims
    )
      AND migrations.instance_uuid IS NOT NULL
    UNION
    SELECT astray.uuid
    FROM astray
    UNION
    SELECT unclaimed.uuid
    FROM unclaimed
    UNION
    SELECT unknown_consumers.consumer_id
    FROM unknown_consumers
    UNION
    SELECT instances.uuid
    FROM instances
    WHERE instances.deleted = 0
      AND instances.host IS NULL
      AND instances.uuid IN (
        SELECT claims.consumer_id
        FROM claims
      )
  )
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action,
      CONVERT(start_time USING ascii) AS start_time
  FROM nova.instance_actions
  WHERE instance_uuid IN (
    SELECT migrations.instance_uuid
    FROM migrations
    WHERE migrations.uuid IN (
      SELECT claims.consumer_id
      FROM claims
    )
      AND migrations.instance_uuid IS NOT NULL
    UNION
    SELECT astray.uuid
    FROM astray
    UNION
    SELECT unclaimed.uuid
    FROM unclaimed
    UNION
    SELECT unknown_consumers.consumer_id
    FROM unknown_consumers
    UNION
    SELECT instances.uuid
    FROM instances
    WHERE instances.deleted = 0
      AND instances.host IS NULL
      AND instances.uuid IN (
        SELECT claims.consumer_id
        FROM claims
      )
  )
),
expected AS (
  SELECT unclaimed.uuid AS instance_uuid, resource_classes.name AS resource_class, 1 AS amount, 0 AS sure,
      CAST(NULL AS CHAR) AS hindrance
  FROM unclaimed
  INNER JOIN resource_classes ON true = 1
),
bare_servers AS (
  SELECT DISTINCT servers.uuid AS uuid, servers.cell AS cell, servers.host AS host, servers.node AS node,
      servers.vm_state AS vm_state, servers.task_state AS task_state, servers.project_id AS project_id,
      servers.user_id AS user_id, own_provider.uuid AS provider, CASE WHEN (EXISTS (
    SELECT *
    FROM claims AS here
    WHERE here.consumer_id = servers.uuid
      AND here.root_id = trees.root_id
      AND here.own > 0
  )) THEN 1 ELSE 0 END AS something_here, (
    SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
        CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
        any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
    FROM allocations AS any_held
    INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
    LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
    WHERE any_held.consumer_id = servers.uuid
  ) AS held, CASE WHEN (coalesce((
    SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
        doubtful_move.source_compute END) AS max_1
    FROM migrations AS doubtful_move
    WHERE doubtful_move.instance_uuid = servers.uuid
      AND coalesce(servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.status, '') IN ('confirmed', 'completed',
          'done') OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') IN ('finished',
          'confirming') AND doubtful_move.deleted = 0 OR servers.host = doubtful_move.dest_compute AND servers.node =
          doubtful_move.dest_node AND coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') = 'error' AND (EXISTS (
        SELECT *
        FROM instance_actions AS confirm_order
        WHERE confirm_order.instance_uuid = doubtful_move.instance_uuid
          AND confirm_order.action = 'confirmResize'
          AND confirm_order.start_time >= doubtful_move.created_at
          AND NOT (EXISTS (
            SELECT *
            FROM instance_actions AS revert_order
            WHERE revert_order.instance_uuid = confirm_order.instance_uuid
              AND revert_order.action = 'revertResize'
              AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
          ))
      )) OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND coalesce(doubtful_move.status,
          '') = 'error' OR servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node AND
          coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND coalesce(doubtful_move.status,
          '') IN ('failed', 'cancelled') OR servers.host = doubtful_move.source_compute AND servers.node =
          doubtful_move.source_node AND coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') = 'reverted' OR servers.host = doubtful_move.dest_compute AND
          servers.node = doubtful_move.dest_node AND servers.host = doubtful_move.source_compute AND servers.node =
          doubtful_move.source_node AND coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error',
          'failed', 'completed', 'cancelled', 'done'), false) = 0
      AND NOT (coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
          'cancelled', 'done') AND doubtful_move.dest_compute IS NULL AND doubtful_move.dest_node IS NULL)
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS proving_move
        WHERE proving_move.instance_uuid = servers.uuid
          AND coalesce(servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.status, '') IN ('confirmed', 'completed',
              'done') OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.migration_type, 'migration') IN ('migration',
              'resize') AND coalesce(proving_move.status, '') IN ('finished',
              'confirming') AND proving_move.deleted = 0 OR servers.host = proving_move.dest_compute AND servers.node =
              proving_move.dest_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
              'resize') AND coalesce(proving_move.status, '') = 'error' AND (EXISTS (
            SELECT *
            FROM instance_actions AS confirm_order
            WHERE confirm_order.instance_uuid = proving_move.instance_uuid
              AND confirm_order.action = 'confirmResize'
              AND confirm_order.start_time >= proving_move.created_at
              AND NOT (EXISTS (
                SELECT *
                FROM instance_actions AS revert_order
                WHERE revert_order.instance_uuid = confirm_order.instance_uuid
                  AND revert_order.action = 'revertResize'
                  AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
              ))
          )) OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND coalesce(proving_move.status,
              '') = 'error' OR servers.host = proving_move.source_compute AND servers.node = proving_move.source_node
              AND coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND
              coalesce(proving_move.status, '') IN ('failed', 'cancelled') OR servers.host = proving_move.source_compute
              AND servers.node = proving_move.source_node AND coalesce(proving_move.migration_type,
              'migration') IN ('migration', 'resize') AND coalesce(proving_move.status,
              '') = 'reverted' OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              servers.host = proving_move.source_compute AND servers.node = proving_move.source_node AND
              coalesce(proving_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
              'cancelled', 'done'), false) = 1
          AND coalesce(proving_move.created_at > doubtful_move.created_at, false) = 1
      ))
  ), CASE WHEN (NOT (coalesce(servers.launched_on = servers.host, false) = 1 OR (EXISTS (
    SELECT *
    FROM migrations AS vouching_move
    WHERE vouching_move.instance_uuid = servers.uuid
      AND coalesce(servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.status, '') IN ('confirmed', 'completed',
          'done') OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') IN ('finished',
          'confirming') AND vouching_move.deleted = 0 OR servers.host = vouching_move.dest_compute AND servers.node =
          vouching_move.dest_node AND coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') = 'error' AND (EXISTS (
        SELECT *
        FROM instance_actions AS confirm_order
        WHERE confirm_order.instance_uuid = vouching_move.instance_uuid
          AND confirm_order.action = 'confirmResize'
          AND confirm_order.start_time >= vouching_move.created_at
          AND NOT (EXISTS (
            SELECT *
            FROM instance_actions AS revert_order
            WHERE revert_order.instance_uuid = confirm_order.instance_uuid
              AND revert_order.action = 'revertResize'
              AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
          ))
      )) OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND coalesce(vouching_move.status,
          '') = 'error' OR servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node AND
          coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND coalesce(vouching_move.status,
          '') IN ('failed', 'cancelled') OR servers.host = vouching_move.source_compute AND servers.node =
          vouching_move.source_node AND coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') = 'reverted' OR servers.host = vouching_move.dest_compute AND
          servers.node = vouching_move.dest_node AND servers.host = vouching_move.source_compute AND servers.node =
          vouching_move.source_node AND coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error',
          'failed', 'completed', 'cancelled', 'done'), false) = 1
  )))) THEN coalesce(servers.launched_on, 'the one where it was built') END) IS NOT NULL) THEN 0 WHEN (EXISTS (
    SELECT *
    FROM claims AS elsewhere, resource_providers AS other_root
    WHERE elsewhere.consumer_id = servers.uuid
      AND elsewhere.root_id = other_root.id
      AND elsewhere.root_id != trees.root_id
      AND elsewhere.own > 0
      AND NOT (NOT (EXISTS (
        SELECT *
        FROM compute_nodes AS storage_node
        WHERE storage_node.uuid = other_root.uuid
      )) AND NOT (EXISTS (
        SELECT *
        FROM inventories AS offered, resource_classes AS offered_class
        WHERE offered.resource_provider_id = other_root.id
          AND offered_class.id = offered.resource_class_id
          AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
      )))
  )) THEN 1 WHEN (servers.vm_state = 'error') THEN 2 WHEN (servers.task_state IS NOT NULL) THEN 3 WHEN (NOT (EXISTS (
    SELECT *
    FROM expected AS any_flavor
    WHERE any_flavor.instance_uuid = servers.uuid
  ))) THEN 4 WHEN ((EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
  )) AND (
    SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
    FROM allocations AS disk_row
    INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
    WHERE disk_row.consumer_id = servers.uuid
      AND disk_class.name = 'DISK_GB'
  ) = 0 AND ((EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
      AND (EXISTS (
        SELECT *
        FROM inventories AS any_offer
        WHERE any_offer.resource_provider_id = own_provider.id
          AND any_offer.resource_class_id = asked_class.id
      ))
  )) AND (
    SELECT count(DISTINCT pool_of_disk.id) AS count_1
    FROM resource_providers AS pool_of_disk
    INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
    INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
    INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
    WHERE pool_reach.root_id = own_provider.id
      AND pool_of_disk.id != own_provider.id
      AND pool_class.name = 'DISK_GB'
  ) > 0 OR NOT (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
      AND (EXISTS (
        SELECT *
        FROM inventories AS any_offer
        WHERE any_offer.resource_provider_id = own_provider.id
          AND any_offer.resource_class_id = asked_class.id
      ))
  )) AND (
    SELECT count(DISTINCT pool_of_disk.id) AS count_1
    FROM resource_providers AS pool_of_disk
    INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
    INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
    INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
    WHERE pool_reach.root_id = own_provider.id
      AND pool_of_disk.id != own_provider.id
      AND pool_class.name = 'DISK_GB'
  ) > 1)) THEN 5 WHEN ((EXISTS (
    SELECT *
    FROM expected AS asked
    WHERE asked.instance_uuid = servers.uuid
      AND asked.amount > 0
      AND (asked.resource_class NOT IN (
        SELECT resource_classes.name
        FROM resource_classes
      ))
  )) OR (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND (
        SELECT coalesce(sum(mine.used), 0) AS coalesce_2
        FROM allocations AS mine
        WHERE mine.consumer_id = servers.uuid
          AND mine.resource_class_id = asked_class.id
      ) = 0
      AND (offered_asked.resource_class != 'DISK_GB' OR NOT ((EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
      )) AND (
        SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
        FROM allocations AS disk_row
        INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
        WHERE disk_row.consumer_id = servers.uuid
          AND disk_class.name = 'DISK_GB'
      ) = 0 AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
          AND (EXISTS (
            SELECT *
            FROM inventories AS any_offer
            WHERE any_offer.resource_provider_id = own_provider.id
              AND any_offer.resource_class_id = asked_class.id
          ))
      )) AND (
        SELECT count(DISTINCT pool_of_disk.id) AS count_1
        FROM resource_providers AS pool_of_disk
        INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
        INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
        INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
        WHERE pool_reach.root_id = own_provider.id
          AND pool_of_disk.id != own_provider.id
          AND pool_class.name = 'DISK_GB'
      ) = 1))
      AND NOT (EXISTS (
        SELECT *
        FROM inventories AS any_offer
        WHERE any_offer.resource_provider_id = own_provider.id
          AND any_offer.resource_class_id = asked_class.id
      ))
  ))) THEN 6 WHEN (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND (
        SELECT coalesce(sum(mine.used), 0) AS coalesce_2
        FROM allocations AS mine
        WHERE mine.consumer_id = servers.uuid
          AND mine.resource_class_id = asked_class.id
      ) = 0
      AND ((offered_asked.resource_class != 'DISK_GB' OR NOT ((EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
      )) AND (
        SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
        FROM allocations AS disk_row
        INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
        WHERE disk_row.consumer_id = servers.uuid
          AND disk_class.name = 'DISK_GB'
      ) = 0 AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
          AND (EXISTS (
            SELECT *
            FROM inventories AS any_offer
            WHERE any_offer.resource_provider_id = own_provider.id
              AND any_offer.resource_class_id = asked_class.id
          ))
      )) AND (
        SELECT count(DISTINCT pool_of_disk.id) AS count_1
        FROM resource_providers AS pool_of_disk
        INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
        INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
        INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
        WHERE pool_reach.root_id = own_provider.id
          AND pool_of_disk.id != own_provider.id
          AND pool_class.name = 'DISK_GB'
      ) = 1)) AND NOT (EXISTS (
        SELECT *
        FROM inventories AS offer
        WHERE offer.resource_provider_id = own_provider.id
          AND offer.resource_class_id = asked_class.id
          AND offer.min_unit <= offered_asked.amount
          AND offer.max_unit >= offered_asked.amount
          AND CASE WHEN (offer.step_size > 0) THEN offered_asked.amount % offer.step_size ELSE 1 END = 0
          AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
              CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
              ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
            SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_3
            FROM allocations AS used_of_it
            WHERE used_of_it.resource_provider_id = own_provider.id
              AND used_of_it.resource_class_id = asked_class.id
          ) + offered_asked.amount
      )) OR NOT (offered_asked.resource_class != 'DISK_GB' OR NOT ((EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
      )) AND (
        SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
        FROM allocations AS disk_row
        INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
        WHERE disk_row.consumer_id = servers.uuid
          AND disk_class.name = 'DISK_GB'
      ) = 0 AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
          AND (EXISTS (
            SELECT *
            FROM inventories AS any_offer
            WHERE any_offer.resource_provider_id = own_provider.id
              AND any_offer.resource_class_id = asked_class.id
          ))
      )) AND (
        SELECT count(DISTINCT pool_of_disk.id) AS count_1
        FROM resource_providers AS pool_of_disk
        INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
        INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
        INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
        WHERE pool_reach.root_id = own_provider.id
          AND pool_of_disk.id != own_provider.id
          AND pool_class.name = 'DISK_GB'
      ) = 1)) AND NOT (EXISTS (
        SELECT *
        FROM inventories AS offer
        WHERE offer.resource_provider_id = (
          SELECT min(pool_of_disk.id) AS min_1
          FROM resource_providers AS pool_of_disk
          INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
          INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
          INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
          WHERE pool_reach.root_id = own_provider.id
            AND pool_of_disk.id != own_provider.id
            AND pool_class.name = 'DISK_GB'
        )
          AND offer.resource_class_id = asked_class.id
          AND offer.min_unit <= offered_asked.amount
          AND offer.max_unit >= offered_asked.amount
          AND CASE WHEN (offer.step_size > 0) THEN offered_asked.amount % offer.step_size ELSE 1 END = 0
          AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
              CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
              ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
            SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_4
            FROM allocations AS used_of_it
            WHERE used_of_it.resource_provider_id = (
              SELECT min(pool_of_disk.id) AS min_1
              FROM resource_providers AS pool_of_disk
              INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
              INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
              INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
              WHERE pool_reach.root_id = own_provider.id
                AND pool_of_disk.id != own_provider.id
                AND pool_class.name = 'DISK_GB'
            )
              AND used_of_it.resource_class_id = asked_class.id
          ) + offered_asked.amount
      )))
  )) THEN 7 ELSE 99 END AS doubt, coalesce((
    SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
        doubtful_move.source_compute END) AS max_1
    FROM migrations AS doubtful_move
    WHERE doubtful_move.instance_uuid = servers.uuid
      AND coalesce(servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.status, '') IN ('confirmed', 'completed',
          'done') OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') IN ('finished',
          'confirming') AND doubtful_move.deleted = 0 OR servers.host = doubtful_move.dest_compute AND servers.node =
          doubtful_move.dest_node AND coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') = 'error' AND (EXISTS (
        SELECT *
        FROM instance_actions AS confirm_order
        WHERE confirm_order.instance_uuid = doubtful_move.instance_uuid
          AND confirm_order.action = 'confirmResize'
          AND confirm_order.start_time >= doubtful_move.created_at
          AND NOT (EXISTS (
            SELECT *
            FROM instance_actions AS revert_order
            WHERE revert_order.instance_uuid = confirm_order.instance_uuid
              AND revert_order.action = 'revertResize'
              AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
          ))
      )) OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
          coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND coalesce(doubtful_move.status,
          '') = 'error' OR servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node AND
          coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND coalesce(doubtful_move.status,
          '') IN ('failed', 'cancelled') OR servers.host = doubtful_move.source_compute AND servers.node =
          doubtful_move.source_node AND coalesce(doubtful_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(doubtful_move.status, '') = 'reverted' OR servers.host = doubtful_move.dest_compute AND
          servers.node = doubtful_move.dest_node AND servers.host = doubtful_move.source_compute AND servers.node =
          doubtful_move.source_node AND coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error',
          'failed', 'completed', 'cancelled', 'done'), false) = 0
      AND NOT (coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
          'cancelled', 'done') AND doubtful_move.dest_compute IS NULL AND doubtful_move.dest_node IS NULL)
      AND NOT (EXISTS (
        SELECT *
        FROM migrations AS proving_move
        WHERE proving_move.instance_uuid = servers.uuid
          AND coalesce(servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.status, '') IN ('confirmed', 'completed',
              'done') OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.migration_type, 'migration') IN ('migration',
              'resize') AND coalesce(proving_move.status, '') IN ('finished',
              'confirming') AND proving_move.deleted = 0 OR servers.host = proving_move.dest_compute AND servers.node =
              proving_move.dest_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
              'resize') AND coalesce(proving_move.status, '') = 'error' AND (EXISTS (
            SELECT *
            FROM instance_actions AS confirm_order
            WHERE confirm_order.instance_uuid = proving_move.instance_uuid
              AND confirm_order.action = 'confirmResize'
              AND confirm_order.start_time >= proving_move.created_at
              AND NOT (EXISTS (
                SELECT *
                FROM instance_actions AS revert_order
                WHERE revert_order.instance_uuid = confirm_order.instance_uuid
                  AND revert_order.action = 'revertResize'
                  AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
              ))
          )) OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND coalesce(proving_move.status,
              '') = 'error' OR servers.host = proving_move.source_compute AND servers.node = proving_move.source_node
              AND coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND
              coalesce(proving_move.status, '') IN ('failed', 'cancelled') OR servers.host = proving_move.source_compute
              AND servers.node = proving_move.source_node AND coalesce(proving_move.migration_type,
              'migration') IN ('migration', 'resize') AND coalesce(proving_move.status,
              '') = 'reverted' OR servers.host = proving_move.dest_compute AND servers.node = proving_move.dest_node AND
              servers.host = proving_move.source_compute AND servers.node = proving_move.source_node AND
              coalesce(proving_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
              'cancelled', 'done'), false) = 1
          AND coalesce(proving_move.created_at > doubtful_move.created_at, false) = 1
      ))
  ), CASE WHEN (NOT (coalesce(servers.launched_on = servers.host, false) = 1 OR (EXISTS (
    SELECT *
    FROM migrations AS vouching_move
    WHERE vouching_move.instance_uuid = servers.uuid
      AND coalesce(servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.status, '') IN ('confirmed', 'completed',
          'done') OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') IN ('finished',
          'confirming') AND vouching_move.deleted = 0 OR servers.host = vouching_move.dest_compute AND servers.node =
          vouching_move.dest_node AND coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') = 'error' AND (EXISTS (
        SELECT *
        FROM instance_actions AS confirm_order
        WHERE confirm_order.instance_uuid = vouching_move.instance_uuid
          AND confirm_order.action = 'confirmResize'
          AND confirm_order.start_time >= vouching_move.created_at
          AND NOT (EXISTS (
            SELECT *
            FROM instance_actions AS revert_order
            WHERE revert_order.instance_uuid = confirm_order.instance_uuid
              AND revert_order.action = 'revertResize'
              AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
          ))
      )) OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
          coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND coalesce(vouching_move.status,
          '') = 'error' OR servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node AND
          coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND coalesce(vouching_move.status,
          '') IN ('failed', 'cancelled') OR servers.host = vouching_move.source_compute AND servers.node =
          vouching_move.source_node AND coalesce(vouching_move.migration_type, 'migration') IN ('migration',
          'resize') AND coalesce(vouching_move.status, '') = 'reverted' OR servers.host = vouching_move.dest_compute AND
          servers.node = vouching_move.dest_node AND servers.host = vouching_move.source_compute AND servers.node =
          vouching_move.source_node AND coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error',
          'failed', 'completed', 'cancelled', 'done'), false) = 1
  )))) THEN coalesce(servers.launched_on, 'the one where it was built') END) AS other_host, (
    SELECT max(expected.hindrance) AS max_2
    FROM expected
    WHERE expected.instance_uuid = servers.uuid
  ) AS hindrance, CASE WHEN ((EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
  )) AND (
    SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
    FROM allocations AS disk_row
    INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
    WHERE disk_row.consumer_id = servers.uuid
      AND disk_class.name = 'DISK_GB'
  ) = 0 AND NOT (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
      AND (EXISTS (
        SELECT *
        FROM inventories AS any_offer
        WHERE any_offer.resource_provider_id = own_provider.id
          AND any_offer.resource_class_id = asked_class.id
      ))
  )) AND (
    SELECT count(DISTINCT pool_of_disk.id) AS count_1
    FROM resource_providers AS pool_of_disk
    INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
    INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
    INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
    WHERE pool_reach.root_id = own_provider.id
      AND pool_of_disk.id != own_provider.id
      AND pool_class.name = 'DISK_GB'
  ) = 1 OR nodes.host != servers.host) THEN 0 ELSE 1 END AS as_nova_heals, CASE WHEN (NOT (EXISTS (
    SELECT *
    FROM expected
    WHERE expected.instance_uuid = servers.uuid
      AND expected.sure = 1
  )) OR (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND (
        SELECT coalesce(sum(mine.used), 0) AS coalesce_2
        FROM allocations AS mine
        WHERE mine.consumer_id = servers.uuid
          AND mine.resource_class_id = asked_class.id
      ) > 0
      AND (
        SELECT coalesce(sum(mine.used), 0) AS coalesce_2
        FROM allocations AS mine
        WHERE mine.consumer_id = servers.uuid
          AND mine.resource_class_id = asked_class.id
      ) != offered_asked.amount
  )) OR NOT (NOT (EXISTS (
    SELECT *
    FROM allocations AS written_row
    WHERE written_row.consumer_id = servers.uuid
      AND (written_row.used <= 0 OR (written_row.resource_class_id NOT IN (
        SELECT written_class.id
        FROM resource_classes AS written_class
      )) OR (written_row.resource_provider_id NOT IN (
        SELECT written_on.id
        FROM resource_providers AS written_on
      )))
  )) AND NOT (EXISTS (
    SELECT twice.resource_provider_id
    FROM allocations AS twice
    WHERE twice.consumer_id = servers.uuid
    GROUP BY twice.resource_provider_id, twice.resource_class_id
    HAVING count(*) > 1
  )))) THEN 0 ELSE 1 END AS certain, concat('--allocation rp=', own_provider.uuid, ',', (
    SELECT group_concat(concat(offered_asked.resource_class, '=',
        CAST(offered_asked.amount AS CHAR)) SEPARATOR ',') AS aggregate_strings_2
    FROM expected AS offered_asked
    INNER JOIN resource_classes AS asked_class ON asked_class.name = offered_asked.resource_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND (
        SELECT coalesce(sum(mine.used), 0) AS coalesce_2
        FROM allocations AS mine
        WHERE mine.consumer_id = servers.uuid
          AND mine.resource_class_id = asked_class.id
      ) = 0
      AND (offered_asked.resource_class != 'DISK_GB' OR NOT ((EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
      )) AND (
        SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
        FROM allocations AS disk_row
        INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
        WHERE disk_row.consumer_id = servers.uuid
          AND disk_class.name = 'DISK_GB'
      ) = 0 AND NOT (EXISTS (
        SELECT *
        FROM (
          SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
              instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
              instances.user_id AS user_id, instances.availability_zone AS availability_zone,
              instances.hidden AS hidden, instances.compute_id AS compute_id, instances.launched_on AS launched_on,
              instances.instance_type_id AS instance_type_id, instances.vcpus AS vcpus,
              instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
              instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
              instances.updated_at AS updated_at
          FROM instances
          WHERE instances.deleted = 0
            AND coalesce(instances.hidden, 0) = 0
        ) AS servers
        WHERE offered_asked.instance_uuid = servers.uuid
          AND offered_asked.amount > 0
          AND asked_class.name = offered_asked.resource_class
          AND offered_asked.resource_class = 'DISK_GB'
          AND (EXISTS (
            SELECT *
            FROM inventories AS any_offer
            WHERE any_offer.resource_provider_id = own_provider.id
              AND any_offer.resource_class_id = asked_class.id
          ))
      )) AND (
        SELECT count(DISTINCT pool_of_disk.id) AS count_1
        FROM resource_providers AS pool_of_disk
        INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
        INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
        INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
        WHERE pool_reach.root_id = own_provider.id
          AND pool_of_disk.id != own_provider.id
          AND pool_class.name = 'DISK_GB'
      ) = 1))
  ), coalesce(concat(' ', CASE WHEN ((EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
  )) AND (
    SELECT coalesce(sum(disk_row.used), 0) AS coalesce_1
    FROM allocations AS disk_row
    INNER JOIN resource_classes AS disk_class ON disk_class.id = disk_row.resource_class_id
    WHERE disk_row.consumer_id = servers.uuid
      AND disk_class.name = 'DISK_GB'
  ) = 0 AND NOT (EXISTS (
    SELECT *
    FROM expected AS offered_asked, resource_classes AS asked_class
    WHERE offered_asked.instance_uuid = servers.uuid
      AND offered_asked.amount > 0
      AND asked_class.name = offered_asked.resource_class
      AND offered_asked.resource_class = 'DISK_GB'
      AND (EXISTS (
        SELECT *
        FROM inventories AS any_offer
        WHERE any_offer.resource_provider_id = own_provider.id
          AND any_offer.resource_class_id = asked_class.id
      ))
  )) AND (
    SELECT count(DISTINCT pool_of_disk.id) AS count_1
    FROM resource_providers AS pool_of_disk
    INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
    INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
    INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
    WHERE pool_reach.root_id = own_provider.id
      AND pool_of_disk.id != own_provider.id
      AND pool_class.name = 'DISK_GB'
  ) = 1) THEN concat('--allocation rp=', (
    SELECT min(pool_of_disk.uuid) AS min_2
    FROM resource_providers AS pool_of_disk
    INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
    INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
    INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
    WHERE pool_reach.root_id = own_provider.id
      AND pool_of_disk.id != own_provider.id
      AND pool_class.name = 'DISK_GB'
  ), ',DISK_GB=', CAST((
    SELECT max(asked.amount) AS max_3
    FROM expected AS asked
    WHERE asked.instance_uuid = servers.uuid
      AND asked.resource_class = 'DISK_GB'
  ) AS CHAR)) END), ''), coalesce(concat(' ', (
    SELECT group_concat(concat('--allocation rp=', kept_on.uuid, ',', kept_class.name, '=',
        CAST(kept_row.used AS CHAR)) SEPARATOR ' ') AS aggregate_strings_3
    FROM allocations AS kept_row
    INNER JOIN resource_classes AS kept_class ON kept_class.id = kept_row.resource_class_id
    INNER JOIN resource_providers AS kept_on ON kept_on.id = kept_row.resource_provider_id
    WHERE kept_row.consumer_id = servers.uuid
  )), '')) AS allocation_words, CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN ((
    SELECT max(any_claim.newest) AS max_5
    FROM claims AS any_claim
    WHERE any_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(any_claim.newest) AS max_5
    FROM claims AS any_claim
    WHERE any_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN ((
    SELECT max(any_claim.newest) AS max_5
    FROM claims AS any_claim
    WHERE any_claim.consumer_id = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
    SELECT max(any_claim.newest) AS max_5
    FROM claims AS any_claim
    WHERE any_claim.consumer_id = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END END END AS changed
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
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS nodes ON nodes.cell = servers.cell
    AND nodes.hypervisor_hostname = servers.node
    AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
  INNER JOIN resource_providers AS own_provider ON own_provider.uuid = nodes.uuid
  INNER JOIN trees ON trees.provider_id = own_provider.id
  WHERE servers.uuid IN (
    SELECT unclaimed.uuid
    FROM unclaimed
  )
    AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete',
        'error')
    AND servers.host IS NOT NULL
    AND servers.node IS NOT NULL
    AND NOT ((EXISTS (
      SELECT *
      FROM claims AS here
      WHERE here.consumer_id = servers.uuid
        AND here.root_id = trees.root_id
        AND here.core > 0
    )) OR coalesce(nodes.hypervisor_type, '') = 'ironic' AND (EXISTS (
      SELECT *
      FROM claims AS here
      WHERE here.consumer_id = servers.uuid
        AND here.root_id = trees.root_id
        AND here.own > 0
    )) OR (EXISTS (
      SELECT *
      FROM allocations AS row_on_host, resource_classes AS row_class
      WHERE row_on_host.consumer_id = servers.uuid
        AND row_on_host.resource_provider_id = own_provider.id
        AND row_class.id = row_on_host.resource_class_id
        AND row_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
    )))
    AND (NOT (EXISTS (
      SELECT *
      FROM expected AS any_flavor
      WHERE any_flavor.instance_uuid = servers.uuid
    )) AND NOT (EXISTS (
      SELECT *
      FROM claims AS here
      WHERE here.consumer_id = servers.uuid
        AND here.root_id = trees.root_id
        AND here.own > 0
    )) OR (EXISTS (
      SELECT *
      FROM expected AS asked
      WHERE asked.instance_uuid = servers.uuid
        AND asked.amount > 0
        AND asked.resource_class IN ('VCPU', 'PCPU', 'MEMORY_MB')
    )) OR (EXISTS (
      SELECT *
      FROM expected AS asked
      WHERE asked.instance_uuid = servers.uuid
        AND asked.amount > 0
        AND asked.resource_class != 'DISK_GB'
    )) AND NOT (EXISTS (
      SELECT *
      FROM claims AS here
      WHERE here.consumer_id = servers.uuid
        AND here.root_id = trees.root_id
        AND here.own > 0
    )))
    AND (coalesce(nodes.hypervisor_type, '') != 'ironic' OR (EXISTS (
      SELECT *
      FROM expected AS offered_asked, resource_classes AS asked_class
      WHERE offered_asked.instance_uuid = servers.uuid
        AND offered_asked.amount > 0
        AND asked_class.name = offered_asked.resource_class
        AND (EXISTS (
          SELECT *
          FROM inventories AS any_offer
          WHERE any_offer.resource_provider_id = own_provider.id
            AND any_offer.resource_class_id = asked_class.id
        ))
    )))
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
)
SELECT bare_servers.uuid AS consumer, bare_servers.uuid AS instance, bare_servers.cell, bare_servers.host,
    bare_servers.node, bare_servers.provider, bare_servers.vm_state, bare_servers.project_id AS project,
    bare_servers.user_id AS user, CASE WHEN (bare_servers.something_here = 1) THEN 'no CPUs and no memory' ELSE
    'nothing' END AS lacks, coalesce(bare_servers.held, 'nothing') AS held,
    CASE WHEN (bare_servers.doubt = 99 AND bare_servers.held IS NULL AND bare_servers.hindrance IS NULL AND
    bare_servers.as_nova_heals = 1) THEN bare_servers.uuid END AS healable,
    CASE WHEN (NOT (bare_servers.doubt = 99 AND bare_servers.held IS NULL AND bare_servers.hindrance IS NULL AND
    bare_servers.as_nova_heals = 1) AND bare_servers.doubt = 99 AND bare_servers.certain = 1 AND
    bare_servers.allocation_words IS NOT NULL AND bare_servers.project_id IS NOT NULL AND bare_servers.user_id IS NOT
    NULL) THEN bare_servers.allocation_words END AS allocation_words,
    CASE WHEN (bare_servers.doubt = 99 AND bare_servers.held IS NULL AND bare_servers.hindrance IS NULL AND
    bare_servers.as_nova_heals = 1 OR bare_servers.doubt = 99 AND bare_servers.certain = 1 AND
    bare_servers.allocation_words IS NOT NULL AND bare_servers.project_id IS NOT NULL AND bare_servers.user_id IS NOT
    NULL) THEN NULL WHEN (bare_servers.doubt = 0) THEN concat('No row proves that the guest is on ', bare_servers.host,
    ': nova may have the wrong host for it. Look on both hosts, ', bare_servers.host, ' and ', bare_servers.other_host,
    ', for the guest (virsh list --all) before anything is written.') WHEN (bare_servers.doubt = 1) THEN
    concat('It holds something on another host, too, so nova may have the wrong host for it. Look on both hosts for the ',
    'guest (virsh list --all) before anything is written.') WHEN (bare_servers.doubt = 2) THEN
    concat('The server is in error, and the rows do not tell whether its guest is there. Look for it on ',
    bare_servers.host, ' (virsh list --all); where it runs, reset the server''s state and audit again.') WHEN
    (bare_servers.doubt = 3) THEN concat('The server has the task ', bare_servers.task_state,
    ', and heal_allocations passes over such a server. See first what became of the task.') WHEN (bare_servers.doubt =
    4) THEN
    concat('What nova keeps of its flavor cannot be read, so nobody can tell what it should hold. Look at its size on ',
    'the host (virsh dumpxml) and write that with allocation set.') WHEN (bare_servers.doubt = 5) THEN
    concat('Its disk may belong on the host itself or on a pool that the host draws from, and heal_allocations takes ',
    'the host itself. Find out where the disk is, and write that with allocation set.') WHEN (bare_servers.doubt = 6)
    THEN
    concat('The host itself does not offer all that the flavor asks for, and placement refuses what is not offered. ',
    'See what other servers of the flavor hold, and on which provider, and write that with allocation set.') WHEN
    (bare_servers.doubt = 7) THEN
    concat('Placement has no room for it: with what is reserved and held there, the host or its pool takes no more, and ',
    'every write is refused. Move other servers away first, or correct what is reserved.') WHEN (bare_servers.hindrance
    IS NOT NULL) THEN concat('nova-manage ', bare_servers.hindrance,
    ', and the rows do not tell which devices or providers of the host it has. Look on the host (virsh dumpxml), ',
    'and write all of it with allocation set.') WHEN (bare_servers.certain = 0) THEN
    concat('The amounts are not certain: its flavor can be read in several ways, or it holds another amount of a ',
    'class. See what other servers of the flavor hold, and write that with allocation set.') ELSE
    'Nova''s row names no project or user, and placement accepts no allocation without them. Find out whose server it is.'
    END AS withheld, bare_servers.changed AS newest_change, CASE WHEN (bare_servers.vm_state = 'error') THEN 'M' ELSE
    'H' END AS impact
FROM bare_servers
ORDER BY instance;
