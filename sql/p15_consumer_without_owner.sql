-- P15 consumer-without-owner: Consumers that belong to nobody in placement
-- Severity: info, impact L
--
-- Says: {consumers} consumers have no project or user in placement: {sample}
--
-- Why: A client of microversion 1.7 or less wrote them, or the online migration made their records. Placement reports
-- their usage for no project: where nova counts quotas in placement, it counts these servers for nobody.
-- heal_allocations gives a server that is on a host its owner back; without --instance it goes through all servers, and
-- stops at the first with a VGPU or a device profile.
--
-- Left alone:
-- - a placeholder owner other than the default (incomplete_consumer_project_id, incomplete_consumer_user_id), unless
--   --config-file gives placement.conf
-- - it is information unless --config-file gives a nova.conf that sets count_usage_from_placement
--
-- What to do, with a row's columns for the names in braces:
--   mariadb {where_default} -e "SELECT uuid, consumers.created_at FROM consumers JOIN projects ON projects.id = project_id JOIN users ON users.id = user_id WHERE '00000000-0000-0000-0000-000000000000' IN (projects.external_id, users.external_id)"
--   openstack resource provider allocation show {first}
--   nova-manage placement heal_allocations --dry-run --verbose --instance {first_server}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, CONCAT(allocation_ratio) + 0e0 AS allocation_ratio
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, resource_class_id, used
  FROM placement.allocations
),
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, project_id, user_id,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.consumers
),
projects AS (
  SELECT id, CAST(external_id AS CHAR) AS external_id
  FROM placement.projects
),
users AS (
  SELECT id, CAST(external_id AS CHAR) AS external_id
  FROM placement.users
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
instances AS (
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
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
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
SELECT without_owner.`table`, count(*) AS consumers, CASE WHEN (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
)) THEN count(without_owner.server) END AS servers, min(without_owner.uuid) AS first, CASE WHEN (coalesce((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'incomplete_consumer_project_id'
), '00000000-0000-0000-0000-000000000000') = '00000000-0000-0000-0000-000000000000' AND coalesce((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'incomplete_consumer_user_id'
), '00000000-0000-0000-0000-000000000000') = '00000000-0000-0000-0000-000000000000') THEN 'placement' END AS
    where_default, min(without_owner.server) AS first_server, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
))) THEN 'Whose they are only nova knows: audit its databases, too.' WHEN (count(without_owner.server) = 0) THEN
    'None of them is a server that heal_allocations takes up: on a host, without a task and without devices, where no more is held than there is. For others write what they hold once more, with their owner, by allocation set.'
    ELSE
    'What is shown is a dry run. Once it names the right owner, run it without --dry-run, for each server in its turn.'
    END AS withheld, concat(CAST(max(CASE WHEN (without_owner.place = 1) THEN without_owner.uuid END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (without_owner.place = 2) THEN without_owner.uuid END)), ''),
    coalesce(concat(', ', max(CASE WHEN (without_owner.place = 3) THEN without_owner.uuid END)), ''),
    coalesce(concat(', ', max(CASE WHEN (without_owner.place = 4) THEN without_owner.uuid END)), ''),
    coalesce(concat(', ', max(CASE WHEN (without_owner.place = 5) THEN without_owner.uuid END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    min(without_owner.created_at) AS newest_change, CASE WHEN (coalesce((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'count_usage_from_placement'
), '') = '1') THEN 'M' ELSE 'L' END AS impact
FROM (
  SELECT 'consumers' AS `table`, consumers.uuid AS uuid, consumers.created_at AS created_at, CASE WHEN ((EXISTS (
    SELECT *
    FROM (
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
    ) AS servers
    WHERE servers.uuid = consumers.uuid
      AND servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
          'soft-delete', 'error')
      AND servers.host IS NOT NULL
      AND servers.node IS NOT NULL
      AND servers.task_state IS NULL
  )) AND NOT (EXISTS (
    SELECT *
    FROM allocations AS device_row, resource_classes AS device_class
    WHERE device_row.consumer_id = consumers.uuid
      AND device_class.id = device_row.resource_class_id
      AND (device_class.name IN ('VGPU', 'PGPU', 'FPGA') OR device_class.name LIKE 'CUSTOM_%')
  )) AND (consumers.uuid NOT IN (
    SELECT holder_of_full.consumer_id
    FROM allocations AS holder_of_full
    INNER JOIN (
      SELECT sums.resource_provider_id AS resource_provider_id, sums.resource_class_id AS resource_class_id
      FROM (
        SELECT summed.resource_provider_id AS resource_provider_id, summed.resource_class_id AS resource_class_id,
            sum(summed.used) AS used
        FROM allocations AS summed
        GROUP BY summed.resource_provider_id, summed.resource_class_id
      ) AS sums
      LEFT OUTER JOIN inventories AS summed_offer ON summed_offer.resource_provider_id = sums.resource_provider_id
        AND summed_offer.resource_class_id = sums.resource_class_id
      WHERE coalesce(CASE WHEN ((summed_offer.total - summed_offer.reserved) * summed_offer.allocation_ratio <
          1000000000000000) THEN CAST(floor((summed_offer.total - summed_offer.reserved) * summed_offer.allocation_ratio
          * 1.000000001) AS SIGNED INTEGER) WHEN ((summed_offer.total - summed_offer.reserved) *
          summed_offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END, 0) < sums.used
    ) AS full_offers ON full_offers.resource_provider_id = holder_of_full.resource_provider_id
      AND full_offers.resource_class_id = holder_of_full.resource_class_id
  ))) THEN consumers.uuid END AS server, row_number() OVER (ORDER BY consumers.uuid) AS place
  FROM consumers
  WHERE consumers.project_id IN (
    SELECT projects.id
    FROM projects
    WHERE projects.external_id IN ('00000000-0000-0000-0000-000000000000', (
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'incomplete_consumer_project_id'
    ))
  ) OR consumers.user_id IN (
    SELECT users.id
    FROM users
    WHERE users.external_id IN ('00000000-0000-0000-0000-000000000000', (
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'incomplete_consumer_user_id'
    ))
  )
) AS without_owner
GROUP BY without_owner.`table`
ORDER BY without_owner.`table`;
