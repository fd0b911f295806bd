-- X31 pinned-cpus-in-no-legal-form: Server with pinned CPUs that holds neither the PCPU nor the VCPU of its flavor
-- Severity: warning, impact M
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X31 tells which of them are faults.
--
-- Says: server {instance} ({vm_state} on {node}) has pinned CPUs and {verdict}
--
-- Why: Dedicated CPUs are counted as PCPU, or as VCPU where the host offers no others. With any other amount placement
-- gives away CPUs that only this server may use, or keeps back CPUs that nobody uses.
--
-- Left alone:
-- - dedicated CPUs as PCPU, as VCPU, or from before Train, without one more for the emulator
-- - mixed CPUs as the mask of their flavor says
-- - pinned CPUs that the image asks for, which healing does not see
-- - a migration, resize, evacuation or another task of the server is in progress
-- - the flavor before a resize and the one after it, as long as nova keeps both
-- - a server whose memory or disk differs, too, which is a finding of its own
-- - too much of both, or a server in error, is information
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
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted,
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
misfits AS (
  SELECT doubtful.cell, doubtful.uuid AS instance_uuid, doubtful.root_id, CAST('PCPU' AS CHAR) AS resource_class,
      doubtful.pcpu AS held, CAST(NULL AS SIGNED INTEGER) AS amount, 1 AS pinned, 0 AS sure
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
    ELSE 'M' END AS impact,
    'The rows do not tell whether its CPUs are dedicated or shared on this host, nor, therefore, whether it should hold PCPU or VCPU. Look on the host (virsh vcpupin) and at what other servers of the flavor hold there; write that, and all else that it holds, with allocation set.'
    AS withheld
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
  AND misfit_sums.classes > 0
  AND misfit_sums.pinned = 1
  AND misfit_sums.cpus = misfit_sums.classes
ORDER BY instance;
