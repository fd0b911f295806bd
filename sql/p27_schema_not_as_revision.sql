-- P27 schema-not-as-revision: Placement database whose tables are not those of its revision
-- Severity: error, impact C
--
-- Says: database {database} (revision {revision}): {detail}
--
-- Why: Placement's own migrations leave no such state. It comes of an upgrade that stopped half-way, of single tables
-- that were restored from another release, or of a revision that was stamped by hand. The API fails on what is missing,
-- and placement-manage db sync on what is there too early.
--
-- Left alone:
-- - an older release, whose tables are those of its revision
-- - a later release, whose revision is not known yet, is a warning of the run
--
-- What to do, with a row's columns for the names in braces:
--   placement-manage db version
--   mariadb placement -e "SELECT version_num FROM alembic_version"
--   mariadb placement -e "SHOW TABLES"
--
-- Names to change: placement
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

WITH deviations AS (
  SELECT 'placement' AS `role`, 'placement' AS name, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision, 'alembic_version' AS `table`, concat('holds ', (
    SELECT count(*) AS count_1
    FROM placement.alembic_version AS version
  ), ' revisions where one is expected') AS detail
  FROM DUAL
  WHERE (
    SELECT count(*) AS count_1
    FROM placement.alembic_version AS version
  ) != 1
  UNION ALL
  SELECT 'placement' AS `role`, 'placement' AS name, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision, 'consumers' AS `table`, CASE WHEN (EXISTS (
    SELECT *
    FROM placement.alembic_version AS version
    WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
  )) THEN 'column consumers.consumer_type_id is missing or not granted, and revision 422ece571366 brings it' ELSE
      'column consumers.consumer_type_id exists, and revision 422ece571366 comes only after this one' END AS detail
  FROM DUAL
  WHERE (EXISTS (
    SELECT *
    FROM placement.alembic_version AS version
    WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM information_schema.columns AS shown
      WHERE shown.table_schema = 'placement'
        AND shown.table_name = 'consumers'
        AND shown.column_name = 'consumer_type_id'
    )) OR NOT (EXISTS (
      SELECT *
      FROM placement.alembic_version AS version
      WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
    ))
    AND (EXISTS (
      SELECT *
      FROM information_schema.columns AS shown
      WHERE shown.table_schema = 'placement'
        AND shown.table_name = 'consumers'
        AND shown.column_name = 'consumer_type_id'
    ))
  UNION ALL
  SELECT 'placement' AS `role`, 'placement' AS name, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision, 'consumer_types' AS `table`, CASE WHEN (EXISTS (
    SELECT *
    FROM placement.alembic_version AS version
    WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
  )) THEN 'table consumer_types is missing or not granted, and revision 422ece571366 brings it' ELSE
      'table consumer_types exists, and revision 422ece571366 comes only after this one' END AS detail
  FROM DUAL
  WHERE (EXISTS (
    SELECT *
    FROM placement.alembic_version AS version
    WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM information_schema.columns AS shown
      WHERE shown.table_schema = 'placement'
        AND shown.table_name = 'consumer_types'
    )) OR NOT (EXISTS (
      SELECT *
      FROM placement.alembic_version AS version
      WHERE (version.version_num NOT IN ('b4ed3a175331', '611cd6dffd7b', 'b5c396305c25'))
    ))
    AND (EXISTS (
      SELECT *
      FROM information_schema.columns AS shown
      WHERE shown.table_schema = 'placement'
        AND shown.table_name = 'consumer_types'
    ))
)
SELECT deviations.name AS `database`, deviations.`table`, deviations.revision, deviations.detail,
    'placement''s migrations do not repair a schema that they did not make: compare it with a new database of this revision, and look into a backup which rows the missing parts had'
    AS withheld, NULL AS newest_change
FROM deviations
WHERE deviations.`role` = 'placement'
ORDER BY `database`, deviations.`table`;
