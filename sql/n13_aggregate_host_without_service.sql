-- N13 aggregate-host-without-service: Host of an aggregate that has no compute service
-- Severity: info, impact L
--
-- Says: aggregate {aggregate} lists {host}, but no cell has a nova-compute service of that host
--
-- Why: The entry does nothing, until a new host of that name comes and is in the aggregate, and perhaps in its
-- availability zone, from its first minute. The API cannot remove it, since it looks for the service first.
--
-- Left alone:
-- - a host whose service is down or disabled
-- - an aggregate or a service that changed just now
--
-- What to do, with a row's columns for the names in braces:
--   openstack aggregate show {aggregate}
--   openstack compute service list --service nova-compute --host {host}
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

WITH aggregates AS (
  SELECT id AS id, CONVERT(uuid USING ascii) AS uuid, CAST(name AS CHAR) AS name,
      CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregates
),
aggregate_hosts AS (
  SELECT aggregate_id AS aggregate_id, CONVERT(host USING utf8mb4) AS host, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregate_hosts
),
services AS (
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version AS version,
      disabled AS disabled, forced_down AS forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up,
      deleted AS deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.services
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version AS version,
      disabled AS disabled, forced_down AS forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up,
      deleted AS deleted, CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.services
),
sources AS (
  SELECT 'read' AS status
  UNION ALL
  SELECT 'read' AS status
  UNION ALL
  SELECT 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'missing' AS status
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
)
SELECT aggregates.name AS aggregate, aggregates.uuid AS aggregate_uuid, aggregate_hosts.host, CASE WHEN ((
  SELECT max(gone.deleted_at) AS max_1
  FROM services AS gone
  WHERE gone.host = aggregate_hosts.host
) >= coalesce(CASE WHEN (aggregate_hosts.created_at >= coalesce(aggregates.created_at,
    '')) THEN aggregate_hosts.created_at ELSE aggregates.created_at END, '')) THEN (
  SELECT max(gone.deleted_at) AS max_1
  FROM services AS gone
  WHERE gone.host = aggregate_hosts.host
) ELSE CASE WHEN (aggregate_hosts.created_at >= coalesce(aggregates.created_at,
    '')) THEN aggregate_hosts.created_at ELSE aggregates.created_at END END AS newest_change
FROM aggregate_hosts
INNER JOIN aggregates ON aggregates.id = aggregate_hosts.aggregate_id
WHERE aggregate_hosts.host IS NOT NULL
  AND NOT (EXISTS (
    SELECT *
    FROM (
      SELECT services.cell AS cell, services.host AS host, services.`binary` AS `binary`, services.version AS version,
          services.disabled AS disabled, services.forced_down AS forced_down, services.last_seen_up AS last_seen_up,
          services.deleted AS deleted, services.deleted_at AS deleted_at, services.created_at AS created_at,
          services.updated_at AS updated_at
      FROM services
      WHERE services.deleted = 0
        AND services.`binary` = 'nova-compute'
        AND services.host IS NOT NULL
    ) AS computes
    WHERE computes.host = aggregate_hosts.host
  ))
  AND NOT (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.status != 'read'
  ))
ORDER BY aggregate, aggregate_hosts.host;
