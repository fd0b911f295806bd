-- N02b mapping-without-server: Mapping to a cell of a server that no cell has
-- Severity: info, impact L
--
-- Says: nova maps server {instance} to {cell}, but neither the tables nor the archive of any cell has it
--
-- Why: Nothing is held or shown for it. Usually its row was purged by hand and the mapping forgotten; many of them
-- after a restore mean that a database is older than the others.
--
-- Left alone:
-- - servers that are deleted, archived or being built
-- - what nova-manage map_instances keeps as its bookmark
-- - mappings changed just now, as archiving removes them after the rows
--
-- What to do, with a row's columns for the names in braces:
--   nova-manage cell_v2 verify_instance --uuid {instance}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
-- As long as cell_mappings has a cell that is not named here, there are no rows.
--
-- Written by: placement-audit sql

SET NAMES utf8mb4 COLLATE utf8mb4_bin;
SET SESSION TRANSACTION READ ONLY;
SET SESSION time_zone = '+00:00';
SET SESSION sql_mode = '';
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

WITH instance_mappings AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, cell_id AS cell_id, queued_for_delete AS queued_for_delete,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.instance_mappings
),
build_requests AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid
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
shadow_instances AS (
  SELECT CONVERT(uuid USING ascii) AS uuid
  FROM nova_cell0.shadow_instances
  UNION ALL
  SELECT CONVERT(uuid USING ascii) AS uuid
  FROM nova.shadow_instances
),
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, NULL AS cell_id, NULL AS cell_uuid, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid,
      'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, mapping.id AS cell_id, CONVERT(mapping.uuid USING ascii) AS cell_uuid,
      'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name, mapping.id AS cell_id,
      CONVERT(mapping.uuid USING ascii) AS cell_uuid, 'missing' AS status
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
)
SELECT instance_mappings.instance_uuid AS instance, mapped_cell.cell, instance_mappings.queued_for_delete,
    instance_mappings.updated_at AS newest_change
FROM instance_mappings
INNER JOIN (
  SELECT sources.name AS cell, sources.cell_id AS cell_id, sources.cell_uuid AS cell_uuid
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.cell_id IS NOT NULL
) AS mapped_cell ON mapped_cell.cell_id = instance_mappings.cell_id
WHERE NOT (EXISTS (
  SELECT *
  FROM instances
  WHERE instances.uuid = instance_mappings.instance_uuid
))
  AND NOT (EXISTS (
    SELECT *
    FROM shadow_instances
    WHERE shadow_instances.uuid = instance_mappings.instance_uuid
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM build_requests
    WHERE build_requests.instance_uuid = instance_mappings.instance_uuid
  ))
  AND instance_mappings.instance_uuid NOT LIKE '% %'
  AND NOT (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.status != 'read'
  ))
ORDER BY instance;
