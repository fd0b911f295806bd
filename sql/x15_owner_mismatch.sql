-- X15 owner-mismatch: Servers that belong to somebody else in placement
-- Severity: info, impact L
--
-- Says: {servers} servers of project {project} have another {owner} in placement, {told}: {sample}
--
-- Why: Placement reports their usage for the wrong owner, which matters where nova counts quotas in placement ([quota]
-- count_usage_from_placement). It comes of a server that changed hands by SQL, or whose request did not name its user,
-- so that the administrator who moved it was written down instead.
--
-- Left alone:
-- - consumers without an owner, which are a finding of their own
-- - owners that differ in case alone
-- - a server that a cross-cell resize hides, or that two cells show
-- - consumers of migrations
--
-- What to do, with a row's columns for the names in braces:
--   openstack server show {first}
--   openstack --os-placement-api-version 1.12 resource provider allocation show {first}
--   nova-manage placement heal_allocations --dry-run --verbose --instance {first_healable}
--   openstack --os-placement-api-version 1.28 resource provider allocation set {allocation_words} --project-id {project} --user-id {first_user} {first_settable}
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

WITH resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM placement.resource_providers
),
inventories AS (
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
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(instance_uuid) = 32 AND INSTR(instance_uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(instance_uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      instance_uuid) USING ascii) AS instance_uuid, CAST(status AS CHAR) AS status, deleted
  FROM nova.migrations
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
)
SELECT found.owner, found.project, found.placement_project, found.told, found.servers, found.sample, found.first,
    found.first_healable, found.first_settable, found.newest_change, found.impact,
    CASE WHEN (found.first_healable IS NULL) THEN (
  SELECT group_concat(concat('--allocation rp=', kept_on.uuid, ',', kept_class.name, '=',
      CAST(kept_row.used AS CHAR)) SEPARATOR ' ') AS aggregate_strings_1
  FROM allocations AS kept_row
  INNER JOIN resource_classes AS kept_class ON kept_class.id = kept_row.resource_class_id
  INNER JOIN resource_providers AS kept_on ON kept_on.id = kept_row.resource_provider_id
  WHERE kept_row.consumer_id = found.first_settable
) END AS allocation_words, CASE WHEN (found.first_healable IS NULL) THEN (
  SELECT max(owner_row.user_id) AS max_1
  FROM instances AS owner_row
  WHERE owner_row.uuid = found.first_settable
    AND owner_row.deleted = 0
) END AS first_user, CASE WHEN (found.first_healable IS NOT NULL) THEN
    'What is shown is a dry run. Once it names the right owner, run it without --dry-run, for each of these servers in its turn.'
    WHEN (found.first_settable IS NULL) THEN
    'None of these servers can be written now: each has a task or no host, holds something twice, or is on a provider of which more is held than there is, which placement refuses before release 14.'
    END AS withheld
FROM (
  SELECT listed.owner AS owner, listed.project AS project, listed.placement_project AS placement_project,
      CASE WHEN (listed.owner = 'project') THEN concat('project ', CAST(listed.placement_project AS CHAR)) ELSE
      'though of the same project' END AS told, count(*) AS servers,
      concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.uuid END) AS CHAR), coalesce(concat(', ',
      max(CASE WHEN (listed.place = 2) THEN listed.uuid END)), ''), coalesce(concat(', ',
      max(CASE WHEN (listed.place = 3) THEN listed.uuid END)), ''), coalesce(concat(', ',
      max(CASE WHEN (listed.place = 4) THEN listed.uuid END)), ''), coalesce(concat(', ',
      max(CASE WHEN (listed.place = 5) THEN listed.uuid END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
      CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, min(listed.uuid) AS first,
      min(listed.healable) AS first_healable, min(listed.settable) AS first_settable,
      min(listed.changed) AS newest_change, CASE WHEN (coalesce((
    SELECT settings.value
    FROM settings
    WHERE settings.name = 'count_usage_from_placement'
  ), '') = '1') THEN 'M' ELSE 'L' END AS impact
  FROM (
    SELECT differing.uuid AS uuid, differing.project AS project, differing.placement_project AS placement_project,
        differing.owner AS owner, differing.healable AS healable, differing.settable AS settable,
        differing.changed AS changed, row_number() OVER (PARTITION BY differing.owner, differing.project,
        differing.placement_project ORDER BY differing.uuid) AS place
    FROM (
      SELECT servers.uuid AS uuid, servers.project_id AS project, CASE WHEN (projects.external_id !=
          '00000000-0000-0000-0000-000000000000' AND projects.external_id != coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'incomplete_consumer_project_id'
      ), '00000000-0000-0000-0000-000000000000') AND projects.external_id != servers.project_id AND
          lower(projects.external_id) != lower(servers.project_id)) THEN projects.external_id ELSE servers.project_id
          END AS placement_project, CASE WHEN (projects.external_id != '00000000-0000-0000-0000-000000000000' AND
          projects.external_id != coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'incomplete_consumer_project_id'
      ), '00000000-0000-0000-0000-000000000000') AND projects.external_id != servers.project_id AND
          lower(projects.external_id) != lower(servers.project_id)) THEN 'project' ELSE 'user' END AS owner,
          CASE WHEN (servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
          'soft-delete', 'error') AND servers.host IS NOT NULL AND servers.node IS NOT NULL AND servers.task_state IS
          NULL AND NOT (coalesce(servers.task_state, '') IN ('scheduling', 'block_device_mapping', 'networking',
          'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring', 'shelving_offloading',
          'unshelving') OR coalesce(servers.task_state, '') LIKE 'resize%' OR coalesce(servers.task_state,
          '') LIKE 'rebuild%') AND NOT (EXISTS (
        SELECT *
        FROM migrations AS move
        WHERE move.instance_uuid = servers.uuid
          AND coalesce(move.deleted, 0) = 0
          AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
              'done'))
          AND coalesce(move.status, '') != 'finished'
      )) AND (servers.uuid NOT IN (
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
              1000000000000000) THEN CAST(floor((summed_offer.total - summed_offer.reserved) *
              summed_offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((summed_offer.total -
              summed_offer.reserved) * summed_offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END,
              0) < sums.used
        ) AS full_offers ON full_offers.resource_provider_id = holder_of_full.resource_provider_id
          AND full_offers.resource_class_id = holder_of_full.resource_class_id
      )) AND NOT (EXISTS (
        SELECT *
        FROM allocations AS device_row, resource_classes AS device_class
        WHERE device_row.consumer_id = servers.uuid
          AND device_class.id = device_row.resource_class_id
          AND (device_class.name IN ('VGPU', 'PGPU', 'FPGA') OR device_class.name LIKE 'CUSTOM_%')
      ))) THEN servers.uuid END AS healable, CASE WHEN (servers.vm_state IN ('active', 'paused', 'suspended', 'stopped',
          'rescued', 'resized', 'shelved', 'soft-delete', 'error') AND servers.host IS NOT NULL AND servers.node IS NOT
          NULL AND servers.task_state IS NULL AND NOT (coalesce(servers.task_state, '') IN ('scheduling',
          'block_device_mapping', 'networking', 'spawning', 'migrating', 'deleting', 'soft-deleting', 'restoring',
          'shelving_offloading', 'unshelving') OR coalesce(servers.task_state,
          '') LIKE 'resize%' OR coalesce(servers.task_state, '') LIKE 'rebuild%') AND NOT (EXISTS (
        SELECT *
        FROM migrations AS move
        WHERE move.instance_uuid = servers.uuid
          AND coalesce(move.deleted, 0) = 0
          AND (coalesce(move.status, '') NOT IN ('confirmed', 'reverted', 'error', 'failed', 'completed', 'cancelled',
              'done'))
          AND coalesce(move.status, '') != 'finished'
      )) AND (servers.uuid NOT IN (
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
              1000000000000000) THEN CAST(floor((summed_offer.total - summed_offer.reserved) *
              summed_offer.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((summed_offer.total -
              summed_offer.reserved) * summed_offer.allocation_ratio IS NOT NULL) THEN 1000000000000000 END,
              0) < sums.used
        ) AS full_offers ON full_offers.resource_provider_id = holder_of_full.resource_provider_id
          AND full_offers.resource_class_id = holder_of_full.resource_class_id
      )) AND (EXISTS (
        SELECT *
        FROM allocations AS device_row, resource_classes AS device_class
        WHERE device_row.consumer_id = servers.uuid
          AND device_class.id = device_row.resource_class_id
          AND (device_class.name IN ('VGPU', 'PGPU', 'FPGA') OR device_class.name LIKE 'CUSTOM_%')
      )) AND NOT (EXISTS (
        SELECT *
        FROM allocations AS written_row
        WHERE written_row.consumer_id = servers.uuid
          AND (written_row.used <= 0 OR (written_row.resource_class_id NOT IN (
            SELECT written_class.id
            FROM resource_classes AS written_class
          )) OR (written_row.resource_provider_id NOT IN (
            SELECT written_on.id
            FROM resource_providers AS written_on
          )))
      )) AND NOT (EXISTS (
        SELECT twice.resource_provider_id
        FROM allocations AS twice
        WHERE twice.consumer_id = servers.uuid
        GROUP BY twice.resource_provider_id, twice.resource_class_id
        HAVING count(*) > 1
      ))) THEN servers.uuid END AS settable, CASE WHEN (CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
          '')) THEN servers.created_at ELSE servers.updated_at END >= coalesce(consumers.created_at,
          '')) THEN CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
          '')) THEN servers.created_at ELSE servers.updated_at END ELSE consumers.created_at END AS changed
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
      INNER JOIN consumers ON consumers.uuid = servers.uuid
      INNER JOIN projects ON projects.id = consumers.project_id
      INNER JOIN users ON users.id = consumers.user_id
      WHERE (projects.external_id != '00000000-0000-0000-0000-000000000000' AND projects.external_id != coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'incomplete_consumer_project_id'
      ), '00000000-0000-0000-0000-000000000000') AND projects.external_id != servers.project_id AND
          lower(projects.external_id) != lower(servers.project_id) OR users.external_id !=
          '00000000-0000-0000-0000-000000000000' AND users.external_id != coalesce((
        SELECT settings.value
        FROM settings
        WHERE settings.name = 'incomplete_consumer_user_id'
      ), '00000000-0000-0000-0000-000000000000') AND users.external_id != servers.user_id AND lower(users.external_id)
          != lower(servers.user_id))
        AND NOT (EXISTS (
          SELECT *
          FROM instances AS twin
          WHERE twin.uuid = servers.uuid
            AND twin.cell != servers.cell
            AND twin.deleted = 0
            AND coalesce(twin.hidden, 0) = 0
        ))
    ) AS differing
  ) AS listed
  GROUP BY listed.owner, listed.project, listed.placement_project
) AS found
ORDER BY found.owner, found.project, found.placement_project;
