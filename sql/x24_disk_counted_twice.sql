-- X24 disk-counted-twice: Hosts that offer a disk of their own beside the one they share
-- Severity: info, impact I
--
-- Says: {hosts} hosts have DISK_GB of their own and share {provider_name}: {sample}
--
-- Why: Each server's disk is taken from the one or from the other, as it comes. Nova's libvirt driver reports the space
-- under instances_path on every host, a shared file system or pool included. Where the sharing provider stands for that
-- same space, it is counted twice, or once more for each host.
--
-- Left alone:
-- - hosts that have no DISK_GB of their own
-- - sharing providers of other resources
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory show {first} DISK_GB
--   openstack resource provider inventory show {provider} DISK_GB
--   # nova puts the host's DISK_GB back when it is removed: give up the sharing provider, or live with both
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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
  SELECT resource_provider_id, resource_class_id, total, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
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
)
SELECT `both`.provider, `both`.provider_name, count(*) AS hosts,
    concat(CAST(max(CASE WHEN (`both`.place = 1) THEN `both`.name END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (`both`.place = 2) THEN `both`.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (`both`.place = 3) THEN `both`.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (`both`.place = 4) THEN `both`.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (`both`.place = 5) THEN `both`.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, max(CASE WHEN (`both`.place = 1) THEN `both`.uuid END)
    AS first, max(`both`.total) AS total, sum(`both`.local) AS total_of_hosts,
    'the rows do not tell whether both are one disk: compare df of instances_path on a host with what the sharing provider stands for'
    AS withheld, min(`both`.changed) AS newest_change
FROM (
  SELECT pool.uuid AS provider, pool.name AS provider_name, shared_disk.total AS total, root.uuid AS uuid,
      root.name AS name, local_disk.total AS local, row_number() OVER (PARTITION BY pool.id ORDER BY root.name) AS
      place, CASE WHEN (nodes.created_at >= coalesce(CASE WHEN (shared_disk.created_at >=
      coalesce(local_disk.created_at, '')) THEN shared_disk.created_at ELSE local_disk.created_at END,
      '')) THEN nodes.created_at ELSE CASE WHEN (shared_disk.created_at >= coalesce(local_disk.created_at,
      '')) THEN shared_disk.created_at ELSE local_disk.created_at END END AS changed
  FROM reach
  INNER JOIN (
    SELECT inventories.resource_provider_id AS resource_provider_id, inventories.total AS total,
        inventories.created_at AS created_at
    FROM inventories
    INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
    WHERE resource_classes.name = 'DISK_GB'
  ) AS shared_disk ON shared_disk.resource_provider_id = reach.provider_id
  INNER JOIN resource_providers AS pool ON pool.id = reach.provider_id
  INNER JOIN resource_providers AS root ON root.id = reach.root_id
  INNER JOIN (
    SELECT inventories.resource_provider_id AS resource_provider_id, inventories.total AS total,
        inventories.created_at AS created_at
    FROM inventories
    INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
    WHERE resource_classes.name = 'DISK_GB'
  ) AS local_disk ON local_disk.resource_provider_id = root.id
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
  ) AS nodes ON nodes.uuid = root.uuid
  WHERE pool.root_provider_id != root.id
    AND pool.id IN (
      SELECT resource_provider_traits.resource_provider_id
      FROM resource_provider_traits
      INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
        AND traits.name = 'MISC_SHARES_VIA_AGGREGATE'
    )
) AS `both`
GROUP BY `both`.provider, `both`.provider_name
ORDER BY `both`.provider;
