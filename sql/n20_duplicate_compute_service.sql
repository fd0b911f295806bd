-- N20 duplicate-compute-service: Host with more than one compute service
-- Severity: info, impact L
--
-- Says: {services} nova-compute services call their host {host}: {spelled}
--
-- Why: Nova maps a host's name to one cell, and databases differ in whether they tell upper from lower case: orders for
-- one of them may reach the other. Usually one is left over from a host that was renamed or moved.
--
-- Left alone:
-- - services of another kind, such as conductors, of which each cell may have one on the same host
--
-- What to do, with a row's columns for the names in braces:
--   openstack compute service list --service nova-compute --host {host}
--
-- Names to change: nova_api, nova_cell0 (cell0), nova (cell1)
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

WITH services AS (
  SELECT 'cell0' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_cell0.services
  UNION ALL
  SELECT 'cell1' AS cell, CONVERT(host USING utf8mb4) AS host, CAST(`binary` AS CHAR) AS `binary`, version, disabled,
      forced_down, CONVERT(last_seen_up USING ascii) AS last_seen_up, deleted,
      CONVERT(deleted_at USING ascii) AS deleted_at, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova.services
)
SELECT lower(computes.host) AS host, count(*) AS services, group_concat(concat(computes.host, ' in ',
    computes.cell) SEPARATOR ', ') AS spelled,
    'the API goes by the host''s name: deleting one of them would remove the host mapping and the aggregates of the other. See which of them is up and which has servers (''openstack server list --all-projects --host''): the other can only be removed in its cell''s database.'
    AS withheld, max(computes.created_at) AS newest_change
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
GROUP BY lower(computes.host)
HAVING count(*) > 1
ORDER BY host;
