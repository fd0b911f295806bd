-- P12 allocation-of-unknown-class: Allocation of a resource class that is missing
-- Severity: error, impact H
--
-- Says: some allocations have resource class id {class_id}, which does not exist (rows: {rows}, consumers: {consumers},
-- providers: {providers})
--
-- Why: Placement cannot name the class and answers 404 when it is asked what these consumers hold. Nova cannot move or
-- resize such a server.
--
-- Left alone:
-- - standard classes, as long as the API has not been started on the database
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM allocations WHERE resource_class_id = {class_id}"
--   systemctl restart placement-api  # its start inserts {standard_class} as id {class_id}
--   mariadb placement -e "DELETE FROM allocations WHERE resource_class_id = {useless_class_id} AND NOT EXISTS (SELECT * FROM resource_classes WHERE id = {useless_class_id}) AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = {useless_class_id})"
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

WITH inventories AS (
  SELECT resource_class_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, resource_class_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
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
SELECT allocations.resource_class_id AS class_id, NULL AS resource_class, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_classes AS class_there
  WHERE class_there.name = CASE allocations.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN
      'DISK_GB' WHEN 3 THEN 'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE'
      WHEN 7 THEN 'NUMA_THREAD' WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN
      'VGPU_DISPLAY_HEAD' WHEN 12 THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14
      THEN 'PCPU' WHEN 15 THEN 'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN
      'NET_PACKET_RATE_KILOPACKET_PER_SEC' WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN
      'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END
))) THEN CASE allocations.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN 'DISK_GB' WHEN 3 THEN
    'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE' WHEN 7 THEN 'NUMA_THREAD'
    WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN 'VGPU_DISPLAY_HEAD' WHEN 12
    THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14 THEN 'PCPU' WHEN 15 THEN
    'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN 'NET_PACKET_RATE_KILOPACKET_PER_SEC'
    WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END END
    AS standard_class, CASE WHEN (allocations.resource_class_id >= 21 AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = allocations.resource_class_id
)) AND sum(CASE WHEN (((EXISTS (
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
)))) THEN 0 ELSE 1 END) = 0) THEN allocations.resource_class_id END AS useless_class_id,
    CASE WHEN (CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_classes AS class_there
  WHERE class_there.name = CASE allocations.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN
      'DISK_GB' WHEN 3 THEN 'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE'
      WHEN 7 THEN 'NUMA_THREAD' WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN
      'VGPU_DISPLAY_HEAD' WHEN 12 THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14
      THEN 'PCPU' WHEN 15 THEN 'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN
      'NET_PACKET_RATE_KILOPACKET_PER_SEC' WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN
      'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END
))) THEN CASE allocations.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN 'DISK_GB' WHEN 3 THEN
    'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE' WHEN 7 THEN 'NUMA_THREAD'
    WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN 'VGPU_DISPLAY_HEAD' WHEN 12
    THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14 THEN 'PCPU' WHEN 15 THEN
    'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN 'NET_PACKET_RATE_KILOPACKET_PER_SEC'
    WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END END
    IS NOT NULL OR allocations.resource_class_id >= 21 AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = allocations.resource_class_id
)) AND sum(CASE WHEN (((EXISTS (
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
)))) THEN 0 ELSE 1 END) = 0) THEN NULL WHEN (allocations.resource_class_id >= 21 AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = allocations.resource_class_id
))) THEN concat('while the class has no name these consumers cannot be written anew; ',
    CASE WHEN (sum(CASE WHEN (((EXISTS (
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
    ', which may be another service''s: openstack server show, and the service that uses placement, tell') END) ELSE
    'providers still offer the class, or it is one of placement''s own: its row has to come back under this id, by a backup or by whoever knows its name'
    END AS withheld, count(*) AS `rows`, count(DISTINCT allocations.consumer_id) AS consumers,
    count(DISTINCT allocations.resource_provider_id) AS providers, max(allocations.created_at) AS newest_change
FROM allocations
LEFT OUTER JOIN resource_classes ON resource_classes.id = allocations.resource_class_id
WHERE resource_classes.id IS NULL
  AND NOT (allocations.resource_class_id < 21 AND NOT (EXISTS (
    SELECT *
    FROM resource_classes AS standard_class
    WHERE standard_class.name IN ('VCPU', 'MEMORY_MB', 'DISK_GB', 'PCI_DEVICE', 'SRIOV_NET_VF', 'NUMA_SOCKET',
        'NUMA_CORE', 'NUMA_THREAD', 'NUMA_MEMORY_MB', 'IPV4_ADDRESS', 'VGPU', 'VGPU_DISPLAY_HEAD',
        'NET_BW_EGR_KILOBIT_PER_SEC', 'NET_BW_IGR_KILOBIT_PER_SEC', 'PCPU', 'MEM_ENCRYPTION_CONTEXT', 'FPGA', 'PGPU',
        'NET_PACKET_RATE_KILOPACKET_PER_SEC', 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC',
        'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC')
  )))
GROUP BY allocations.resource_class_id
ORDER BY class_id;
