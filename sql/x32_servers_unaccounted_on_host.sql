-- X32 servers-unaccounted-on-host: Host on which most or many servers do not hold what they should
-- Severity: error, impact H
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X32 tells which of them are faults.
--
-- Says: {servers} of the {on_host} servers on {node} hold nothing there: {examples}
--
-- Why: Placement takes the host for far emptier than it is, and the scheduler goes on filling it. So many at once have
-- one cause: a provider that was deleted and made anew, a restored database, or an audit with --delete.
--
-- Left alone:
-- - a single server, or fewer than ten and half of all: each is a finding of its own
-- - whatever is none for a server without allocation, or for one on the wrong host
-- - servers that hold too little there: each is a finding of its own
-- - servers in error
--
-- What to do, with a row's columns for the names in braces:
--   openstack server list --all-projects --host {host}
--   openstack resource provider usage show {provider}
--   nova-manage placement heal_allocations --dry-run --verbose  # shall name all {healable}
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
instances AS (
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id, vcpus, memory_mb, root_gb,
      ephemeral_gb, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id, vcpus, memory_mb, root_gb,
      ephemeral_gb, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_node USING utf8mb4) AS source_node, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_node USING utf8mb4) AS source_node, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
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
unclaimed AS (
  SELECT instances.uuid
  FROM instances
  WHERE instances.deleted = 0
    AND instances.host IS NOT NULL
    AND NOT (EXISTS (
      SELECT *
      FROM claims
      WHERE claims.consumer_id = instances.uuid
        AND claims.shared = 0
    ))
),
astray AS (
  SELECT instances.uuid
  FROM claims
  INNER JOIN resource_providers ON resource_providers.id = claims.root_id
  INNER JOIN instances ON instances.uuid = claims.consumer_id
  WHERE claims.shared = 0
    AND claims.core > 0
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
expected AS (
  SELECT instances.uuid AS instance_uuid, resource_classes.name AS resource_class, 1 AS amount
  FROM instances
  INNER JOIN resource_classes ON (instances.uuid NOT IN (
    SELECT claims.consumer_id
    FROM claims
    WHERE claims.shared = 0
  ))
  WHERE instances.deleted = 0
)
SELECT counted.provider, counted.provider_name, counted.cell, counted.host, counted.node,
    counted.provider AS right_provider, counted.servers, counted.on_host, counted.healable, counted.examples, (
  SELECT max(in_order.newest_change) AS max_1
  FROM (
    SELECT found.provider AS provider, found.instance AS instance, found.newest_change AS newest_change,
        found.healable AS healable, row_number() OVER (PARTITION BY found.provider ORDER BY found.instance) AS place,
        row_number() OVER (PARTITION BY found.provider ORDER BY found.newest_change, found.instance) AS age
    FROM (
      SELECT each_server.provider AS provider, each_server.instance AS instance,
          max(each_server.newest_change) AS newest_change, min(each_server.healable) AS healable
      FROM (
        SELECT bare.provider AS provider, bare.instance AS instance, bare.newest_change AS newest_change,
            CASE WHEN (bare.healable IS NOT NULL) THEN 1 ELSE 0 END AS healable
        FROM (
          SELECT servers.uuid AS consumer, servers.uuid AS instance, servers.cell AS cell, servers.host AS host,
              servers.node AS node, own_provider.uuid AS provider, servers.vm_state AS vm_state, coalesce((
            SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
                CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
                any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
            FROM allocations AS any_held
            INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
            LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
            WHERE any_held.consumer_id = servers.uuid
          ), 'nothing') AS held, CASE WHEN ((
            SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
                CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
                any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
            FROM allocations AS any_held
            INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
            LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
            WHERE any_held.consumer_id = servers.uuid
          ) IS NULL) THEN servers.uuid END AS healable, CASE WHEN ((
            SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
            FROM migrations AS last_move
            WHERE last_move.instance_uuid = servers.uuid
          ) >= coalesce(CASE WHEN ((
            SELECT max(any_claim.newest) AS max_3
            FROM claims AS any_claim
            WHERE any_claim.consumer_id = servers.uuid
          ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
              '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
            SELECT max(any_claim.newest) AS max_3
            FROM claims AS any_claim
            WHERE any_claim.consumer_id = servers.uuid
          ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
              '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
            SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
            FROM migrations AS last_move
            WHERE last_move.instance_uuid = servers.uuid
          ) ELSE CASE WHEN ((
            SELECT max(any_claim.newest) AS max_3
            FROM claims AS any_claim
            WHERE any_claim.consumer_id = servers.uuid
          ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
              '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
            SELECT max(any_claim.newest) AS max_3
            FROM claims AS any_claim
            WHERE any_claim.consumer_id = servers.uuid
          ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
              '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change,
              CASE WHEN (servers.vm_state = 'error') THEN 'M' ELSE 'H' END AS impact
          FROM (
            SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
                instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
                instances.user_id AS user_id, instances.availability_zone AS availability_zone,
                instances.hidden AS hidden, instances.compute_id AS compute_id, instances.vcpus AS vcpus,
                instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
                instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
                instances.updated_at AS updated_at
            FROM instances
            WHERE instances.deleted = 0
              AND coalesce(instances.hidden, 0) = 0
          ) AS servers
          INNER JOIN (
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
          ) AS nodes ON nodes.cell = servers.cell
            AND nodes.hypervisor_hostname = servers.node
            AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
          INNER JOIN resource_providers AS own_provider ON own_provider.uuid = nodes.uuid
          INNER JOIN trees ON trees.provider_id = own_provider.id
          WHERE servers.uuid IN (
            SELECT unclaimed.uuid
            FROM unclaimed
          )
            AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
                'soft-delete', 'error')
            AND servers.host IS NOT NULL
            AND servers.node IS NOT NULL
            AND NOT (EXISTS (
              SELECT *
              FROM claims AS here
              WHERE here.consumer_id = servers.uuid
                AND (here.shared = 0 OR here.root_id = trees.root_id)
            ))
            AND (NOT (EXISTS (
              SELECT *
              FROM expected AS any_flavor
              WHERE any_flavor.instance_uuid = servers.uuid
            )) OR (EXISTS (
              SELECT *
              FROM expected AS asked
              WHERE asked.instance_uuid = servers.uuid
                AND asked.amount > 0
                AND asked.resource_class != 'DISK_GB'
            )))
            AND (coalesce(nodes.hypervisor_type, '') != 'ironic' OR (EXISTS (
              SELECT *
              FROM expected AS offered_asked, resource_classes, inventories
              WHERE offered_asked.instance_uuid = servers.uuid
                AND offered_asked.amount > 0
                AND resource_classes.name = offered_asked.resource_class
                AND inventories.resource_class_id = resource_classes.id
                AND inventories.resource_provider_id = own_provider.id
            )))
            AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking',
                'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
                'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
                '') LIKE 'rebuild%')
            AND NOT (EXISTS (
              SELECT *
              FROM migrations AS move
              WHERE move.instance_uuid = servers.uuid
                AND coalesce(move.deleted, 0) = 0
                AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
                    'cancelled', 'done'))
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
        ) AS bare
        WHERE bare.impact = 'H'
        UNION
        SELECT stray.right_provider AS right_provider, stray.instance AS instance, stray.newest_change AS newest_change,
            0 AS anon_1
        FROM (
          SELECT servers.uuid AS consumer, servers.uuid AS instance, wrong_root.uuid AS provider,
              wrong_root.name AS provider_name, servers.cell AS cell, servers.host AS host, servers.node AS node,
              projects.external_id AS project, users.external_id AS user, servers.vm_state AS vm_state,
              right_root.uuid AS right_provider, (
            SELECT group_concat(concat(coalesce(held_class.name, concat('class ',
                CAST(held.resource_class_id AS CHAR))), ' ', CAST(held.used AS CHAR)) SEPARATOR ', ') AS
                aggregate_strings_2
            FROM allocations AS held
            INNER JOIN trees AS held_in ON held_in.provider_id = held.resource_provider_id
            LEFT OUTER JOIN resource_classes AS held_class ON held_class.id = held.resource_class_id
            WHERE held.consumer_id = servers.uuid
              AND held_in.root_id = wrong_root.id
          ) AS held, CASE WHEN (servers.vm_state != 'error' AND right_root.id = trees.root_id AND NOT (EXISTS (
            SELECT *
            FROM claims AS elsewhere
            WHERE elsewhere.consumer_id = servers.uuid
              AND elsewhere.root_id != wrong_root.id
          )) AND (
            SELECT group_concat(below.uuid SEPARATOR ' ') AS aggregate_strings_3
            FROM resource_providers AS below
            INNER JOIN trees AS below_in ON below_in.provider_id = below.id
            WHERE below_in.root_id = wrong_root.id
              AND below.id != wrong_root.id
              AND (EXISTS (
                SELECT *
                FROM allocations AS below_held
                WHERE below_held.resource_provider_id = below.id
                  AND below_held.consumer_id = servers.uuid
              ))
          ) IS NULL AND (
            SELECT count(DISTINCT to_move_class.name) AS count_1
            FROM allocations AS to_move
            INNER JOIN resource_classes AS to_move_class ON to_move_class.id = to_move.resource_class_id
            WHERE to_move.consumer_id = servers.uuid
              AND to_move.resource_provider_id = wrong_root.id
              AND to_move.used > 0
          ) = there.`rows` AND NOT (EXISTS (
            SELECT *
            FROM migrations AS holding_move, claims AS moved
            WHERE holding_move.instance_uuid = servers.uuid
              AND holding_move.uuid = moved.consumer_id
          )) AND NOT (EXISTS (
            SELECT *
            FROM migrations AS evacuation
            WHERE evacuation.instance_uuid = servers.uuid
              AND evacuation.deleted = 0
              AND evacuation.migration_type = 'evacuation'
              AND evacuation.status = 'done'
              AND (wrong_root.name = evacuation.source_node OR (EXISTS (
                SELECT *
                FROM compute_nodes AS left_node
                WHERE left_node.uuid = wrong_root.uuid
                  AND left_node.hypervisor_hostname = evacuation.source_node
              )))
          ))) THEN concat('rp=', right_root.uuid, ',', (
            SELECT group_concat(concat(to_move_class.name, '=', CAST(to_move.used AS CHAR)) SEPARATOR ',') AS
                aggregate_strings_4
            FROM allocations AS to_move
            INNER JOIN resource_classes AS to_move_class ON to_move_class.id = to_move.resource_class_id
            WHERE to_move.consumer_id = servers.uuid
              AND to_move.resource_provider_id = wrong_root.id
          )) END AS allocation, CASE WHEN ((
            SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
            FROM migrations AS last_move
            WHERE last_move.instance_uuid = servers.uuid
          ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >=
              coalesce(there.newest, '')) THEN servers.updated_at ELSE there.newest END,
              '')) THEN servers.created_at ELSE CASE WHEN (servers.updated_at >= coalesce(there.newest,
              '')) THEN servers.updated_at ELSE there.newest END END, '')) THEN (
            SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
            FROM migrations AS last_move
            WHERE last_move.instance_uuid = servers.uuid
          ) ELSE CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >= coalesce(there.newest,
              '')) THEN servers.updated_at ELSE there.newest END, '')) THEN servers.created_at ELSE CASE WHEN
              (servers.updated_at >= coalesce(there.newest, '')) THEN servers.updated_at ELSE there.newest END END END
              AS newest_change, CASE WHEN (servers.vm_state = 'error') THEN 'M' ELSE 'H' END AS impact
          FROM (
            SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
                instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
                instances.user_id AS user_id, instances.availability_zone AS availability_zone,
                instances.hidden AS hidden, instances.compute_id AS compute_id, instances.vcpus AS vcpus,
                instances.memory_mb AS memory_mb, instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb,
                instances.deleted AS deleted, instances.deleted_at AS deleted_at, instances.created_at AS created_at,
                instances.updated_at AS updated_at
            FROM instances
            WHERE instances.deleted = 0
              AND coalesce(instances.hidden, 0) = 0
          ) AS servers
          INNER JOIN (
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
          ) AS nodes ON nodes.cell = servers.cell
            AND nodes.hypervisor_hostname = servers.node
            AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
          INNER JOIN resource_providers AS right_root ON right_root.uuid = nodes.uuid
          INNER JOIN trees ON trees.provider_id = right_root.id
          INNER JOIN claims AS there ON there.consumer_id = servers.uuid
            AND there.root_id != trees.root_id
          INNER JOIN resource_providers AS wrong_root ON wrong_root.id = there.root_id
          LEFT OUTER JOIN consumers ON consumers.uuid = servers.uuid
          LEFT OUTER JOIN projects ON projects.id = consumers.project_id
          LEFT OUTER JOIN users ON users.id = consumers.user_id
          WHERE servers.uuid IN (
            SELECT astray.uuid
            FROM astray
          )
            AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
                'soft-delete', 'error')
            AND servers.host IS NOT NULL
            AND servers.node IS NOT NULL
            AND coalesce(nodes.hypervisor_type, '') != 'ironic'
            AND there.shared = 0
            AND there.core > 0
            AND NOT (NOT (EXISTS (
              SELECT *
              FROM compute_nodes AS storage_node
              WHERE storage_node.uuid = wrong_root.uuid
            )) AND NOT (EXISTS (
              SELECT *
              FROM inventories AS offered, resource_classes AS offered_class
              WHERE offered.resource_provider_id = wrong_root.id
                AND offered_class.id = offered.resource_class_id
                AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
            )))
            AND NOT (EXISTS (
              SELECT *
              FROM claims AS here
              WHERE here.consumer_id = servers.uuid
                AND here.root_id = trees.root_id
                AND here.core > 0
            ))
            AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking',
                'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
                'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
                '') LIKE 'rebuild%')
            AND NOT (EXISTS (
              SELECT *
              FROM migrations AS move
              WHERE move.instance_uuid = servers.uuid
                AND coalesce(move.deleted, 0) = 0
                AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
                    'cancelled', 'done'))
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
        ) AS stray
        WHERE stray.impact = 'H'
      ) AS each_server
      GROUP BY each_server.provider, each_server.instance
    ) AS found
  ) AS in_order
  WHERE in_order.provider = counted.provider
    AND in_order.age <= CASE WHEN (counted.on_host >= 20) THEN 10 WHEN (counted.on_host > 2) THEN FLOOR(counted.on_host
        / 2) + 1 ELSE 2 END
) AS newest_change
FROM (
  SELECT hosts.provider AS provider, hosts.servers AS servers, hosts.healable AS healable, hosts.examples AS examples,
      resource_providers.name AS provider_name, nodes.cell AS cell, nodes.host AS host,
      nodes.hypervisor_hostname AS node, (
    SELECT count(*) AS count_2
    FROM (
      SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
          instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
          instances.user_id AS user_id, instances.availability_zone AS availability_zone, instances.hidden AS hidden,
          instances.compute_id AS compute_id, instances.vcpus AS vcpus, instances.memory_mb AS memory_mb,
          instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb, instances.deleted AS deleted,
          instances.deleted_at AS deleted_at, instances.created_at AS created_at, instances.updated_at AS updated_at
      FROM instances
      WHERE instances.deleted = 0
        AND coalesce(instances.hidden, 0) = 0
    ) AS servers
    WHERE nodes.cell = servers.cell
      AND nodes.hypervisor_hostname = servers.node
      AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
      AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
          'soft-delete', 'error')
      AND servers.host IS NOT NULL
      AND servers.node IS NOT NULL
      AND servers.vm_state != 'error'
  ) AS on_host
  FROM (
    SELECT in_order.provider AS provider, count(*) AS servers, CASE WHEN (min(in_order.healable) = 1) THEN count(*) END
        AS healable, concat(CAST(max(CASE WHEN (in_order.place = 1) THEN in_order.instance END) AS CHAR),
        coalesce(concat(', ', max(CASE WHEN (in_order.place = 2) THEN in_order.instance END)), ''),
        coalesce(concat(', ', max(CASE WHEN (in_order.place = 3) THEN in_order.instance END)), ''),
        coalesce(concat(', ', max(CASE WHEN (in_order.place = 4) THEN in_order.instance END)), ''),
        coalesce(concat(', ', max(CASE WHEN (in_order.place = 5) THEN in_order.instance END)), ''),
        CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS examples
    FROM (
      SELECT found.provider AS provider, found.instance AS instance, found.newest_change AS newest_change,
          found.healable AS healable, row_number() OVER (PARTITION BY found.provider ORDER BY found.instance) AS place,
          row_number() OVER (PARTITION BY found.provider ORDER BY found.newest_change, found.instance) AS age
      FROM (
        SELECT each_server.provider AS provider, each_server.instance AS instance,
            max(each_server.newest_change) AS newest_change, min(each_server.healable) AS healable
        FROM (
          SELECT bare.provider AS provider, bare.instance AS instance, bare.newest_change AS newest_change,
              CASE WHEN (bare.healable IS NOT NULL) THEN 1 ELSE 0 END AS healable
          FROM (
            SELECT servers.uuid AS consumer, servers.uuid AS instance, servers.cell AS cell, servers.host AS host,
                servers.node AS node, own_provider.uuid AS provider, servers.vm_state AS vm_state, coalesce((
              SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
                  CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
                  any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
              FROM allocations AS any_held
              INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
              LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
              WHERE any_held.consumer_id = servers.uuid
            ), 'nothing') AS held, CASE WHEN ((
              SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ',
                  CAST(any_held.resource_class_id AS CHAR))), ' ', CAST(any_held.used AS CHAR), ' on ',
                  any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
              FROM allocations AS any_held
              INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
              LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
              WHERE any_held.consumer_id = servers.uuid
            ) IS NULL) THEN servers.uuid END AS healable, CASE WHEN ((
              SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                  coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                  '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                  '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
              FROM migrations AS last_move
              WHERE last_move.instance_uuid = servers.uuid
            ) >= coalesce(CASE WHEN ((
              SELECT max(any_claim.newest) AS max_3
              FROM claims AS any_claim
              WHERE any_claim.consumer_id = servers.uuid
            ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
                '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
              SELECT max(any_claim.newest) AS max_3
              FROM claims AS any_claim
              WHERE any_claim.consumer_id = servers.uuid
            ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
                '')) THEN servers.created_at ELSE servers.updated_at END END, '')) THEN (
              SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                  coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                  '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                  '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_2
              FROM migrations AS last_move
              WHERE last_move.instance_uuid = servers.uuid
            ) ELSE CASE WHEN ((
              SELECT max(any_claim.newest) AS max_3
              FROM claims AS any_claim
              WHERE any_claim.consumer_id = servers.uuid
            ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
                '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
              SELECT max(any_claim.newest) AS max_3
              FROM claims AS any_claim
              WHERE any_claim.consumer_id = servers.uuid
            ) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
                '')) THEN servers.created_at ELSE servers.updated_at END END END AS newest_change,
                CASE WHEN (servers.vm_state = 'error') THEN 'M' ELSE 'H' END AS impact
            FROM (
              SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
                  instances.vm_state AS vm_state, instances.task_state AS task_state,
                  instances.project_id AS project_id, instances.user_id AS user_id,
                  instances.availability_zone AS availability_zone, instances.hidden AS hidden,
                  instances.compute_id AS compute_id, instances.vcpus AS vcpus, instances.memory_mb AS memory_mb,
                  instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb, instances.deleted AS deleted,
                  instances.deleted_at AS deleted_at, instances.created_at AS created_at,
                  instances.updated_at AS updated_at
              FROM instances
              WHERE instances.deleted = 0
                AND coalesce(instances.hidden, 0) = 0
            ) AS servers
            INNER JOIN (
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
            ) AS nodes ON nodes.cell = servers.cell
              AND nodes.hypervisor_hostname = servers.node
              AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
            INNER JOIN resource_providers AS own_provider ON own_provider.uuid = nodes.uuid
            INNER JOIN trees ON trees.provider_id = own_provider.id
            WHERE servers.uuid IN (
              SELECT unclaimed.uuid
              FROM unclaimed
            )
              AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
                  'soft-delete', 'error')
              AND servers.host IS NOT NULL
              AND servers.node IS NOT NULL
              AND NOT (EXISTS (
                SELECT *
                FROM claims AS here
                WHERE here.consumer_id = servers.uuid
                  AND (here.shared = 0 OR here.root_id = trees.root_id)
              ))
              AND (NOT (EXISTS (
                SELECT *
                FROM expected AS any_flavor
                WHERE any_flavor.instance_uuid = servers.uuid
              )) OR (EXISTS (
                SELECT *
                FROM expected AS asked
                WHERE asked.instance_uuid = servers.uuid
                  AND asked.amount > 0
                  AND asked.resource_class != 'DISK_GB'
              )))
              AND (coalesce(nodes.hypervisor_type, '') != 'ironic' OR (EXISTS (
                SELECT *
                FROM expected AS offered_asked, resource_classes, inventories
                WHERE offered_asked.instance_uuid = servers.uuid
                  AND offered_asked.amount > 0
                  AND resource_classes.name = offered_asked.resource_class
                  AND inventories.resource_class_id = resource_classes.id
                  AND inventories.resource_provider_id = own_provider.id
              )))
              AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking',
                  'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
                  'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
                  '') LIKE 'rebuild%')
              AND NOT (EXISTS (
                SELECT *
                FROM migrations AS move
                WHERE move.instance_uuid = servers.uuid
                  AND coalesce(move.deleted, 0) = 0
                  AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
                      'cancelled', 'done'))
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
          ) AS bare
          WHERE bare.impact = 'H'
          UNION
          SELECT stray.right_provider AS right_provider, stray.instance AS instance,
              stray.newest_change AS newest_change, 0 AS anon_1
          FROM (
            SELECT servers.uuid AS consumer, servers.uuid AS instance, wrong_root.uuid AS provider,
                wrong_root.name AS provider_name, servers.cell AS cell, servers.host AS host, servers.node AS node,
                projects.external_id AS project, users.external_id AS user, servers.vm_state AS vm_state,
                right_root.uuid AS right_provider, (
              SELECT group_concat(concat(coalesce(held_class.name, concat('class ',
                  CAST(held.resource_class_id AS CHAR))), ' ', CAST(held.used AS CHAR)) SEPARATOR ', ') AS
                  aggregate_strings_2
              FROM allocations AS held
              INNER JOIN trees AS held_in ON held_in.provider_id = held.resource_provider_id
              LEFT OUTER JOIN resource_classes AS held_class ON held_class.id = held.resource_class_id
              WHERE held.consumer_id = servers.uuid
                AND held_in.root_id = wrong_root.id
            ) AS held, CASE WHEN (servers.vm_state != 'error' AND right_root.id = trees.root_id AND NOT (EXISTS (
              SELECT *
              FROM claims AS elsewhere
              WHERE elsewhere.consumer_id = servers.uuid
                AND elsewhere.root_id != wrong_root.id
            )) AND (
              SELECT group_concat(below.uuid SEPARATOR ' ') AS aggregate_strings_3
              FROM resource_providers AS below
              INNER JOIN trees AS below_in ON below_in.provider_id = below.id
              WHERE below_in.root_id = wrong_root.id
                AND below.id != wrong_root.id
                AND (EXISTS (
                  SELECT *
                  FROM allocations AS below_held
                  WHERE below_held.resource_provider_id = below.id
                    AND below_held.consumer_id = servers.uuid
                ))
            ) IS NULL AND (
              SELECT count(DISTINCT to_move_class.name) AS count_1
              FROM allocations AS to_move
              INNER JOIN resource_classes AS to_move_class ON to_move_class.id = to_move.resource_class_id
              WHERE to_move.consumer_id = servers.uuid
                AND to_move.resource_provider_id = wrong_root.id
                AND to_move.used > 0
            ) = there.`rows` AND NOT (EXISTS (
              SELECT *
              FROM migrations AS holding_move, claims AS moved
              WHERE holding_move.instance_uuid = servers.uuid
                AND holding_move.uuid = moved.consumer_id
            )) AND NOT (EXISTS (
              SELECT *
              FROM migrations AS evacuation
              WHERE evacuation.instance_uuid = servers.uuid
                AND evacuation.deleted = 0
                AND evacuation.migration_type = 'evacuation'
                AND evacuation.status = 'done'
                AND (wrong_root.name = evacuation.source_node OR (EXISTS (
                  SELECT *
                  FROM compute_nodes AS left_node
                  WHERE left_node.uuid = wrong_root.uuid
                    AND left_node.hypervisor_hostname = evacuation.source_node
                )))
            ))) THEN concat('rp=', right_root.uuid, ',', (
              SELECT group_concat(concat(to_move_class.name, '=', CAST(to_move.used AS CHAR)) SEPARATOR ',') AS
                  aggregate_strings_4
              FROM allocations AS to_move
              INNER JOIN resource_classes AS to_move_class ON to_move_class.id = to_move.resource_class_id
              WHERE to_move.consumer_id = servers.uuid
                AND to_move.resource_provider_id = wrong_root.id
            )) END AS allocation, CASE WHEN ((
              SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                  coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                  '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                  '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
              FROM migrations AS last_move
              WHERE last_move.instance_uuid = servers.uuid
            ) >= coalesce(CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >=
                coalesce(there.newest, '')) THEN servers.updated_at ELSE there.newest END,
                '')) THEN servers.created_at ELSE CASE WHEN (servers.updated_at >= coalesce(there.newest,
                '')) THEN servers.updated_at ELSE there.newest END END, '')) THEN (
              SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
                  coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
                  '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
                  '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_4
              FROM migrations AS last_move
              WHERE last_move.instance_uuid = servers.uuid
            ) ELSE CASE WHEN (servers.created_at >= coalesce(CASE WHEN (servers.updated_at >= coalesce(there.newest,
                '')) THEN servers.updated_at ELSE there.newest END, '')) THEN servers.created_at ELSE CASE WHEN
                (servers.updated_at >= coalesce(there.newest, '')) THEN servers.updated_at ELSE there.newest END END END
                AS newest_change, CASE WHEN (servers.vm_state = 'error') THEN 'M' ELSE 'H' END AS impact
            FROM (
              SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
                  instances.vm_state AS vm_state, instances.task_state AS task_state,
                  instances.project_id AS project_id, instances.user_id AS user_id,
                  instances.availability_zone AS availability_zone, instances.hidden AS hidden,
                  instances.compute_id AS compute_id, instances.vcpus AS vcpus, instances.memory_mb AS memory_mb,
                  instances.root_gb AS root_gb, instances.ephemeral_gb AS ephemeral_gb, instances.deleted AS deleted,
                  instances.deleted_at AS deleted_at, instances.created_at AS created_at,
                  instances.updated_at AS updated_at
              FROM instances
              WHERE instances.deleted = 0
                AND coalesce(instances.hidden, 0) = 0
            ) AS servers
            INNER JOIN (
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
            ) AS nodes ON nodes.cell = servers.cell
              AND nodes.hypervisor_hostname = servers.node
              AND (nodes.host = servers.host OR nodes.hypervisor_type = 'ironic')
            INNER JOIN resource_providers AS right_root ON right_root.uuid = nodes.uuid
            INNER JOIN trees ON trees.provider_id = right_root.id
            INNER JOIN claims AS there ON there.consumer_id = servers.uuid
              AND there.root_id != trees.root_id
            INNER JOIN resource_providers AS wrong_root ON wrong_root.id = there.root_id
            LEFT OUTER JOIN consumers ON consumers.uuid = servers.uuid
            LEFT OUTER JOIN projects ON projects.id = consumers.project_id
            LEFT OUTER JOIN users ON users.id = consumers.user_id
            WHERE servers.uuid IN (
              SELECT astray.uuid
              FROM astray
            )
              AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
                  'soft-delete', 'error')
              AND servers.host IS NOT NULL
              AND servers.node IS NOT NULL
              AND coalesce(nodes.hypervisor_type, '') != 'ironic'
              AND there.shared = 0
              AND there.core > 0
              AND NOT (NOT (EXISTS (
                SELECT *
                FROM compute_nodes AS storage_node
                WHERE storage_node.uuid = wrong_root.uuid
              )) AND NOT (EXISTS (
                SELECT *
                FROM inventories AS offered, resource_classes AS offered_class
                WHERE offered.resource_provider_id = wrong_root.id
                  AND offered_class.id = offered.resource_class_id
                  AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
              )))
              AND NOT (EXISTS (
                SELECT *
                FROM claims AS here
                WHERE here.consumer_id = servers.uuid
                  AND here.root_id = trees.root_id
                  AND here.core > 0
              ))
              AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking',
                  'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
                  'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
                  '') LIKE 'rebuild%')
              AND NOT (EXISTS (
                SELECT *
                FROM migrations AS move
                WHERE move.instance_uuid = servers.uuid
                  AND coalesce(move.deleted, 0) = 0
                  AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed',
                      'cancelled', 'done'))
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
          ) AS stray
          WHERE stray.impact = 'H'
        ) AS each_server
        GROUP BY each_server.provider, each_server.instance
      ) AS found
    ) AS in_order
    GROUP BY in_order.provider
    HAVING count(*) > 1
  ) AS hosts
  INNER JOIN resource_providers ON resource_providers.uuid = hosts.provider
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
  ) AS nodes ON nodes.uuid = hosts.provider
) AS counted
WHERE counted.servers * 2 > counted.on_host OR counted.servers >= 10
ORDER BY counted.provider;
