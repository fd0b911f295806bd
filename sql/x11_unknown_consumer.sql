-- X11 unknown-consumer: Consumer that no part of nova knows
-- Severity: error, impact H
--
-- Says: {consumer} of project {project} holds {held} on {provider_name}, and no cell has a server or migration of that
-- uuid: {evidence}
--
-- Why: Placement keeps room for something that nova lost or another service owns. Nova will never release it. Only a
-- row of nova proves that it was a server: otherwise it may be a container of Zun, or room that somebody keeps on
-- purpose.
--
-- Left alone:
-- - a build that is queued: N10 tells of one that has been for an hour
-- - deleted and archived servers and migrations, which are findings of their own
-- - it is a warning, without a deletion, where no row of nova proves that it was a server
-- - it is information where, besides, its project never had a server, another service gave it a type, or it holds no
--   VCPU, PCPU, MEMORY_MB and DISK_GB
-- - it is a warning, without a deletion, where nova maps it to a cell that does not have it
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider allocation show {consumer}
--   nova-manage cell_v2 verify_instance --uuid {mapped}
--   openstack project show {project}
--   openstack resource provider allocation delete {ghost}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
-- Before Xena there is no consumer_types.
-- Before Xena there is no consumers.consumer_type_id: write NULL in its place.
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
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, project_id, consumer_type_id
  FROM placement.consumers
),
consumer_types AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.consumer_types
),
projects AS (
  SELECT id, CAST(external_id AS CHAR) AS external_id
  FROM placement.projects
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
request_specs AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid
  FROM nova_api.request_specs
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
      CONVERT(node USING utf8mb4) AS node, CAST(project_id AS CHAR) AS project_id, deleted,
      CONVERT(created_at USING ascii) AS created_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(project_id AS CHAR) AS project_id, deleted,
      CONVERT(created_at USING ascii) AS created_at
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CONVERT(created_at USING ascii) AS created_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CONVERT(created_at USING ascii) AS created_at
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
  SELECT 'placement' AS `role`, 'placement' AS name, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid,
      'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid,
      'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name, mapping.id AS cell_id,
      CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'missing' AS status
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
  SELECT CONVERT(uuid USING ascii) AS uuid
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
  SELECT CONVERT(uuid USING ascii) AS uuid
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
shadow_migrations AS (
  SELECT CONVERT(uuid USING ascii) AS uuid
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
  SELECT CONVERT(uuid USING ascii) AS uuid
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
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action, CAST(message AS CHAR) AS message,
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
      instance_uuid) USING ascii) AS instance_uuid, CAST(action AS CHAR) AS action, CAST(message AS CHAR) AS message,
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
SELECT claims.consumer_id AS consumer, resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    projects.external_id AS project, consumer_types.name AS consumer_type, (
  SELECT group_concat(concat(coalesce(held_class.name, concat('class ', CAST(held.resource_class_id AS CHAR))), ' ',
      CAST(held.used AS CHAR)) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS held
  INNER JOIN trees AS held_in ON held_in.provider_id = held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS held_class ON held_class.id = held.resource_class_id
  WHERE held.consumer_id = claims.consumer_id
    AND held_in.root_id = resource_providers.id
) AS held, CASE WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) THEN 'nova''s API has accepted the deletion of a server of that uuid' WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = claims.consumer_id
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) THEN concat('nova maps such a server to ', (
  SELECT max(coalesce(named_cell.cell, 'a cell that is not there')) AS max_1
  FROM instance_mappings AS named_mapping
  LEFT OUTER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS named_cell ON named_cell.cell_id = named_mapping.cell_id
  WHERE named_mapping.instance_uuid = claims.consumer_id
    AND named_mapping.cell_id IS NOT NULL
), ', which does not have it') WHEN (EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
)) THEN 'a cell has a record of its deletion' WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = claims.consumer_id
    AND pending_mapping.cell_id IS NULL
)) THEN 'its build was accepted, but no cell has it and it is no longer queued' WHEN (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
)) THEN 'a cell has a record of what was ordered for such a server, but not of its deletion' WHEN (EXISTS (
  SELECT *
  FROM request_specs AS kept_request
  WHERE kept_request.instance_uuid = claims.consumer_id
)) THEN 'nova keeps the request of such a server' WHEN (consumer_types.name IN ('INSTANCE',
    'MIGRATION')) THEN 'its consumer type says that it is a server or a migration' WHEN (NOT (consumers.consumer_type_id
    IS NULL OR coalesce(consumer_types.name, 'INSTANCE') IN ('INSTANCE',
    'MIGRATION'))) THEN 'its consumer type says that another service made it' ELSE
    'nothing of nova says that it ever was a server, and others write to placement, too' END AS evidence,
    CASE WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = claims.consumer_id
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) THEN claims.consumer_id END AS mapped, CASE WHEN (CASE WHEN ((EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) AND (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
    AND ordered_action.action IN ('softDelete', 'restore')
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
))) THEN concat('it was soft-deleted, and perhaps restored since, and its row may have been lost',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) THEN NULL WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = claims.consumer_id
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) THEN concat('nova maps this server to a cell, and its row may be in a database that was not read',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN ((EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
)) OR (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = claims.consumer_id
    AND pending_mapping.cell_id IS NULL
))) THEN NULL WHEN (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
)) THEN concat('no row says that this server was deleted, and its own row may have been lost',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (EXISTS (
  SELECT *
  FROM request_specs AS kept_request
  WHERE kept_request.instance_uuid = claims.consumer_id
)) THEN concat('nova keeps the request of this server, and its row may have been lost', ': look for the guest on ',
    resource_providers.name, ' before anything is deleted.') WHEN (consumer_types.name IN ('INSTANCE',
    'MIGRATION') AND (EXISTS (
  SELECT *
  FROM claims AS claim_on_host, resource_providers AS root_on_host, compute_nodes AS node_on_host
  WHERE claim_on_host.consumer_id = claims.consumer_id
    AND root_on_host.id = claim_on_host.root_id
    AND node_on_host.uuid = root_on_host.uuid
)) AND claims.newest <= coalesce((
  SELECT max(newest_of_nova.made) AS max_2
  FROM (
    SELECT max(newest_server.created_at) AS made
    FROM instances AS newest_server
    UNION ALL
    SELECT max(newest_migration.created_at) AS made
    FROM migrations AS newest_migration
  ) AS newest_of_nova
), '')) THEN NULL WHEN (consumer_types.name IN ('INSTANCE', 'MIGRATION') AND (EXISTS (
  SELECT *
  FROM claims AS claim_on_host, resource_providers AS root_on_host, compute_nodes AS node_on_host
  WHERE claim_on_host.consumer_id = claims.consumer_id
    AND root_on_host.id = claim_on_host.root_id
    AND node_on_host.uuid = root_on_host.uuid
))) THEN concat('it is newer than every server that nova knows, as after the restore of a backup',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (consumer_types.name IN
    ('INSTANCE', 'MIGRATION')) THEN
    concat('its host is unknown to this nova, too: it may belong to a cell or a nova that was not read. ',
    'Ask who runs it before anything is deleted.') WHEN (NOT (consumers.consumer_type_id IS NULL OR
    coalesce(consumer_types.name, 'INSTANCE') IN ('INSTANCE', 'MIGRATION'))) THEN
    'its consumer type says that another service made it: ask those who run that service.' ELSE
    concat('no row of nova proves that this was a server: ask its project and those who run Zun, Blazar or ',
    'scripts that write to placement. If none of them knows it, a backup of nova''s databases shows whether it was a server that has been purged.')
    END IS NULL) THEN claims.consumer_id END AS ghost, CASE WHEN ((EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) AND (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
    AND ordered_action.action IN ('softDelete', 'restore')
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
))) THEN concat('it was soft-deleted, and perhaps restored since, and its row may have been lost',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) THEN NULL WHEN (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = claims.consumer_id
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) THEN concat('nova maps this server to a cell, and its row may be in a database that was not read',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN ((EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
)) OR (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = claims.consumer_id
    AND pending_mapping.cell_id IS NULL
))) THEN NULL WHEN (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
)) THEN concat('no row says that this server was deleted, and its own row may have been lost',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (EXISTS (
  SELECT *
  FROM request_specs AS kept_request
  WHERE kept_request.instance_uuid = claims.consumer_id
)) THEN concat('nova keeps the request of this server, and its row may have been lost', ': look for the guest on ',
    resource_providers.name, ' before anything is deleted.') WHEN (consumer_types.name IN ('INSTANCE',
    'MIGRATION') AND (EXISTS (
  SELECT *
  FROM claims AS claim_on_host, resource_providers AS root_on_host, compute_nodes AS node_on_host
  WHERE claim_on_host.consumer_id = claims.consumer_id
    AND root_on_host.id = claim_on_host.root_id
    AND node_on_host.uuid = root_on_host.uuid
)) AND claims.newest <= coalesce((
  SELECT max(newest_of_nova.made) AS max_2
  FROM (
    SELECT max(newest_server.created_at) AS made
    FROM instances AS newest_server
    UNION ALL
    SELECT max(newest_migration.created_at) AS made
    FROM migrations AS newest_migration
  ) AS newest_of_nova
), '')) THEN NULL WHEN (consumer_types.name IN ('INSTANCE', 'MIGRATION') AND (EXISTS (
  SELECT *
  FROM claims AS claim_on_host, resource_providers AS root_on_host, compute_nodes AS node_on_host
  WHERE claim_on_host.consumer_id = claims.consumer_id
    AND root_on_host.id = claim_on_host.root_id
    AND node_on_host.uuid = root_on_host.uuid
))) THEN concat('it is newer than every server that nova knows, as after the restore of a backup',
    ': look for the guest on ', resource_providers.name, ' before anything is deleted.') WHEN (consumer_types.name IN
    ('INSTANCE', 'MIGRATION')) THEN
    concat('its host is unknown to this nova, too: it may belong to a cell or a nova that was not read. ',
    'Ask who runs it before anything is deleted.') WHEN (NOT (consumers.consumer_type_id IS NULL OR
    coalesce(consumer_types.name, 'INSTANCE') IN ('INSTANCE', 'MIGRATION'))) THEN
    'its consumer type says that another service made it: ask those who run that service.' ELSE
    concat('no row of nova proves that this was a server: ask its project and those who run Zun, Blazar or ',
    'scripts that write to placement. If none of them knows it, a backup of nova''s databases shows whether it was a server that has been purged.')
    END AS withheld, CASE WHEN ((
  SELECT max(instance_mappings.updated_at) AS max_3
  FROM instance_mappings
  WHERE instance_mappings.instance_uuid = claims.consumer_id
) >= coalesce(claims.newest, '')) THEN (
  SELECT max(instance_mappings.updated_at) AS max_3
  FROM instance_mappings
  WHERE instance_mappings.instance_uuid = claims.consumer_id
) ELSE claims.newest END AS newest_change, CASE WHEN ((EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = claims.consumer_id
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
))) THEN 'M' WHEN ((EXISTS (
  SELECT *
  FROM instance_mappings AS queued_mapping
  WHERE queued_mapping.instance_uuid = claims.consumer_id
    AND queued_mapping.queued_for_delete = 1
)) OR (EXISTS (
  SELECT *
  FROM instance_actions AS deletion
  WHERE deletion.instance_uuid = claims.consumer_id
    AND deletion.action IN ('delete', 'forceDelete')
    AND coalesce(deletion.message, '') != 'Error'
    AND NOT (EXISTS (
      SELECT *
      FROM instance_actions AS later_action
      WHERE later_action.instance_uuid = deletion.instance_uuid
        AND coalesce(later_action.start_time, '') > coalesce(deletion.start_time, '')
    ))
)) OR (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = claims.consumer_id
    AND pending_mapping.cell_id IS NULL
)) OR (EXISTS (
  SELECT *
  FROM instance_actions AS ordered_action
  WHERE ordered_action.instance_uuid = claims.consumer_id
)) OR (EXISTS (
  SELECT *
  FROM request_specs AS kept_request
  WHERE kept_request.instance_uuid = claims.consumer_id
)) OR consumer_types.name IN ('INSTANCE', 'MIGRATION')) THEN 'H' WHEN ((EXISTS (
  SELECT *
  FROM claims AS core
  WHERE core.consumer_id = claims.consumer_id
    AND core.core + core.pooled > 0
)) AND consumers.consumer_type_id IS NULL AND (coalesce(projects.external_id,
    '00000000-0000-0000-0000-000000000000') = '00000000-0000-0000-0000-000000000000' OR projects.external_id IN (
  SELECT owned.project_id
  FROM instances AS owned
  WHERE owned.project_id IS NOT NULL
))) THEN 'M' ELSE 'I' END AS impact
FROM claims
INNER JOIN resource_providers ON resource_providers.id = claims.root_id
LEFT OUTER JOIN consumers ON consumers.uuid = claims.consumer_id
LEFT OUTER JOIN consumer_types ON consumer_types.id = consumers.consumer_type_id
LEFT OUTER JOIN projects ON projects.id = consumers.project_id
WHERE claims.consumer_id IN (
  SELECT unknown_consumers.consumer_id
  FROM unknown_consumers
)
  AND NOT ((EXISTS (
    SELECT *
    FROM shadow_instances
    WHERE shadow_instances.uuid = claims.consumer_id
  )) OR (EXISTS (
    SELECT *
    FROM shadow_migrations
    WHERE shadow_migrations.uuid = claims.consumer_id
  )) OR (EXISTS (
    SELECT *
    FROM build_requests AS queued_build
    WHERE queued_build.instance_uuid = claims.consumer_id
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
