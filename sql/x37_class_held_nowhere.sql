-- X37 class-held-nowhere: Server that does not hold a resource its flavor asks for
-- Severity: warning, impact M
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X37 tells which of them are faults.
--
-- Says: server {instance} ({vm_state} on {node}) holds no {resource_class}, of which its flavor asks for {amount}; all
-- that it holds: {held}
--
-- Why: Placement believes that what the server uses, such as a VGPU, is free: the next server that gets it fails to
-- start. Somebody wrote the allocation anew without it, as heal_allocations --force, an audit with --delete, or a set
-- that left it out does.
--
-- Left alone:
-- - a class that the flavor asked for only later: what the server keeps of its own flavor counts
-- - amounts of 0, and groups that nova before 24 did not read
-- - the flavor before a resize and the one after it, as long as nova keeps both
-- - what only the image, a port or a device profile asks for
-- - a migration, resize or another task of the server is in progress, waits for its end, or still holds something
-- - a server that holds nothing on its host, which is a finding of its own
-- - a server that a cross-cell resize hides, or that two cells show
-- - a flavor that was deleted, where no flavor of the same size has such a request
-- - information where nothing that the host draws from offers the class, and for a server in error
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   openstack resource provider allocation show {instance}
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
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
),
flavors AS (
  SELECT id, vcpus, memory_mb, root_gb, ephemeral_gb
  FROM nova_api.flavors
),
flavor_extra_specs AS (
  SELECT flavor_id, CAST(`key` AS CHAR) AS `key`, CAST(value AS CHAR) AS value
  FROM nova_api.flavor_extra_specs
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
pci_devices AS (
  SELECT CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted
  FROM nova_cell0.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
  UNION ALL
  SELECT CONVERT(instance_uuid USING ascii) AS instance_uuid, deleted
  FROM nova.pci_devices
  WHERE status IN (
    SELECT 'claimed' AS status
    UNION
    SELECT 'allocated' AS status
    UNION
    SELECT 'removed' AS status
  )
),
own_flavors AS (
  SELECT 'cell0' AS cell, CONVERT(instance_uuid USING ascii) AS instance_uuid
  FROM nova_cell0.instance_extra
  WHERE instance_uuid IN (
    SELECT instances.uuid
    FROM instances
    INNER JOIN (
      SELECT flavor_extra_specs.flavor_id AS flavor_id, resource_classes.id AS class_id
      FROM flavor_extra_specs
      INNER JOIN resource_classes ON flavor_extra_specs.`key` LIKE 'resources%'
        AND substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`,
            ':') + 1) = resource_classes.name OR flavor_extra_specs.`key` = 'hw:mem_encryption'
        AND resource_classes.name = 'MEM_ENCRYPTION_CONTEXT' OR flavor_extra_specs.`key` = 'hw:pmem'
        AND resource_classes.name LIKE 'CUSTOM_PMEM_NAMESPACE_%'
      WHERE (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
        AND coalesce(flavor_extra_specs.value, '') != '0'
      UNION
      SELECT flavor_extra_specs.flavor_id AS flavor_id, -1 AS anon_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` = 'pci_passthrough:alias'
    ) AS special ON special.flavor_id = instances.instance_type_id
    WHERE instances.deleted = 0
      AND instances.host IS NOT NULL
      AND (special.class_id >= 0 AND NOT (EXISTS (
        SELECT *
        FROM allocations AS held_of_it
        WHERE held_of_it.consumer_id = instances.uuid
          AND held_of_it.resource_class_id = special.class_id
      )) OR special.class_id < 0 AND (instances.uuid NOT IN (
        SELECT device.instance_uuid
        FROM pci_devices AS device
        WHERE device.instance_uuid IS NOT NULL
          AND device.deleted = 0
      )))
    UNION
    SELECT instances.uuid
    FROM instances
    INNER JOIN flavors ON flavors.vcpus = instances.vcpus
      AND flavors.memory_mb = instances.memory_mb
      AND flavors.root_gb = instances.root_gb
      AND flavors.ephemeral_gb = instances.ephemeral_gb
    INNER JOIN (
      SELECT flavor_extra_specs.flavor_id AS flavor_id, resource_classes.id AS class_id
      FROM flavor_extra_specs
      INNER JOIN resource_classes ON flavor_extra_specs.`key` LIKE 'resources%'
        AND substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`,
            ':') + 1) = resource_classes.name OR flavor_extra_specs.`key` = 'hw:mem_encryption'
        AND resource_classes.name = 'MEM_ENCRYPTION_CONTEXT' OR flavor_extra_specs.`key` = 'hw:pmem'
        AND resource_classes.name LIKE 'CUSTOM_PMEM_NAMESPACE_%'
      WHERE (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
        AND coalesce(flavor_extra_specs.value, '') != '0'
      UNION
      SELECT flavor_extra_specs.flavor_id AS flavor_id, -1 AS anon_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` = 'pci_passthrough:alias'
    ) AS special ON special.flavor_id = flavors.id
    WHERE instances.deleted = 0
      AND instances.host IS NOT NULL
      AND (special.class_id >= 0 AND NOT (EXISTS (
        SELECT *
        FROM allocations AS held_of_it
        WHERE held_of_it.consumer_id = instances.uuid
          AND held_of_it.resource_class_id = special.class_id
      )) OR special.class_id < 0 AND (instances.uuid NOT IN (
        SELECT device.instance_uuid
        FROM pci_devices AS device
        WHERE device.instance_uuid IS NOT NULL
          AND device.deleted = 0
      )))
      AND (coalesce(instances.instance_type_id, -1) NOT IN (
        SELECT known_flavor.id
        FROM flavors AS known_flavor
      ))
  )
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(instance_uuid USING ascii) AS instance_uuid
  FROM nova.instance_extra
  WHERE instance_uuid IN (
    SELECT instances.uuid
    FROM instances
    INNER JOIN (
      SELECT flavor_extra_specs.flavor_id AS flavor_id, resource_classes.id AS class_id
      FROM flavor_extra_specs
      INNER JOIN resource_classes ON flavor_extra_specs.`key` LIKE 'resources%'
        AND substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`,
            ':') + 1) = resource_classes.name OR flavor_extra_specs.`key` = 'hw:mem_encryption'
        AND resource_classes.name = 'MEM_ENCRYPTION_CONTEXT' OR flavor_extra_specs.`key` = 'hw:pmem'
        AND resource_classes.name LIKE 'CUSTOM_PMEM_NAMESPACE_%'
      WHERE (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
        AND coalesce(flavor_extra_specs.value, '') != '0'
      UNION
      SELECT flavor_extra_specs.flavor_id AS flavor_id, -1 AS anon_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` = 'pci_passthrough:alias'
    ) AS special ON special.flavor_id = instances.instance_type_id
    WHERE instances.deleted = 0
      AND instances.host IS NOT NULL
      AND (special.class_id >= 0 AND NOT (EXISTS (
        SELECT *
        FROM allocations AS held_of_it
        WHERE held_of_it.consumer_id = instances.uuid
          AND held_of_it.resource_class_id = special.class_id
      )) OR special.class_id < 0 AND (instances.uuid NOT IN (
        SELECT device.instance_uuid
        FROM pci_devices AS device
        WHERE device.instance_uuid IS NOT NULL
          AND device.deleted = 0
      )))
    UNION
    SELECT instances.uuid
    FROM instances
    INNER JOIN flavors ON flavors.vcpus = instances.vcpus
      AND flavors.memory_mb = instances.memory_mb
      AND flavors.root_gb = instances.root_gb
      AND flavors.ephemeral_gb = instances.ephemeral_gb
    INNER JOIN (
      SELECT flavor_extra_specs.flavor_id AS flavor_id, resource_classes.id AS class_id
      FROM flavor_extra_specs
      INNER JOIN resource_classes ON flavor_extra_specs.`key` LIKE 'resources%'
        AND substr(flavor_extra_specs.`key`, instr(flavor_extra_specs.`key`,
            ':') + 1) = resource_classes.name OR flavor_extra_specs.`key` = 'hw:mem_encryption'
        AND resource_classes.name = 'MEM_ENCRYPTION_CONTEXT' OR flavor_extra_specs.`key` = 'hw:pmem'
        AND resource_classes.name LIKE 'CUSTOM_PMEM_NAMESPACE_%'
      WHERE (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
        AND coalesce(flavor_extra_specs.value, '') != '0'
      UNION
      SELECT flavor_extra_specs.flavor_id AS flavor_id, -1 AS anon_1
      FROM flavor_extra_specs
      WHERE flavor_extra_specs.`key` = 'pci_passthrough:alias'
    ) AS special ON special.flavor_id = flavors.id
    WHERE instances.deleted = 0
      AND instances.host IS NOT NULL
      AND (special.class_id >= 0 AND NOT (EXISTS (
        SELECT *
        FROM allocations AS held_of_it
        WHERE held_of_it.consumer_id = instances.uuid
          AND held_of_it.resource_class_id = special.class_id
      )) OR special.class_id < 0 AND (instances.uuid NOT IN (
        SELECT device.instance_uuid
        FROM pci_devices AS device
        WHERE device.instance_uuid IS NOT NULL
          AND device.deleted = 0
      )))
      AND (coalesce(instances.instance_type_id, -1) NOT IN (
        SELECT known_flavor.id
        FROM flavors AS known_flavor
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
),
unmet AS (
  SELECT own_flavors.cell, own_flavors.instance_uuid, 'class' AS kind, resource_classes.name AS name, 1 AS amount
  FROM own_flavors
  INNER JOIN resource_classes ON true = 1
  WHERE (resource_classes.name NOT IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB'))
  UNION ALL
  SELECT own_flavors.cell, own_flavors.instance_uuid, 'alias' AS kind, 'an alias' AS name, 1 AS amount
  FROM own_flavors
  INNER JOIN resource_classes ON true = 1
  WHERE resource_classes.id = 0
)
SELECT servers.uuid AS consumer, servers.uuid AS instance, own_provider.uuid AS provider,
    own_provider.name AS provider_name, servers.cell, servers.host, servers.node, servers.vm_state,
    unmet.name AS resource_class, unmet.amount, coalesce((
  SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ', CAST(any_held.resource_class_id AS CHAR))),
      ' ', CAST(any_held.used AS CHAR), ' on ', any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS any_held
  INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
  WHERE any_held.consumer_id = servers.uuid
), 'nothing') AS held, CASE WHEN (coalesce((
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
    ': nova may have the wrong host for it. Look on both hosts, ', servers.host, ' and ', coalesce((
  SELECT max(CASE WHEN (doubtful_move.dest_compute != servers.host) THEN doubtful_move.dest_compute ELSE
      doubtful_move.source_compute END) AS max_2
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
)))) THEN coalesce(servers.launched_on, 'the one where it was built') END),
    ', for the guest (virsh list --all) before anything is written.') WHEN (NOT (EXISTS (
  SELECT *
  FROM reach, inventories AS offered, resource_classes AS offered_class
  WHERE reach.root_id = own_provider.id
    AND offered.resource_provider_id = reach.provider_id
    AND offered_class.id = offered.resource_class_id
    AND offered_class.name = unmet.name
))) THEN
    'Nothing that its host draws from offers the class, so there is nothing to write. Look on the host (virsh dumpxml) whether the server has what it asked for.'
    ELSE
    'The rows do not tell from which provider the server has it. The host does (virsh dumpxml); write that, and all else that it holds, with allocation set.'
    END AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) >= coalesce(CASE WHEN ((
  SELECT max(any_claim.newest) AS max_4
  FROM claims AS any_claim
  WHERE any_claim.consumer_id = servers.uuid
) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
  SELECT max(any_claim.newest) AS max_4
  FROM claims AS any_claim
  WHERE any_claim.consumer_id = servers.uuid
) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) ELSE CASE WHEN ((
  SELECT max(any_claim.newest) AS max_4
  FROM claims AS any_claim
  WHERE any_claim.consumer_id = servers.uuid
) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
  SELECT max(any_claim.newest) AS max_4
  FROM claims AS any_claim
  WHERE any_claim.consumer_id = servers.uuid
) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change,
    CASE WHEN (servers.vm_state = 'error' OR NOT (EXISTS (
  SELECT *
  FROM reach, inventories AS offered, resource_classes AS offered_class
  WHERE reach.root_id = own_provider.id
    AND offered.resource_provider_id = reach.provider_id
    AND offered_class.id = offered.resource_class_id
    AND offered_class.name = unmet.name
))) THEN 'I' ELSE 'M' END AS impact
FROM unmet
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
) AS servers ON servers.uuid = unmet.instance_uuid
  AND servers.cell = unmet.cell
INNER JOIN (
  SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
      compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
      compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
      compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
      ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
      compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at, compute_nodes.created_at AS created_at,
      compute_nodes.updated_at AS updated_at
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
) AS nodes ON nodes.cell = servers.cell
  AND nodes.hypervisor_hostname = servers.node
  AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
INNER JOIN resource_providers AS own_provider ON own_provider.uuid = nodes.uuid
WHERE unmet.kind = 'class'
  AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete',
      'error')
  AND servers.host IS NOT NULL
  AND servers.node IS NOT NULL
  AND servers.vm_state != 'resized'
  AND (EXISTS (
    SELECT *
    FROM claims AS here
    WHERE here.consumer_id = servers.uuid
      AND here.root_id = own_provider.id
      AND (here.core > 0 OR nodes.hypervisor_type = 'ironic' AND here.own > 0)
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
    FROM migrations AS holding_move, claims AS moved
    WHERE holding_move.instance_uuid = servers.uuid
      AND holding_move.uuid = moved.consumer_id
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM instances AS twin
    WHERE twin.uuid = servers.uuid
      AND twin.cell != servers.cell
      AND twin.deleted = 0
      AND coalesce(twin.hidden, 0) = 0
  ))
ORDER BY instance, resource_class;
