-- N03 host-not-mapped-to-its-cell: Host that nova looks for in another cell, or in none
-- Severity: error, impact H
--
-- Says: {host} in {cell}: {state}
--
-- Why: A server that the scheduler sends to a host without a mapping ends in cell0 in error, and what was claimed for
-- it stays claimed. A host that is mapped to the wrong cell is not found.
--
-- Left alone:
-- - a service or mapping made just now: it waits for the next discovery
-- - services without a compute node
-- - the host of a service that is down or disabled, and a mapping that is left over, are information
-- - cells that are known by --cell-db alone, not by cell_mappings
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {to_show}
--   nova-manage cell_v2 list_hosts
--   nova-manage cell_v2 discover_hosts --cell_uuid {to_discover} --by-service --verbose
--   nova-manage cell_v2 delete_host --cell_uuid {forgotten_in} --host {host}
--   # then restart nova-scheduler or send it SIGHUP: it remembers the cell of {forgotten}
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
host_mappings AS (
  SELECT CONVERT(host USING utf8mb4) AS host, cell_id, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.host_mappings
),
instances AS (
  SELECT CONVERT(host USING utf8mb4) AS host, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(host USING utf8mb4) AS host, deleted
  FROM nova.instances
),
migrations AS (
  SELECT CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted
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
  SELECT 'placement' AS `role`, 'placement' AS name, 0 AS cell0, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, 0 AS cell0, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000')
      THEN 1 END, 0) AS cell0, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name,
      coalesce(CASE WHEN (mapping.uuid = '00000000-0000-0000-0000-000000000000') THEN 1 END, 0) AS cell0,
      mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'missing' AS status
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
)
SELECT `row`.cell, `row`.host, `row`.state, `row`.to_discover, `row`.forgotten_in, `row`.forgotten, `row`.to_show,
    `row`.withheld, `row`.host_in_two_cells, `row`.new_host, `row`.newest_change, `row`.impact
FROM (
  SELECT computes.cell AS cell, computes.host AS host, CASE WHEN (host_mappings.host IS NULL) THEN
      'nova-compute runs there, but nova maps the host to no cell' ELSE
      concat('nova-compute runs there, but nova maps the host to ', coalesce(mapped_cell.cell,
      'a cell that is not there')) END AS state, CASE WHEN (host_mappings.host IS NULL AND
      coalesce(computes.forced_down, 0) = 0 AND computes.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN own_cell.cell_uuid END AS to_discover, NULL AS forgotten_in,
      NULL AS forgotten, computes.host AS to_show, CASE WHEN (host_mappings.host IS NULL AND
      coalesce(computes.forced_down, 0) = 0 AND computes.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii)) THEN NULL WHEN (host_mappings.host IS NULL) THEN
      'nova-compute is down there. Nothing is built on it until it is back; discover it then.' ELSE
      concat('nova has no command that gives a host another cell. See on ', CAST(computes.host AS CHAR),
      ' which cell''s database and message queue its nova.conf names: either that is wrong, or the mapping is left over from another host of this name.')
      END AS withheld, CASE WHEN (host_mappings.cell_id != own_cell.cell_id) THEN lower(computes.host) END AS
      host_in_two_cells, lower(computes.host) AS new_host, CASE WHEN ((
    SELECT max(nodes.created_at) AS max_1
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
    ) AS nodes
    WHERE nodes.cell = computes.cell
      AND nodes.host = computes.host
  ) >= coalesce(CASE WHEN (CASE WHEN (host_mappings.created_at >= coalesce(host_mappings.updated_at,
      '')) THEN host_mappings.created_at ELSE host_mappings.updated_at END >= coalesce(computes.created_at,
      '')) THEN CASE WHEN (host_mappings.created_at >= coalesce(host_mappings.updated_at,
      '')) THEN host_mappings.created_at ELSE host_mappings.updated_at END ELSE computes.created_at END, '')) THEN (
    SELECT max(nodes.created_at) AS max_1
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
    ) AS nodes
    WHERE nodes.cell = computes.cell
      AND nodes.host = computes.host
  ) ELSE CASE WHEN (CASE WHEN (host_mappings.created_at >= coalesce(host_mappings.updated_at,
      '')) THEN host_mappings.created_at ELSE host_mappings.updated_at END >= coalesce(computes.created_at,
      '')) THEN CASE WHEN (host_mappings.created_at >= coalesce(host_mappings.updated_at,
      '')) THEN host_mappings.created_at ELSE host_mappings.updated_at END ELSE computes.created_at END END AS
      newest_change, CASE WHEN (coalesce(computes.forced_down, 0) = 0 AND computes.last_seen_up >= CONVERT((
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
  ) + 0e0) ELSE 60 END) SECOND USING ascii) AND coalesce(computes.disabled, 0) = 0) THEN 'H' ELSE 'L' END AS impact
  FROM (
    SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
        services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
        services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
        services.updated_at AS updated_at
    FROM services
    WHERE services.deleted = 0
      AND services.`binary` = 'nova-compute'
      AND services.host IS NOT NULL
  ) AS computes
  INNER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS own_cell ON own_cell.cell = computes.cell
  LEFT OUTER JOIN host_mappings ON host_mappings.host = computes.host
  LEFT OUTER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS mapped_cell ON mapped_cell.cell_id = host_mappings.cell_id
  WHERE (computes.cell NOT IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ))
    AND (host_mappings.host IS NULL AND (EXISTS (
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
      WHERE nodes.cell = computes.cell
        AND nodes.host = computes.host
    )) OR host_mappings.cell_id != own_cell.cell_id)
  UNION ALL
  SELECT leftover_cell.cell AS cell, leftover.host AS host,
      'nova maps the host to a cell, but no cell has a nova-compute service of it' AS state, NULL AS to_discover,
      CASE WHEN (CASE WHEN (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.deleted = 0
      AND instances.host = leftover.host
  )) THEN concat('servers are on ', CAST(leftover.host AS CHAR),
      ' as far as nova knows: see with ''openstack server list --all-projects --host ', CAST(leftover.host AS CHAR),
      ''' which, and where their guests run.') WHEN (EXISTS (
    SELECT *
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
    ) AS left_node
    WHERE left_node.host = leftover.host
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' is still there: it was not taken out of service by the API. See whether the host is to come back.') WHEN (EXISTS
      (
    SELECT *
    FROM compute_nodes AS last_node
    WHERE last_node.host = leftover.host
      AND last_node.deleted != 0
      AND last_node.deleted_at >= CONVERT((
        SELECT snapshot.as_of
        FROM snapshot
      ) + INTERVAL (-604800) SECOND USING ascii)
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' was deleted in the last week: it may be about to be set up anew.') WHEN (EXISTS (
    SELECT *
    FROM migrations
    WHERE (migrations.source_compute = leftover.host OR migrations.dest_compute = leftover.host)
      AND coalesce(migrations.deleted, 0) = 0
      AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  )) THEN concat('migrations from or to ', CAST(leftover.host AS CHAR), ' are open: they end first.') WHEN (EXISTS (
    SELECT *
    FROM resource_providers, claims
    WHERE resource_providers.name = leftover.host
      AND claims.root_id = resource_providers.id
  )) THEN concat('something is held on a provider named ', CAST(leftover.host AS CHAR),
      ': see whose that is with ''openstack resource provider show --allocations''.') WHEN (NOT (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS of_the_cell
    WHERE of_the_cell.cell = leftover_cell.cell
  ))) THEN concat('no nova-compute of ', leftover_cell.cell,
      ' is in the database that was read, so that this may be the wrong one: compare ''nova-manage cell_v2 list_cells'' with the [database] connection of the cell''s conductor.')
      END IS NULL) THEN leftover_cell.cell_uuid END AS forgotten_in, CASE WHEN (CASE WHEN (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.deleted = 0
      AND instances.host = leftover.host
  )) THEN concat('servers are on ', CAST(leftover.host AS CHAR),
      ' as far as nova knows: see with ''openstack server list --all-projects --host ', CAST(leftover.host AS CHAR),
      ''' which, and where their guests run.') WHEN (EXISTS (
    SELECT *
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
    ) AS left_node
    WHERE left_node.host = leftover.host
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' is still there: it was not taken out of service by the API. See whether the host is to come back.') WHEN (EXISTS
      (
    SELECT *
    FROM compute_nodes AS last_node
    WHERE last_node.host = leftover.host
      AND last_node.deleted != 0
      AND last_node.deleted_at >= CONVERT((
        SELECT snapshot.as_of
        FROM snapshot
      ) + INTERVAL (-604800) SECOND USING ascii)
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' was deleted in the last week: it may be about to be set up anew.') WHEN (EXISTS (
    SELECT *
    FROM migrations
    WHERE (migrations.source_compute = leftover.host OR migrations.dest_compute = leftover.host)
      AND coalesce(migrations.deleted, 0) = 0
      AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  )) THEN concat('migrations from or to ', CAST(leftover.host AS CHAR), ' are open: they end first.') WHEN (EXISTS (
    SELECT *
    FROM resource_providers, claims
    WHERE resource_providers.name = leftover.host
      AND claims.root_id = resource_providers.id
  )) THEN concat('something is held on a provider named ', CAST(leftover.host AS CHAR),
      ': see whose that is with ''openstack resource provider show --allocations''.') WHEN (NOT (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS of_the_cell
    WHERE of_the_cell.cell = leftover_cell.cell
  ))) THEN concat('no nova-compute of ', leftover_cell.cell,
      ' is in the database that was read, so that this may be the wrong one: compare ''nova-manage cell_v2 list_cells'' with the [database] connection of the cell''s conductor.')
      END IS NULL) THEN leftover.host END AS forgotten, NULL AS to_show, CASE WHEN (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.deleted = 0
      AND instances.host = leftover.host
  )) THEN concat('servers are on ', CAST(leftover.host AS CHAR),
      ' as far as nova knows: see with ''openstack server list --all-projects --host ', CAST(leftover.host AS CHAR),
      ''' which, and where their guests run.') WHEN (EXISTS (
    SELECT *
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
    ) AS left_node
    WHERE left_node.host = leftover.host
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' is still there: it was not taken out of service by the API. See whether the host is to come back.') WHEN (EXISTS
      (
    SELECT *
    FROM compute_nodes AS last_node
    WHERE last_node.host = leftover.host
      AND last_node.deleted != 0
      AND last_node.deleted_at >= CONVERT((
        SELECT snapshot.as_of
        FROM snapshot
      ) + INTERVAL (-604800) SECOND USING ascii)
  )) THEN concat('the compute node of ', CAST(leftover.host AS CHAR),
      ' was deleted in the last week: it may be about to be set up anew.') WHEN (EXISTS (
    SELECT *
    FROM migrations
    WHERE (migrations.source_compute = leftover.host OR migrations.dest_compute = leftover.host)
      AND coalesce(migrations.deleted, 0) = 0
      AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  )) THEN concat('migrations from or to ', CAST(leftover.host AS CHAR), ' are open: they end first.') WHEN (EXISTS (
    SELECT *
    FROM resource_providers, claims
    WHERE resource_providers.name = leftover.host
      AND claims.root_id = resource_providers.id
  )) THEN concat('something is held on a provider named ', CAST(leftover.host AS CHAR),
      ': see whose that is with ''openstack resource provider show --allocations''.') WHEN (NOT (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS of_the_cell
    WHERE of_the_cell.cell = leftover_cell.cell
  ))) THEN concat('no nova-compute of ', leftover_cell.cell,
      ' is in the database that was read, so that this may be the wrong one: compare ''nova-manage cell_v2 list_cells'' with the [database] connection of the cell''s conductor.')
      END AS withheld, NULL AS host_in_two_cells, NULL AS new_host, CASE WHEN ((
    SELECT max(gone.deleted_at) AS max_2
    FROM services AS gone
    WHERE gone.host = leftover.host
  ) >= coalesce(CASE WHEN (leftover.created_at >= coalesce(leftover.updated_at,
      '')) THEN leftover.created_at ELSE leftover.updated_at END, '')) THEN (
    SELECT max(gone.deleted_at) AS max_2
    FROM services AS gone
    WHERE gone.host = leftover.host
  ) ELSE CASE WHEN (leftover.created_at >= coalesce(leftover.updated_at,
      '')) THEN leftover.created_at ELSE leftover.updated_at END END AS newest_change, 'L' AS impact
  FROM host_mappings AS leftover
  INNER JOIN (
    SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell_id IS NOT NULL
  ) AS leftover_cell ON leftover_cell.cell_id = leftover.cell_id
  WHERE NOT (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS other
    WHERE other.host = leftover.host
  ))
) AS `row`
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
ORDER BY `row`.cell, `row`.host;
