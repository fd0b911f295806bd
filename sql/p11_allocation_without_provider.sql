-- P11 allocation-without-provider: Allocation whose provider is missing
-- Severity: warning, impact M
--
-- Says: some allocations are on provider id {provider_id}, which does not exist (rows: {rows}, consumers: {consumers})
--
-- Why: Placement shows the rows to nobody and counts them nowhere: what the consumers use is accounted for on no host.
-- If the provider was lost in a restore, restore it and keep the rows.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM allocations WHERE resource_provider_id = {provider_id}"
--   mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = {useless_id} AND NOT EXISTS (SELECT * FROM resource_providers WHERE {useless_id} IN (id, parent_provider_id, root_provider_id))"  # nova has deleted the server of each consumer
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
  SELECT id, root_provider_id, parent_provider_id
  FROM placement.resource_providers
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
),
instance_mappings AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, cell_id, queued_for_delete
  FROM nova_api.instance_mappings
),
instances AS (
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND
      INSTR(instance_uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9,
      0, '-'), instance_uuid) USING ascii) AS instance_uuid
  FROM nova.migrations
),
sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name, NULL AS cell_id, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name, NULL AS cell_id, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name, mapping.id AS cell_id, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name, mapping.id AS cell_id, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name, mapping.id AS cell_id, 'missing' AS status
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
)
SELECT 'allocations' AS `table`, allocations.resource_provider_id AS provider_id, count(*) AS `rows`,
    count(DISTINCT allocations.consumer_id) AS consumers, CASE WHEN (sum(CASE WHEN (((EXISTS (
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
  FROM instances AS live_row
  WHERE live_row.uuid = allocations.consumer_id
    AND live_row.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = allocations.consumer_id
    AND deleted_row.deleted != 0
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = allocations.consumer_id
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = allocations.consumer_id
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR (EXISTS (
  SELECT *
  FROM migrations AS move_of_deleted
  WHERE move_of_deleted.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.`role` = 'api'
        AND sources.status = 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.status != 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live_row
      WHERE live_row.uuid = move_of_deleted.instance_uuid
        AND live_row.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS deleted_row
      WHERE deleted_row.uuid = move_of_deleted.instance_uuid
        AND deleted_row.deleted != 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instance_mappings AS mapped
      WHERE mapped.instance_uuid = move_of_deleted.instance_uuid
        AND coalesce(mapped.queued_for_delete, 0) = 0
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS deleted_there, sources AS mapped_to
          WHERE deleted_there.uuid = move_of_deleted.instance_uuid
            AND deleted_there.deleted != 0
            AND mapped_to.name = deleted_there.cell
            AND mapped_to.`role` = 'cell'
            AND mapped_to.cell_id = mapped.cell_id
        ))
    ))
))) AND NOT ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
)))) THEN 0 ELSE 1 END) = 0 AND NOT (EXISTS (
  SELECT *
  FROM resource_providers AS below
  WHERE below.parent_provider_id = allocations.resource_provider_id OR below.root_provider_id =
      allocations.resource_provider_id
))) THEN allocations.resource_provider_id END AS useless_id, CASE WHEN (EXISTS (
  SELECT *
  FROM resource_providers AS below
  WHERE below.parent_provider_id = allocations.resource_provider_id OR below.root_provider_id =
      allocations.resource_provider_id
)) THEN
    'other providers are below the missing one, so that its row was lost and not deleted: restore that row from a backup, and keep these'
    ELSE CASE WHEN (sum(CASE WHEN (((EXISTS (
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
  FROM instances AS live_row
  WHERE live_row.uuid = allocations.consumer_id
    AND live_row.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = allocations.consumer_id
    AND deleted_row.deleted != 0
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = allocations.consumer_id
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = allocations.consumer_id
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR (EXISTS (
  SELECT *
  FROM migrations AS move_of_deleted
  WHERE move_of_deleted.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.`role` = 'api'
        AND sources.status = 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.status != 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live_row
      WHERE live_row.uuid = move_of_deleted.instance_uuid
        AND live_row.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS deleted_row
      WHERE deleted_row.uuid = move_of_deleted.instance_uuid
        AND deleted_row.deleted != 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instance_mappings AS mapped
      WHERE mapped.instance_uuid = move_of_deleted.instance_uuid
        AND coalesce(mapped.queued_for_delete, 0) = 0
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS deleted_there, sources AS mapped_to
          WHERE deleted_there.uuid = move_of_deleted.instance_uuid
            AND deleted_there.deleted != 0
            AND mapped_to.name = deleted_there.cell
            AND mapped_to.`role` = 'cell'
            AND mapped_to.cell_id = mapped.cell_id
        ))
    ))
))) AND NOT ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
)))) THEN 0 ELSE 1 END) = 0) THEN NULL WHEN (NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
))) THEN concat('nova''s databases were not read, and these rows may be all that tells what a live server holds: ',
    'give --api-db, or look up each consumer, such as ', min(CASE WHEN (NOT (((EXISTS (
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
  FROM instances AS live_row
  WHERE live_row.uuid = allocations.consumer_id
    AND live_row.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = allocations.consumer_id
    AND deleted_row.deleted != 0
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = allocations.consumer_id
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = allocations.consumer_id
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR (EXISTS (
  SELECT *
  FROM migrations AS move_of_deleted
  WHERE move_of_deleted.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.`role` = 'api'
        AND sources.status = 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.status != 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live_row
      WHERE live_row.uuid = move_of_deleted.instance_uuid
        AND live_row.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS deleted_row
      WHERE deleted_row.uuid = move_of_deleted.instance_uuid
        AND deleted_row.deleted != 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instance_mappings AS mapped
      WHERE mapped.instance_uuid = move_of_deleted.instance_uuid
        AND coalesce(mapped.queued_for_delete, 0) = 0
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS deleted_there, sources AS mapped_to
          WHERE deleted_there.uuid = move_of_deleted.instance_uuid
            AND deleted_there.deleted != 0
            AND mapped_to.name = deleted_there.cell
            AND mapped_to.`role` = 'cell'
            AND mapped_to.cell_id = mapped.cell_id
        ))
    ))
))) AND NOT ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
))))) THEN allocations.consumer_id END), ', with openstack server show') WHEN (min(CASE WHEN ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
))) THEN allocations.consumer_id END) IS NOT NULL) THEN concat('the rows are those of live servers, such as ',
    min(CASE WHEN ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
))) THEN allocations.consumer_id END),
    ': what such a server should hold is to be written anew first (openstack server show tells its flavor and host)')
    ELSE concat('nova has no deleted server for all of these consumers, such as ', min(CASE WHEN (NOT (((EXISTS (
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
  FROM instances AS live_row
  WHERE live_row.uuid = allocations.consumer_id
    AND live_row.deleted = 0
)) AND (EXISTS (
  SELECT *
  FROM instances AS deleted_row
  WHERE deleted_row.uuid = allocations.consumer_id
    AND deleted_row.deleted != 0
)) AND NOT (EXISTS (
  SELECT *
  FROM instance_mappings AS mapped
  WHERE mapped.instance_uuid = allocations.consumer_id
    AND coalesce(mapped.queued_for_delete, 0) = 0
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS deleted_there, sources AS mapped_to
      WHERE deleted_there.uuid = allocations.consumer_id
        AND deleted_there.deleted != 0
        AND mapped_to.name = deleted_there.cell
        AND mapped_to.`role` = 'cell'
        AND mapped_to.cell_id = mapped.cell_id
    ))
)) OR (EXISTS (
  SELECT *
  FROM migrations AS move_of_deleted
  WHERE move_of_deleted.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.`role` = 'api'
        AND sources.status = 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.status != 'read'
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS live_row
      WHERE live_row.uuid = move_of_deleted.instance_uuid
        AND live_row.deleted = 0
    ))
    AND (EXISTS (
      SELECT *
      FROM instances AS deleted_row
      WHERE deleted_row.uuid = move_of_deleted.instance_uuid
        AND deleted_row.deleted != 0
    ))
    AND NOT (EXISTS (
      SELECT *
      FROM instance_mappings AS mapped
      WHERE mapped.instance_uuid = move_of_deleted.instance_uuid
        AND coalesce(mapped.queued_for_delete, 0) = 0
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS deleted_there, sources AS mapped_to
          WHERE deleted_there.uuid = move_of_deleted.instance_uuid
            AND deleted_there.deleted != 0
            AND mapped_to.name = deleted_there.cell
            AND mapped_to.`role` = 'cell'
            AND mapped_to.cell_id = mapped.cell_id
        ))
    ))
))) AND NOT ((EXISTS (
  SELECT *
  FROM instances AS live_server
  WHERE live_server.uuid = allocations.consumer_id
    AND live_server.deleted = 0
)) OR (EXISTS (
  SELECT *
  FROM migrations AS live_move
  WHERE live_move.uuid = allocations.consumer_id
    AND (EXISTS (
      SELECT *
      FROM instances AS server_of_move
      WHERE server_of_move.uuid = live_move.instance_uuid
        AND server_of_move.deleted = 0
    ))
))))) THEN allocations.consumer_id END),
    ', which may be another service''s: openstack server show, and the service that uses placement, tell') END END AS
    withheld, max(allocations.created_at) AS newest_change
FROM allocations
LEFT OUTER JOIN resource_providers ON resource_providers.id = allocations.resource_provider_id
WHERE resource_providers.id IS NULL
GROUP BY allocations.resource_provider_id
ORDER BY provider_id;
