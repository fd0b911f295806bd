-- P29 times-partly-missing: Consumers of whose allocations some have a time and some have none
-- Severity: warning, impact M
--
-- Says: {undated} allocations of {consumers} consumers have no time of creation, while others of theirs do: {sample}
--
-- Why: From microversion 1.15 on placement cannot compare the two and fails with an internal error when it is asked
-- what such a consumer holds. Nova asks so: the server can be neither moved nor resized nor healed. Placement writes a
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
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
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
SELECT listed.`table`, count(*) AS consumers, sum(listed.undated) AS undated,
    concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.consumer_id END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 2) THEN listed.consumer_id END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.consumer_id END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.consumer_id END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.consumer_id END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, min(listed.latest) AS newest_change
FROM (
  SELECT consumer.`table` AS `table`, consumer.consumer_id AS consumer_id, consumer.undated AS undated,
      consumer.latest AS latest, row_number() OVER (ORDER BY consumer.consumer_id) AS place
  FROM (
    SELECT 'allocations' AS `table`, allocations.consumer_id AS consumer_id,
        count(*) - count(allocations.created_at) AS undated, max(allocations.created_at) AS latest
    FROM allocations
    WHERE allocations.consumer_id IN (
      SELECT allocations.consumer_id
      FROM allocations
      WHERE allocations.created_at IS NULL
    )
    GROUP BY allocations.consumer_id
    HAVING count(allocations.created_at) > 0
  ) AS consumer
) AS listed
GROUP BY listed.`table`
ORDER BY listed.`table`;
