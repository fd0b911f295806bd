-- X12 migration-residue: Allocation of a migration that is over
-- Severity: error, impact H
--
-- Says: migration {migration} of server {instance} is over ({state}) and still holds {held} on {provider_name}{verdict}
--
-- Why: Nothing moves any more, but placement keeps the room on the old host: it is lost until somebody frees it. Where
-- the move failed half-way, the guest may still be there, and then it is all that accounts for the guest.
--
-- Left alone:
-- - a migration that is open in any cell, or was closed a moment ago
-- - a resize that is being reverted, whose status runs ahead of it
-- - one in error that the compute service still counts is a warning
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack server event list {instance}
--   openstack resource provider allocation show {migration}
--   openstack resource provider allocation delete {residue}
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
instance_mappings AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, cell_id, queued_for_delete
  FROM nova_api.instance_mappings
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
      CONVERT(source_node USING utf8mb4) AS source_node, CONVERT(dest_compute USING utf8mb4) AS dest_compute,
      CONVERT(dest_node USING utf8mb4) AS dest_node, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
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
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, NULL AS cell_id, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, NULL AS cell_id, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, mapping.id AS cell_id, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, mapping.id AS cell_id, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name, mapping.id AS cell_id, 'missing' AS status
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
shadow_migrations AS (
  SELECT 'cell0' AS cell, CONVERT(uuid USING ascii) AS uuid, CONVERT(instance_uuid USING ascii) AS instance_uuid,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.shadow_migrations
  WHERE uuid IN (
    SELECT unknown_consumers.consumer_id
    FROM unknown_consumers
    UNION
    SELECT instance_mappings.instance_uuid
    FROM instance_mappings
    WHERE instance_mappings.cell_id IS NOT NULL
      AND (instance_mappings.instance_uuid NOT IN (
        SELECT instances.uuid
        FROM instances
        WHERE instances.uuid IS NOT NULL
      ))
  )
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(uuid USING ascii) AS uuid, CONVERT(instance_uuid USING ascii) AS instance_uuid,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.shadow_migrations
  WHERE uuid IN (
    SELECT unknown_consumers.consumer_id
    FROM unknown_consumers
    UNION
    SELECT instance_mappings.instance_uuid
    FROM instance_mappings
    WHERE instance_mappings.cell_id IS NOT NULL
      AND (instance_mappings.instance_uuid NOT IN (
        SELECT instances.uuid
        FROM instances
        WHERE instances.uuid IS NOT NULL
      ))
  )
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
)
SELECT claims.consumer_id AS consumer, ended.uuid AS migration, ended.instance_uuid AS instance,
    resource_providers.uuid AS provider, resource_providers.name AS provider_name, ended.cell, ended.state,
    servers.host AS now_on, (
  SELECT group_concat(concat(coalesce(held_class.name, concat('class ', CAST(held.resource_class_id AS CHAR))), ' ',
      CAST(held.used AS CHAR)) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS held
  INNER JOIN trees AS held_in ON held_in.provider_id = held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS held_class ON held_class.id = held.resource_class_id
  WHERE held.consumer_id = claims.consumer_id
    AND held_in.root_id = resource_providers.id
) AS held, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
)) AND ((EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = ended.instance_uuid
    AND deleted_row.deleted != 0
)) OR ended.state IN ('deleted', 'archived')) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = ended.instance_uuid
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = ended.instance_uuid
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR servers.uuid IS NOT NULL AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) != 0
)) AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
    'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
    'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND coalesce(other_migration.deleted, 0) = 0
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
        'cancelled', 'done'))
))) AND coalesce(ended.state IN ('error', 'deleted', 'archived') AND (servers.vm_state = 'resized' OR
    coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR coalesce(servers.task_state, '') = 'migrating'),
    false) = 0 AND (coalesce(servers.vm_state = 'shelved_offloaded' AND servers.host IS NULL AND NOT (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'completed'))
    AND (other_migration.dest_compute IS NOT NULL OR coalesce(other_migration.deleted,
        0) = 0 AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done')))
)), false) = 1 OR NOT (EXISTS (
  SELECT 1 AS anon_1
  FROM claims AS any_part
  INNER JOIN resource_providers AS any_part_root ON any_part_root.id = any_part.root_id
  WHERE any_part.consumer_id = ended.uuid
    AND NOT ((EXISTS (
      SELECT *
      FROM claims AS as_much
      WHERE as_much.consumer_id = servers.uuid
        AND as_much.root_id = any_part.root_id
        AND as_much.vcpu >= any_part.vcpu
        AND as_much.pcpu >= any_part.pcpu
        AND as_much.memory_mb >= any_part.memory_mb
        AND as_much.disk_gb >= any_part.disk_gb
        AND as_much.pooled_gb >= any_part.pooled_gb
        AND NOT (EXISTS (
          SELECT *
          FROM allocations AS row_of_other, trees AS place_of_it
          WHERE row_of_other.consumer_id = any_part.consumer_id
            AND place_of_it.provider_id = row_of_other.resource_provider_id
            AND place_of_it.root_id = any_part.root_id
            AND (row_of_other.resource_class_id NOT IN (
              SELECT resource_classes.id
              FROM resource_classes
              WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
            ))
            AND NOT (EXISTS (
              SELECT *
              FROM allocations AS own_row
              WHERE own_row.consumer_id = servers.uuid
                AND own_row.resource_provider_id = row_of_other.resource_provider_id
                AND own_row.resource_class_id = row_of_other.resource_class_id
                AND own_row.used >= row_of_other.used
            ))
        ))
    )) OR (EXISTS (
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
    )) AND (EXISTS (
      SELECT *
      FROM migrations AS settling_move
      WHERE settling_move.instance_uuid = servers.uuid
        AND coalesce(servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'completed',
            'done') OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') IN ('finished',
            'confirming') AND settling_move.deleted = 0 OR servers.host = settling_move.dest_compute AND servers.node =
            settling_move.dest_node AND coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') = 'error' AND (EXISTS (
          SELECT *
          FROM instance_actions AS confirm_order
          WHERE confirm_order.instance_uuid = settling_move.instance_uuid
            AND confirm_order.action = 'confirmResize'
            AND confirm_order.start_time >= settling_move.created_at
            AND NOT (EXISTS (
              SELECT *
              FROM instance_actions AS revert_order
              WHERE revert_order.instance_uuid = confirm_order.instance_uuid
                AND revert_order.action = 'revertResize'
                AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
            ))
        )) OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND coalesce(settling_move.status,
            '') = 'error' OR servers.host = settling_move.source_compute AND servers.node = settling_move.source_node
            AND coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(settling_move.status, '') IN ('failed', 'cancelled') OR servers.host = settling_move.source_compute
            AND servers.node = settling_move.source_node AND coalesce(settling_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(settling_move.status,
            '') = 'reverted' OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            servers.host = settling_move.source_compute AND servers.node = settling_move.source_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
        AND (settling_move.uuid = ended.uuid OR coalesce(settling_move.created_at > ended.created_at, false) = 1)
    )) AND NOT (coalesce(any_part_root.name IN (servers.node, servers.host), false) = 1 OR (EXISTS (
      SELECT *
      FROM compute_nodes AS known_node
      WHERE known_node.uuid = any_part_root.uuid
        AND (known_node.hypervisor_hostname = servers.node OR known_node.host = servers.host)
    ))) AND NOT ((EXISTS (
      SELECT *
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
            '') = 'error' OR servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node
            AND coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(doubtful_move.status, '') IN ('failed', 'cancelled') OR servers.host = doubtful_move.source_compute
            AND servers.node = doubtful_move.source_node AND coalesce(doubtful_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(doubtful_move.status,
            '') = 'reverted' OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
            servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node AND
            coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 0
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
                'confirming') AND proving_move.deleted = 0 OR servers.host = proving_move.dest_compute AND servers.node
                = proving_move.dest_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
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
                coalesce(proving_move.status, '') IN ('failed', 'cancelled') OR servers.host =
                proving_move.source_compute AND servers.node = proving_move.source_node AND
                coalesce(proving_move.migration_type, 'migration') IN ('migration',
                'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute
                AND servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND
                servers.node = proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed',
                'reverted', 'error', 'failed', 'completed', 'cancelled', 'done'), false) = 1
            AND coalesce(proving_move.created_at > doubtful_move.created_at, false) = 1
        ))
        AND (coalesce(any_part_root.name IN (doubtful_move.source_node, doubtful_move.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.source_node OR known_node.host =
                doubtful_move.source_compute)
        )) OR coalesce(any_part_root.name IN (doubtful_move.dest_node, doubtful_move.dest_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.dest_node OR known_node.host =
                doubtful_move.dest_compute)
        )))
    )) OR NOT (coalesce(servers.launched_on = servers.host, false) = 1 OR (EXISTS (
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
            '') = 'error' OR servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node
            AND coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(vouching_move.status, '') IN ('failed', 'cancelled') OR servers.host = vouching_move.source_compute
            AND servers.node = vouching_move.source_node AND coalesce(vouching_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(vouching_move.status,
            '') = 'reverted' OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
            servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node AND
            coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
    )))) AND NOT (EXISTS (
      SELECT *
      FROM migrations AS evacuation_from_there
      WHERE evacuation_from_there.instance_uuid = servers.uuid
        AND evacuation_from_there.migration_type = 'evacuation'
        AND evacuation_from_there.status IN ('accepted', 'pre-migrating', 'done')
        AND (coalesce(any_part_root.name IN (evacuation_from_there.source_node, evacuation_from_there.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = evacuation_from_there.source_node OR known_node.host =
                evacuation_from_there.source_compute)
        )))
    )) AND NOT (NOT (EXISTS (
      SELECT *
      FROM compute_nodes AS storage_node
      WHERE storage_node.uuid = any_part_root.uuid
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offered, resource_classes AS offered_class
      WHERE offered.resource_provider_id = any_part_root.id
        AND offered_class.id = offered.resource_class_id
        AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) AND any_part.own = any_part.`rows`)
)))) THEN '' ELSE ', which may be all that accounts for its guest there' END AS verdict, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
)) AND ((EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = ended.instance_uuid
    AND deleted_row.deleted != 0
)) OR ended.state IN ('deleted', 'archived')) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = ended.instance_uuid
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = ended.instance_uuid
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR servers.uuid IS NOT NULL AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) != 0
)) AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
    'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
    'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND coalesce(other_migration.deleted, 0) = 0
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
        'cancelled', 'done'))
))) AND coalesce(ended.state IN ('error', 'deleted', 'archived') AND (servers.vm_state = 'resized' OR
    coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR coalesce(servers.task_state, '') = 'migrating'),
    false) = 0 AND (coalesce(servers.vm_state = 'shelved_offloaded' AND servers.host IS NULL AND NOT (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'completed'))
    AND (other_migration.dest_compute IS NOT NULL OR coalesce(other_migration.deleted,
        0) = 0 AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done')))
)), false) = 1 OR NOT (EXISTS (
  SELECT 1 AS anon_1
  FROM claims AS any_part
  INNER JOIN resource_providers AS any_part_root ON any_part_root.id = any_part.root_id
  WHERE any_part.consumer_id = ended.uuid
    AND NOT ((EXISTS (
      SELECT *
      FROM claims AS as_much
      WHERE as_much.consumer_id = servers.uuid
        AND as_much.root_id = any_part.root_id
        AND as_much.vcpu >= any_part.vcpu
        AND as_much.pcpu >= any_part.pcpu
        AND as_much.memory_mb >= any_part.memory_mb
        AND as_much.disk_gb >= any_part.disk_gb
        AND as_much.pooled_gb >= any_part.pooled_gb
        AND NOT (EXISTS (
          SELECT *
          FROM allocations AS row_of_other, trees AS place_of_it
          WHERE row_of_other.consumer_id = any_part.consumer_id
            AND place_of_it.provider_id = row_of_other.resource_provider_id
            AND place_of_it.root_id = any_part.root_id
            AND (row_of_other.resource_class_id NOT IN (
              SELECT resource_classes.id
              FROM resource_classes
              WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
            ))
            AND NOT (EXISTS (
              SELECT *
              FROM allocations AS own_row
              WHERE own_row.consumer_id = servers.uuid
                AND own_row.resource_provider_id = row_of_other.resource_provider_id
                AND own_row.resource_class_id = row_of_other.resource_class_id
                AND own_row.used >= row_of_other.used
            ))
        ))
    )) OR (EXISTS (
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
    )) AND (EXISTS (
      SELECT *
      FROM migrations AS settling_move
      WHERE settling_move.instance_uuid = servers.uuid
        AND coalesce(servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'completed',
            'done') OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') IN ('finished',
            'confirming') AND settling_move.deleted = 0 OR servers.host = settling_move.dest_compute AND servers.node =
            settling_move.dest_node AND coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') = 'error' AND (EXISTS (
          SELECT *
          FROM instance_actions AS confirm_order
          WHERE confirm_order.instance_uuid = settling_move.instance_uuid
            AND confirm_order.action = 'confirmResize'
            AND confirm_order.start_time >= settling_move.created_at
            AND NOT (EXISTS (
              SELECT *
              FROM instance_actions AS revert_order
              WHERE revert_order.instance_uuid = confirm_order.instance_uuid
                AND revert_order.action = 'revertResize'
                AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
            ))
        )) OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND coalesce(settling_move.status,
            '') = 'error' OR servers.host = settling_move.source_compute AND servers.node = settling_move.source_node
            AND coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(settling_move.status, '') IN ('failed', 'cancelled') OR servers.host = settling_move.source_compute
            AND servers.node = settling_move.source_node AND coalesce(settling_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(settling_move.status,
            '') = 'reverted' OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            servers.host = settling_move.source_compute AND servers.node = settling_move.source_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
        AND (settling_move.uuid = ended.uuid OR coalesce(settling_move.created_at > ended.created_at, false) = 1)
    )) AND NOT (coalesce(any_part_root.name IN (servers.node, servers.host), false) = 1 OR (EXISTS (
      SELECT *
      FROM compute_nodes AS known_node
      WHERE known_node.uuid = any_part_root.uuid
        AND (known_node.hypervisor_hostname = servers.node OR known_node.host = servers.host)
    ))) AND NOT ((EXISTS (
      SELECT *
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
            '') = 'error' OR servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node
            AND coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(doubtful_move.status, '') IN ('failed', 'cancelled') OR servers.host = doubtful_move.source_compute
            AND servers.node = doubtful_move.source_node AND coalesce(doubtful_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(doubtful_move.status,
            '') = 'reverted' OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
            servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node AND
            coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 0
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
                'confirming') AND proving_move.deleted = 0 OR servers.host = proving_move.dest_compute AND servers.node
                = proving_move.dest_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
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
                coalesce(proving_move.status, '') IN ('failed', 'cancelled') OR servers.host =
                proving_move.source_compute AND servers.node = proving_move.source_node AND
                coalesce(proving_move.migration_type, 'migration') IN ('migration',
                'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute
                AND servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND
                servers.node = proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed',
                'reverted', 'error', 'failed', 'completed', 'cancelled', 'done'), false) = 1
            AND coalesce(proving_move.created_at > doubtful_move.created_at, false) = 1
        ))
        AND (coalesce(any_part_root.name IN (doubtful_move.source_node, doubtful_move.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.source_node OR known_node.host =
                doubtful_move.source_compute)
        )) OR coalesce(any_part_root.name IN (doubtful_move.dest_node, doubtful_move.dest_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.dest_node OR known_node.host =
                doubtful_move.dest_compute)
        )))
    )) OR NOT (coalesce(servers.launched_on = servers.host, false) = 1 OR (EXISTS (
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
            '') = 'error' OR servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node
            AND coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(vouching_move.status, '') IN ('failed', 'cancelled') OR servers.host = vouching_move.source_compute
            AND servers.node = vouching_move.source_node AND coalesce(vouching_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(vouching_move.status,
            '') = 'reverted' OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
            servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node AND
            coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
    )))) AND NOT (EXISTS (
      SELECT *
      FROM migrations AS evacuation_from_there
      WHERE evacuation_from_there.instance_uuid = servers.uuid
        AND evacuation_from_there.migration_type = 'evacuation'
        AND evacuation_from_there.status IN ('accepted', 'pre-migrating', 'done')
        AND (coalesce(any_part_root.name IN (evacuation_from_there.source_node, evacuation_from_there.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = evacuation_from_there.source_node OR known_node.host =
                evacuation_from_there.source_compute)
        )))
    )) AND NOT (NOT (EXISTS (
      SELECT *
      FROM compute_nodes AS storage_node
      WHERE storage_node.uuid = any_part_root.uuid
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offered, resource_classes AS offered_class
      WHERE offered.resource_provider_id = any_part_root.id
        AND offered_class.id = offered.resource_class_id
        AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) AND any_part.own = any_part.`rows`)
)))) THEN ended.uuid END AS residue, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
)) AND ((EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = ended.instance_uuid
    AND deleted_row.deleted != 0
)) OR ended.state IN ('deleted', 'archived')) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = ended.instance_uuid
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = ended.instance_uuid
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR servers.uuid IS NOT NULL AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) != 0
)) AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
    'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
    'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND coalesce(other_migration.deleted, 0) = 0
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
        'cancelled', 'done'))
))) AND coalesce(ended.state IN ('error', 'deleted', 'archived') AND (servers.vm_state = 'resized' OR
    coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR coalesce(servers.task_state, '') = 'migrating'),
    false) = 0 AND (coalesce(servers.vm_state = 'shelved_offloaded' AND servers.host IS NULL AND NOT (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'completed'))
    AND (other_migration.dest_compute IS NOT NULL OR coalesce(other_migration.deleted,
        0) = 0 AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed',
        'completed', 'cancelled', 'done')))
)), false) = 1 OR NOT (EXISTS (
  SELECT 1 AS anon_1
  FROM claims AS any_part
  INNER JOIN resource_providers AS any_part_root ON any_part_root.id = any_part.root_id
  WHERE any_part.consumer_id = ended.uuid
    AND NOT ((EXISTS (
      SELECT *
      FROM claims AS as_much
      WHERE as_much.consumer_id = servers.uuid
        AND as_much.root_id = any_part.root_id
        AND as_much.vcpu >= any_part.vcpu
        AND as_much.pcpu >= any_part.pcpu
        AND as_much.memory_mb >= any_part.memory_mb
        AND as_much.disk_gb >= any_part.disk_gb
        AND as_much.pooled_gb >= any_part.pooled_gb
        AND NOT (EXISTS (
          SELECT *
          FROM allocations AS row_of_other, trees AS place_of_it
          WHERE row_of_other.consumer_id = any_part.consumer_id
            AND place_of_it.provider_id = row_of_other.resource_provider_id
            AND place_of_it.root_id = any_part.root_id
            AND (row_of_other.resource_class_id NOT IN (
              SELECT resource_classes.id
              FROM resource_classes
              WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
            ))
            AND NOT (EXISTS (
              SELECT *
              FROM allocations AS own_row
              WHERE own_row.consumer_id = servers.uuid
                AND own_row.resource_provider_id = row_of_other.resource_provider_id
                AND own_row.resource_class_id = row_of_other.resource_class_id
                AND own_row.used >= row_of_other.used
            ))
        ))
    )) OR (EXISTS (
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
    )) AND (EXISTS (
      SELECT *
      FROM migrations AS settling_move
      WHERE settling_move.instance_uuid = servers.uuid
        AND coalesce(servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'completed',
            'done') OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') IN ('finished',
            'confirming') AND settling_move.deleted = 0 OR servers.host = settling_move.dest_compute AND servers.node =
            settling_move.dest_node AND coalesce(settling_move.migration_type, 'migration') IN ('migration',
            'resize') AND coalesce(settling_move.status, '') = 'error' AND (EXISTS (
          SELECT *
          FROM instance_actions AS confirm_order
          WHERE confirm_order.instance_uuid = settling_move.instance_uuid
            AND confirm_order.action = 'confirmResize'
            AND confirm_order.start_time >= settling_move.created_at
            AND NOT (EXISTS (
              SELECT *
              FROM instance_actions AS revert_order
              WHERE revert_order.instance_uuid = confirm_order.instance_uuid
                AND revert_order.action = 'revertResize'
                AND (revert_order.start_time >= confirm_order.start_time OR revert_order.start_time IS NULL)
            ))
        )) OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND coalesce(settling_move.status,
            '') = 'error' OR servers.host = settling_move.source_compute AND servers.node = settling_move.source_node
            AND coalesce(settling_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(settling_move.status, '') IN ('failed', 'cancelled') OR servers.host = settling_move.source_compute
            AND servers.node = settling_move.source_node AND coalesce(settling_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(settling_move.status,
            '') = 'reverted' OR servers.host = settling_move.dest_compute AND servers.node = settling_move.dest_node AND
            servers.host = settling_move.source_compute AND servers.node = settling_move.source_node AND
            coalesce(settling_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
        AND (settling_move.uuid = ended.uuid OR coalesce(settling_move.created_at > ended.created_at, false) = 1)
    )) AND NOT (coalesce(any_part_root.name IN (servers.node, servers.host), false) = 1 OR (EXISTS (
      SELECT *
      FROM compute_nodes AS known_node
      WHERE known_node.uuid = any_part_root.uuid
        AND (known_node.hypervisor_hostname = servers.node OR known_node.host = servers.host)
    ))) AND NOT ((EXISTS (
      SELECT *
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
            '') = 'error' OR servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node
            AND coalesce(doubtful_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(doubtful_move.status, '') IN ('failed', 'cancelled') OR servers.host = doubtful_move.source_compute
            AND servers.node = doubtful_move.source_node AND coalesce(doubtful_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(doubtful_move.status,
            '') = 'reverted' OR servers.host = doubtful_move.dest_compute AND servers.node = doubtful_move.dest_node AND
            servers.host = doubtful_move.source_compute AND servers.node = doubtful_move.source_node AND
            coalesce(doubtful_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 0
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
                'confirming') AND proving_move.deleted = 0 OR servers.host = proving_move.dest_compute AND servers.node
                = proving_move.dest_node AND coalesce(proving_move.migration_type, 'migration') IN ('migration',
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
                coalesce(proving_move.status, '') IN ('failed', 'cancelled') OR servers.host =
                proving_move.source_compute AND servers.node = proving_move.source_node AND
                coalesce(proving_move.migration_type, 'migration') IN ('migration',
                'resize') AND coalesce(proving_move.status, '') = 'reverted' OR servers.host = proving_move.dest_compute
                AND servers.node = proving_move.dest_node AND servers.host = proving_move.source_compute AND
                servers.node = proving_move.source_node AND coalesce(proving_move.status, '') IN ('confirmed',
                'reverted', 'error', 'failed', 'completed', 'cancelled', 'done'), false) = 1
            AND coalesce(proving_move.created_at > doubtful_move.created_at, false) = 1
        ))
        AND (coalesce(any_part_root.name IN (doubtful_move.source_node, doubtful_move.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.source_node OR known_node.host =
                doubtful_move.source_compute)
        )) OR coalesce(any_part_root.name IN (doubtful_move.dest_node, doubtful_move.dest_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = doubtful_move.dest_node OR known_node.host =
                doubtful_move.dest_compute)
        )))
    )) OR NOT (coalesce(servers.launched_on = servers.host, false) = 1 OR (EXISTS (
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
            '') = 'error' OR servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node
            AND coalesce(vouching_move.migration_type, 'migration') = 'live-migration' AND
            coalesce(vouching_move.status, '') IN ('failed', 'cancelled') OR servers.host = vouching_move.source_compute
            AND servers.node = vouching_move.source_node AND coalesce(vouching_move.migration_type,
            'migration') IN ('migration', 'resize') AND coalesce(vouching_move.status,
            '') = 'reverted' OR servers.host = vouching_move.dest_compute AND servers.node = vouching_move.dest_node AND
            servers.host = vouching_move.source_compute AND servers.node = vouching_move.source_node AND
            coalesce(vouching_move.status, '') IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
            'done'), false) = 1
    )))) AND NOT (EXISTS (
      SELECT *
      FROM migrations AS evacuation_from_there
      WHERE evacuation_from_there.instance_uuid = servers.uuid
        AND evacuation_from_there.migration_type = 'evacuation'
        AND evacuation_from_there.status IN ('accepted', 'pre-migrating', 'done')
        AND (coalesce(any_part_root.name IN (evacuation_from_there.source_node, evacuation_from_there.source_compute),
            false) = 1 OR (EXISTS (
          SELECT *
          FROM compute_nodes AS known_node
          WHERE known_node.uuid = any_part_root.uuid
            AND (known_node.hypervisor_hostname = evacuation_from_there.source_node OR known_node.host =
                evacuation_from_there.source_compute)
        )))
    )) AND NOT (NOT (EXISTS (
      SELECT *
      FROM compute_nodes AS storage_node
      WHERE storage_node.uuid = any_part_root.uuid
    )) AND NOT (EXISTS (
      SELECT *
      FROM inventories AS offered, resource_classes AS offered_class
      WHERE offered.resource_provider_id = any_part_root.id
        AND offered_class.id = offered.resource_class_id
        AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    ))) AND any_part.own = any_part.`rows`)
)))) THEN NULL WHEN (servers.uuid IS NULL AND (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) = 0
))) THEN 'Two cells show the server, and nobody can tell from rows which of them is right: settle that first' WHEN
    (servers.uuid IS NULL AND NOT (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) != 0
))) THEN concat('No row proves that the server was deleted: ask openstack server show ', coalesce(ended.instance_uuid,
    'of the migration'), ', and look for its guest on ', coalesce(resource_providers.name, resource_providers.uuid,
    'the provider'), ' (virsh list --all --uuid)') WHEN (EXISTS (
  SELECT *
  FROM instances AS live_row
  WHERE live_row.uuid = ended.instance_uuid
    AND live_row.deleted = 0
    AND coalesce(live_row.hidden, 0) != 0
)) THEN 'A cell has a hidden row of the server, whose host may still have the guest: settle that first' WHEN
    (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning', 'migrating',
    'deleting', 'soft-deleting', 'restoring', 'shelving_offloading', 'unshelving') OR coalesce(servers.task_state,
    '') LIKE 'resize%' OR coalesce(servers.task_state, '') LIKE 'rebuild%' OR (EXISTS (
  SELECT *
  FROM migrations AS other_migration
  WHERE other_migration.instance_uuid = ended.instance_uuid
    AND coalesce(other_migration.deleted, 0) = 0
    AND (coalesce(other_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
        'cancelled', 'done'))
)) OR coalesce(ended.state IN ('error', 'deleted', 'archived') AND (servers.vm_state = 'resized' OR
    coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
    '') LIKE 'rebuild%' OR coalesce(servers.task_state, '') = 'migrating'),
    false) = 1) THEN concat('A move or another task of the server has not ended, or nova-compute still counts this one: see that ',
    'openstack server show ', coalesce(ended.instance_uuid, 'of the migration'),
    ' shows neither a task nor VERIFY_RESIZE, and look again') WHEN (coalesce(resource_providers.name IN (servers.node,
    servers.host), false) = 1 OR (EXISTS (
  SELECT *
  FROM compute_nodes AS known_node
  WHERE known_node.uuid = resource_providers.uuid
    AND (known_node.hypervisor_hostname = servers.node OR known_node.host = servers.host)
))) THEN concat('Nova has the server on ', coalesce(resource_providers.name, resource_providers.uuid, 'the provider'),
    ', where it holds less itself, so this may be all that accounts for it there: look for the guest on both ',
    'hosts of the migration (virsh list --all --uuid), and read what openstack server event list ',
    coalesce(ended.instance_uuid, 'of the migration'), ' says') WHEN (ended.state != 'confirmed' AND (EXISTS (
  SELECT *
  FROM instance_actions AS `revertResize_order`
  WHERE `revertResize_order`.instance_uuid = ended.instance_uuid
    AND `revertResize_order`.action = 'revertResize'
    AND (`revertResize_order`.start_time >= ended.created_at OR `revertResize_order`.start_time IS NULL)
))) THEN concat('A revert was ordered, and one that fails may leave the guest on ', coalesce(resource_providers.name,
    resource_providers.uuid, 'the provider'), ' alone, whatever nova has as its host',
    ': look for the guest there and on ', coalesce(servers.host, 'its host'),
    ' (virsh list --all --uuid), and read what openstack server event list ', coalesce(ended.instance_uuid,
    'of the migration'), ' says; delete this only if the guest is on ', coalesce(servers.host, 'another host'),
    ' alone, and that is a machine of its own') ELSE concat('No row proves that nothing of the server is left on ',
    coalesce(resource_providers.name, resource_providers.uuid, 'the provider'), ': look for the guest there and on ',
    coalesce(servers.host, 'its host'), ' (virsh list --all --uuid), and read what openstack server event list ',
    coalesce(ended.instance_uuid, 'of the migration'), ' says; delete this only if the guest is on ',
    coalesce(servers.host, 'another host'), ' alone, and that is a machine of its own') END AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (changed_server.deleted_at >= coalesce(changed_server.updated_at,
      '')) THEN changed_server.deleted_at ELSE changed_server.updated_at END) AS max_1
  FROM instances AS changed_server
  WHERE changed_server.uuid = ended.instance_uuid
) >= coalesce(CASE WHEN (ended.changed >= coalesce(claims.newest, '')) THEN ended.changed ELSE claims.newest END,
    '')) THEN (
  SELECT max(CASE WHEN (changed_server.deleted_at >= coalesce(changed_server.updated_at,
      '')) THEN changed_server.deleted_at ELSE changed_server.updated_at END) AS max_1
  FROM instances AS changed_server
  WHERE changed_server.uuid = ended.instance_uuid
) ELSE CASE WHEN (ended.changed >= coalesce(claims.newest, '')) THEN ended.changed ELSE claims.newest END END AS
    newest_change, CASE WHEN coalesce(ended.state IN ('error', 'deleted',
    'archived') AND (servers.vm_state = 'resized' OR coalesce(servers.task_state,
    '') LIKE 'resize%' OR coalesce(servers.task_state, '') LIKE 'rebuild%' OR coalesce(servers.task_state,
    '') = 'migrating'), false) THEN 'M' ELSE 'H' END AS impact
FROM (
  SELECT migrations.uuid AS uuid, migrations.instance_uuid AS instance_uuid, migrations.cell AS cell,
      migrations.created_at AS created_at, CASE WHEN (migrations.deleted != 0) THEN 'deleted' ELSE migrations.status END
      AS state, CASE WHEN (migrations.deleted_at >= coalesce(CASE WHEN (migrations.created_at >=
      coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END,
      '')) THEN migrations.deleted_at ELSE CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
      '')) THEN migrations.created_at ELSE migrations.updated_at END END AS changed
  FROM migrations
  WHERE NOT (EXISTS (
    SELECT *
    FROM migrations AS open_migration
    WHERE open_migration.uuid = migrations.uuid
      AND coalesce(open_migration.deleted, 0) = 0
      AND (coalesce(open_migration.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
          'cancelled', 'done'))
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS twin_migration
      WHERE twin_migration.uuid = migrations.uuid
        AND twin_migration.cell > migrations.cell
    ))
  UNION ALL
  SELECT archive.uuid AS uuid, archive.instance_uuid AS instance_uuid, archive.cell AS cell,
      archive.created_at AS created_at, 'archived' AS state, CASE WHEN (archive.deleted_at >= coalesce(CASE WHEN
      (archive.created_at >= coalesce(archive.updated_at, '')) THEN archive.created_at ELSE archive.updated_at END,
      '')) THEN archive.deleted_at ELSE CASE WHEN (archive.created_at >= coalesce(archive.updated_at,
      '')) THEN archive.created_at ELSE archive.updated_at END END AS changed
  FROM shadow_migrations AS archive
  WHERE NOT (EXISTS (
    SELECT *
    FROM migrations
    WHERE migrations.uuid = archive.uuid
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM shadow_migrations
      WHERE shadow_migrations.uuid = archive.uuid
        AND shadow_migrations.cell > archive.cell
    ))
) AS ended
INNER JOIN claims ON claims.consumer_id = ended.uuid
INNER JOIN resource_providers ON resource_providers.id = claims.root_id
LEFT OUTER JOIN (
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
) AS servers ON servers.uuid = ended.instance_uuid
  AND NOT (EXISTS (
    SELECT *
    FROM instances AS twin
    WHERE twin.uuid = servers.uuid
      AND twin.cell != servers.cell
      AND twin.deleted = 0
      AND coalesce(twin.hidden, 0) = 0
  ))
WHERE NOT (ended.state = 'reverted' AND (EXISTS (
  SELECT *
  FROM instances AS reverted_server
  WHERE reverted_server.uuid = ended.instance_uuid
    AND reverted_server.deleted = 0
    AND reverted_server.task_state = 'resize_reverting'
)))
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
ORDER BY migration, provider;
