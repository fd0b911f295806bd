-- N04 node-and-service-apart: Compute node without its service, or service without a compute node
-- Severity: error, impact H
--
-- Says: {host} in {cell} {state}
--
-- Why: The scheduler drops a host of which it finds only one half. A node without a service is offered by placement all
-- the same, and nobody can act on the servers there.
--
-- Left alone:
-- - a service or node made or deleted just now: the other half follows within a minute
-- - a service that is down
-- - services of a cell with bare metal, where a service may have no node
-- - bare metal nodes whose service is gone are information: another service takes them over
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--   openstack server list --all-projects --host {without_service}
--   # start nova-compute on {without_service}, which makes its service anew; if the host is gone for good, its servers are to be evacuated or deleted first
--   # read in the log of nova-compute on {without_node} why it cannot register its node
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

WITH instances AS (
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CONVERT(node USING utf8mb4) AS node, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CONVERT(node USING utf8mb4) AS node, deleted
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
  SELECT CONVERT(@taken_at USING ascii) AS taken_at
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
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
)
SELECT `row`.cell, `row`.host, `row`.node, `row`.state, `row`.without_service, `row`.without_node, `row`.newest_change,
    `row`.impact
FROM (
  SELECT nodes.cell AS cell, nodes.host AS host, nodes.hypervisor_hostname AS node,
      'is a compute node, but its host has no nova-compute service' AS state, nodes.host AS without_service,
      NULL AS without_node, CASE WHEN ((
    SELECT max(gone_service.deleted_at) AS max_1
    FROM services AS gone_service
    WHERE gone_service.cell = nodes.cell
      AND gone_service.host = nodes.host
  ) >= coalesce(nodes.created_at, '')) THEN (
    SELECT max(gone_service.deleted_at) AS max_1
    FROM services AS gone_service
    WHERE gone_service.cell = nodes.cell
      AND gone_service.host = nodes.host
  ) ELSE nodes.created_at END AS newest_change, CASE WHEN (nodes.hypervisor_type = 'ironic') THEN 'L' WHEN (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.deleted = 0
      AND instances.cell = nodes.cell
      AND instances.host = nodes.host
      AND instances.node = nodes.hypervisor_hostname
  )) THEN 'H' ELSE 'M' END AS impact
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
  WHERE nodes.host IS NOT NULL
    AND NOT (EXISTS (
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
      ) AS own_service
      WHERE own_service.cell = nodes.cell
        AND own_service.host = nodes.host
    ))
  UNION ALL
  SELECT computes.cell AS cell, computes.host AS host, NULL AS node,
      'has a nova-compute service that is up, but no compute node' AS state, NULL AS without_service,
      computes.host AS without_node, CASE WHEN ((
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) >= coalesce(computes.created_at, '')) THEN (
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) ELSE computes.created_at END AS newest_change, CASE WHEN ((
    SELECT max(gone_node.deleted_at) AS max_2
    FROM compute_nodes AS gone_node
    WHERE gone_node.cell = computes.cell
      AND gone_node.host = computes.host
      AND coalesce(gone_node.hypervisor_type, '') != 'ironic'
  ) IS NOT NULL) THEN 'H' ELSE 'L' END AS impact
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
  WHERE (computes.cell NOT IN (
    SELECT sources.name
    FROM sources
    WHERE sources.`role` = 'cell'
      AND sources.cell0 = 1
  ))
    AND coalesce(computes.forced_down, 0) = 0
    AND computes.last_seen_up >= CONVERT((
      SELECT snapshot.taken_at
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
      ) AS own_node
      WHERE own_node.cell = computes.cell
        AND own_node.host = computes.host
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM compute_nodes
      WHERE compute_nodes.cell = computes.cell
        AND compute_nodes.hypervisor_type = 'ironic'
    ))
) AS `row`
ORDER BY `row`.cell, `row`.host, `row`.node;
