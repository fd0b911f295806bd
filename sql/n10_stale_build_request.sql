-- N10 stale-build-request: Build of a server that was accepted and never carried out
-- Severity: warning, impact M
--
-- Says: the build of {instance} was accepted at {newest_change}, and {state}; it holds {held}
--
-- Why: Its owner sees a server that is building for ever. The order was lost on its way to the conductor, or waits in a
-- queue that nobody reads. What the scheduler claimed for it stays claimed until it is deleted.
--
-- Left alone:
-- - any build, for an hour
-- - a request that is left over although nova maps the server to its cell is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   nova-manage cell_v2 verify_instance --uuid {instance}
--   # with no order left in the queues and its owner's consent: openstack server delete {unbuilt}
--   # nova before 2023.1 may keep the claim: look with openstack resource provider allocation show {claimed}, and only then, with the server gone, use openstack resource provider allocation delete {claimed}
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
  SELECT id, CONVERT(name USING utf8mb4) AS name, root_provider_id
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
instance_mappings AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, cell_id, queued_for_delete
  FROM nova_api.instance_mappings
),
build_requests AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.build_requests
),
instances AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.instances
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
sources AS (
  SELECT 'placement' AS `role`, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, 'missing' AS status
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
SELECT build_requests.instance_uuid AS instance, CASE WHEN ((EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
    AND instances.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = build_requests.instance_uuid
    AND pending_mapping.cell_id IS NULL
))) THEN 'a cell has the server, but nova maps it to none and shows it as building' WHEN (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) THEN 'the request is still there, although a cell has the server' WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
))) THEN 'no cell has the server' ELSE 'no cell that was read has the server' END AS state, coalesce((
  SELECT group_concat(concat(coalesce(any_held_class.name, concat('class ', CAST(any_held.resource_class_id AS CHAR))),
      ' ', CAST(any_held.used AS CHAR), ' on ', any_held_on.name) SEPARATOR ', ') AS aggregate_strings_1
  FROM allocations AS any_held
  INNER JOIN resource_providers AS any_held_on ON any_held_on.id = any_held.resource_provider_id
  LEFT OUTER JOIN resource_classes AS any_held_class ON any_held_class.id = any_held.resource_class_id
  WHERE any_held.consumer_id = build_requests.instance_uuid
), 'nothing') AS held, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = build_requests.instance_uuid
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
))) THEN build_requests.instance_uuid END AS unbuilt, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = build_requests.instance_uuid
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
)) AND (EXISTS (
  SELECT *
  FROM claims
  WHERE claims.consumer_id = build_requests.instance_uuid
)) AND coalesce((
  SELECT min(computes.version) AS min_1
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
), 0) < 66) THEN build_requests.instance_uuid END AS claimed, CASE WHEN ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS believed_mapping
  WHERE believed_mapping.instance_uuid = build_requests.instance_uuid
    AND believed_mapping.cell_id IS NOT NULL
    AND coalesce(believed_mapping.queued_for_delete, 0) = 0
))) THEN NULL WHEN (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) THEN 'a cell has the server, so that its row there counts; the request that is left over can only be removed by hand'
    WHEN (NOT ((EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'api'
    AND sources.status = 'read'
)) AND NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.status != 'read'
)))) THEN 'a cell that was not read may have the server: verify_instance tells' ELSE
    'nova maps the server to a cell that does not have it: whether the row was lost a backup of that cell''s database tells'
    END AS withheld, CASE WHEN ((EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
    AND instances.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instance_mappings AS pending_mapping
  WHERE pending_mapping.instance_uuid = build_requests.instance_uuid
    AND pending_mapping.cell_id IS NULL
))) THEN 'H' WHEN (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) THEN 'L' ELSE 'M' END AS impact, build_requests.created_at AS newest_change
FROM build_requests
WHERE build_requests.created_at < CONVERT((
  SELECT snapshot.as_of
  FROM snapshot
) + INTERVAL (-3600) SECOND USING ascii)
ORDER BY instance;
