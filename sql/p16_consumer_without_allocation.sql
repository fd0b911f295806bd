-- P16 consumer-without-allocation: Consumers that hold nothing
-- Severity: info, impact I
--
-- Says: {consumers} consumers are recorded and hold nothing: {sample}
--
-- Why: They do no harm. Writing an empty set of allocations for a consumer that placement did not know leaves such a
-- record; so does deleting allocations by SQL. The API has no command that removes it: it is used again by the next
-- claim, and goes with the deletion of that.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, generation, created_at FROM consumers WHERE uuid NOT IN (SELECT consumer_id FROM allocations)"
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
      consumer_id) USING ascii) AS consumer_id
  FROM placement.allocations
),
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(created_at USING ascii) AS created_at
  FROM placement.consumers
)
SELECT holding_nothing.`table`, count(*) AS consumers, concat(CAST(max(CASE WHEN (holding_nothing.place = 1) THEN
    holding_nothing.uuid END) AS CHAR), coalesce(concat(', ', max(CASE WHEN (holding_nothing.place = 2) THEN
    holding_nothing.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (holding_nothing.place = 3) THEN
    holding_nothing.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (holding_nothing.place = 4) THEN
    holding_nothing.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (holding_nothing.place = 5) THEN
    holding_nothing.uuid END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR),
    ' more') ELSE '' END) AS sample, min(holding_nothing.created_at) AS newest_change,
    'the API has no command that removes such a record, and it does no harm' AS withheld
FROM (
  SELECT 'consumers' AS `table`, consumers.uuid AS uuid, consumers.created_at AS created_at,
      row_number() OVER (ORDER BY consumers.uuid) AS place
  FROM consumers
  WHERE NOT (EXISTS (
    SELECT *
    FROM allocations
    WHERE allocations.consumer_id = consumers.uuid
  ))
) AS holding_nothing
GROUP BY holding_nothing.`table`
ORDER BY holding_nothing.`table`;
