-- X11 unknown-consumer: Consumer that no part of nova knows
-- Severity: error, impact H
--
-- Says: {consumer} of project {project} holds {held} on {provider_name}, but no cell has a server or migration of that
-- uuid, and no build of it is queued
--
-- Why: Placement keeps room for something that nova lost or another service owns. Nova will never release it; ask the
-- project before it is deleted, since others may write to placement too.
--
-- Left alone:
-- - a build that is queued
-- - deleted and archived servers and migrations, which are findings of their own
-- - another service's or an operator's: a consumer type, project or class that is not nova's is information
-- - a server that nova maps to a cell which does not have it is a warning, and nothing of it is to be deleted
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
      CASE WHEN (root.id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  ) OR root.name LIKE 'Neutron segment id %') THEN 1 ELSE 0 END AS shared
  FROM resource_providers
  LEFT OUTER JOIN resource_providers AS root ON root.id = resource_providers.root_provider_id
),
claims AS (
  SELECT allocations.consumer_id, trees.root_id, max(trees.shared) AS shared, count(*) AS `rows`,
      sum(CASE WHEN (allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS core, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_1
    FROM resource_classes
    WHERE resource_classes.name = 'VCPU'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS vcpu, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_2
    FROM resource_classes
    WHERE resource_classes.name = 'PCPU'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pcpu, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_3
    FROM resource_classes
    WHERE resource_classes.name = 'MEMORY_MB'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS memory_mb, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_4
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS disk_gb, max(allocations.created_at) AS newest
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
      instance_uuid) USING ascii) AS instance_uuid, cell_id
  FROM nova_api.instance_mappings
),
build_requests AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid
  FROM nova_api.build_requests
),
instances AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CAST(project_id AS CHAR) AS project_id
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CAST(project_id AS CHAR) AS project_id
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
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
      CASE WHEN (root.id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  ) OR root.name LIKE 'Neutron segment id %') THEN 1 ELSE 0 END AS shared
  FROM resource_providers
  LEFT OUTER JOIN resource_providers AS root ON root.id = resource_providers.root_provider_id
),
claims AS (
  SELECT allocations.consumer_id, trees.root_id, max(trees.shared) AS shared, count(*) AS `rows`,
      sum(CASE WHEN (allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS core, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_1
    FROM resource_classes
    WHERE resource_classes.name = 'VCPU'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS vcpu, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_2
    FROM resource_classes
    WHERE resource_classes.name = 'PCPU'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pcpu, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_3
    FROM resource_classes
    WHERE resource_classes.name = 'MEMORY_MB'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS memory_mb, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_4
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  )) THEN coalesce(allocations.used, 0) ELSE 0 END) AS disk_gb, max(allocations.created_at) AS newest
  FROM allocations
  INNER JOIN trees ON trees.provider_id = allocations.resource_provider_id
  GROUP BY trees.root_id, allocations.consumer_id
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
  FROM instance_mappings AS mapping
  WHERE mapping.instance_uuid = claims.consumer_id
)) THEN claims.consumer_id END AS mapped, CASE WHEN ((EXISTS (
  SELECT *
  FROM claims AS core
  WHERE core.consumer_id = claims.consumer_id
    AND core.core > 0
)) AND (consumers.consumer_type_id IS NULL OR consumer_types.name IN ('INSTANCE',
    'MIGRATION')) AND projects.external_id IN (
  SELECT owned.project_id
  FROM instances AS owned
  WHERE owned.project_id IS NOT NULL
) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapping
  WHERE mapping.instance_uuid = claims.consumer_id
))) THEN claims.consumer_id END AS ghost, claims.newest AS newest_change, CASE WHEN ((EXISTS (
  SELECT *
  FROM claims AS core
  WHERE core.consumer_id = claims.consumer_id
    AND core.core > 0
)) AND (EXISTS (
  SELECT *
  FROM instance_mappings AS mapping
  WHERE mapping.instance_uuid = claims.consumer_id
))) THEN 'M' WHEN ((EXISTS (
  SELECT *
  FROM claims AS core
  WHERE core.consumer_id = claims.consumer_id
    AND core.core > 0
)) AND (consumers.consumer_type_id IS NULL OR consumer_types.name IN ('INSTANCE',
    'MIGRATION')) AND projects.external_id IN (
  SELECT owned.project_id
  FROM instances AS owned
  WHERE owned.project_id IS NOT NULL
)) THEN 'H' WHEN ((EXISTS (
  SELECT *
  FROM claims AS core
  WHERE core.consumer_id = claims.consumer_id
    AND core.core > 0
)) AND consumers.consumer_type_id IS NULL AND coalesce(projects.external_id,
    '00000000-0000-0000-0000-000000000000') = '00000000-0000-0000-0000-000000000000') THEN 'M' ELSE 'I' END AS impact
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
    FROM build_requests
    WHERE build_requests.instance_uuid = claims.consumer_id
  )) OR (EXISTS (
    SELECT *
    FROM instance_mappings AS queued
    WHERE queued.instance_uuid = claims.consumer_id
      AND queued.cell_id IS NULL
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
