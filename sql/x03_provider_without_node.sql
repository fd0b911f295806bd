-- X03 provider-without-node: Root provider that belongs to no compute node
-- Severity: warning, impact M
--
-- Says: {provider_name} is no compute node in any cell, and is still a provider, with {consumers} consumers and
-- {children} child providers; {standing}
--
-- Why: Placement offers its inventory, and each time the scheduler has to throw the offer away: with enough of them a
-- server finds no host although there is room. What is held there is held for nothing, unless the host is of a cell or
-- a nova that was not read.
--
-- Left alone:
-- - sharing providers and neutron segments
-- - providers without VCPU, PCPU, MEMORY_MB and DISK_GB in their tree and without COMPUTE_NODE, as other services and
--   operators make them
-- - while any cell is unreadable nothing is said
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider show --allocations {provider}
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
      root_provider_id, parent_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit,
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
services AS (
  SELECT CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`
  FROM nova_cell0.services
  UNION ALL
  SELECT CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`
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
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name, (
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) AS consumers, coalesce(children.children, 0) AS children, CASE WHEN ((EXISTS (
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
))) THEN 'a cell remembers its host' ELSE 'no cell remembers its host' END AS standing,
    CASE WHEN (resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name LIKE 'COMPUTE\\_%' ESCAPE '\\'
) AND (
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
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
))) THEN NULL WHEN ((
  SELECT count(*) AS count_1
  FROM claims AS holding
  WHERE holding.root_id = resource_providers.id
) > 0) THEN
    concat('something is held there, and nobody can tell from here who holds it: look at its consumers, and on ',
    resource_providers.name, ' for their guests, before anything is deleted.') WHEN ((resource_providers.id NOT IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name LIKE 'COMPUTE\\_%' ESCAPE '\\'
))) THEN concat('it has no trait that nova sets: Zun, or whoever runs ', resource_providers.name,
    ', may have made it. Ask them before it is deleted.') WHEN (EXISTS (
  SELECT *
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
)) THEN concat('a provider below ', resource_providers.name,
    ' shares with others, which would lose it: see which aggregates it is in, and what draws from it.') ELSE CASE WHEN
    (((EXISTS (
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
    withheld, CASE WHEN (coalesce(children.children, 0) > 0) THEN resource_providers.uuid END AS with_children,
    CASE WHEN (resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name LIKE 'COMPUTE\\_%' ESCAPE '\\'
) AND (
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
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
))) THEN resource_providers.uuid END AS removable, CASE WHEN (resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name LIKE 'COMPUTE\\_%' ESCAPE '\\'
) AND (
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
  FROM trees AS shared_below
  WHERE shared_below.root_id = resource_providers.id
    AND shared_below.shared = 1
)) AND coalesce(children.children, 0) > 0) THEN resource_providers.uuid END AS removable_parent,
    resource_providers.created_at AS newest_change, CASE WHEN (resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'COMPUTE_NODE'
) AND resource_providers.id IN (
  SELECT trees.root_id
  FROM trees
  INNER JOIN inventories ON inventories.resource_provider_id = trees.provider_id
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
  WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
    AND trees.shared = 0
    AND inventories.max_unit >= inventories.min_unit
    AND CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio < 1000000000000000) THEN
        CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio * 1.000000001) AS SIGNED
        INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS NOT NULL) THEN
        1000000000000000 END > 0
) AND ((EXISTS (
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
)))) THEN 'H' ELSE 'M' END AS impact
FROM resource_providers
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
    FROM compute_nodes AS node_of_this_nova
    WHERE node_of_this_nova.uuid = resource_providers.uuid
  ))
  AND (resource_providers.id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
      AND traits.name = 'COMPUTE_NODE'
  ) OR resource_providers.id IN (
    SELECT trees.root_id
    FROM trees
    INNER JOIN inventories ON inventories.resource_provider_id = trees.provider_id
    INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
      AND trees.shared = 0
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.status != 'read'
  ))
  AND NOT ((
    SELECT count(*) AS count_2
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) >= 4 AND (
    SELECT count(*) AS count_2
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
      AND any_node.uuid IN (
        SELECT any_provider.uuid
        FROM resource_providers AS any_provider
      )
  ) * 2 < (
    SELECT count(*) AS count_2
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) OR (
    SELECT count(*) AS count_2
    FROM compute_nodes AS any_node
    WHERE any_node.deleted = 0
  ) = 0 AND (
    SELECT count(*) AS count_3
    FROM claims AS any_claim
  ) >= 4)
ORDER BY provider;
