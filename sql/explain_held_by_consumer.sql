-- What does this consumer hold, and what is it to nova?
--
-- A consumer by its uuid: a server's, a migration's, or what another service made up.
--
-- Names to change: placement, nova_api, nova_cell0, nova
--
-- Written by: placement-audit sql

SET NAMES utf8mb4;
SET SESSION TRANSACTION READ ONLY;
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
SET @consumer = '00000000-0000-0000-0000-000000000000';

-- What it holds.
SELECT held.consumer_id, rp.uuid AS provider, rp.name AS provider_name, coalesce(rc.name,
    held.resource_class_id) AS resource_class, held.used, held.created_at AS since, consumer.generation,
    project.external_id AS project, user.external_id AS user
FROM placement.allocations AS held
LEFT OUTER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
LEFT OUTER JOIN placement.resource_classes AS rc ON rc.id = held.resource_class_id
LEFT OUTER JOIN placement.consumers AS consumer ON consumer.uuid = held.consumer_id
LEFT OUTER JOIN placement.projects AS project ON project.id = consumer.project_id
LEFT OUTER JOIN placement.users AS user ON user.id = consumer.user_id
WHERE held.consumer_id = CONVERT(@consumer USING ascii)
ORDER BY held.consumer_id, rp.name, rc.name;

-- Nova's servers of these uuids. A row with deleted other than 0 is of a server that is gone.
SELECT 'cell0' AS cell, server.uuid, server.host, server.node, server.vm_state, server.task_state, server.vcpus,
    server.memory_mb, server.deleted, server.updated_at
FROM nova_cell0.instances AS server
WHERE server.uuid = CONVERT(@consumer USING ascii)
UNION ALL
SELECT 'cell1' AS cell, server.uuid, server.host, server.node, server.vm_state, server.task_state, server.vcpus,
    server.memory_mb, server.deleted, server.updated_at
FROM nova.instances AS server
WHERE server.uuid = CONVERT(@consumer USING ascii);

-- Nova's migrations: what is under way holds the old host's share under the migration's own uuid.
SELECT 'cell0' AS cell, move.uuid, move.instance_uuid, move.migration_type, move.status, move.source_node,
    move.dest_node, move.deleted, move.updated_at
FROM nova_cell0.migrations AS move
WHERE move.uuid = CONVERT(@consumer USING ascii) OR move.instance_uuid = CONVERT(@consumer USING ascii)
UNION ALL
SELECT 'cell1' AS cell, move.uuid, move.instance_uuid, move.migration_type, move.status, move.source_node,
    move.dest_node, move.deleted, move.updated_at
FROM nova.migrations AS move
WHERE move.uuid = CONVERT(@consumer USING ascii) OR move.instance_uuid = CONVERT(@consumer USING ascii);

-- Where nova's API looks for the server; without a cell it is still to be scheduled.
SELECT mapping.instance_uuid, cell.name AS cell, cell.uuid, mapping.queued_for_delete
FROM nova_api.instance_mappings AS mapping
LEFT OUTER JOIN nova_api.cell_mappings AS cell ON cell.id = mapping.cell_id
WHERE mapping.instance_uuid = CONVERT(@consumer USING ascii);
