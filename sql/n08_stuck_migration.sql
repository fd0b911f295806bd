-- N08 stuck-migration: Migration that has not moved on for long
-- Severity: warning, impact M
--
-- Says: {migration_type} of {instance} from {host} to {dest_host} has been {status} since {newest_change}{server}
--
-- Why: While it is open the server takes no other move, both hosts keep room for it, and their services cannot be
-- deleted. A compute service that died in between never takes it up again.
--
-- Left alone:
-- - a resize or cold migration that waits for its confirmation, however long
-- - a step that copies a guest or waits for a host: for a day; any other step: for an hour
-- - live migrations that wait while another of the same host goes on
-- - states that this version does not know
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {present}
--   openstack server migration list --server {present}
--   # look into the logs of nova-compute on both hosts before a migration is aborted or reset
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
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
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.instances
),
migrations AS (
  SELECT 'cell0' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.migrations
  UNION ALL
  SELECT 'cell1' AS cell, id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid,
      CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(migration_type AS CHAR) AS migration_type,
      CAST(status AS CHAR) AS status, CONVERT(source_compute USING utf8mb4) AS source_compute,
      CONVERT(dest_compute USING utf8mb4) AS dest_compute, deleted, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.migrations
),
snapshot AS (
  SELECT CONVERT(@taken_at USING ascii) AS as_of
)
SELECT migrations.cell, migrations.id AS migration_id, migrations.uuid AS migration,
    migrations.instance_uuid AS instance, migrations.source_compute AS host, migrations.dest_compute AS dest_host,
    coalesce(migrations.migration_type, 'migration') AS migration_type, migrations.status, CASE WHEN (EXISTS (
  SELECT *
  FROM instances AS server
  WHERE server.uuid = migrations.instance_uuid
    AND server.deleted = 0
)) THEN '' ELSE '; its server is gone' END AS server, CASE WHEN (EXISTS (
  SELECT *
  FROM instances AS server
  WHERE server.uuid = migrations.instance_uuid
    AND server.deleted = 0
)) THEN migrations.instance_uuid END AS present, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM instances AS server
  WHERE server.uuid = migrations.instance_uuid
    AND server.deleted = 0
))) THEN 'nova aborts no migration of a server that is gone; what it may still hold is a finding of its own' WHEN
    (coalesce(migrations.migration_type, '') = 'evacuation') THEN
    concat('The guest may be on either host, and the next start of nova-compute on ',
    coalesce(migrations.source_compute, 'the source'), ' removes one that is there: look on ',
    coalesce(migrations.source_compute, 'the source'), ' and ', coalesce(migrations.dest_compute, 'the destination'),
    ' (virsh list --all --uuid)', ' before that service is started or the state is reset') WHEN
    (coalesce(migrations.migration_type, '') = 'live-migration' AND migrations.status LIKE 'running%') THEN
    concat('The copy may still go on: an abort would end it, and a reset would hide it. See on ',
    coalesce(migrations.source_compute, 'the source'),
    ' with virsh domjobinfo whether it does, and on which host the guest is') WHEN (coalesce(migrations.migration_type,
    '') = 'live-migration') THEN
    concat('Only the nova-compute that still has the migration in its queue can end it, and a reset leaves both hosts claimed: ',
    'read in the log of nova-compute on ', coalesce(migrations.source_compute, 'the source'),
    ' whether it still works on it', ', and look for the guest on both hosts, ', coalesce(migrations.source_compute,
    'the source'), ' and ', coalesce(migrations.dest_compute, 'the destination'),
    ' (virsh list --all --uuid)') WHEN (migrations.status = 'confirming') THEN concat('The guest is on ',
    coalesce(migrations.dest_compute, 'the destination'), ', but what is left on ', coalesce(migrations.source_compute,
    'the source'), ' is removed only by a confirmation, and nova accepts that only for a finished move: ',
    'read in the log of nova-compute on ', coalesce(migrations.source_compute, 'the source'),
    ' whether it still works on it') WHEN (migrations.status = 'reverting') THEN concat('The guest may be gone from ',
    coalesce(migrations.dest_compute, 'the destination'),
    ' already, and a reset makes nova look for it there: look on ', coalesce(migrations.source_compute, 'the source'),
    ' and ', coalesce(migrations.dest_compute, 'the destination'),
    ' (virsh list --all --uuid)') ELSE concat('The disk or the guest may be on either host, and a reset moves neither: look on ',
    coalesce(migrations.source_compute, 'the source'), ' and ', coalesce(migrations.dest_compute, 'the destination'),
    ' (virsh list --all --uuid)', ', and ', 'read in the log of nova-compute on ', coalesce(migrations.source_compute,
    'the source'), ' whether it still works on it') END AS withheld,
    CASE WHEN (migrations.created_at >= coalesce(migrations.updated_at,
    '')) THEN migrations.created_at ELSE migrations.updated_at END AS newest_change
FROM migrations
WHERE coalesce(migrations.deleted, 0) = 0
  AND (coalesce(migrations.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
      'done'))
  AND ((migrations.status IN ('preparing', 'reverting', 'confirming') OR migrations.status IN ('accepted',
      'pre-migrating') AND coalesce(migrations.migration_type, '') != 'evacuation') AND CASE WHEN (migrations.created_at
      >= coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END < CONVERT((
    SELECT snapshot.as_of
    FROM snapshot
  ) + INTERVAL (-3600) SECOND USING ascii) OR (migrations.status IN ('queued', 'migrating',
      'post-migrating') OR migrations.status LIKE 'running%' OR migrations.status IN ('accepted',
      'pre-migrating') AND coalesce(migrations.migration_type, '') = 'evacuation') AND CASE WHEN (migrations.created_at
      >= coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END < CONVERT((
    SELECT snapshot.as_of
    FROM snapshot
  ) + INTERVAL (-86400) SECOND USING ascii))
  AND coalesce(migrations.status = 'queued' AND (migrations.cell, migrations.source_compute) IN (
    SELECT ahead.cell, ahead.source_compute
    FROM migrations AS ahead
    WHERE (ahead.status = 'preparing' OR ahead.status LIKE 'running%')
      AND coalesce(ahead.deleted, 0) = 0
      AND (coalesce(ahead.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
          'done'))
      AND CASE WHEN (ahead.created_at >= coalesce(ahead.updated_at,
          '')) THEN ahead.created_at ELSE ahead.updated_at END >= CONVERT((
        SELECT snapshot.as_of
        FROM snapshot
      ) + INTERVAL (-3600) SECOND USING ascii)
      AND ahead.source_compute IS NOT NULL
  ), false) = 0
  AND NOT (EXISTS (
    SELECT *
    FROM migrations AS twin_migration
    WHERE twin_migration.uuid = migrations.uuid
      AND (CASE WHEN (twin_migration.created_at >= coalesce(twin_migration.updated_at,
          '')) THEN twin_migration.created_at ELSE twin_migration.updated_at END > CASE WHEN (migrations.created_at >=
          coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END OR CASE WHEN
          (twin_migration.created_at >= coalesce(twin_migration.updated_at,
          '')) THEN twin_migration.created_at ELSE twin_migration.updated_at END = CASE WHEN (migrations.created_at >=
          coalesce(migrations.updated_at, '')) THEN migrations.created_at ELSE migrations.updated_at END AND
          twin_migration.cell > migrations.cell)
  ))
ORDER BY migrations.cell, migration_id;
