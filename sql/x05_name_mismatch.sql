-- X05 name-mismatch: Provider with another name than its compute node
-- Severity: error, impact H
--
-- Says: the provider of compute node {node} of {host} is called {provider_name}
--
-- Why: Nova finds the provider by its uuid, and then looks for the node's name in what it found, upper and lower case
-- told apart (nova 20 to 34). It fails each minute and with each server that is to be built there: 'No such provider'.
-- What placement knows of the host stays as it was, and aggregates are not mirrored to it.
--
-- Left alone:
-- - a warning while nova-compute is down there
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider show {provider}
--   openstack resource provider set --name {new_name} {provider}
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
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
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
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name, nodes.cell, nodes.host,
    nodes.hypervisor_hostname AS node, nodes.uuid AS node_uuid, CASE WHEN (NOT ((EXISTS (
  SELECT *
  FROM resource_providers AS namesake
  WHERE namesake.name = nodes.hypervisor_hostname
    AND namesake.id != resource_providers.id
)) OR (EXISTS (
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
  ) AS twin_node
  WHERE (twin_node.uuid = nodes.uuid OR twin_node.hypervisor_hostname = nodes.hypervisor_hostname)
    AND (twin_node.cell != nodes.cell OR twin_node.id != nodes.id)
)) OR (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND instances.deleted = 0
    AND instances.node = resource_providers.name
    AND instances.node != nodes.hypervisor_hostname
)))) THEN nodes.hypervisor_hostname END AS new_name, CASE WHEN (EXISTS (
  SELECT *
  FROM resource_providers AS namesake
  WHERE namesake.name = nodes.hypervisor_hostname
    AND namesake.id != resource_providers.id
)) THEN concat('another provider is already called ', CAST(nodes.hypervisor_hostname AS CHAR),
    ', and names are unique in placement: see with ''openstack resource provider list --name ',
    CAST(nodes.hypervisor_hostname AS CHAR), ''' whose that is, and settle what is found about it first.') WHEN (EXISTS
    (
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
  ) AS twin_node
  WHERE (twin_node.uuid = nodes.uuid OR twin_node.hypervisor_hostname = nodes.hypervisor_hostname)
    AND (twin_node.cell != nodes.cell OR twin_node.id != nodes.id)
)) THEN concat('two compute nodes have the name or the uuid of ', CAST(nodes.hypervisor_hostname AS CHAR),
    ': find out which of them runs before a provider is renamed for one.') WHEN (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid IN (
    SELECT odd_servers.uuid
    FROM odd_servers
  )
    AND instances.deleted = 0
    AND instances.node = resource_providers.name
    AND instances.node != nodes.hypervisor_hostname
)) THEN concat('servers still name ', CAST(resource_providers.name AS CHAR),
    ' as their node, so that it may be the compute node that has the wrong name: see what the host calls itself (hostname, and [DEFAULT]host in nova.conf) first.')
    END AS withheld, CASE WHEN (resource_providers.created_at >= coalesce(nodes.created_at,
    '')) THEN resource_providers.created_at ELSE nodes.created_at END AS newest_change,
    CASE WHEN (coalesce(coalesce(lone_computes.forced_down, 0) = 0 AND lone_computes.last_seen_up >= CONVERT((
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
) + 0e0) ELSE 60 END) SECOND USING ascii), 0) = 1) THEN 'H' ELSE 'M' END AS impact
FROM (
  SELECT compute_nodes.cell AS cell, compute_nodes.id AS id, compute_nodes.uuid AS uuid, compute_nodes.host AS host,
      compute_nodes.hypervisor_hostname AS hypervisor_hostname, compute_nodes.hypervisor_type AS hypervisor_type,
      compute_nodes.vcpus AS vcpus, compute_nodes.memory_mb AS memory_mb, compute_nodes.local_gb AS local_gb,
      compute_nodes.cpu_allocation_ratio AS cpu_allocation_ratio, compute_nodes.ram_allocation_ratio AS
      ram_allocation_ratio, compute_nodes.disk_allocation_ratio AS disk_allocation_ratio,
      compute_nodes.deleted AS deleted, compute_nodes.deleted_at AS deleted_at, compute_nodes.created_at AS created_at,
      compute_nodes.updated_at AS updated_at
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
) AS nodes
INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
LEFT OUTER JOIN (
  SELECT computes.cell AS cell, computes.host AS host, max(computes.version) AS version,
      max(computes.disabled) AS disabled, max(computes.forced_down) AS forced_down,
      max(computes.last_seen_up) AS last_seen_up, max(computes.created_at) AS created_at,
      max(computes.updated_at) AS updated_at
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
  GROUP BY computes.cell, computes.host
  HAVING count(*) = 1
) AS lone_computes ON lone_computes.host = nodes.host
  AND lone_computes.cell = nodes.cell
WHERE CAST(concat(resource_providers.name, '') AS CHAR) != CAST(concat(nodes.hypervisor_hostname, '') AS CHAR)
ORDER BY provider;
