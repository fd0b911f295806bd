-- X04 provider-of-deleted-node: Provider of a compute node that is deleted
-- Severity: warning, impact M
--
-- Says: compute node {node} was deleted at {deleted_at}, and its provider is left with {consumers} consumers,
-- {evacuated} of them evacuated servers, and {children} child providers
--
-- Why: Deleting a compute service leaves the provider behind when something is held there, without a word; before nova
-- 25 also what evacuated servers still hold. Nobody cleans it later, unless the service comes back: placement goes on
-- offering a host that is gone, and quotas that placement counts stay used. 'nova-manage placement audit' calls every
-- consumer of such a provider orphaned, live servers as well.
--
-- Left alone:
-- - a compute node that came back, in any cell
-- - sharing providers
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider show --allocations {provider}
--   openstack server show {example}
--   openstack --os-placement-api-version 1.14 resource provider list --in-tree {with_children}
--   # delete the children of {removable_parent} before it, deepest first
--   openstack resource provider delete {removable}
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
      root_provider_id, parent_provider_id
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
      CONVERT(node USING utf8mb4) AS node, CAST(task_state AS CHAR) AS task_state, hidden, compute_id, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(task_state AS CHAR) AS task_state, hidden, compute_id, deleted
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_node USING utf8mb4) AS source_node, deleted
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_node USING utf8mb4) AS source_node, deleted
  FROM nova.migrations
),
compute_nodes AS (
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(host USING utf8mb4) AS host, CONVERT(hypervisor_hostname USING utf8mb4) AS hypervisor_hostname, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at
  FROM nova.compute_nodes
),
services AS (
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.services
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.services
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
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name, gone.cell, gone.host, gone.node,
    gone.deleted_at, (
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) AS consumers, (
  SELECT count(DISTINCT claims.consumer_id) AS count_2
  FROM claims
  INNER JOIN migrations ON migrations.instance_uuid = claims.consumer_id
    AND migrations.deleted = 0
    AND migrations.migration_type = 'evacuation'
    AND migrations.status = 'done'
  WHERE claims.root_id = resource_providers.id
    AND migrations.source_node = gone.node
) AS evacuated, coalesce(children.children, 0) AS children, (
  SELECT min(claims.consumer_id) AS min_1
  FROM claims
  WHERE claims.root_id = resource_providers.id
) AS example, (
  SELECT count(DISTINCT claims.consumer_id) AS count_3
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM instances AS live, (
        SELECT compute_nodes.uuid AS uuid, min(compute_nodes.cell) AS cell, min(compute_nodes.host) AS host,
            min(compute_nodes.hypervisor_hostname) AS node, max(compute_nodes.deleted_at) AS deleted_at
        FROM compute_nodes
        GROUP BY compute_nodes.uuid
        HAVING sum(CASE WHEN (compute_nodes.deleted = 0) THEN 1 ELSE 0 END) = 0
      ) AS gone
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
        AND (live.host = gone.host OR live.node = gone.node)
    ))
) AS servers_here, (
  SELECT count(DISTINCT claims.consumer_id) AS count_4
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live, (
        SELECT compute_nodes.uuid AS uuid, min(compute_nodes.cell) AS cell, min(compute_nodes.host) AS host,
            min(compute_nodes.hypervisor_hostname) AS node, max(compute_nodes.deleted_at) AS deleted_at
        FROM compute_nodes
        GROUP BY compute_nodes.uuid
        HAVING sum(CASE WHEN (compute_nodes.deleted = 0) THEN 1 ELSE 0 END) = 0
      ) AS gone
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
        AND (live.host = gone.host OR live.node = gone.node)
    ))
) AS servers_elsewhere, (
  SELECT count(DISTINCT claims.consumer_id) AS count_5
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS dead
      WHERE dead.uuid = claims.consumer_id
    ))
) AS deleted_servers, (
  SELECT count(DISTINCT claims.consumer_id) AS count_6
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM migrations AS holding_move
      WHERE holding_move.uuid = claims.consumer_id
    ))
) AS migrations, (
  SELECT count(DISTINCT claims.consumer_id) AS count_7
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND NOT (NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    )) AND (EXISTS (
      SELECT *
      FROM instances AS dead
      WHERE dead.uuid = claims.consumer_id
    )))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS holding_move
      WHERE holding_move.uuid = claims.consumer_id
    ))
) AS unknown, CASE WHEN (coalesce(children.children, 0) > 0) THEN resource_providers.uuid END AS with_children,
    CASE WHEN ((
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) = 0 AND ((EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.uuid = resource_providers.uuid
)) OR (EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.hypervisor_hostname = resource_providers.name
)) OR (EXISTS (
  SELECT *
  FROM services AS remembered_service
  WHERE remembered_service.host = resource_providers.name
    AND remembered_service.`binary` = 'nova-compute'
))) AND NOT ((EXISTS (
  SELECT *
  FROM compute_nodes AS node_of_name
  WHERE node_of_name.hypervisor_hostname = resource_providers.name
    AND node_of_name.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM instances AS server_of_name
  WHERE server_of_name.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND server_of_name.deleted = 0
    AND (server_of_name.node = resource_providers.name OR server_of_name.host = resource_providers.name)
))) AND NOT (EXISTS (
  SELECT *
  FROM compute_nodes AS any_row_of_it, (
    SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
        services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
        services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
        services.updated_at AS updated_at
    FROM services
    WHERE services.deleted = 0
      AND services.`binary` = 'nova-compute'
      AND services.host IS NOT NULL
  ) AS computes
  WHERE any_row_of_it.uuid = gone.uuid
    AND computes.host = any_row_of_it.host
)) AND NOT (EXISTS (
  SELECT *
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
))) THEN resource_providers.uuid END AS removable, CASE WHEN ((
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) = 0 AND ((EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.uuid = resource_providers.uuid
)) OR (EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.hypervisor_hostname = resource_providers.name
)) OR (EXISTS (
  SELECT *
  FROM services AS remembered_service
  WHERE remembered_service.host = resource_providers.name
    AND remembered_service.`binary` = 'nova-compute'
))) AND NOT ((EXISTS (
  SELECT *
  FROM compute_nodes AS node_of_name
  WHERE node_of_name.hypervisor_hostname = resource_providers.name
    AND node_of_name.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM instances AS server_of_name
  WHERE server_of_name.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND server_of_name.deleted = 0
    AND (server_of_name.node = resource_providers.name OR server_of_name.host = resource_providers.name)
))) AND NOT (EXISTS (
  SELECT *
  FROM compute_nodes AS any_row_of_it, (
    SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
        services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
        services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
        services.updated_at AS updated_at
    FROM services
    WHERE services.deleted = 0
      AND services.`binary` = 'nova-compute'
      AND services.host IS NOT NULL
  ) AS computes
  WHERE any_row_of_it.uuid = gone.uuid
    AND computes.host = any_row_of_it.host
)) AND NOT (EXISTS (
  SELECT *
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
)) AND coalesce(children.children, 0) > 0) THEN resource_providers.uuid END AS removable_parent, CASE WHEN ((
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) > 0) THEN concat('of those who hold something there nova knows ', CAST((
  SELECT count(DISTINCT claims.consumer_id) AS count_3
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM instances AS live, (
        SELECT compute_nodes.uuid AS uuid, min(compute_nodes.cell) AS cell, min(compute_nodes.host) AS host,
            min(compute_nodes.hypervisor_hostname) AS node, max(compute_nodes.deleted_at) AS deleted_at
        FROM compute_nodes
        GROUP BY compute_nodes.uuid
        HAVING sum(CASE WHEN (compute_nodes.deleted = 0) THEN 1 ELSE 0 END) = 0
      ) AS gone
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
        AND (live.host = gone.host OR live.node = gone.node)
    ))
) AS CHAR), ' as live servers of that host, ', CAST((
  SELECT count(DISTINCT claims.consumer_id) AS count_4
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live, (
        SELECT compute_nodes.uuid AS uuid, min(compute_nodes.cell) AS cell, min(compute_nodes.host) AS host,
            min(compute_nodes.hypervisor_hostname) AS node, max(compute_nodes.deleted_at) AS deleted_at
        FROM compute_nodes
        GROUP BY compute_nodes.uuid
        HAVING sum(CASE WHEN (compute_nodes.deleted = 0) THEN 1 ELSE 0 END) = 0
      ) AS gone
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
        AND (live.host = gone.host OR live.node = gone.node)
    ))
) AS CHAR), ' as live servers elsewhere, ', CAST((
  SELECT count(DISTINCT claims.consumer_id) AS count_5
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS dead
      WHERE dead.uuid = claims.consumer_id
    ))
) AS CHAR), ' as deleted servers, ', CAST((
  SELECT count(DISTINCT claims.consumer_id) AS count_6
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND (EXISTS (
      SELECT *
      FROM migrations AS holding_move
      WHERE holding_move.uuid = claims.consumer_id
    ))
) AS CHAR), ' as migrations and ', CAST((
  SELECT count(DISTINCT claims.consumer_id) AS count_7
  FROM claims
  WHERE claims.root_id = resource_providers.id
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    ))
    AND NOT (NOT (EXISTS (
      SELECT *
      FROM instances AS live
      WHERE live.uuid = claims.consumer_id
        AND live.deleted = 0
    )) AND (EXISTS (
      SELECT *
      FROM instances AS dead
      WHERE dead.uuid = claims.consumer_id
    )))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations AS holding_move
      WHERE holding_move.uuid = claims.consumer_id
    ))
) AS CHAR),
    ' not at all. What a live server of that host holds is all that accounts for it: see for each with ''openstack server show'' where it is, and settle the findings about it first.')
    WHEN (EXISTS (
  SELECT *
  FROM compute_nodes AS any_row_of_it, (
    SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
        services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
        services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
        services.updated_at AS updated_at
    FROM services
    WHERE services.deleted = 0
      AND services.`binary` = 'nova-compute'
      AND services.host IS NOT NULL
  ) AS computes
  WHERE any_row_of_it.uuid = gone.uuid
    AND computes.host = any_row_of_it.host
)) THEN concat('nova-compute of ', CAST(gone.host AS CHAR),
    ' is still registered, and since 2023.1 its next start takes the compute node back, with this provider: see with ''openstack compute service list'' whether the host is to come back.')
    WHEN (EXISTS (
  SELECT *
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
)) THEN
    'something below it is shared with other hosts: see with ''openstack resource provider list --in-tree'' what that is, and who uses it.'
    ELSE CASE WHEN (((EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.uuid = resource_providers.uuid
)) OR (EXISTS (
  SELECT *
  FROM compute_nodes AS remembered_node
  WHERE remembered_node.hypervisor_hostname = resource_providers.name
)) OR (EXISTS (
  SELECT *
  FROM services AS remembered_service
  WHERE remembered_service.host = resource_providers.name
    AND remembered_service.`binary` = 'nova-compute'
))) AND NOT ((EXISTS (
  SELECT *
  FROM compute_nodes AS node_of_name
  WHERE node_of_name.hypervisor_hostname = resource_providers.name
    AND node_of_name.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM instances AS server_of_name
  WHERE server_of_name.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND server_of_name.deleted = 0
    AND (server_of_name.node = resource_providers.name OR server_of_name.host = resource_providers.name)
)))) THEN NULL WHEN ((EXISTS (
  SELECT *
  FROM compute_nodes AS node_of_name
  WHERE node_of_name.hypervisor_hostname = resource_providers.name
    AND node_of_name.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM instances AS server_of_name
  WHERE server_of_name.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND server_of_name.deleted = 0
    AND (server_of_name.node = resource_providers.name OR server_of_name.host = resource_providers.name)
))) THEN concat('nova has a compute node or servers of a host named ', CAST(resource_providers.name AS CHAR),
    ': find out which host that is before the provider is deleted.') ELSE concat('no cell remembers a host named ',
    CAST(resource_providers.name AS CHAR),
    ': it may belong to a cell or a nova that was not read. Ask who runs it before the provider is deleted.') END END AS
    withheld, gone.deleted_at AS newest_change, CASE WHEN ((
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) > 0) THEN 'H' ELSE 'M' END AS impact
FROM (
  SELECT compute_nodes.uuid AS uuid, min(compute_nodes.cell) AS cell, min(compute_nodes.host) AS host,
      min(compute_nodes.hypervisor_hostname) AS node, max(compute_nodes.deleted_at) AS deleted_at
  FROM compute_nodes
  GROUP BY compute_nodes.uuid
  HAVING sum(CASE WHEN (compute_nodes.deleted = 0) THEN 1 ELSE 0 END) = 0
) AS gone
INNER JOIN resource_providers ON resource_providers.uuid = gone.uuid
INNER JOIN trees ON trees.provider_id = resource_providers.id
  AND trees.shared = 0
LEFT OUTER JOIN (
  SELECT trees.root_id AS root_id, count(*) AS children
  FROM trees
  WHERE trees.provider_id != trees.root_id
  GROUP BY trees.root_id
) AS children ON children.root_id = resource_providers.id
WHERE resource_providers.parent_provider_id IS NULL
  AND NOT (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.status != 'read'
  ))
  AND NOT ((
    SELECT count(*) AS count_8
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) >= 4 AND (
    SELECT count(*) AS count_8
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
      AND any_node.uuid IN (
        SELECT any_provider.uuid
        FROM resource_providers AS any_provider
      )
  ) * 2 < (
    SELECT count(*) AS count_8
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) OR (
    SELECT count(*) AS count_8
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) = 0 AND (
    SELECT count(*) AS count_9
    FROM claims AS any_claim
  ) >= 4)
ORDER BY provider;
