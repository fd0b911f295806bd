-- X36 nothing-can-be-placed: Running host whose CPUs or memory placement gives to nobody
-- Severity: warning, impact M
--
-- Says: {what}
--
-- Why: Every ordinary flavor asks for CPUs and memory, and placement offers none where the allocation ratio is 0 or all
-- is reserved. The host runs, is enabled, and never gets a server; nothing in nova says so. Where all hosts are like
-- this, every build ends in No valid host was found.
--
-- Left alone:
-- - a host whose nova-compute is down, disabled or was started a moment ago
-- - bare metal, which reserves all it has while it is in use
-- - CPUs of a host that has PCPU to give, and classes that the host does not have at all
-- - a ratio that is not known, and values that placement's API refuses
-- - a host that offers the class on a child
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory list {provider}
--   openstack compute service list --service nova-compute --host {host}
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
      root_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, CONCAT(allocation_ratio) + 0e0 AS allocation_ratio,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, resource_class_id, used
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
  SELECT 'placement' AS `role`, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision
  UNION ALL
  SELECT 'api' AS `role`, NULL AS revision
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
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
in_tree AS (
  SELECT trees.root_id AS root_id, resource_classes.name AS resource_class,
      max(CASE WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio < 1000000000000000) THEN
      CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio * 1.000000001) AS SIGNED
      INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS NOT NULL) THEN
      1000000000000000 END) AS capacity, min(CASE WHEN (CASE WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
      inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END IS NULL) THEN 0 WHEN
      (inventories.allocation_ratio < 0) THEN 0 ELSE 1 END) AS known,
      max(CASE WHEN (inventories.allocation_ratio = 0) THEN 'its allocation ratio is 0' WHEN (inventories.reserved >=
      inventories.total) THEN 'all of it is reserved' ELSE
      'less than one is left after the reserve and the allocation ratio' END) AS reason,
      max(inventories.created_at) AS changed, max(CASE WHEN (CASE WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
      inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END < 1) THEN (
    SELECT coalesce(sum(allocations.used), 0) AS coalesce_1
    FROM allocations
    WHERE allocations.resource_provider_id = inventories.resource_provider_id
      AND allocations.resource_class_id = inventories.resource_class_id
  ) ELSE 0 END) AS used
  FROM inventories
  INNER JOIN trees ON trees.provider_id = inventories.resource_provider_id
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
  WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
    AND trees.shared = 0
  GROUP BY trees.root_id, resource_classes.name
),
running AS (
  SELECT nodes.cell AS cell, nodes.host AS host, nodes.hypervisor_hostname AS node, resource_providers.uuid AS provider,
      resource_providers.name AS provider_name, in_tree.resource_class AS resource_class, in_tree.reason AS reason,
      in_tree.used AS used, CASE WHEN (in_tree.capacity < 1 AND NOT (EXISTS (
    SELECT *
    FROM in_tree AS pinned
    WHERE pinned.root_id = in_tree.root_id
      AND pinned.resource_class = 'PCPU'
      AND pinned.capacity >= 1
  ))) THEN 1 ELSE 0 END AS `empty`, CASE WHEN (resource_providers.created_at >= coalesce(CASE WHEN (nodes.created_at >=
      coalesce(in_tree.changed, '')) THEN nodes.created_at ELSE in_tree.changed END,
      '')) THEN resource_providers.created_at ELSE CASE WHEN (nodes.created_at >= coalesce(in_tree.changed,
      '')) THEN nodes.created_at ELSE in_tree.changed END END AS changed
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
  INNER JOIN resource_providers ON resource_providers.uuid = nodes.uuid
  INNER JOIN in_tree ON in_tree.root_id = resource_providers.id
  INNER JOIN (
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
  WHERE coalesce(nodes.hypervisor_type, '') != 'ironic'
    AND coalesce(lone_computes.forced_down, 0) = 0
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
    AND (coalesce(lone_computes.updated_at, '') <= CONVERT(lone_computes.last_seen_up + INTERVAL (2) SECOND USING ascii)
        OR lone_computes.last_seen_up IS NULL)
    AND coalesce(lone_computes.disabled, 0) = 0
    AND in_tree.resource_class IN ('VCPU', 'MEMORY_MB')
    AND in_tree.known = 1
),
spread AS (
  SELECT running.resource_class AS resource_class
  FROM running
  GROUP BY running.resource_class
  HAVING min(running.`empty`) = 1
),
found AS (
  SELECT running.cell AS cell, running.host AS host, running.node AS node, running.provider AS provider,
      running.provider_name AS provider_name, running.resource_class AS resource_class, running.reason AS reason,
      running.used AS used, running.`empty` AS `empty`, running.changed AS changed, spread.resource_class AS everywhere,
      row_number() OVER (PARTITION BY running.resource_class ORDER BY running.host) AS place
  FROM running
  LEFT OUTER JOIN spread ON spread.resource_class = running.resource_class
  WHERE running.`empty` = 1
)
SELECT `row`.everywhere, `row`.cell, `row`.host, `row`.node, `row`.provider, `row`.provider_name, `row`.resource_class,
    `row`.what, `row`.hosts, `row`.newest_change, `row`.impact, `row`.withheld
FROM (
  SELECT NULL AS everywhere, found.cell AS cell, found.host AS host, found.node AS node, found.provider AS provider,
      found.provider_name AS provider_name, CASE WHEN (count(*) = 1) THEN max(found.resource_class) END AS
      resource_class, concat('nova-compute on ', found.host,
      ' runs and is enabled, yet placement has nothing to give there: ', group_concat(concat(found.resource_class, ': ',
      found.reason) SEPARATOR ', ')) AS what, 1 AS hosts, max(found.changed) AS newest_change,
      CASE WHEN (max(found.used) > 0 AND (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.`role` = 'placement'
      AND sources.revision IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25', '422ece571366')
  ))) THEN 'H' ELSE 'M' END AS impact, concat('the rows do not tell whether somebody drains ', found.host,
      ' on purpose; if not, look for allocation ratios and reserved_host_ options in nova.conf on ', found.host,
      ': nova-compute writes them into placement. What nova.conf does not set, set in placement') AS withheld
  FROM found
  WHERE found.everywhere IS NULL
  GROUP BY found.cell, found.host, found.node, found.provider, found.provider_name
  UNION ALL
  SELECT found.everywhere AS everywhere, NULL AS cell, NULL AS host, NULL AS node,
      max(CASE WHEN (found.place = 1) THEN found.provider END) AS provider, NULL AS provider_name,
      found.everywhere AS resource_class, concat('no server can be placed: all ', CAST(count(*) AS CHAR),
      ' running hosts have no ', found.everywhere, ' to give (', CASE WHEN (min(found.reason) = max(found.reason)) THEN
      min(found.reason) ELSE 'its allocation ratio is 0, or all of it is reserved' END, '): ',
      CAST(max(CASE WHEN (found.place = 1) THEN found.host END) AS CHAR), coalesce(concat(', ',
      max(CASE WHEN (found.place = 2) THEN found.host END)), ''), coalesce(concat(', ',
      max(CASE WHEN (found.place = 3) THEN found.host END)), ''), coalesce(concat(', ',
      max(CASE WHEN (found.place = 4) THEN found.host END)), ''), coalesce(concat(', ',
      max(CASE WHEN (found.place = 5) THEN found.host END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
      CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS what, count(*) AS hosts, min(found.changed) AS newest_change,
      'H' AS impact,
      'the rows do not tell what it should be; look for allocation ratios and reserved_host_ options in nova.conf on these hosts: nova-compute writes them into placement. What nova.conf does not set, set in placement'
      AS withheld
  FROM found
  WHERE found.everywhere IS NOT NULL
  GROUP BY found.everywhere
) AS `row`
ORDER BY `row`.everywhere, `row`.cell, `row`.host, `row`.node;
