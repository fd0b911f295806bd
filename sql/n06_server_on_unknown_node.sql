-- N06 server-on-unknown-node: Servers on a host that is no compute node
-- Severity: error, impact H
--
-- Says: {servers} servers, {example} among them, are on {node} of {host} in {cell}, which {state}
--
-- Why: No compute service counts these servers or takes orders for them, and nova's figures of its hosts leave them
-- out. They cannot be moved, stopped or repaired.
--
-- Left alone:
-- - a migration, resize or another task of the server is in progress
-- - bare metal nodes go by their own name: their service may be another by now
-- - a server that a cross-cell resize hides, or that two cells show
-- - a host whose node is there under another host's name is a warning
-- - a node that was deleted just now
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--   openstack hypervisor list --matching {node}
--   openstack server list --all-projects --host {host}
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

WITH instances AS (
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
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted
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
  SELECT 'placement' AS `role`, 'placement' AS name, 0 AS cell0
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, 0 AS cell0
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name,
      coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000') THEN 1 END, 0) AS cell0
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
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
SELECT stranded.cell, stranded.host, stranded.node, stranded.servers, stranded.example, CASE WHEN ((
  SELECT min(renamed.host) AS min_1
  FROM (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS renamed
  WHERE renamed.cell = stranded.cell
    AND renamed.hypervisor_hostname = stranded.node
) IS NOT NULL) THEN concat('now belongs to ', (
  SELECT min(renamed.host) AS min_1
  FROM (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS renamed
  WHERE renamed.cell = stranded.cell
    AND renamed.hypervisor_hostname = stranded.node
)) WHEN ((
  SELECT max(gone_node.deleted_at) AS max_1
  FROM compute_nodes AS gone_node
  WHERE gone_node.cell = stranded.cell
    AND gone_node.hypervisor_hostname = stranded.node
    AND (gone_node.host = stranded.host OR gone_node.hypervisor_type = 'ironic')
) IS NOT NULL) THEN concat('was deleted at ', (
  SELECT max(gone_node.deleted_at) AS max_1
  FROM compute_nodes AS gone_node
  WHERE gone_node.cell = stranded.cell
    AND gone_node.hypervisor_hostname = stranded.node
    AND (gone_node.host = stranded.host OR gone_node.hypervisor_type = 'ironic')
)) ELSE 'is no compute node of that cell' END AS state,
    'nova has no command that gives a server another host''s name. See on the machine whether the guests run there (virsh list --all), and under which name it is known to nova now: give the machine that name back, or have a DBA set host and node of these servers in the cell''s database, both together.'
    AS withheld, CASE WHEN ((
  SELECT max(gone_node.deleted_at) AS max_1
  FROM compute_nodes AS gone_node
  WHERE gone_node.cell = stranded.cell
    AND gone_node.hypervisor_hostname = stranded.node
    AND (gone_node.host = stranded.host OR gone_node.hypervisor_type = 'ironic')
) >= coalesce(stranded.changed, '')) THEN (
  SELECT max(gone_node.deleted_at) AS max_1
  FROM compute_nodes AS gone_node
  WHERE gone_node.cell = stranded.cell
    AND gone_node.hypervisor_hostname = stranded.node
    AND (gone_node.host = stranded.host OR gone_node.hypervisor_type = 'ironic')
) ELSE stranded.changed END AS newest_change, CASE WHEN ((
  SELECT min(renamed.host) AS min_1
  FROM (
    SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
        compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
        compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
        compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
        ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
        compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at,
        compute_nodes.created_at AS created_at, compute_nodes.updated_at AS updated_at
    FROM compute_nodes
    WHERE compute_nodes.deleted = 0
  ) AS renamed
  WHERE renamed.cell = stranded.cell
    AND renamed.hypervisor_hostname = stranded.node
) IS NOT NULL) THEN 'M' ELSE 'H' END AS impact
FROM (
  SELECT servers.cell AS cell, servers.host AS host, servers.node AS node, count(*) AS servers,
      min(servers.uuid) AS example, min(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END) AS changed
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
  WHERE servers.host IS NOT NULL
    AND servers.node IS NOT NULL
    AND (servers.cell NOT IN (
      SELECT sources.name
      FROM sources
      WHERE sources.`role` = 'cell'
        AND sources.cell0 = 1
    ))
    AND servers.uuid IN (
      SELECT odd_servers.uuid
      FROM odd_servers
    )
    AND NOT (EXISTS (
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
      FROM instances AS twin
      WHERE twin.uuid = servers.uuid
        AND twin.cell != servers.cell
        AND twin.deleted = 0
        AND coalesce(twin.hidden, 0) = 0
    ))
  GROUP BY servers.cell, servers.host, servers.node
) AS stranded
ORDER BY stranded.cell, stranded.host, stranded.node;
