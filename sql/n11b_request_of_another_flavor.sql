-- N11b request-of-another-flavor: Server whose request has another flavor than the server
-- Severity: info, impact L
--
-- Says: server {instance} is of flavor {flavor}, and nova asks for flavor {requested} when it moves
--
-- Why: A resize that fails on a host leaves the new flavor in the request. When the server is migrated, evacuated or
-- unshelved, the scheduler looks for a host for the wrong amounts. The next resize that succeeds corrects it.
--
-- Left alone:
-- - a resize or another task of the server is in progress, one that waits for its confirmation included
-- - servers in error
-- - a flavor of either that cannot be read; databases on PostgreSQL
-- - servers that were never resized
-- - a server that a cross-cell resize hides, or that two cells show
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   openstack server migration list --server {instance}
--   # only another resize corrects the request; otherwise write it by hand
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH instances AS (
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
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, deleted, CONVERT(deleted_at USING ascii) AS deleted_at,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.migrations
),
instance_flavors AS (
  SELECT 'cell0' AS cell, CONVERT(instance_uuid USING ascii) AS instance_uuid, CAST(IF(JSON_VALID(flavor),
      JSON_UNQUOTE(JSON_EXTRACT(flavor, '$."cur"."nova_object.data"."flavorid"')), NULL) AS CHAR) AS flavorid
  FROM nova_cell0.instance_extra
  WHERE instance_uuid IN (
    SELECT DISTINCT instances.uuid
    FROM instances
    WHERE instances.deleted = 0
      AND instances.uuid IN (
        SELECT migrations.instance_uuid
        FROM migrations
        WHERE migrations.migration_type = 'resize'
      )
  )
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(instance_uuid USING ascii) AS instance_uuid, CAST(IF(JSON_VALID(flavor),
      JSON_UNQUOTE(JSON_EXTRACT(flavor, '$."cur"."nova_object.data"."flavorid"')), NULL) AS CHAR) AS flavorid
  FROM nova.instance_extra
  WHERE instance_uuid IN (
    SELECT DISTINCT instances.uuid
    FROM instances
    WHERE instances.deleted = 0
      AND instances.uuid IN (
        SELECT migrations.instance_uuid
        FROM migrations
        WHERE migrations.migration_type = 'resize'
      )
  )
),
request_flavors AS (
  SELECT CONVERT(instance_uuid USING ascii) AS instance_uuid, CAST(IF(JSON_VALID(spec), JSON_UNQUOTE(JSON_EXTRACT(spec,
      '$."nova_object.data"."flavor"."nova_object.data"."flavorid"')), NULL) AS CHAR) AS flavorid
  FROM nova_api.request_specs
  WHERE instance_uuid IN (
    SELECT DISTINCT instances.uuid
    FROM instances
    WHERE instances.deleted = 0
      AND instances.uuid IN (
        SELECT migrations.instance_uuid
        FROM migrations
        WHERE migrations.migration_type = 'resize'
      )
  )
)
SELECT servers.uuid AS instance, servers.cell, servers.host, servers.vm_state, instance_flavors.flavorid AS flavor,
    request_flavors.flavorid AS requested,
    'nova has no command that corrects the request but a resize, which its owner has to order: openstack server show tells the flavor that the server has'
    AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN (
  SELECT max(CASE WHEN (last_move.deleted_at >= coalesce(CASE WHEN (last_move.created_at >=
      coalesce(last_move.updated_at, '')) THEN last_move.created_at ELSE last_move.updated_at END,
      '')) THEN last_move.deleted_at ELSE CASE WHEN (last_move.created_at >= coalesce(last_move.updated_at,
      '')) THEN last_move.created_at ELSE last_move.updated_at END END) AS max_1
  FROM migrations AS last_move
  WHERE last_move.instance_uuid = servers.uuid
) ELSE CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
    '')) THEN servers.created_at ELSE servers.updated_at END END AS newest_change
FROM request_flavors
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
) AS servers ON servers.uuid = request_flavors.instance_uuid
INNER JOIN instance_flavors ON instance_flavors.instance_uuid = servers.uuid
WHERE instance_flavors.cell = servers.cell
  AND lower(instance_flavors.flavorid) != lower(request_flavors.flavorid)
  AND (coalesce(servers.vm_state, 'error') NOT IN ('error', 'resized', 'building'))
  AND servers.task_state IS NULL
  AND NOT (EXISTS (
    SELECT *
    FROM migrations
    WHERE migrations.instance_uuid = servers.uuid
      AND coalesce(migrations.deleted, 0) = 0
      AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM instances AS twin
    WHERE twin.uuid = servers.uuid
      AND twin.cell != servers.cell
      AND twin.deleted = 0
  ))
ORDER BY instance;
