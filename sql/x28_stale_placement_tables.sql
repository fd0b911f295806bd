-- X28 stale-placement-tables: Rows of placement that were left in nova's API database
-- Severity: info, impact I
--
-- Says: {database} still has {rows} rows of placement from before Stein: {counts}
--
-- Why: Placement had its tables there until Stein, and its extraction copied them. Nobody reads or writes these rows
-- any more: whoever looks into them by mistake sees the cloud as it was before Stein.
--
-- Left alone:
-- - the empty tables that nova itself still makes
--
-- What to do, with a row's columns for the names in braces:
--   # look into placement's own database, and leave these rows alone or archive them with the DBA
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

WITH sources AS (
  SELECT 'placement' AS `role`, 'placement' AS name
  UNION ALL
  SELECT 'api' AS `role`, 'nova_api' AS name
  UNION ALL
  SELECT 'cell' AS `role`, 'cell0' AS name
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'cell1' AS name
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, coalesce(mapping.name, mapping.uuid) AS name
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
),
stale_copies AS (
  SELECT 'allocations' AS `table`, count(*) AS `rows`
  FROM nova_api.allocations
  UNION ALL
  SELECT 'inventories' AS `table`, count(*) AS `rows`
  FROM nova_api.inventories
  UNION ALL
  SELECT 'resource_providers' AS `table`, count(*) AS `rows`
  FROM nova_api.resource_providers
)
SELECT sources.name AS `database`, sum(stale_copies.`rows`) AS `rows`,
    group_concat(CASE WHEN (stale_copies.`rows` > 0) THEN concat(stale_copies.`table`, ' ',
    CAST(stale_copies.`rows` AS CHAR)) END SEPARATOR ', ') AS counts,
    'the rows harm nobody, and that no tool still reads them is not in these databases: ask the DBA before they are removed'
    AS withheld, NULL AS newest_change
FROM sources
INNER JOIN stale_copies ON stale_copies.`rows` > 0
WHERE sources.`role` = 'api'
GROUP BY sources.name
ORDER BY `database`;
