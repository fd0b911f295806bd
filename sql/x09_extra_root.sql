-- X09 extra-root: Server that holds allocations on a second host
-- Severity: warning, impact M
--
-- Says: server {instance} runs on {node} and also holds {held} on {provider_name}, where it is not
--
-- Why: The second host looks fuller than it is: placement offers less of it than is free.
--
-- Left alone:
-- - a migration, resize, evacuation or another task of the server is in progress
-- - an evacuated server, until its old host is back (migration status done)
-- - sharing providers, wherever they stand, one that lost its trait included, and neutron segments
-- - ports and devices of providers that are no host's
-- - a server that two cells show, so that nobody can tell which host is right
-- - two nodes of bare metal, which are a finding of their own
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack resource provider allocation show {instance}
--   for provider in $(echo {children}); do openstack --os-placement-api-version 1.12 resource provider allocation unset --provider "$provider" {instance}; done
--   openstack --os-placement-api-version 1.28 resource provider allocation unset --provider {root_part} {instance}
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
  SELECT resource_provider_id, resource_class_id
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
found AS (
  SELECT DISTINCT servers.uuid AS uuid, extra_root.uuid AS provider, extra_root.name AS provider_name,
      servers.cell AS cell, servers.host AS host, servers.node AS node, servers.vm_state AS vm_state,
      right_root.uuid AS right_provider, (
    SELECT group_concat(concat(coalesce(class_there.name, concat('class ', CAST(row_there.resource_class_id AS CHAR))),
        ' ', CAST(row_there.used AS CHAR)) SEPARATOR ', ') AS aggregate_strings_1
    FROM allocations AS row_there
    INNER JOIN trees AS place_there ON place_there.provider_id = row_there.resource_provider_id
    INNER JOIN resource_providers AS provider_there ON provider_there.id = row_there.resource_provider_id
    LEFT OUTER JOIN resource_classes AS class_there ON class_there.id = row_there.resource_class_id
    WHERE row_there.consumer_id = servers.uuid
      AND place_there.provider_id = row_there.resource_provider_id
      AND place_there.root_id = extra_root.id
      AND place_there.shared = 0
  ) AS held, (
    SELECT group_concat(provider_there.uuid SEPARATOR ' ') AS aggregate_strings_2
    FROM resource_providers AS provider_there
    INNER JOIN trees AS place_there ON place_there.provider_id = provider_there.id
    WHERE place_there.root_id = extra_root.id
      AND place_there.shared = 0
      AND provider_there.id != extra_root.id
      AND (EXISTS (
        SELECT *
        FROM allocations AS row_there
        WHERE row_there.consumer_id = servers.uuid
          AND row_there.resource_provider_id = provider_there.id
      ))
  ) AS children, CASE WHEN (EXISTS (
    SELECT *
    FROM allocations AS row_there
    WHERE row_there.consumer_id = servers.uuid
      AND row_there.resource_provider_id = extra_root.id
  )) THEN extra_root.uuid END AS root_part, (
    SELECT group_concat(provider_there.name SEPARATOR ', ') AS aggregate_strings_3
    FROM resource_providers AS provider_there
    INNER JOIN trees AS place_there ON place_there.provider_id = provider_there.id
    WHERE place_there.root_id = extra_root.id
      AND place_there.shared = 0
      AND provider_there.id != extra_root.id
      AND (EXISTS (
        SELECT *
        FROM allocations AS row_there
        WHERE row_there.consumer_id = servers.uuid
          AND row_there.resource_provider_id = provider_there.id
      ))
      AND (NOT (lower(substr(provider_there.name, 1, length(extra_root.name) + 1)) = lower(concat(extra_root.name,
          '_')) OR lower(substr(provider_there.name, 1, length(extra_root.name) + 1)) = lower(concat(extra_root.name,
          ':'))) OR lower(substr(provider_there.name, 1, length(right_root.name) + 1)) = lower(concat(right_root.name,
          '_')) OR lower(substr(provider_there.name, 1, length(right_root.name) + 1)) = lower(concat(right_root.name,
          ':')) OR (EXISTS (
        SELECT *
        FROM allocations AS row_there, resource_classes AS class_there
        WHERE row_there.consumer_id = servers.uuid
          AND row_there.resource_provider_id = provider_there.id
          AND class_there.id = row_there.resource_class_id
          AND class_there.name = 'DISK_GB'
      )))
  ) AS strangers, coalesce((
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
      AND (coalesce(extra_root.name IN (doubtful_move.source_node, doubtful_move.source_compute),
          false) = 1 OR (EXISTS (
        SELECT *
        FROM compute_nodes AS known_node
        WHERE known_node.uuid = extra_root.uuid
          AND (known_node.hypervisor_hostname = doubtful_move.source_node OR known_node.host =
              doubtful_move.source_compute)
      )) OR coalesce(extra_root.name IN (doubtful_move.dest_node, doubtful_move.dest_compute), false) = 1 OR (EXISTS (
        SELECT *
        FROM compute_nodes AS known_node
        WHERE known_node.uuid = extra_root.uuid
          AND (known_node.hypervisor_hostname = doubtful_move.dest_node OR known_node.host = doubtful_move.dest_compute)
      )))
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
  )))) THEN coalesce(servers.launched_on, 'the one where it was built') END) AS other_host, CASE WHEN (EXISTS (
    SELECT *
    FROM migrations AS open_move
    WHERE open_move.instance_uuid = servers.uuid
      AND coalesce(open_move.deleted, 0) = 0
      AND (coalesce(open_move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  )) THEN 1 ELSE 0 END AS waits, CASE WHEN (there.disk_gb > 0 AND there.vcpu + there.pcpu + there.memory_mb = 0 AND NOT
      (EXISTS (
    SELECT *
    FROM claims AS any_claim
    WHERE any_claim.consumer_id = servers.uuid
      AND any_claim.root_id != there.root_id
      AND (any_claim.disk_gb > 0 OR any_claim.pooled > 0)
  ))) THEN 1 ELSE 0 END AS disk_alone, CASE WHEN (here.core > 0 AND (there.vcpu + there.pcpu = 0 OR here.vcpu +
      here.pcpu > 0) AND (there.memory_mb = 0 OR here.memory_mb > 0) OR coalesce(nodes.hypervisor_type,
      '') = 'ironic') THEN 1 ELSE 0 END AS accounted_here, CASE WHEN (EXISTS (
    SELECT *
    FROM migrations AS evacuation_from_there
    WHERE evacuation_from_there.instance_uuid = servers.uuid
      AND evacuation_from_there.migration_type = 'evacuation'
      AND evacuation_from_there.status IN ('accepted', 'pre-migrating', 'done')
      AND (coalesce(extra_root.name IN (evacuation_from_there.source_node, evacuation_from_there.source_compute),
          false) = 1 OR (EXISTS (
        SELECT *
        FROM compute_nodes AS known_node
        WHERE known_node.uuid = extra_root.uuid
          AND (known_node.hypervisor_hostname = evacuation_from_there.source_node OR known_node.host =
              evacuation_from_there.source_compute)
      )))
  )) THEN 1 ELSE 0 END AS old_guest, CASE WHEN (NOT (EXISTS (
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
  ))) THEN 1 ELSE 0 END AS writable, CASE WHEN ((
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >= coalesce(CASE WHEN
      (here.newest >= coalesce(there.newest, '')) THEN here.newest ELSE there.newest END,
      '')) THEN servers.updated_at ELSE CASE WHEN (here.newest >= coalesce(there.newest,
      '')) THEN here.newest ELSE there.newest END END, '')) THEN servers.created_at ELSE CASE WHEN (servers.updated_at
      >= coalesce(CASE WHEN (here.newest >= coalesce(there.newest, '')) THEN here.newest ELSE there.newest END,
      '')) THEN servers.updated_at ELSE CASE WHEN (here.newest >= coalesce(there.newest,
      '')) THEN here.newest ELSE there.newest END END END, '')) THEN (
    SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
        coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
        '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
        '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
    FROM migrations AS last_move
    WHERE last_move.instance_uuid = servers.uuid
  ) ELSE CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >= coalesce(CASE WHEN (here.newest >=
      coalesce(there.newest, '')) THEN here.newest ELSE there.newest END,
      '')) THEN servers.updated_at ELSE CASE WHEN (here.newest >= coalesce(there.newest,
      '')) THEN here.newest ELSE there.newest END END, '')) THEN servers.created_at ELSE CASE WHEN (servers.updated_at
      >= coalesce(CASE WHEN (here.newest >= coalesce(there.newest, '')) THEN here.newest ELSE there.newest END,
      '')) THEN servers.updated_at ELSE CASE WHEN (here.newest >= coalesce(there.newest,
      '')) THEN here.newest ELSE there.newest END END END END AS newest_change
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
  INNER JOIN resource_providers AS right_root ON right_root.uuid = nodes.uuid
  INNER JOIN claims AS here ON here.consumer_id = servers.uuid
    AND here.root_id = right_root.id
  INNER JOIN claims AS there ON there.consumer_id = servers.uuid
    AND there.root_id != right_root.id
  INNER JOIN resource_providers AS extra_root ON extra_root.id = there.root_id
  WHERE servers.uuid IN (
    SELECT claims.consumer_id
    FROM claims
    GROUP BY claims.consumer_id
    HAVING count(*) > 1
  )
    AND there.own > 0
    AND coalesce(servers.vm_state, '') != 'shelved_offloaded'
    AND (there.core > 0 AND NOT (NOT (EXISTS (
      SELECT *
      FROM compute_nodes AS storage_node
      WHERE storage_node.uuid = extra_root.uuid
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offered, resource_classes AS offered_class
      WHERE offered.resource_provider_id = extra_root.id
        AND offered_class.id = offered.resource_class_id
        AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) OR (EXISTS (
      SELECT *
      FROM compute_nodes
      WHERE compute_nodes.uuid = extra_root.uuid
    )))
    AND NOT (coalesce(nodes.hypervisor_type, '') = 'ironic' AND (EXISTS (
      SELECT *
      FROM compute_nodes AS bare_metal_there
      WHERE bare_metal_there.uuid = extra_root.uuid
        AND bare_metal_there.hypervisor_type = 'ironic'
    )))
    AND (here.core > 0 OR coalesce(nodes.hypervisor_type, '') = 'ironic' OR here.own > 0 AND there.core = 0)
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
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS evacuation
      WHERE evacuation.instance_uuid = servers.uuid
        AND evacuation.deleted = 0
        AND evacuation.migration_type = 'evacuation'
        AND evacuation.status = 'done'
        AND (extra_root.name = evacuation.source_node OR (EXISTS (
          SELECT *
          FROM compute_nodes AS left_node
          WHERE left_node.uuid = extra_root.uuid
            AND left_node.hypervisor_hostname = evacuation.source_node
        )))
    ))
)
SELECT found.uuid AS consumer, found.uuid AS instance, found.provider, found.provider_name, found.cell, found.host,
    found.node, found.vm_state, found.right_provider, found.held,
    CASE WHEN (found.other_host IS NULL AND found.accounted_here = 1 AND found.waits = 0 AND found.old_guest = 0 AND
    found.writable = 1 AND found.disk_alone = 0 AND found.strangers IS NULL AND (found.children IS NOT NULL OR
    found.root_part IS NOT NULL)) THEN found.children END AS children,
    CASE WHEN (found.other_host IS NULL AND found.accounted_here = 1 AND found.waits = 0 AND found.old_guest = 0 AND
    found.writable = 1 AND found.disk_alone = 0 AND found.strangers IS NULL AND (found.children IS NOT NULL OR
    found.root_part IS NOT NULL)) THEN found.root_part END AS root_part,
    CASE WHEN (found.other_host IS NULL AND found.accounted_here = 1 AND found.waits = 0 AND found.old_guest = 0 AND
    found.writable = 1 AND found.disk_alone = 0 AND found.strangers IS NULL AND (found.children IS NOT NULL OR
    found.root_part IS NOT NULL)) THEN NULL WHEN (found.other_host IS NOT NULL) THEN
    concat('No row proves that the guest is on ', found.host,
    ': nova may have the wrong host for it. Look on both hosts, ', found.host, ' and ', found.other_host,
    ', for the guest (virsh list --all) before anything is written.') WHEN (found.waits = 1) THEN
    concat('A resize of the server is not over, and a revert needs its room on the host that it left. ',
    'Confirm or revert it first (openstack server migration list --server ', found.uuid,
    ').') WHEN (found.old_guest = 1) THEN
    concat('An evacuation from there is not cleaned up, so its old guest may still run there: start ',
    'nova-compute there, which removes that, or look for it (virsh list --all).') WHEN (found.accounted_here = 0) THEN
    concat('It lacks CPUs or memory on its own host that it holds there, so nothing proves where it runs. ', 'Look ',
    'on both hosts for the guest (virsh list --all).') WHEN (found.disk_alone = 1) THEN
    concat('It holds disk nowhere else, so its disk may be there, on a pool that lost the trait or the ',
    'aggregate by which it shares. Find out where the disk is.') WHEN (found.strangers IS NOT NULL) THEN
    concat('Part of it is on ', found.strangers,
    '. By its name that provider belongs to another host, or is a pool, so the server may use it. Find out whose it is (openstack resource provider show).')
    WHEN (found.writable = 0) THEN
    'It has duplicate rows or rows of nothing, which placement takes from no command: see P17 and P18 first.' ELSE
    'The provider has no uuid that a command could name: see P06 first.' END AS withheld, found.newest_change
FROM found
ORDER BY instance, found.provider;
