-- X07 allocation-of-gone-server: Allocation of a server that is deleted or on no host
-- Severity: error, impact H
--
-- Says: server {instance} {state}, yet it still holds {held} on {provider_name}
--
-- Why: Nothing runs there, but placement keeps the room: it is lost until somebody deletes the allocation.
--
-- Left alone:
-- - a build that is rescheduled or under way, or queued: N10 tells of one that has been for an hour
-- - a server that is being unshelved, or has another task or migration in progress
-- - a deleted row whose server lives on in another cell
-- - a row that a cross-cell resize hides
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack resource provider allocation show {consumer}
--   openstack resource provider allocation delete {left}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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
      instance_uuid) USING ascii) AS instance_uuid, cell_id, queued_for_delete,
      CONVERT(updated_at USING ascii) AS updated_at
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
      hidden, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      hidden, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
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
shadow_instances AS (
  SELECT 'cell0' AS cell, CONVERT(uuid USING ascii) AS uuid, CONVERT(deleted_at USING ascii) AS deleted_at
  FROM nova_cell0.shadow_instances
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
  SELECT 'cell1' AS cell, CONVERT(uuid USING ascii) AS uuid, CONVERT(deleted_at USING ascii) AS deleted_at
  FROM nova.shadow_instances
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
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action, deleted
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
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action, deleted
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
SELECT claims.consumer_id AS consumer, gone.uuid AS instance, resource_providers.uuid AS provider,
    resource_providers.name AS provider_name, gone.cell, gone.state, (
  SELECT group_concat(concat(coalesce(held_class.name, concat('class ', CAST(held.resource_class_id AS CHAR))), ' ',
      CAST(held.used AS CHAR)) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS held
  INNER JOIN trees AS held_in ON held_in.provider_id = held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS held_class ON held_class.id = held.resource_class_id
  WHERE held.consumer_id = claims.consumer_id
    AND held_in.root_id = resource_providers.id
) AS held, CASE WHEN (CASE WHEN (EXISTS (
  SELECT *
  FROM instance_mappings
  WHERE instance_mappings.instance_uuid = gone.uuid
    AND instance_mappings.cell_id IS NOT NULL
    AND coalesce(instance_mappings.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM (
        SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell_id IS NOT NULL
      ) AS own_cell
      WHERE own_cell.cell = gone.cell
        AND own_cell.cell_id = instance_mappings.cell_id
    ))
    AND (EXISTS (
      SELECT *
      FROM (
        SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell_id IS NOT NULL
      ) AS any_mapped
      WHERE any_mapped.cell_id IS NOT NULL
    ))
)) THEN concat('nova maps this server to ', (
  SELECT max(coalesce(named_cell.cell, 'a cell that is not there')) AS max_1
  FROM instance_mappings AS named_mapping
  LEFT OUTER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS named_cell ON named_cell.cell_id = named_mapping.cell_id
  WHERE named_mapping.instance_uuid = gone.uuid
    AND named_mapping.cell_id IS NOT NULL
), ', whose database may lack its row', ': look for the guest on ', resource_providers.name,
    ' before anything is deleted.') WHEN (gone.state = 'is offloaded' AND gone.host IS NOT NULL) THEN
    concat('its row names the host ', gone.host, ', as after an unshelving that broke off', ': look for the guest on ',
    resource_providers.name, ' before anything is deleted.') WHEN (gone.state = 'is in error and on no host' AND (EXISTS
    (
  SELECT *
  FROM instance_actions AS action_on_host
  WHERE action_on_host.instance_uuid = gone.uuid
    AND (action_on_host.action NOT IN ('create', 'delete', 'forceDelete', 'softDelete'))
    AND coalesce(action_on_host.deleted, 0) = 0
))) THEN concat('it was on a host before, and nova leaves the host in the row of a server that fails later',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') END IS NULL) THEN
    claims.consumer_id END AS `left`, CASE WHEN (EXISTS (
  SELECT *
  FROM instance_mappings
  WHERE instance_mappings.instance_uuid = gone.uuid
    AND instance_mappings.cell_id IS NOT NULL
    AND coalesce(instance_mappings.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM (
        SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell_id IS NOT NULL
      ) AS own_cell
      WHERE own_cell.cell = gone.cell
        AND own_cell.cell_id = instance_mappings.cell_id
    ))
    AND (EXISTS (
      SELECT *
      FROM (
        SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
        FROM sources
        WHERE sources.`role` = 'cell'
          AND sources.cell_id IS NOT NULL
      ) AS any_mapped
      WHERE any_mapped.cell_id IS NOT NULL
    ))
)) THEN concat('nova maps this server to ', (
  SELECT max(coalesce(named_cell.cell, 'a cell that is not there')) AS max_1
  FROM instance_mappings AS named_mapping
  LEFT OUTER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS named_cell ON named_cell.cell_id = named_mapping.cell_id
  WHERE named_mapping.instance_uuid = gone.uuid
    AND named_mapping.cell_id IS NOT NULL
), ', whose database may lack its row', ': look for the guest on ', resource_providers.name,
    ' before anything is deleted.') WHEN (gone.state = 'is offloaded' AND gone.host IS NOT NULL) THEN
    concat('its row names the host ', gone.host, ', as after an unshelving that broke off', ': look for the guest on ',
    resource_providers.name, ' before anything is deleted.') WHEN (gone.state = 'is in error and on no host' AND (EXISTS
    (
  SELECT *
  FROM instance_actions AS action_on_host
  WHERE action_on_host.instance_uuid = gone.uuid
    AND (action_on_host.action NOT IN ('create', 'delete', 'forceDelete', 'softDelete'))
    AND coalesce(action_on_host.deleted, 0) = 0
))) THEN concat('it was on a host before, and nova leaves the host in the row of a server that fails later',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') END AS withheld, CASE WHEN ((
  SELECT max(mapping.updated_at) AS max_2
  FROM instance_mappings AS mapping
  WHERE mapping.instance_uuid = gone.uuid
) >= coalesce(CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = gone.uuid
) >= coalesce(CASE WHEN (gone.changed >= coalesce(claims.newest, '')) THEN gone.changed ELSE claims.newest END,
    '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = gone.uuid
) ELSE CASE WHEN (gone.changed >= coalesce(claims.newest, '')) THEN gone.changed ELSE claims.newest END END, '')) THEN (
  SELECT max(mapping.updated_at) AS max_2
  FROM instance_mappings AS mapping
  WHERE mapping.instance_uuid = gone.uuid
) ELSE CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = gone.uuid
) >= coalesce(CASE WHEN (gone.changed >= coalesce(claims.newest, '')) THEN gone.changed ELSE claims.newest END,
    '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_3
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = gone.uuid
) ELSE CASE WHEN (gone.changed >= coalesce(claims.newest, '')) THEN gone.changed ELSE claims.newest END END END AS
    newest_change
FROM (
  SELECT instances.uuid AS uuid, coalesce(max(CASE WHEN (instances.deleted = 0) THEN CASE WHEN (instances.deleted != 0)
      THEN 'is deleted' WHEN (coalesce(instances.hidden, 0) != 0 OR coalesce(instances.task_state, '') IN ('scheduling',
      'block_device_mapping', 'networking', 'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring',
      'shelving_offloading', 'unshelving') OR coalesce(instances.task_state,
      '') LIKE 'resize%' OR coalesce(instances.task_state, '') LIKE 'rebuild%') THEN NULL WHEN (instances.cell IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ) AND instances.host IS NULL AND instances.node IS NULL) THEN 'never left cell0' WHEN (instances.vm_state = 'error'
      AND instances.host IS NULL) THEN 'is in error and on no host' WHEN (instances.vm_state = 'shelved_offloaded' AND
      instances.task_state IS NULL) THEN 'is offloaded' END END), max(CASE WHEN (instances.deleted != 0) THEN
      'is deleted' WHEN (coalesce(instances.hidden, 0) != 0 OR coalesce(instances.task_state, '') IN ('scheduling',
      'block_device_mapping', 'networking', 'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring',
      'shelving_offloading', 'unshelving') OR coalesce(instances.task_state,
      '') LIKE 'resize%' OR coalesce(instances.task_state, '') LIKE 'rebuild%') THEN NULL WHEN (instances.cell IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ) AND instances.host IS NULL AND instances.node IS NULL) THEN 'never left cell0' WHEN (instances.vm_state = 'error'
      AND instances.host IS NULL) THEN 'is in error and on no host' WHEN (instances.vm_state = 'shelved_offloaded' AND
      instances.task_state IS NULL) THEN 'is offloaded' END)) AS state,
      coalesce(max(CASE WHEN (instances.deleted = 0) THEN instances.cell END), max(instances.cell)) AS cell,
      max(CASE WHEN (instances.deleted = 0) THEN instances.host END) AS host,
      CASE WHEN (max(instances.deleted_at) >= coalesce(CASE WHEN (max(instances.created_at) >=
      coalesce(max(instances.updated_at), '')) THEN max(instances.created_at) ELSE max(instances.updated_at) END,
      '')) THEN max(instances.deleted_at) ELSE CASE WHEN (max(instances.created_at) >=
      coalesce(max(instances.updated_at), '')) THEN max(instances.created_at) ELSE max(instances.updated_at) END END AS
      changed
  FROM instances
  WHERE instances.uuid IN (
    SELECT `row`.uuid
    FROM instances AS `row`
    WHERE CASE WHEN (`row`.deleted != 0) THEN 'is deleted' WHEN (coalesce(`row`.hidden,
        0) != 0 OR coalesce(`row`.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
        'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
        'unshelving') OR coalesce(`row`.task_state, '') LIKE 'resize%' OR coalesce(`row`.task_state,
        '') LIKE 'rebuild%') THEN NULL WHEN (`row`.cell IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ) AND `row`.host IS NULL AND `row`.node IS NULL) THEN 'never left cell0' WHEN (`row`.vm_state = 'error' AND
        `row`.host IS NULL) THEN 'is in error and on no host' WHEN (`row`.vm_state = 'shelved_offloaded' AND
        `row`.task_state IS NULL) THEN 'is offloaded' END IS NOT NULL
  )
    AND instances.uuid IN (
      SELECT claims.consumer_id
      FROM claims
    )
  GROUP BY instances.uuid
  HAVING count(CASE WHEN (instances.deleted != 0) THEN 'is deleted' WHEN (coalesce(instances.hidden,
      0) != 0 OR coalesce(instances.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking', 'spawning',
      'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
      'unshelving') OR coalesce(instances.task_state, '') LIKE 'resize%' OR coalesce(instances.task_state,
      '') LIKE 'rebuild%') THEN NULL WHEN (instances.cell IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ) AND instances.host IS NULL AND instances.node IS NULL) THEN 'never left cell0' WHEN (instances.vm_state = 'error'
      AND instances.host IS NULL) THEN 'is in error and on no host' WHEN (instances.vm_state = 'shelved_offloaded' AND
      instances.task_state IS NULL) THEN 'is offloaded' END) = count(*)
  UNION ALL
  SELECT shadow_instances.uuid AS uuid, 'is deleted and archived' AS state, max(shadow_instances.cell) AS cell,
      NULL AS host, max(shadow_instances.deleted_at) AS changed
  FROM shadow_instances
  WHERE NOT (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.uuid = shadow_instances.uuid
  ))
  GROUP BY shadow_instances.uuid
) AS gone
INNER JOIN claims ON claims.consumer_id = gone.uuid
INNER JOIN resource_providers ON resource_providers.id = claims.root_id
WHERE NOT (EXISTS (
  SELECT *
  FROM build_requests AS queued_build
  WHERE queued_build.instance_uuid = gone.uuid
))
  AND (gone.state IN ('is deleted', 'is deleted and archived') OR NOT (EXISTS (
    SELECT *
    FROM migrations AS move
    WHERE move.instance_uuid = gone.uuid
      AND coalesce(move.deleted, 0) = 0
      AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
      AND coalesce(move.status, '') != 'finished'
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
ORDER BY consumer, provider;
