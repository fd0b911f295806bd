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

WITH consumers AS (
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
instances AS (
  SELECT 'cell0' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id, vcpus, memory_mb, root_gb,
      ephemeral_gb, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.instances
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid,
      21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(host USING utf8mb4) AS host,
      CONVERT(node USING utf8mb4) AS node, CAST(vm_state AS CHAR) AS vm_state, CAST(task_state AS CHAR) AS task_state,
      CAST(project_id AS CHAR) AS project_id, CAST(user_id AS CHAR) AS user_id,
      CONVERT(availability_zone USING utf8mb4) AS availability_zone, hidden, compute_id, vcpus, memory_mb, root_gb,
      ephemeral_gb, deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.instances
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
)
SELECT listed.owner, listed.project, listed.placement_project,
    CASE WHEN (listed.owner = 'project') THEN concat('project ', CAST(listed.placement_project AS CHAR)) ELSE
    'though of the same project' END AS told, count(*) AS servers,
    concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.uuid END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 2) THEN listed.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.uuid END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, min(listed.uuid) AS first,
    min(listed.healable) AS first_healable, min(listed.changed) AS newest_change, CASE WHEN (coalesce((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'count_usage_from_placement'
), '') = '1') THEN 'M' ELSE 'L' END AS impact
FROM (
  SELECT differing.uuid AS uuid, differing.project AS project, differing.placement_project AS placement_project,
      differing.owner AS owner, differing.healable AS healable, differing.changed AS changed,
      row_number() OVER (PARTITION BY differing.owner, differing.project,
      differing.placement_project ORDER BY differing.uuid) AS place
  FROM (
    SELECT servers.uuid AS uuid, servers.project_id AS project, CASE WHEN (projects.external_id !=
        '00000000-0000-0000-0000-000000000000' AND projects.external_id != coalesce((
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'incomplete_consumer_project_id'
    ), '00000000-0000-0000-0000-000000000000') AND projects.external_id != servers.project_id AND
        lower(projects.external_id) != lower(servers.project_id)) THEN projects.external_id ELSE servers.project_id END
        AS placement_project, CASE WHEN (projects.external_id != '00000000-0000-0000-0000-000000000000' AND
        projects.external_id != coalesce((
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'incomplete_consumer_project_id'
    ), '00000000-0000-0000-0000-000000000000') AND projects.external_id != servers.project_id AND
        lower(projects.external_id) != lower(servers.project_id)) THEN 'project' ELSE 'user' END AS owner,
        CASE WHEN (servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved',
        'soft-delete', 'error') AND servers.host IS NOT NULL AND servers.node IS NOT NULL AND servers.task_state IS
        NULL) THEN servers.uuid END AS healable, CASE WHEN (CASE WHEN (servers.created_at >=
        coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END >=
        coalesce(consumers.created_at, '')) THEN CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
        '')) THEN servers.created_at ELSE servers.updated_at END ELSE consumers.created_at END AS changed
    FROM (
      SELECT instances.cell AS cell, instances.uuid AS uuid, instances.host AS host, instances.node AS node,
          instances.vm_state AS vm_state, instances.task_state AS task_state, instances.project_id AS project_id,
          instances.user_id AS user_id, instances.availability_zone AS availability_zone, instances.hidden AS hidden,
          instances.compute_id AS compute_id, instances.vcpus AS vcpus, instances.memory_mb AS memory_mb,
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
    ), '00000000-0000-0000-0000-000000000000') AND users.external_id != servers.user_id AND lower(users.external_id) !=
        lower(servers.user_id))
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
ORDER BY listed.owner, listed.project, listed.placement_project;
