-- P14 consumer-of-unknown-owner: Consumer whose project, user or type is missing
-- Severity: error, impact H
--
-- Says: placement's record of {consumer} names a {missing} that placement does not have
--
-- Why: Without its project or user the API treats the consumer as unknown: what it holds counts as usage, but can be
-- neither read nor changed nor deleted.
--
-- Left alone:
-- - consumers without a type
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM consumers WHERE project_id NOT IN (SELECT id FROM projects) OR user_id NOT IN (SELECT id FROM users)"
--   mariadb placement -e "SELECT * FROM consumers WHERE consumer_type_id = {lost_type_id}"
--   mariadb placement -e "INSERT IGNORE INTO projects (external_id) VALUES ('00000000-0000-0000-0000-000000000000'); UPDATE consumers SET project_id = (SELECT id FROM projects WHERE external_id = '00000000-0000-0000-0000-000000000000') WHERE project_id = {lost_project_id} AND project_id NOT IN (SELECT id FROM projects)"
--   mariadb placement -e "INSERT IGNORE INTO users (external_id) VALUES ('00000000-0000-0000-0000-000000000000'); UPDATE consumers SET user_id = (SELECT id FROM users WHERE external_id = '00000000-0000-0000-0000-000000000000') WHERE user_id = {lost_user_id} AND user_id NOT IN (SELECT id FROM users)"
--   mariadb placement -e "UPDATE consumers SET consumer_type_id = NULL WHERE consumer_type_id = {lost_type_id} AND consumer_type_id NOT IN (SELECT id FROM consumer_types)"
--
-- Names to change: placement
-- Before Xena there is no consumer_types.
-- Before Xena there is no consumers.consumer_type_id: write NULL in its place.
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

WITH consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, project_id, user_id, consumer_type_id,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.consumers
),
consumer_types AS (
  SELECT id
  FROM placement.consumer_types
),
projects AS (
  SELECT id
  FROM placement.projects
),
users AS (
  SELECT id
  FROM placement.users
)
SELECT consumers.uuid AS consumer, substr(concat(CASE WHEN (projects.id IS NULL) THEN ' and project' ELSE '' END,
    CASE WHEN (users.id IS NULL) THEN ' and user' ELSE '' END, CASE WHEN (consumers.consumer_type_id IS NOT NULL AND
    consumer_types.id IS NULL) THEN ' and type' ELSE '' END), 6) AS missing,
    CASE WHEN (projects.id IS NULL) THEN consumers.project_id END AS lost_project_id,
    CASE WHEN (users.id IS NULL) THEN consumers.user_id END AS lost_user_id,
    CASE WHEN (consumers.consumer_type_id IS NOT NULL AND consumer_types.id IS NULL) THEN consumers.consumer_type_id END
    AS lost_type_id, consumers.created_at AS newest_change
FROM consumers
LEFT OUTER JOIN projects ON projects.id = consumers.project_id
LEFT OUTER JOIN users ON users.id = consumers.user_id
LEFT OUTER JOIN consumer_types ON consumer_types.id = consumers.consumer_type_id
WHERE projects.id IS NULL OR users.id IS NULL OR consumers.consumer_type_id IS NOT NULL
  AND consumer_types.id IS NULL
ORDER BY consumer;
