-- X10 amounts-unlike-flavor: Server that holds other amounts on its host than its flavor asks for
-- Severity: warning, impact M
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X10 tells which of them are faults.
--
-- Says: server {instance} ({vm_state} on {node}) {verdict}
--
-- Why: Placement counts what is allocated, not what runs: with too little of it the host gets more servers than it has
-- room for, with too much of it room is lost.
--
-- Left alone:
-- - a migration, resize, evacuation or another task of the server is in progress
-- - the flavor before a resize and the one after it, as long as nova keeps both
-- - an evacuated server: the amounts on its own host count, not the sum
-- - a root disk that is a volume, or was not left out for one, as before Rocky
-- - disk on the host itself, on what shares with it, or on both
-- - pinned CPUs as PCPU or as VCPU, and a healed allocation that knows nothing of the image
-- - groups with a suffix that nova before 24 did not read
-- - the plain size of the flavor (vcpus, memory, disk) where its extra specs ask for other amounts
-- - other classes than VCPU, PCPU, MEMORY_MB and DISK_GB, which ports, devices and accelerators bring along
-- - bare metal nodes
-- - a server that a cross-cell resize hides, or that two cells show
-- - a server that holds nothing on its host, and one that holds something on a provider of which nobody can tell whose
--   it is
-- - too much of everything, a server in error, or a flavor that cannot be read, is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack resource provider allocation show {instance}
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
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, project_id, user_id
  FROM placement.consumers
),
projects AS (
  SELECT id, CAST(external_id AS CHAR) AS external_id
  FROM placement.projects
),
users AS (
  SELECT id, CAST(external_id AS CHAR) AS external_id
  FROM placement.users
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
flavors AS (
  SELECT vcpus, memory_mb, root_gb, ephemeral_gb, swap
  FROM nova_api.flavors
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
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, CAST(hypervisor_type AS CHAR) AS hypervisor_type,
      deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, CAST(hypervisor_type AS CHAR) AS hypervisor_type,
      deleted
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
doubtful AS (
  SELECT DISTINCT instances.cell, instances.uuid, here.root_id, here.vcpu, here.pcpu, here.memory_mb,
      here.disk_gb + coalesce((
    SELECT sum(of_pools.pooled_gb) AS sum_1
    FROM claims AS of_pools
    WHERE of_pools.consumer_id = instances.uuid
  ), 0) AS disk_gb, CASE WHEN ((EXISTS (
    SELECT *
    FROM claims AS other
    WHERE other.consumer_id = instances.uuid
      AND other.root_id != here.root_id
      AND other.core > 0
  )) AND (EXISTS (
    SELECT *
    FROM claims AS of_pools
    WHERE of_pools.consumer_id = instances.uuid
      AND of_pools.pooled > 0
  ))) THEN 0 ELSE 1 END AS disk_known, coalesce((here.vcpu = instances.vcpus AND here.pcpu = 0 OR here.vcpu = 0 AND
      here.pcpu = instances.vcpus) AND here.memory_mb = instances.memory_mb AND (here.disk_gb + coalesce((
    SELECT sum(of_pools.pooled_gb) AS sum_1
    FROM claims AS of_pools
    WHERE of_pools.consumer_id = instances.uuid
  ), 0) = instances.ephemeral_gb OR (EXISTS (
    SELECT *
    FROM flavors AS swapping
    WHERE swapping.vcpus = instances.vcpus
      AND swapping.memory_mb = instances.memory_mb
      AND swapping.root_gb = instances.root_gb
      AND swapping.ephemeral_gb = instances.ephemeral_gb
      AND swapping.swap > 0
      AND here.disk_gb + coalesce((
        SELECT sum(of_pools.pooled_gb) AS sum_1
        FROM claims AS of_pools
        WHERE of_pools.consumer_id = instances.uuid
      ), 0) = instances.ephemeral_gb + FLOOR((swapping.swap + 1023) / 1024)
  ))), 0) AS lean
  FROM instances
  INNER JOIN compute_nodes ON compute_nodes.cell = instances.cell
    AND compute_nodes.host = instances.host
    AND compute_nodes.hypervisor_hostname = instances.node
    AND compute_nodes.deleted = 0
    AND coalesce(compute_nodes.hypervisor_type, '') != 'ironic'
  INNER JOIN resource_providers ON resource_providers.uuid = compute_nodes.uuid
  INNER JOIN trees ON trees.provider_id = resource_providers.id
  INNER JOIN claims AS here ON here.consumer_id = instances.uuid
    AND here.root_id = trees.root_id
    AND here.core > 0
  WHERE instances.uuid IN (
    SELECT `row`.uuid
    FROM instances AS `row`
    INNER JOIN claims AS claim ON claim.consumer_id = `row`.uuid
    WHERE `row`.deleted = 0
      AND claim.shared = 0
      AND claim.core > 0
      AND coalesce(claim.vcpu + claim.pcpu = `row`.vcpus AND claim.vcpu * claim.pcpu = 0 AND claim.memory_mb =
          `row`.memory_mb AND claim.disk_gb = `row`.root_gb + `row`.ephemeral_gb, 0) = 0
  )
    AND instances.deleted = 0
    AND coalesce(instances.hidden, 0) = 0
    AND coalesce((here.vcpu = instances.vcpus AND here.pcpu = 0 OR here.vcpu = 0 AND here.pcpu = instances.vcpus) AND
        here.memory_mb = instances.memory_mb AND (here.disk_gb + coalesce((
      SELECT sum(of_pools.pooled_gb) AS sum_1
      FROM claims AS of_pools
      WHERE of_pools.consumer_id = instances.uuid
    ), 0) = instances.root_gb + instances.ephemeral_gb OR (EXISTS (
      SELECT *
      FROM flavors AS swapping
      WHERE swapping.vcpus = instances.vcpus
        AND swapping.memory_mb = instances.memory_mb
        AND swapping.root_gb = instances.root_gb
        AND swapping.ephemeral_gb = instances.ephemeral_gb
        AND swapping.swap > 0
        AND here.disk_gb + coalesce((
          SELECT sum(of_pools.pooled_gb) AS sum_1
          FROM claims AS of_pools
          WHERE of_pools.consumer_id = instances.uuid
        ), 0) = instances.root_gb + instances.ephemeral_gb + FLOOR((swapping.swap + 1023) / 1024)
    ))), 0) = 0
    AND NOT ((EXISTS (
      SELECT *
      FROM allocations AS drawn, trees AS pool
      WHERE drawn.consumer_id = instances.uuid
        AND drawn.resource_class_id IN (
          SELECT resource_classes.id
          FROM resource_classes
          WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
        )
        AND pool.provider_id = drawn.resource_provider_id
        AND pool.shared = 1
        AND NOT (EXISTS (
          SELECT *
          FROM reach
          WHERE reach.root_id = here.root_id
            AND reach.provider_id = pool.provider_id
        ))
    )) OR (EXISTS (
      SELECT *
      FROM claims AS other
      WHERE other.consumer_id = instances.uuid
        AND other.root_id != here.root_id
        AND other.core > 0
        AND NOT (EXISTS (
          SELECT *
          FROM resource_providers AS other_root, compute_nodes AS a_node
          WHERE other_root.id = other.root_id
            AND a_node.uuid = other_root.uuid
        ))
    )))
    AND NOT (EXISTS (
      SELECT *
      FROM allocations AS held
      WHERE held.consumer_id = instances.uuid
        AND ((held.resource_class_id NOT IN (
          SELECT resource_classes.id
          FROM resource_classes
        )) OR (held.resource_provider_id NOT IN (
          SELECT known.provider_id
          FROM trees AS known
        )))
    ))
    AND (
      SELECT count(*) AS count_1
      FROM resource_classes AS known_class
      WHERE known_class.id = 0
        AND known_class.name = 'VCPU' OR known_class.id = 14
        AND known_class.name = 'PCPU' OR known_class.id = 1
        AND known_class.name = 'MEMORY_MB' OR known_class.id = 2
        AND known_class.name = 'DISK_GB'
    ) = 4
    AND NOT (EXISTS (
      SELECT *
      FROM resource_classes AS known_class
      WHERE (known_class.id IN (0, 14, 1, 2) OR known_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
        AND coalesce(known_class.id = 0 AND known_class.name = 'VCPU' OR known_class.id = 14 AND known_class.name = 'PCPU'
            OR known_class.id = 1 AND known_class.name = 'MEMORY_MB' OR known_class.id = 2 AND known_class.name =
            'DISK_GB', 0) = 0
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
misfits AS (
  SELECT doubtful.cell, doubtful.uuid AS instance_uuid, doubtful.root_id, CAST(NULL AS CHAR) AS resource_class,
      doubtful.pcpu AS held, CAST(NULL AS SIGNED INTEGER) AS amount, 0 AS pinned, 0 AS sure
  FROM doubtful
)
SELECT servers.uuid AS consumer, servers.uuid AS instance, own_provider.uuid AS provider,
    own_provider.name AS provider_name, servers.cell, servers.host, servers.node, servers.vm_state,
    CASE WHEN (misfit_sums.classes = 0) THEN
    'does not hold what its size is, and what nova keeps of its flavor cannot be read' ELSE concat('holds ',
    misfit_sums.differences) END AS verdict, (
  SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ', CAST(any_held.resource_class_id AS CHAR))),
      ' ', CAST(any_held.used AS CHAR), ' on ', any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS any_held
  INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
  WHERE any_held.consumer_id = servers.uuid
) AS held, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) >= coalesce(CASE WHEN ((
  SELECT max(misfit_claim.newest) AS max_2
  FROM claims AS misfit_claim
  WHERE misfit_claim.consumer_id = servers.uuid
) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
  SELECT max(misfit_claim.newest) AS max_2
  FROM claims AS misfit_claim
  WHERE misfit_claim.consumer_id = servers.uuid
) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) ELSE CASE WHEN ((
  SELECT max(misfit_claim.newest) AS max_2
  FROM claims AS misfit_claim
  WHERE misfit_claim.consumer_id = servers.uuid
) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
  SELECT max(misfit_claim.newest) AS max_2
  FROM claims AS misfit_claim
  WHERE misfit_claim.consumer_id = servers.uuid
) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change,
    CASE WHEN (servers.vm_state = 'error' OR misfit_sums.classes = 0) THEN 'I' WHEN (misfit_sums.short = 0) THEN 'L'
    ELSE 'M' END AS impact, projects.external_id AS project, users.external_id AS user,
    CASE WHEN (misfit_sums.classes != 0 AND servers.vm_state != 'error' AND coalesce((
  SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
      doubtful_move.source_compute END) AS max_3
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
        doubtful_move.source_node AND coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 0
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
            '') = 'error' OR servers.host = proving_move.source_compute AND servers.node = proving_move.source_node AND
            coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND coalesce(proving_move.status,
            '') IN ('failed', 'cancelled') OR servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute AND
            servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed', 'reverted', 'error',
            'failed', 'completed', 'cancelled', 'done'), false) = 1
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
        vouching_move.source_node AND coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 1
)))) THEN coalesce(servers.launched_on, 'the one where it was built') END) IS NULL AND NOT ((EXISTS (
  SELECT *
  FROM migrations AS unsettled_move
  WHERE unsettled_move.instance_uuid = servers.uuid
    AND (unsettled_move.deleted = 0 AND unsettled_move.status IN ('error', 'failed', 'finished') OR (EXISTS (
      SELECT *
      FROM claims AS moved
      WHERE moved.consumer_id = unsettled_move.uuid
    )))
)) OR servers.vm_state = 'resized') AND NOT (EXISTS (
  SELECT *
  FROM claims AS elsewhere, resource_providers AS other_root
  WHERE elsewhere.consumer_id = servers.uuid
    AND elsewhere.root_id = other_root.id
    AND elsewhere.root_id != own_provider.id
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
)) AND misfit_sums.short != 0 AND misfit_sums.sure != 0 AND NOT ((
  SELECT group_concat(concat('--allocation rp=', kept_on.uuid, ',', kept_class.name, '=',
      CAST(kept_row.used AS CHAR)) SEPARATOR ' ') AS aggregate_strings_2
  FROM allocations AS kept_row
  INNER JOIN resource_classes AS kept_class ON kept_class.id = kept_row.resource_class_id
  INNER JOIN resource_providers AS kept_on ON kept_on.id = kept_row.resource_provider_id
  WHERE kept_row.consumer_id = servers.uuid
    AND kept_on.id != own_provider.id
    AND (EXISTS (
      SELECT *
      FROM misfits AS differs
      WHERE differs.instance_uuid = servers.uuid
        AND differs.resource_class = kept_class.name
    ))
) IS NOT NULL OR (EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND asked_class.name = 'DISK_GB'
)) AND (
  SELECT count(pool_of_disk.id) AS count_1
  FROM resource_providers AS pool_of_disk
  INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
  INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
  INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
  WHERE pool_reach.root_id = own_provider.id
    AND pool_of_disk.id != own_provider.id
    AND pool_class.name = 'DISK_GB'
) > 0) AND NOT (NOT (NOT (EXISTS (
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
)))) AND NOT (EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND differs.amount > 0
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS any_offer
      WHERE any_offer.resource_provider_id = own_provider.id
        AND any_offer.resource_class_id = asked_class.id
    ))
)) AND NOT ((EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND differs.amount > 0
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offer
      WHERE offer.resource_provider_id = own_provider.id
        AND offer.resource_class_id = asked_class.id
        AND offer.min_unit <= differs.amount
        AND offer.max_unit >= differs.amount
        AND CASE WHEN (offer.step_size > 0) THEN differs.amount % offer.step_size ELSE 1 END = 0
        AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
            CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
            ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
          SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_1
          FROM allocations AS used_of_it
          WHERE used_of_it.resource_provider_id = own_provider.id
            AND used_of_it.resource_class_id = asked_class.id
        ) + (differs.amount - differs.held)
    ))
)) OR (EXISTS (
  SELECT *
  FROM allocations AS same, resource_classes AS same_class
  WHERE same.consumer_id = servers.uuid
    AND same_class.id = same.resource_class_id
    AND NOT (EXISTS (
      SELECT *
      FROM misfits AS differs
      WHERE differs.instance_uuid = servers.uuid
        AND differs.resource_class = same_class.name
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offer
      WHERE offer.resource_provider_id = same.resource_provider_id
        AND offer.resource_class_id = same.resource_class_id
        AND offer.min_unit <= same.used
        AND offer.max_unit >= same.used
        AND CASE WHEN (offer.step_size > 0) THEN same.used % offer.step_size ELSE 1 END = 0
        AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
            CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
            ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
          SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_2
          FROM allocations AS used_of_it
          WHERE used_of_it.resource_provider_id = same.resource_provider_id
            AND used_of_it.resource_class_id = same.resource_class_id
        ) + 0
    ))
)))) THEN concat('--allocation rp=', own_provider.uuid, coalesce(concat(',', (
  SELECT group_concat(concat(wanted.resource_class, '=', CAST(wanted.amount AS CHAR)) SEPARATOR ',') AS
      aggregate_strings_3
  FROM misfits AS wanted
  WHERE wanted.instance_uuid = servers.uuid
    AND wanted.amount > 0
)), ''), coalesce(concat(',', (
  SELECT group_concat(concat(kept_class_on_host.name, '=', CAST(kept_on_host.used AS CHAR)) SEPARATOR ',') AS
      aggregate_strings_4
  FROM allocations AS kept_on_host
  INNER JOIN resource_classes AS kept_class_on_host ON kept_class_on_host.id = kept_on_host.resource_class_id
  WHERE kept_on_host.consumer_id = servers.uuid
    AND kept_on_host.resource_provider_id = own_provider.id
    AND NOT (EXISTS (
      SELECT *
      FROM misfits AS differs
      WHERE differs.instance_uuid = servers.uuid
        AND differs.resource_class = kept_class_on_host.name
    ))
)), ''), coalesce(concat(' ', (
  SELECT group_concat(concat('--allocation rp=', kept_on.uuid, ',', kept_class.name, '=',
      CAST(kept_row.used AS CHAR)) SEPARATOR ' ') AS aggregate_strings_5
  FROM allocations AS kept_row
  INNER JOIN resource_classes AS kept_class ON kept_class.id = kept_row.resource_class_id
  INNER JOIN resource_providers AS kept_on ON kept_on.id = kept_row.resource_provider_id
  WHERE kept_row.consumer_id = servers.uuid
    AND kept_on.id != own_provider.id
)), '')) END AS allocation_words, CASE WHEN (projects.external_id IS NULL) THEN
    'Placement knows no owner of it, see P13 to P15.' WHEN (misfit_sums.classes = 0) THEN
    'What nova keeps of its flavor cannot be read. Look at its size on the host (virsh dumpxml).' WHEN (servers.vm_state
    = 'error') THEN
    'The server is in error, and the rows do not tell with which size it runs, if at all. Look on the host (virsh dumpxml).'
    WHEN (coalesce((
  SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
      doubtful_move.source_compute END) AS max_3
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
        doubtful_move.source_node AND coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 0
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
            '') = 'error' OR servers.host = proving_move.source_compute AND servers.node = proving_move.source_node AND
            coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND coalesce(proving_move.status,
            '') IN ('failed', 'cancelled') OR servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute AND
            servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed', 'reverted', 'error',
            'failed', 'completed', 'cancelled', 'done'), false) = 1
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
        vouching_move.source_node AND coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 1
)))) THEN coalesce(servers.launched_on, 'the one where it was built') END) IS NOT NULL) THEN
    concat('No row proves that the guest is on ', servers.host,
    ': nova may have the wrong host for it. Look on both hosts, ', servers.host, ' and ', coalesce(coalesce((
  SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
      doubtful_move.source_compute END) AS max_3
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
        doubtful_move.source_node AND coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 0
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
            '') = 'error' OR servers.host = proving_move.source_compute AND servers.node = proving_move.source_node AND
            coalesce(proving_move.migration_type, 'migration') = 'live-migration' AND coalesce(proving_move.status,
            '') IN ('failed', 'cancelled') OR servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute AND
            servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND servers.node =
            proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed', 'reverted', 'error',
            'failed', 'completed', 'cancelled', 'done'), false) = 1
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
        vouching_move.source_node AND coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done'), false) = 1
)))) THEN coalesce(servers.launched_on, 'the one where it was built') END), ''),
    ', for the guest (virsh list --all) before anything is written.') WHEN ((EXISTS (
  SELECT *
  FROM migrations AS unsettled_move
  WHERE unsettled_move.instance_uuid = servers.uuid
    AND (unsettled_move.deleted = 0 AND unsettled_move.status IN ('error', 'failed', 'finished') OR (EXISTS (
      SELECT *
      FROM claims AS moved
      WHERE moved.consumer_id = unsettled_move.uuid
    )))
)) OR servers.vm_state = 'resized') THEN
    'A resize or migration of it has not ended well, or not yet, so it may run with its old size or the new one. Look on the host (virsh dumpxml), and end the move first.'
    WHEN (EXISTS (
  SELECT *
  FROM claims AS elsewhere, resource_providers AS other_root
  WHERE elsewhere.consumer_id = servers.uuid
    AND elsewhere.root_id = other_root.id
    AND elsewhere.root_id != own_provider.id
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
)) THEN 'It holds something on another host, too: see first which of the two is right (X09).' WHEN (misfit_sums.short =
    0) THEN
    'It holds no less than its flavor asks for, so no server is in danger, and placement itself may have counted twice. A resize or a cold migration writes it anew.'
    WHEN (misfit_sums.sure = 0) THEN
    'Its flavor can be read in several ways, so the right amounts are not certain. See what other servers of the flavor hold, and what the host gives it (virsh dumpxml).'
    WHEN ((
  SELECT group_concat(concat('--allocation rp=', kept_on.uuid, ',', kept_class.name, '=',
      CAST(kept_row.used AS CHAR)) SEPARATOR ' ') AS aggregate_strings_2
  FROM allocations AS kept_row
  INNER JOIN resource_classes AS kept_class ON kept_class.id = kept_row.resource_class_id
  INNER JOIN resource_providers AS kept_on ON kept_on.id = kept_row.resource_provider_id
  WHERE kept_row.consumer_id = servers.uuid
    AND kept_on.id != own_provider.id
    AND (EXISTS (
      SELECT *
      FROM misfits AS differs
      WHERE differs.instance_uuid = servers.uuid
        AND differs.resource_class = kept_class.name
    ))
) IS NOT NULL OR (EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND asked_class.name = 'DISK_GB'
)) AND (
  SELECT count(pool_of_disk.id) AS count_1
  FROM resource_providers AS pool_of_disk
  INNER JOIN reach AS pool_reach ON pool_reach.provider_id = pool_of_disk.id
  INNER JOIN inventories AS pool_offer ON pool_offer.resource_provider_id = pool_of_disk.id
  INNER JOIN resource_classes AS pool_class ON pool_class.id = pool_offer.resource_class_id
  WHERE pool_reach.root_id = own_provider.id
    AND pool_of_disk.id != own_provider.id
    AND pool_class.name = 'DISK_GB'
) > 0) THEN
    'What differs may belong on the host itself, below it, or on a pool that it draws from. Find out where the server has it, and write all that it holds with allocation set.'
    WHEN (NOT (NOT (EXISTS (
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
)))) THEN
    'It has duplicate rows, or rows of a class or provider that is missing. Allocation set cannot write those again: mend them first.'
    WHEN (EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND differs.amount > 0
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS any_offer
      WHERE any_offer.resource_provider_id = own_provider.id
        AND any_offer.resource_class_id = asked_class.id
    ))
)) THEN
    'The host itself does not offer all that is missing, and placement refuses what is not offered. Find out on which provider other servers of the host have it.'
    WHEN ((EXISTS (
  SELECT *
  FROM misfits AS differs, resource_classes AS asked_class
  WHERE differs.instance_uuid = servers.uuid
    AND asked_class.name = differs.resource_class
    AND differs.amount > 0
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offer
      WHERE offer.resource_provider_id = own_provider.id
        AND offer.resource_class_id = asked_class.id
        AND offer.min_unit <= differs.amount
        AND offer.max_unit >= differs.amount
        AND CASE WHEN (offer.step_size > 0) THEN differs.amount % offer.step_size ELSE 1 END = 0
        AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
            CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
            ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
          SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_1
          FROM allocations AS used_of_it
          WHERE used_of_it.resource_provider_id = own_provider.id
            AND used_of_it.resource_class_id = asked_class.id
        ) + (differs.amount - differs.held)
    ))
)) OR (EXISTS (
  SELECT *
  FROM allocations AS same, resource_classes AS same_class
  WHERE same.consumer_id = servers.uuid
    AND same_class.id = same.resource_class_id
    AND NOT (EXISTS (
      SELECT *
      FROM misfits AS differs
      WHERE differs.instance_uuid = servers.uuid
        AND differs.resource_class = same_class.name
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offer
      WHERE offer.resource_provider_id = same.resource_provider_id
        AND offer.resource_class_id = same.resource_class_id
        AND offer.min_unit <= same.used
        AND offer.max_unit >= same.used
        AND CASE WHEN (offer.step_size > 0) THEN same.used % offer.step_size ELSE 1 END = 0
        AND CASE WHEN ((offer.total - offer.reserved) * offer.allocation_ratio < 1000000000000000) THEN
            CAST(floor((offer.total - offer.reserved) * offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN
            ((offer.total - offer.reserved) * offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END >= (
          SELECT coalesce(sum(used_of_it.used), 0) AS coalesce_2
          FROM allocations AS used_of_it
          WHERE used_of_it.resource_provider_id = same.resource_provider_id
            AND used_of_it.resource_class_id = same.resource_class_id
        ) + 0
    ))
))) THEN
    'Placement has no room for it: with what is reserved and held there, a provider that it holds takes no more, and the write is refused. Move other servers away first, or correct what is reserved.'
    END AS withheld
FROM (
  SELECT misfits.cell AS cell, misfits.instance_uuid AS instance_uuid, misfits.root_id AS root_id,
      count(misfits.resource_class) AS classes, sum(CASE WHEN (misfits.held < misfits.amount) THEN 1 ELSE 0 END) AS
      short, sum(CASE WHEN (misfits.resource_class IN ('VCPU', 'PCPU')) THEN 1 ELSE 0 END) AS cpus,
      max(misfits.pinned) AS pinned, min(misfits.sure) AS sure, group_concat(concat(misfits.resource_class, ' ',
      CAST(misfits.held AS CHAR), ' where it should be ', CAST(misfits.amount AS CHAR)) SEPARATOR ', ') AS differences
  FROM misfits
  GROUP BY misfits.cell, misfits.instance_uuid, misfits.root_id
) AS misfit_sums
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
) AS servers ON servers.uuid = misfit_sums.instance_uuid
  AND servers.cell = misfit_sums.cell
INNER JOIN resource_providers AS own_provider ON own_provider.id = misfit_sums.root_id
LEFT OUTER JOIN consumers ON consumers.uuid = servers.uuid
LEFT OUTER JOIN projects ON projects.id = consumers.project_id
LEFT OUTER JOIN users ON users.id = consumers.user_id
WHERE servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete',
    'error')
  AND servers.host IS NOT NULL
  AND servers.node IS NOT NULL
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
  AND (misfit_sums.classes = 0 OR misfit_sums.pinned = 0 OR misfit_sums.cpus < misfit_sums.classes)
ORDER BY instance;
