-- N10 stale-build-request: Build of a server that was accepted and never carried out
-- Severity: warning, impact M
--
-- Says: the build of {instance} was accepted at {newest_change}, and {state}
--
-- Why: Its owner sees a server that is building for ever. The order was lost on its way to the conductor, or waits in a
-- queue that nobody reads.
--
-- Left alone:
-- - any build, for an hour
-- - a request that is left over although a cell has its server is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {instance}
--   nova-manage cell_v2 verify_instance --uuid {instance}
--   # with no order left in the queues and its owner's consent: openstack server delete {unbuilt}
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

WITH build_requests AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.build_requests
),
instances AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova.instances
),
snapshot AS (
  SELECT CONVERT(@taken_at USING ascii) AS taken_at
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
)
SELECT build_requests.instance_uuid AS instance, CASE WHEN (EXISTS (
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
))) THEN 'no cell has the server' ELSE 'no cell that was read has the server' END AS state, CASE WHEN ((EXISTS (
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
))) THEN build_requests.instance_uuid END AS unbuilt, CASE WHEN (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = build_requests.instance_uuid
)) THEN 'L' ELSE 'M' END AS impact, build_requests.created_at AS newest_change
FROM build_requests
WHERE build_requests.created_at < CONVERT((
  SELECT snapshot.taken_at
  FROM snapshot
) + INTERVAL (-3600) SECOND USING ascii)
ORDER BY instance;
