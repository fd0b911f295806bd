-- X21 aggregate-not-mirrored: Host aggregate and its mirror in placement with unlike members
-- Severity: info, impact L
--
-- Says: {hosts} hosts of aggregate {aggregate} {effect}: {sample}
--
-- Why: Nova's API tells placement when a host is added to an aggregate or removed, and does not fail when that fails.
-- The scheduler then asks placement, not nova, who is in a zone: always from nova 28 on, before with
-- query_placement_for_availability_zone; and who is in a tenant's or an isolated aggregate, if it is so configured.
--
-- Left alone:
-- - aggregates that are placement's alone, and sharing providers in any
-- - aggregates without hosts, or without a uuid
-- - hosts without a compute node or a provider, which are findings of their own
-- - a host of several nodes of which one is in the mirror; bare metal nodes that are in too many aggregates, since they
--   change their host
-- - a host that another aggregate of the same zone brings into it is information
-- - an aggregate without a zone, or a scheduler that does not ask placement for zones: information
-- - it is a warning for bare metal, and where the scheduler asks placement by its default alone (nova 24 to 27)
-- - a host that is missing in the mirror while its nova-compute is down or disabled: information
-- - a host that was added just now
--
-- What to do, with a row's columns for the names in braces:
--   openstack aggregate show {aggregate}
--   openstack --os-placement-api-version 1.19 resource provider aggregate list {first}
--   nova-manage placement sync_aggregates --verbose  # adds the {missing} that are missing, removes none
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_1_words}
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_2_words}
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_3_words}
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_4_words}
--   openstack --os-placement-api-version 1.19 resource provider aggregate set {set_5_words}
--   # these are the first 5 of {many}: audit again for the next
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name, generation,
      root_provider_id, CONVERT(created_at USING ascii) AS created_at
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
placement_aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
),
host_mappings AS (
  SELECT CONVERT(host USING utf8mb4) AS host
  FROM nova_api.host_mappings
),
aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid, CAST(name AS CHAR) AS name, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregates
),
aggregate_hosts AS (
  SELECT aggregate_id, CONVERT(host USING utf8mb4) AS host, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregate_hosts
),
aggregate_metadata AS (
  SELECT aggregate_id, CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(value USING utf8mb4) AS value
  FROM nova_api.aggregate_metadata
),
instances AS (
  SELECT CONVERT(host USING utf8mb4) AS host, CONVERT(availability_zone USING utf8mb4) AS availability_zone, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(host USING utf8mb4) AS host, CONVERT(availability_zone USING utf8mb4) AS availability_zone, deleted
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
snapshot AS (
  SELECT CONVERT(@taken_at USING ascii) AS as_of
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
nodes_of AS (
  SELECT of_aggregates.host AS host, count(DISTINCT nodes.id) AS nodes,
      count(DISTINCT CASE WHEN (resource_providers.id IS NULL) THEN nodes.id END) AS unknown
  FROM aggregate_hosts AS of_aggregates
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
  ) AS nodes ON nodes.host = of_aggregates.host
  LEFT OUTER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
  GROUP BY of_aggregates.host
)
SELECT aggregates.name AS aggregate, aggregates.uuid AS aggregate_uuid, placed.effect, count(*) AS hosts,
    CASE WHEN (placed.kind = 'missing' AND NOT ((EXISTS (
  SELECT *
  FROM nodes_of
  WHERE nodes_of.nodes > 1 OR nodes_of.unknown > 0 OR (nodes_of.host NOT IN (
    SELECT host_mappings.host
    FROM host_mappings
    WHERE host_mappings.host IS NOT NULL
  ))
)) OR (EXISTS (
  SELECT *
  FROM aggregates AS nameless
  WHERE nameless.uuid IS NULL
)))) THEN count(*) END AS missing, concat(CAST(max(CASE WHEN (placed.place = 1) THEN placed.host END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (placed.place = 2) THEN placed.host END)), ''), coalesce(concat(', ',
    max(CASE WHEN (placed.place = 3) THEN placed.host END)), ''), coalesce(concat(', ',
    max(CASE WHEN (placed.place = 4) THEN placed.host END)), ''), coalesce(concat(', ',
    max(CASE WHEN (placed.place = 5) THEN placed.host END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, max(CASE WHEN (placed.place = 1) THEN
    resource_providers.uuid END) AS first, max(commands.set_1_words) AS set_1_words,
    max(commands.set_2_words) AS set_2_words, max(commands.set_3_words) AS set_3_words,
    max(commands.set_4_words) AS set_4_words, max(commands.set_5_words) AS set_5_words,
    CASE WHEN (max(commands.sets) > 5) THEN max(commands.sets) END AS many, min(placed.changed) AS newest_change,
    placed.impact, CASE WHEN (placed.kind = 'missing' AND NOT ((EXISTS (
  SELECT *
  FROM nodes_of
  WHERE nodes_of.nodes > 1 OR nodes_of.unknown > 0 OR (nodes_of.host NOT IN (
    SELECT host_mappings.host
    FROM host_mappings
    WHERE host_mappings.host IS NOT NULL
  ))
)) OR (EXISTS (
  SELECT *
  FROM aggregates AS nameless
  WHERE nameless.uuid IS NULL
))) OR max(commands.sets) > 0) THEN NULL WHEN (placed.kind = 'missing') THEN
    'nova-manage placement sync_aggregates would stop before these hosts, and it is not certain which of their providers belongs into the aggregate: compare openstack hypervisor list --long with openstack resource provider list'
    ELSE
    'nova''s list may be the wrong one: a server of the zone runs there, or the aggregate lists a host that nova does not have, or a sharing provider serves hosts by it; ask who took the host out, then leave this aggregate out of the provider''s list, which aggregate set replaces'
    END AS withheld
FROM (
  SELECT found.aggregate_id AS aggregate_id, found.host AS host, found.provider_id AS provider_id,
      found.effect AS effect, found.impact AS impact, found.changed AS changed, found.kind AS kind,
      row_number() OVER (PARTITION BY found.aggregate_id, found.effect ORDER BY found.host) AS place
  FROM (
    SELECT anon_1.aggregate_id AS aggregate_id, anon_1.host AS host, anon_1.provider_id AS provider_id,
        anon_1.effect AS effect, anon_1.impact AS impact, anon_1.changed AS changed, 'missing' AS kind
    FROM (
      SELECT of_hosts.aggregate_id AS aggregate_id, of_hosts.host AS host, of_hosts.provider_id AS provider_id,
          CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND of_hosts.host IN (
        SELECT lone_computes.host
        FROM (
          SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
              max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
              max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
              max(computes.updated_at) AS updated_at
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
          GROUP BY computes.cell, computes.host
          HAVING count(*) = 1
        ) AS lone_computes
        WHERE coalesce(lone_computes.forced_down, 0) = 0
          AND lone_computes.last_seen_up >= CONVERT((
            SELECT snapshot.as_of
            FROM snapshot
          ) + INTERVAL (-CASE WHEN (((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) < 60) THEN ((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) ELSE 60 END) SECOND USING ascii)
          AND coalesce(lone_computes.disabled, 0) = 0
      ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
        SELECT other_member.resource_provider_id, other_zone.value
        FROM resource_provider_aggregates AS other_member
        INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
        INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
        INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
          AND other_zone.`key` = 'availability_zone'
      )) AND of_hosts.ordinary = 1 AND (coalesce((
        SELECT min(computes.version) AS min_3
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
      ), '') = '1')) THEN
          'are in it and not in its mirror in placement: a server that asks for its zone never gets there' WHEN
          (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND of_hosts.host IN (
        SELECT lone_computes.host
        FROM (
          SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
              max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
              max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
              max(computes.updated_at) AS updated_at
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
          GROUP BY computes.cell, computes.host
          HAVING count(*) = 1
        ) AS lone_computes
        WHERE coalesce(lone_computes.forced_down, 0) = 0
          AND lone_computes.last_seen_up >= CONVERT((
            SELECT snapshot.as_of
            FROM snapshot
          ) + INTERVAL (-CASE WHEN (((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) < 60) THEN ((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) ELSE 60 END) SECOND USING ascii)
          AND coalesce(lone_computes.disabled, 0) = 0
      ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
        SELECT other_member.resource_provider_id, other_zone.value
        FROM resource_provider_aggregates AS other_member
        INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
        INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
        INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
          AND other_zone.`key` = 'availability_zone'
      )) AND of_hosts.ordinary = 1) THEN
          'are in it and not in its mirror in placement: by default a server that asks for its zone never gets there'
          WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND of_hosts.host IN (
        SELECT lone_computes.host
        FROM (
          SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
              max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
              max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
              max(computes.updated_at) AS updated_at
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
          GROUP BY computes.cell, computes.host
          HAVING count(*) = 1
        ) AS lone_computes
        WHERE coalesce(lone_computes.forced_down, 0) = 0
          AND lone_computes.last_seen_up >= CONVERT((
            SELECT snapshot.as_of
            FROM snapshot
          ) + INTERVAL (-CASE WHEN (((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) < 60) THEN ((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) ELSE 60 END) SECOND USING ascii)
          AND coalesce(lone_computes.disabled, 0) = 0
      ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
        SELECT other_member.resource_provider_id, other_zone.value
        FROM resource_provider_aggregates AS other_member
        INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
        INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
        INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
          AND other_zone.`key` = 'availability_zone'
      ))) THEN
          'are bare metal in it and not in its mirror in placement: a server that asks for its zone never gets there'
          ELSE 'are in it and not in its mirror in placement' END AS effect,
          CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND of_hosts.host IN (
        SELECT lone_computes.host
        FROM (
          SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
              max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
              max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
              max(computes.updated_at) AS updated_at
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
          GROUP BY computes.cell, computes.host
          HAVING count(*) = 1
        ) AS lone_computes
        WHERE coalesce(lone_computes.forced_down, 0) = 0
          AND lone_computes.last_seen_up >= CONVERT((
            SELECT snapshot.as_of
            FROM snapshot
          ) + INTERVAL (-CASE WHEN (((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) < 60) THEN ((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) ELSE 60 END) SECOND USING ascii)
          AND coalesce(lone_computes.disabled, 0) = 0
      ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
        SELECT other_member.resource_provider_id, other_zone.value
        FROM resource_provider_aggregates AS other_member
        INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
        INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
        INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
          AND other_zone.`key` = 'availability_zone'
      )) AND of_hosts.ordinary = 1 AND (coalesce((
        SELECT min(computes.version) AS min_3
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
      ), '') = '1')) THEN 'H' WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND of_hosts.host IN (
        SELECT lone_computes.host
        FROM (
          SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
              max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
              max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
              max(computes.updated_at) AS updated_at
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
          GROUP BY computes.cell, computes.host
          HAVING count(*) = 1
        ) AS lone_computes
        WHERE coalesce(lone_computes.forced_down, 0) = 0
          AND lone_computes.last_seen_up >= CONVERT((
            SELECT snapshot.as_of
            FROM snapshot
          ) + INTERVAL (-CASE WHEN (((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) < 60) THEN ((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'service_down_time'
          ) + 0e0) ELSE 60 END) SECOND USING ascii)
          AND coalesce(lone_computes.disabled, 0) = 0
      ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
        SELECT other_member.resource_provider_id, other_zone.value
        FROM resource_provider_aggregates AS other_member
        INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
        INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
        INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
          AND other_zone.`key` = 'availability_zone'
      ))) THEN 'M' ELSE 'L' END AS impact, of_hosts.changed AS changed
      FROM (
        SELECT aggregate_hosts.aggregate_id AS aggregate_id, aggregate_hosts.host AS host,
            min(resource_providers.id) AS provider_id, max(CASE WHEN (coalesce(nodes.hypervisor_type,
            '') != 'ironic') THEN 1 ELSE 0 END) AS ordinary, max(CASE WHEN (resource_provider_aggregates.aggregate_id IS
            NOT NULL) THEN 1 ELSE 0 END) AS mirrored, max(CASE WHEN (resource_providers.created_at >= coalesce(CASE WHEN
            (nodes.created_at >= coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE
            aggregate_hosts.created_at END, '')) THEN resource_providers.created_at ELSE CASE WHEN (nodes.created_at >=
            coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE aggregate_hosts.created_at END END) AS
            changed
        FROM aggregate_hosts
        INNER JOIN aggregates ON aggregates.id = aggregate_hosts.aggregate_id
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
        ) AS nodes ON nodes.host = aggregate_hosts.host
        INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
        LEFT OUTER JOIN placement_aggregates ON placement_aggregates.uuid = aggregates.uuid
        LEFT OUTER JOIN resource_provider_aggregates ON resource_provider_aggregates.resource_provider_id =
            resource_providers.id
          AND resource_provider_aggregates.aggregate_id = placement_aggregates.id
        WHERE aggregates.uuid IS NOT NULL
        GROUP BY aggregate_hosts.aggregate_id, aggregate_hosts.host
      ) AS of_hosts
      LEFT OUTER JOIN (
        SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
        FROM aggregate_metadata
        WHERE aggregate_metadata.`key` = 'availability_zone'
        GROUP BY aggregate_metadata.aggregate_id
      ) AS zone_of ON zone_of.aggregate_id = of_hosts.aggregate_id
      WHERE of_hosts.mirrored = 0
    ) AS anon_1
    UNION ALL
    SELECT anon_2.aggregate_id AS aggregate_id, anon_2.host AS host, anon_2.provider_id AS provider_id,
        anon_2.effect AS effect, anon_2.impact AS impact, anon_2.changed AS changed, 'extra' AS anon_3
    FROM (
      SELECT aggregates.id AS aggregate_id, nodes.host AS host, resource_providers.id AS provider_id,
          CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
        SELECT zones.host, zones.zone
        FROM (
          SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
          FROM aggregate_metadata AS zone_metadata
          INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
          WHERE zone_metadata.`key` = 'availability_zone'
        ) AS zones
      ))) THEN 'are in its mirror in placement and not in it: servers that ask for its zone get there' ELSE
          'are in its mirror in placement and not in it' END AS effect,
          CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
      ), '') = '1' OR coalesce((
        SELECT min(computes.version) AS min_2
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
      ), 0) >= 60 AND coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'query_placement_for_availability_zone'
      ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
        SELECT zones.host, zones.zone
        FROM (
          SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
          FROM aggregate_metadata AS zone_metadata
          INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
          WHERE zone_metadata.`key` = 'availability_zone'
        ) AS zones
      ))) THEN 'M' ELSE 'L' END AS impact, CASE WHEN (nodes.created_at >= coalesce(aggregates.created_at,
          '')) THEN nodes.created_at ELSE aggregates.created_at END AS changed
      FROM resource_provider_aggregates
      INNER JOIN placement_aggregates ON placement_aggregates.id = resource_provider_aggregates.aggregate_id
      INNER JOIN aggregates ON aggregates.uuid = placement_aggregates.uuid
      INNER JOIN resource_providers ON resource_providers.id = resource_provider_aggregates.resource_provider_id
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
      LEFT OUTER JOIN (
        SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
        FROM aggregate_metadata
        WHERE aggregate_metadata.`key` = 'availability_zone'
        GROUP BY aggregate_metadata.aggregate_id
      ) AS zone_of ON zone_of.aggregate_id = aggregates.id
      WHERE aggregates.id IN (
        SELECT any_host.aggregate_id
        FROM aggregate_hosts AS any_host
      )
        AND coalesce(nodes.hypervisor_type, '') != 'ironic'
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
          ) AS twin_node, aggregate_hosts AS listed_host
          WHERE twin_node.uuid = nodes.uuid
            AND listed_host.host = twin_node.host
            AND listed_host.aggregate_id = aggregates.id
        ))
    ) AS anon_2
  ) AS found
) AS placed
INNER JOIN aggregates ON aggregates.id = placed.aggregate_id
INNER JOIN resource_providers ON resource_providers.id = placed.provider_id
LEFT OUTER JOIN (
  SELECT ordered_sets.aggregate_id AS aggregate_id, ordered_sets.effect AS effect, ordered_sets.impact AS impact,
      max(CASE WHEN (ordered_sets.place = 1) THEN ordered_sets.words END) AS set_1_words,
      max(CASE WHEN (ordered_sets.place = 2) THEN ordered_sets.words END) AS set_2_words,
      max(CASE WHEN (ordered_sets.place = 3) THEN ordered_sets.words END) AS set_3_words,
      max(CASE WHEN (ordered_sets.place = 4) THEN ordered_sets.words END) AS set_4_words,
      max(CASE WHEN (ordered_sets.place = 5) THEN ordered_sets.words END) AS set_5_words, count(*) AS sets
  FROM (
    SELECT sets.aggregate_id AS aggregate_id, sets.effect AS effect, sets.impact AS impact, sets.name AS name,
        sets.words AS words, row_number() OVER (PARTITION BY sets.aggregate_id, sets.effect,
        sets.impact ORDER BY sets.name) AS place
    FROM (
      SELECT found.aggregate_id AS aggregate_id, found.effect AS effect, found.impact AS impact, of_it.name AS name,
          concat('--generation ', CAST(of_it.generation AS CHAR), ' ', coalesce(concat((
        SELECT group_concat(concat('--aggregate ', held_aggregate.uuid) SEPARATOR ' ') AS aggregate_strings_1
        FROM resource_provider_aggregates AS held_in
        INNER JOIN placement_aggregates AS held_aggregate ON held_aggregate.id = held_in.aggregate_id
        WHERE held_in.resource_provider_id = of_it.id
          AND held_aggregate.uuid != its_row.uuid
      ), ' '), ''), '--aggregate ', its_row.uuid, ' ', of_it.uuid) AS words
      FROM (
        SELECT anon_1.aggregate_id AS aggregate_id, anon_1.host AS host, anon_1.provider_id AS provider_id,
            anon_1.effect AS effect, anon_1.impact AS impact, anon_1.changed AS changed, 'missing' AS kind
        FROM (
          SELECT of_hosts.aggregate_id AS aggregate_id, of_hosts.host AS host, of_hosts.provider_id AS provider_id,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1 AND (coalesce((
            SELECT min(computes.version) AS min_3
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
          ), '') = '1')) THEN
              'are in it and not in its mirror in placement: a server that asks for its zone never gets there' WHEN
              (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1) THEN
              'are in it and not in its mirror in placement: by default a server that asks for its zone never gets there'
              WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          ))) THEN
              'are bare metal in it and not in its mirror in placement: a server that asks for its zone never gets there'
              ELSE 'are in it and not in its mirror in placement' END AS effect,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1 AND (coalesce((
            SELECT min(computes.version) AS min_3
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
          ), '') = '1')) THEN 'H' WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          ))) THEN 'M' ELSE 'L' END AS impact, of_hosts.changed AS changed
          FROM (
            SELECT aggregate_hosts.aggregate_id AS aggregate_id, aggregate_hosts.host AS host,
                min(resource_providers.id) AS provider_id, max(CASE WHEN (coalesce(nodes.hypervisor_type,
                '') != 'ironic') THEN 1 ELSE 0 END) AS ordinary, max(CASE WHEN
                (resource_provider_aggregates.aggregate_id IS NOT NULL) THEN 1 ELSE 0 END) AS mirrored,
                max(CASE WHEN (resource_providers.created_at >= coalesce(CASE WHEN (nodes.created_at >=
                coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE aggregate_hosts.created_at END,
                '')) THEN resource_providers.created_at ELSE CASE WHEN (nodes.created_at >=
                coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE aggregate_hosts.created_at END END)
                AS changed
            FROM aggregate_hosts
            INNER JOIN aggregates ON aggregates.id = aggregate_hosts.aggregate_id
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
            ) AS nodes ON nodes.host = aggregate_hosts.host
            INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
            LEFT OUTER JOIN placement_aggregates ON placement_aggregates.uuid = aggregates.uuid
            LEFT OUTER JOIN resource_provider_aggregates ON resource_provider_aggregates.resource_provider_id =
                resource_providers.id
              AND resource_provider_aggregates.aggregate_id = placement_aggregates.id
            WHERE aggregates.uuid IS NOT NULL
            GROUP BY aggregate_hosts.aggregate_id, aggregate_hosts.host
          ) AS of_hosts
          LEFT OUTER JOIN (
            SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
            FROM aggregate_metadata
            WHERE aggregate_metadata.`key` = 'availability_zone'
            GROUP BY aggregate_metadata.aggregate_id
          ) AS zone_of ON zone_of.aggregate_id = of_hosts.aggregate_id
          WHERE of_hosts.mirrored = 0
        ) AS anon_1
        UNION ALL
        SELECT anon_2.aggregate_id AS aggregate_id, anon_2.host AS host, anon_2.provider_id AS provider_id,
            anon_2.effect AS effect, anon_2.impact AS impact, anon_2.changed AS changed, 'extra' AS anon_3
        FROM (
          SELECT aggregates.id AS aggregate_id, nodes.host AS host, resource_providers.id AS provider_id,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
            SELECT zones.host, zones.zone
            FROM (
              SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
              FROM aggregate_metadata AS zone_metadata
              INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
              WHERE zone_metadata.`key` = 'availability_zone'
            ) AS zones
          ))) THEN 'are in its mirror in placement and not in it: servers that ask for its zone get there' ELSE
              'are in its mirror in placement and not in it' END AS effect,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
            SELECT zones.host, zones.zone
            FROM (
              SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
              FROM aggregate_metadata AS zone_metadata
              INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
              WHERE zone_metadata.`key` = 'availability_zone'
            ) AS zones
          ))) THEN 'M' ELSE 'L' END AS impact, CASE WHEN (nodes.created_at >= coalesce(aggregates.created_at,
              '')) THEN nodes.created_at ELSE aggregates.created_at END AS changed
          FROM resource_provider_aggregates
          INNER JOIN placement_aggregates ON placement_aggregates.id = resource_provider_aggregates.aggregate_id
          INNER JOIN aggregates ON aggregates.uuid = placement_aggregates.uuid
          INNER JOIN resource_providers ON resource_providers.id = resource_provider_aggregates.resource_provider_id
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
          LEFT OUTER JOIN (
            SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
            FROM aggregate_metadata
            WHERE aggregate_metadata.`key` = 'availability_zone'
            GROUP BY aggregate_metadata.aggregate_id
          ) AS zone_of ON zone_of.aggregate_id = aggregates.id
          WHERE aggregates.id IN (
            SELECT any_host.aggregate_id
            FROM aggregate_hosts AS any_host
          )
            AND coalesce(nodes.hypervisor_type, '') != 'ironic'
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
              ) AS twin_node, aggregate_hosts AS listed_host
              WHERE twin_node.uuid = nodes.uuid
                AND listed_host.host = twin_node.host
                AND listed_host.aggregate_id = aggregates.id
            ))
        ) AS anon_2
      ) AS found
      INNER JOIN aggregates AS its_row ON its_row.id = found.aggregate_id
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
      ) AS its_node ON its_node.host = found.host
      INNER JOIN resource_providers AS of_it ON of_it.uuid = its_node.uuid
      WHERE found.kind = 'missing'
        AND ((EXISTS (
          SELECT *
          FROM nodes_of
          WHERE nodes_of.nodes > 1 OR nodes_of.unknown > 0 OR (nodes_of.host NOT IN (
            SELECT host_mappings.host
            FROM host_mappings
            WHERE host_mappings.host IS NOT NULL
          ))
        )) OR (EXISTS (
          SELECT *
          FROM aggregates AS nameless
          WHERE nameless.uuid IS NULL
        )))
        AND (coalesce(its_node.hypervisor_type, '') = 'ironic' OR its_node.host IN (
          SELECT nodes_of.host
          FROM nodes_of
          WHERE nodes_of.nodes = 1
        ))
        AND NOT (EXISTS (
          SELECT *
          FROM resource_provider_aggregates AS held_in, placement_aggregates AS held_aggregate
          WHERE held_in.resource_provider_id = of_it.id
            AND held_in.aggregate_id = held_aggregate.id
            AND held_aggregate.uuid = its_row.uuid
        ))
      UNION ALL
      SELECT found.aggregate_id AS aggregate_id, found.effect AS effect, found.impact AS impact, of_it.name AS name,
          concat('--generation ', CAST(of_it.generation AS CHAR), ' ', coalesce(concat((
        SELECT group_concat(concat('--aggregate ', held_aggregate.uuid) SEPARATOR ' ') AS aggregate_strings_1
        FROM resource_provider_aggregates AS held_in
        INNER JOIN placement_aggregates AS held_aggregate ON held_aggregate.id = held_in.aggregate_id
        WHERE held_in.resource_provider_id = of_it.id
          AND held_aggregate.uuid != its_row.uuid
      ), ' '), ''), of_it.uuid) AS anon_4
      FROM (
        SELECT anon_1.aggregate_id AS aggregate_id, anon_1.host AS host, anon_1.provider_id AS provider_id,
            anon_1.effect AS effect, anon_1.impact AS impact, anon_1.changed AS changed, 'missing' AS kind
        FROM (
          SELECT of_hosts.aggregate_id AS aggregate_id, of_hosts.host AS host, of_hosts.provider_id AS provider_id,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1 AND (coalesce((
            SELECT min(computes.version) AS min_3
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
          ), '') = '1')) THEN
              'are in it and not in its mirror in placement: a server that asks for its zone never gets there' WHEN
              (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1) THEN
              'are in it and not in its mirror in placement: by default a server that asks for its zone never gets there'
              WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          ))) THEN
              'are bare metal in it and not in its mirror in placement: a server that asks for its zone never gets there'
              ELSE 'are in it and not in its mirror in placement' END AS effect,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          )) AND of_hosts.ordinary = 1 AND (coalesce((
            SELECT min(computes.version) AS min_3
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
          ), '') = '1')) THEN 'H' WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND of_hosts.host IN (
            SELECT lone_computes.host
            FROM (
              SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
                  max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
                  max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
                  max(computes.updated_at) AS updated_at
              FROM (
                SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`,
                    services.version AS version, services.disabled AS disabled, services.forced_down AS forced_down,
                    services.last_seen_up AS last_seen_up, services.deleted AS deleted,
                    services.deleted_at AS deleted_at, services.created_at AS created_at,
                    services.updated_at AS updated_at
                FROM services
                WHERE services.deleted = 0
                  AND services.`binary` = 'nova-compute'
                  AND services.host IS NOT NULL
              ) AS computes
              GROUP BY computes.cell, computes.host
              HAVING count(*) = 1
            ) AS lone_computes
            WHERE coalesce(lone_computes.forced_down, 0) = 0
              AND lone_computes.last_seen_up >= CONVERT((
                SELECT snapshot.as_of
                FROM snapshot
              ) + INTERVAL (-CASE WHEN (((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) < 60) THEN ((
                SELECT settings.value
                FROM settings
                WHERE settings.name = 'service_down_time'
              ) + 0e0) ELSE 60 END) SECOND USING ascii)
              AND coalesce(lone_computes.disabled, 0) = 0
          ) AND ((of_hosts.provider_id, zone_of.zone) NOT IN (
            SELECT other_member.resource_provider_id, other_zone.value
            FROM resource_provider_aggregates AS other_member
            INNER JOIN placement_aggregates AS other_mirror ON other_mirror.id = other_member.aggregate_id
            INNER JOIN aggregates AS other_aggregate ON other_aggregate.uuid = other_mirror.uuid
            INNER JOIN aggregate_metadata AS other_zone ON other_zone.aggregate_id = other_aggregate.id
              AND other_zone.`key` = 'availability_zone'
          ))) THEN 'M' ELSE 'L' END AS impact, of_hosts.changed AS changed
          FROM (
            SELECT aggregate_hosts.aggregate_id AS aggregate_id, aggregate_hosts.host AS host,
                min(resource_providers.id) AS provider_id, max(CASE WHEN (coalesce(nodes.hypervisor_type,
                '') != 'ironic') THEN 1 ELSE 0 END) AS ordinary, max(CASE WHEN
                (resource_provider_aggregates.aggregate_id IS NOT NULL) THEN 1 ELSE 0 END) AS mirrored,
                max(CASE WHEN (resource_providers.created_at >= coalesce(CASE WHEN (nodes.created_at >=
                coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE aggregate_hosts.created_at END,
                '')) THEN resource_providers.created_at ELSE CASE WHEN (nodes.created_at >=
                coalesce(aggregate_hosts.created_at, '')) THEN nodes.created_at ELSE aggregate_hosts.created_at END END)
                AS changed
            FROM aggregate_hosts
            INNER JOIN aggregates ON aggregates.id = aggregate_hosts.aggregate_id
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
            ) AS nodes ON nodes.host = aggregate_hosts.host
            INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
            LEFT OUTER JOIN placement_aggregates ON placement_aggregates.uuid = aggregates.uuid
            LEFT OUTER JOIN resource_provider_aggregates ON resource_provider_aggregates.resource_provider_id =
                resource_providers.id
              AND resource_provider_aggregates.aggregate_id = placement_aggregates.id
            WHERE aggregates.uuid IS NOT NULL
            GROUP BY aggregate_hosts.aggregate_id, aggregate_hosts.host
          ) AS of_hosts
          LEFT OUTER JOIN (
            SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
            FROM aggregate_metadata
            WHERE aggregate_metadata.`key` = 'availability_zone'
            GROUP BY aggregate_metadata.aggregate_id
          ) AS zone_of ON zone_of.aggregate_id = of_hosts.aggregate_id
          WHERE of_hosts.mirrored = 0
        ) AS anon_1
        UNION ALL
        SELECT anon_2.aggregate_id AS aggregate_id, anon_2.host AS host, anon_2.provider_id AS provider_id,
            anon_2.effect AS effect, anon_2.impact AS impact, anon_2.changed AS changed, 'extra' AS anon_3
        FROM (
          SELECT aggregates.id AS aggregate_id, nodes.host AS host, resource_providers.id AS provider_id,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
            SELECT zones.host, zones.zone
            FROM (
              SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
              FROM aggregate_metadata AS zone_metadata
              INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
              WHERE zone_metadata.`key` = 'availability_zone'
            ) AS zones
          ))) THEN 'are in its mirror in placement and not in it: servers that ask for its zone get there' ELSE
              'are in its mirror in placement and not in it' END AS effect,
              CASE WHEN (zone_of.zone IS NOT NULL AND (coalesce((
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
          ), '') = '1' OR coalesce((
            SELECT min(computes.version) AS min_2
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
          ), 0) >= 60 AND coalesce((
            SELECT settings.value
            FROM settings
            WHERE settings.name = 'query_placement_for_availability_zone'
          ), '') != '0') AND ((nodes.host, zone_of.zone) NOT IN (
            SELECT zones.host, zones.zone
            FROM (
              SELECT DISTINCT zone_hosts.host AS host, zone_metadata.value AS zone
              FROM aggregate_metadata AS zone_metadata
              INNER JOIN aggregate_hosts AS zone_hosts ON zone_hosts.aggregate_id = zone_metadata.aggregate_id
              WHERE zone_metadata.`key` = 'availability_zone'
            ) AS zones
          ))) THEN 'M' ELSE 'L' END AS impact, CASE WHEN (nodes.created_at >= coalesce(aggregates.created_at,
              '')) THEN nodes.created_at ELSE aggregates.created_at END AS changed
          FROM resource_provider_aggregates
          INNER JOIN placement_aggregates ON placement_aggregates.id = resource_provider_aggregates.aggregate_id
          INNER JOIN aggregates ON aggregates.uuid = placement_aggregates.uuid
          INNER JOIN resource_providers ON resource_providers.id = resource_provider_aggregates.resource_provider_id
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
          LEFT OUTER JOIN (
            SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
            FROM aggregate_metadata
            WHERE aggregate_metadata.`key` = 'availability_zone'
            GROUP BY aggregate_metadata.aggregate_id
          ) AS zone_of ON zone_of.aggregate_id = aggregates.id
          WHERE aggregates.id IN (
            SELECT any_host.aggregate_id
            FROM aggregate_hosts AS any_host
          )
            AND coalesce(nodes.hypervisor_type, '') != 'ironic'
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
              ) AS twin_node, aggregate_hosts AS listed_host
              WHERE twin_node.uuid = nodes.uuid
                AND listed_host.host = twin_node.host
                AND listed_host.aggregate_id = aggregates.id
            ))
        ) AS anon_2
      ) AS found
      INNER JOIN aggregates AS its_row ON its_row.id = found.aggregate_id
      INNER JOIN resource_providers AS of_it ON of_it.id = found.provider_id
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
      ) AS its_node ON its_node.uuid = of_it.uuid
      LEFT OUTER JOIN (
        SELECT aggregate_metadata.aggregate_id AS aggregate_id, max(aggregate_metadata.value) AS zone
        FROM aggregate_metadata
        WHERE aggregate_metadata.`key` = 'availability_zone'
        GROUP BY aggregate_metadata.aggregate_id
      ) AS its_zone ON its_zone.aggregate_id = its_row.id
      WHERE found.kind = 'extra'
        AND ((its_node.host, coalesce(its_zone.zone, '')) NOT IN (
          SELECT DISTINCT a_server.host, a_server.availability_zone
          FROM instances AS a_server
          WHERE a_server.deleted = 0
            AND a_server.host IS NOT NULL
            AND a_server.availability_zone IS NOT NULL
        ))
        AND NOT (EXISTS (
          SELECT *
          FROM aggregate_hosts AS renamed
          WHERE renamed.aggregate_id = its_row.id
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
              ) AS known_node
              WHERE known_node.host = renamed.host
            ))
        ))
        AND (its_row.uuid NOT IN (
          SELECT held_aggregate.uuid
          FROM placement_aggregates AS held_aggregate
          INNER JOIN resource_provider_aggregates AS held_in ON held_in.aggregate_id = held_aggregate.id
          WHERE held_in.resource_provider_id IN (
            SELECT resource_provider_traits.resource_provider_id
            FROM resource_provider_traits
            INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
            WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
          )
        ))
    ) AS sets
    WHERE sets.words IS NOT NULL
  ) AS ordered_sets
  GROUP BY ordered_sets.aggregate_id, ordered_sets.effect, ordered_sets.impact
) AS commands ON commands.aggregate_id = placed.aggregate_id
  AND commands.effect = placed.effect
  AND commands.impact = placed.impact
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
GROUP BY aggregates.name, aggregates.uuid, placed.effect, placed.kind, placed.impact
ORDER BY aggregate_uuid, commands.effect;
