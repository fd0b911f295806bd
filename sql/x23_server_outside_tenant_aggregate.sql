-- X23 server-outside-tenant-aggregate: Servers outside the aggregates that are set aside for their project
-- Severity: info, impact I
--
-- Says: {servers} servers of project {project} are on {hosts} hosts outside the project's aggregates: {sample}
--
-- Why: With [scheduler] limit_tenants_to_placement_aggregate new servers of the project go to the aggregates whose
-- filter_tenant_id it is, and to no others. Those outside were there before, or were moved by an administrator; Where
-- that option is not set, or where the aggregates are only to keep other projects out, this means nothing.
--
-- Left alone:
-- - projects without a tagged aggregate, and tags on aggregates without hosts
-- - values that list several projects, which only the older filter understands
-- - servers on no host, or that two cells show
-- - a nova.conf given that turns limit_tenants_to_placement_aggregate off
--
-- What to do, with a row's columns for the names in braces:
--   openstack aggregate list --long
--   openstack server show {first}
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH aggregate_hosts AS (
  SELECT aggregate_id, CONVERT(host USING utf8mb4) AS host
  FROM nova_api.aggregate_hosts
),
aggregate_metadata AS (
  SELECT aggregate_id, CONVERT(`key` USING utf8mb4) AS `key`, CONVERT(value USING utf8mb4) AS value,
      CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.aggregate_metadata
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
tagged_projects AS (
  SELECT lower(aggregate_metadata.value) AS project, max(CASE WHEN (aggregate_metadata.created_at >=
      coalesce(aggregate_metadata.updated_at, '')) THEN aggregate_metadata.created_at ELSE aggregate_metadata.updated_at
      END) AS changed
  FROM aggregate_metadata
  INNER JOIN aggregate_hosts ON aggregate_hosts.aggregate_id = aggregate_metadata.aggregate_id
  WHERE aggregate_metadata.`key` LIKE 'filter\\_tenant\\_id%' ESCAPE '\\'
  GROUP BY lower(aggregate_metadata.value)
),
tagged_hosts AS (
  SELECT DISTINCT lower(aggregate_metadata.value) AS project, lower(aggregate_hosts.host) AS host
  FROM aggregate_metadata
  INNER JOIN aggregate_hosts ON aggregate_hosts.aggregate_id = aggregate_metadata.aggregate_id
  WHERE aggregate_metadata.`key` LIKE 'filter\\_tenant\\_id%' ESCAPE '\\'
)
SELECT outside.project, count(*) AS servers, count(DISTINCT outside.host) AS hosts,
    concat(CAST(max(CASE WHEN (outside.place = 1) THEN outside.uuid END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (outside.place = 2) THEN outside.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (outside.place = 3) THEN outside.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (outside.place = 4) THEN outside.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (outside.place = 5) THEN outside.uuid END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, max(CASE WHEN (outside.place = 1) THEN outside.uuid
    END) AS first,
    'nothing has to be done where an administrator put the servers there; whether the option is set is in nova.conf of the schedulers'
    AS withheld, min(outside.changed) AS newest_change
FROM (
  SELECT servers.project_id AS project, servers.uuid AS uuid, servers.host AS host,
      row_number() OVER (PARTITION BY servers.project_id ORDER BY servers.uuid) AS place,
      CASE WHEN (tagged_projects.changed >= coalesce(CASE WHEN (servers.created_at >= coalesce(servers.updated_at,
      '')) THEN servers.created_at ELSE servers.updated_at END, '')) THEN tagged_projects.changed ELSE CASE WHEN
      (servers.created_at >= coalesce(servers.updated_at, '')) THEN servers.created_at ELSE servers.updated_at END END
      AS changed
  FROM tagged_projects
  INNER JOIN (
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
  ) AS servers ON lower(servers.project_id) = tagged_projects.project
  WHERE servers.vm_state IN ('active', 'paused', 'suspended', 'stopped', 'rescued', 'resized', 'shelved', 'soft-delete',
      'error')
    AND servers.host IS NOT NULL
    AND servers.node IS NOT NULL
    AND NOT (EXISTS (
      SELECT *
      FROM instances AS twin
      WHERE twin.uuid = servers.uuid
        AND twin.cell != servers.cell
        AND twin.deleted = 0
        AND coalesce(twin.hidden, 0) = 0
    ))
    AND coalesce((
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'limit_tenants_to_placement_aggregate'
    ), '') != '0'
    AND NOT (EXISTS (
      SELECT *
      FROM tagged_hosts
      WHERE tagged_hosts.project = tagged_projects.project
        AND tagged_hosts.host = lower(servers.host)
    ))
) AS outside
GROUP BY outside.project
ORDER BY outside.project;
