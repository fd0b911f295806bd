-- P29 times-partly-missing: Consumer of whose allocations some have a time and some have none
-- Severity: warning, impact M
--
-- Says: of the {rows} allocations of {consumer} {undated} have no time of creation
--
-- Why: From microversion 1.15 on placement cannot compare the two and fails with an internal error when it is asked
-- what the consumer holds. Nova asks so: the server can be neither moved nor resized nor healed. Placement writes a
-- time into every row, so somebody inserted these by hand. The command below gives all such rows the time of the same
-- consumer's others.
--
-- Left alone:
-- - a consumer none of whose rows has a time
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM allocations WHERE created_at IS NULL"
--   mariadb placement -e "UPDATE allocations AS undated JOIN (SELECT consumer_id, MAX(created_at) AS latest FROM allocations GROUP BY consumer_id) AS dated ON dated.consumer_id = undated.consumer_id SET undated.created_at = dated.latest WHERE undated.created_at IS NULL AND dated.latest IS NOT NULL"
--
-- Names to change: placement
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

WITH allocations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
)
SELECT allocations.consumer_id AS consumer, count(*) AS `rows`, count(*) - count(allocations.created_at) AS undated,
    max(allocations.created_at) AS newest_change
FROM allocations
WHERE allocations.consumer_id IN (
  SELECT allocations.consumer_id
  FROM allocations
  WHERE allocations.created_at IS NULL
)
GROUP BY allocations.consumer_id
HAVING count(allocations.created_at) > 0
ORDER BY consumer;
