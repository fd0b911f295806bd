-- N14 aggregate-without-uuid: Host aggregate without a uuid
-- Severity: warning, impact M
--
-- Says: aggregate {aggregate}, number {aggregate_id}, has no uuid
--
-- Why: Placement knows aggregates by their uuid alone, so that this one is never mirrored there. Present nova cannot
-- even load it: each list of aggregates or availability zones fails on it.
--
-- What to do, with a row's columns for the names in braces:
--   openstack aggregate list
--   # if the list fails, write a uuid into nova_api.aggregates by hand
--
-- Names to change: nova_api
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

WITH aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid, CAST(name AS CHAR) AS name, CONVERT(created_at USING ascii) AS created_at
  FROM nova_api.aggregates
)
SELECT aggregates.id AS aggregate_id, aggregates.name AS aggregate,
    'nova has no command that gives an aggregate a uuid while it cannot load it, and placement may know the aggregate under one: look for it with openstack resource provider aggregate list on its hosts'
    AS withheld, aggregates.created_at AS newest_change
FROM aggregates
WHERE aggregates.uuid IS NULL
ORDER BY aggregate_id;
