-- Who holds something on this provider?
--
-- A provider by its uuid or its name.
--
-- Names to change: placement, nova_cell0, nova
--
-- Written by: placement-audit sql

SET NAMES utf8mb4;
SET SESSION TRANSACTION READ ONLY;
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
SET @provider = 'compute-01';

-- Who holds what there.
SELECT held.consumer_id, rp.uuid AS provider, rp.name AS provider_name, coalesce(rc.name,
    held.resource_class_id) AS resource_class, held.used, held.created_at AS since, consumer.generation,
    project.external_id AS project, user.external_id AS user
FROM placement.allocations AS held
LEFT OUTER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
LEFT OUTER JOIN placement.resource_classes AS rc ON rc.id = held.resource_class_id
LEFT OUTER JOIN placement.consumers AS consumer ON consumer.uuid = held.consumer_id
LEFT OUTER JOIN placement.projects AS project ON project.id = consumer.project_id
LEFT OUTER JOIN placement.users AS user ON user.id = consumer.user_id
WHERE rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci = @provider
ORDER BY held.consumer_id, rp.name, rc.name;

-- Nova's servers of these uuids. A row with deleted other than 0 is of a server that is gone.
SELECT 'cell0' AS cell, server.uuid, server.host, server.node, server.vm_state, server.task_state, server.vcpus,
    server.memory_mb, server.deleted, server.updated_at
FROM nova_cell0.instances AS server
WHERE server.uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
)
UNION ALL
SELECT 'cell1' AS cell, server.uuid, server.host, server.node, server.vm_state, server.task_state, server.vcpus,
    server.memory_mb, server.deleted, server.updated_at
FROM nova.instances AS server
WHERE server.uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
);

-- Nova's migrations: what is under way holds the old host's share under the migration's own uuid.
SELECT 'cell0' AS cell, move.uuid, move.instance_uuid, move.migration_type, move.status, move.source_node,
    move.dest_node, move.deleted, move.updated_at
FROM nova_cell0.migrations AS move
WHERE move.uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
) OR move.instance_uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
)
UNION ALL
SELECT 'cell1' AS cell, move.uuid, move.instance_uuid, move.migration_type, move.status, move.source_node,
    move.dest_node, move.deleted, move.updated_at
FROM nova.migrations AS move
WHERE move.uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
) OR move.instance_uuid IN (
  SELECT CONVERT(held.consumer_id USING ascii)
  FROM placement.allocations AS held
  INNER JOIN placement.resource_providers AS rp ON rp.id = held.resource_provider_id
    AND (rp.uuid = CONVERT(@provider USING ascii) OR CONVERT(rp.name USING utf8mb4) COLLATE utf8mb4_general_ci =
        @provider)
);
