-- X22 zone-mismatch: Availability zones that contradict each other
-- Severity: warning, impact M
--
-- Says: {count} {what}: {sample}
--
-- Why: A host has the zone of its aggregates, and there should be one. Nova's record of a server keeps the zone that it
-- was made in: if its owner asked for that zone, every move looks for it there, away from its neighbours. A request for
-- a zone takes disk only from providers in that zone's aggregates. So a sharing provider must be in them, too: else a
-- server that needs local disk and asks for this zone finds no disk for the hosts that draw from it. Servers that boot
-- from volumes, or ask for no zone, still get there.
--
-- Left alone:
-- - hosts of the default zone, which is no aggregate's
-- - servers without a zone, or in the middle of a task, and those that two cells show
-- - servers elsewhere than their zone are information: their host may have been given another zone
-- - hosts with a disk of their own, or with another sharing provider in the zone
-- - hosts that are not in the zone's mirror in placement, which is a finding of its own
-- - a scheduler that may not ask placement for zones: information
-- - hosts without a compute node; bare metal shares no disk
--
-- What to do, with a row's columns for the names in braces:
--   openstack aggregate list --long
--   openstack --os-placement-api-version 1.19 resource provider aggregate list {provider}
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_words}  # what joins the zone's aggregate later has its disk from there, too
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name, generation,
      root_provider_id, CONVERT(created_at USING ascii) AS created_at
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
placement_aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
),
aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid
  FROM nova_api.aggregates
),
aggregate_hosts AS (
  SELECT aggregate_id, CONVERT(host USING utf8mb4) AS host, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregate_hosts
),
aggregate_metadata AS (
  SELECT aggregate_id, CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(value USING utf8mb4) AS value,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.aggregate_metadata
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
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
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
zone_of_host AS (
  SELECT aggregate_hosts.host AS host, count(DISTINCT aggregate_metadata.value) AS zones,
      min(aggregate_metadata.value) AS zone, max(aggregate_metadata.value) AS last_zone,
      max(CASE WHEN (CASE WHEN (aggregate_metadata.created_at >= coalesce(aggregate_metadata.updated_at,
      '')) THEN aggregate_metadata.created_at ELSE aggregate_metadata.updated_at END >=
      coalesce(aggregate_hosts.created_at, '')) THEN CASE WHEN (aggregate_metadata.created_at >=
      coalesce(aggregate_metadata.updated_at, '')) THEN aggregate_metadata.created_at ELSE aggregate_metadata.updated_at
      END ELSE aggregate_hosts.created_at END) AS changed
  FROM aggregate_hosts
  INNER JOIN aggregate_metadata ON aggregate_metadata.aggregate_id = aggregate_hosts.aggregate_id
  WHERE aggregate_metadata.`key` = 'availability_zone'
  GROUP BY aggregate_hosts.host
),
needy AS (
  SELECT reach.root_id AS root_id, reach.provider_id AS provider_id
  FROM reach
  WHERE reach.provider_id IN (
    SELECT inventories.resource_provider_id
    FROM inventories
    INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
    WHERE resource_classes.name = 'DISK_GB'
      AND inventories.resource_provider_id IN (
        SELECT resource_provider_traits.resource_provider_id
        FROM resource_provider_traits
        INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
        WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
      )
  )
    AND (reach.root_id NOT IN (
      SELECT trees.root_id
      FROM trees
      WHERE trees.provider_id IN (
        SELECT inventories.resource_provider_id
        FROM inventories
        INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
        WHERE resource_classes.name = 'DISK_GB'
      )
    ))
),
in_zone AS (
  SELECT DISTINCT resource_provider_aggregates.resource_provider_id AS resource_provider_id, of_zone.value AS zone
  FROM resource_provider_aggregates
  INNER JOIN placement_aggregates ON placement_aggregates.id = resource_provider_aggregates.aggregate_id
  INNER JOIN aggregates ON aggregates.uuid = placement_aggregates.uuid
  INNER JOIN aggregate_metadata AS of_zone ON of_zone.aggregate_id = aggregates.id
    AND of_zone.`key` = 'availability_zone'
)
SELECT listed.kind, listed.zone, listed.other, listed.provider,
    max(CASE WHEN (listed.kind != 'servers of another zone') THEN listed.name END) AS host, listed.what,
    count(*) AS count, concat(CAST(max(CASE WHEN (listed.place = 1) THEN CAST(listed.name AS CHAR) END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 2) THEN CAST(listed.name AS CHAR) END)), ''),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 3) THEN CAST(listed.name AS CHAR) END)), ''),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 4) THEN CAST(listed.name AS CHAR) END)), ''),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 5) THEN CAST(listed.name AS CHAR) END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    min(listed.changed) AS newest_change, listed.impact, max(joining.words) AS set_words,
    CASE WHEN (max(joining.words) IS NOT NULL) THEN NULL WHEN (listed.kind = 'shared disk outside the zone') THEN
    'whatever is in an aggregate with a sharing provider has its disk from there, and hosts of the zone have other disks: who made the aggregates must tell which of these hosts the provider serves'
    WHEN (listed.kind = 'hosts of two zones') THEN
    'the rows do not tell which zone is meant; nova refuses to take a host out while servers are on it, so move them first (openstack server list --all-projects --host)'
    ELSE
    'nothing is wrong with the servers; whether their owners asked for that zone is in their requests (openstack server show), and a zone''s hosts are given by openstack aggregate list --long'
    END AS withheld
FROM (
  SELECT found.kind AS kind, found.zone AS zone, found.other AS other, found.provider AS provider, found.what AS what,
      found.name AS name, found.changed AS changed, found.impact AS impact, row_number() OVER (PARTITION BY found.kind,
      found.zone, found.other ORDER BY found.name) AS place
  FROM (
    SELECT anon_1.kind AS kind, anon_1.zone AS zone, anon_1.other AS other, anon_1.provider AS provider,
        anon_1.what AS what, anon_1.name AS name, anon_1.changed AS changed, anon_1.impact AS impact
    FROM (
      SELECT 'hosts of two zones' AS kind, zone_of_host.zone AS zone, zone_of_host.last_zone AS other, NULL AS provider,
          concat('hosts are in aggregates of the zones ', zone_of_host.zone, ' and ', zone_of_host.last_zone) AS what,
          zone_of_host.host AS name, zone_of_host.changed AS changed, 'M' AS impact
      FROM zone_of_host
      WHERE zone_of_host.zones > 1
        AND (EXISTS (
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
          WHERE nodes.host = zone_of_host.host
        ))
    ) AS anon_1
    UNION ALL
    SELECT anon_2.kind AS kind, anon_2.zone AS zone, anon_2.other AS other, anon_2.provider AS provider,
        anon_2.what AS what, anon_2.name AS name, anon_2.changed AS changed, anon_2.impact AS impact
    FROM (
      SELECT 'servers of another zone' AS kind, servers.availability_zone AS zone, '' AS other, NULL AS provider,
          concat('servers were given the zone ', servers.availability_zone, ', and their hosts have another') AS what,
          servers.uuid AS name, CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
          '')) THEN servers.created_at ELSE servers.updated_at END AS changed, 'I' AS impact
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
      WHERE servers.availability_zone != ''
        AND servers.host IN (
          SELECT zone_of_host.host
          FROM zone_of_host
          WHERE zone_of_host.zones = 1
        )
        AND ((servers.host, servers.availability_zone) NOT IN (
          SELECT zone_of_host.host, zone_of_host.zone
          FROM zone_of_host
          WHERE zone_of_host.zones = 1
        ))
        AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
            'soft-delete', 'error')
        AND servers.host IS NOT NULL
        AND servers.node IS NOT NULL
        AND servers.task_state IS NULL
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS twin
          WHERE twin.uuid = servers.uuid
            AND twin.cell != servers.cell
            AND twin.deleted = 0
            AND coalesce(twin.hidden, 0) = 0
        ))
    ) AS anon_2
    UNION ALL
    SELECT anon_3.kind AS kind, anon_3.zone AS zone, anon_3.other AS other, anon_3.provider AS provider,
        anon_3.what AS what, anon_3.name AS name, anon_3.changed AS changed, anon_3.impact AS impact
    FROM (
      SELECT 'shared disk outside the zone' AS kind, host_in.zone AS zone, pool.name AS other, pool.uuid AS provider,
          concat('hosts of zone ', host_in.zone, ' have no disk but that of ', pool.name,
          ', which is in none of its aggregates: a server that needs local disk and asks for this zone finds none here')
          AS what, nodes.host AS name, CASE WHEN (nodes.created_at >= coalesce(pool.created_at,
          '')) THEN nodes.created_at ELSE pool.created_at END AS changed, CASE WHEN (coalesce((
        SELECT min(computes.version) AS min_1
        FROM (
          SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
              services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
              services.last_seen_up AS last_seen_up, services.deleted AS deleted, services.deleted_at AS deleted_at,
              services.created_at AS created_at, services.updated_at AS updated_at
          FROM services
          WHERE services.deleted = 0
            AND services.`binary` = 'nova-compute'
            AND services.host IS NOT NULL
        ) AS computes
      ), 0) >= 67 OR coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') = '1') THEN 'M' ELSE 'L' END AS impact
      FROM needy
      INNER JOIN in_zone AS host_in ON host_in.resource_provider_id = needy.root_id
      INNER JOIN resource_providers AS pool ON pool.id = needy.provider_id
      INNER JOIN resource_providers ON resource_providers.id = needy.root_id
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
      ) AS nodes ON nodes.uuid = resource_providers.uuid
        AND coalesce(nodes.hypervisor_type, '') != 'ironic'
      WHERE ((needy.root_id, host_in.zone) NOT IN (
        SELECT needy.root_id, in_zone.zone
        FROM needy
        INNER JOIN in_zone ON in_zone.resource_provider_id = needy.provider_id
      ))
        AND (nodes.host, host_in.zone) IN (
          SELECT zone_of_host.host, zone_of_host.zone
          FROM zone_of_host
          WHERE zone_of_host.zones = 1
        )
    ) AS anon_3
  ) AS found
) AS listed
LEFT OUTER JOIN (
  SELECT the_pool.uuid AS provider, zone_of.value AS zone, concat('--generation ',
      CAST(max(the_pool.generation) AS CHAR), ' ', coalesce(concat((
    SELECT group_concat(concat('--aggregate ', of_pool_row.uuid) SEPARATOR ' ') AS aggregate_strings_1
    FROM resource_provider_aggregates AS of_pool
    INNER JOIN placement_aggregates AS of_pool_row ON of_pool_row.id = of_pool.aggregate_id
    WHERE of_pool.resource_provider_id = the_pool.id
  ), ' '), ''), '--aggregate ', min(zone_mirror.uuid), ' ', the_pool.uuid) AS words
  FROM resource_providers AS the_pool
  INNER JOIN aggregate_metadata AS zone_of ON zone_of.`key` = 'availability_zone'
    AND the_pool.id IN (
      SELECT inventories.resource_provider_id
      FROM inventories
      INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
      WHERE resource_classes.name = 'DISK_GB'
        AND inventories.resource_provider_id IN (
          SELECT resource_provider_traits.resource_provider_id
          FROM resource_provider_traits
          INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
          WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
        )
    )
  INNER JOIN aggregates AS zone_row ON zone_row.id = zone_of.aggregate_id
  INNER JOIN placement_aggregates AS zone_mirror ON zone_mirror.uuid = zone_row.uuid
  WHERE NOT (EXISTS (
    SELECT *
    FROM resource_provider_aggregates AS in_it, trees AS tree_of
    WHERE in_it.aggregate_id = zone_mirror.id
      AND tree_of.provider_id = in_it.resource_provider_id
      AND ((tree_of.root_id, the_pool.id) NOT IN (
        SELECT reach.root_id, reach.provider_id
        FROM reach
      ))
  ))
  GROUP BY the_pool.id, the_pool.uuid, zone_of.value
) AS joining ON listed.kind = 'shared disk outside the zone'
  AND joining.provider = listed.provider
  AND joining.zone = listed.zone
WHERE NOT (EXISTS (
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
GROUP BY listed.kind, listed.zone, listed.other, listed.provider, listed.what, listed.impact
ORDER BY listed.kind, joining.zone, listed.other;
