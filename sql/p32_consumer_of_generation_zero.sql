-- P32 consumer-of-generation-zero: Consumers with allocations that no present release wrote
-- Severity: info, impact I
--
-- Says: {consumers} consumers hold something and are of generation 0: {sample}
--
-- Why: Placement counts the generation up with the first allocation. Generation 0 tells that the online migration made
-- the record, or somebody with SQL; it is right until the consumer is next written.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, created_at FROM consumers WHERE generation = 0 AND uuid IN (SELECT consumer_id FROM allocations)"
--   openstack resource provider allocation show {first}
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
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, generation, CONVERT(created_at USING ascii) AS created_at
  FROM placement.consumers
)
SELECT never_written.`table`, count(*) AS consumers, min(never_written.uuid) AS first,
    concat(CAST(max(CASE WHEN (never_written.place = 1) THEN never_written.uuid END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (never_written.place = 2) THEN never_written.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (never_written.place = 3) THEN never_written.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (never_written.place = 4) THEN never_written.uuid END)), ''), coalesce(concat(', ',
    max(CASE WHEN (never_written.place = 5) THEN never_written.uuid END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    'nothing has to be done: the next write of the consumer counts its generation up' AS withheld,
    min(never_written.created_at) AS newest_change
FROM (
  SELECT 'consumers' AS `table`, consumers.uuid AS uuid, consumers.created_at AS created_at,
      row_number() OVER (ORDER BY consumers.uuid) AS place
  FROM consumers
  WHERE consumers.generation = 0
    AND (EXISTS (
      SELECT *
      FROM allocations
      WHERE allocations.consumer_id = consumers.uuid
    ))
) AS never_written
GROUP BY never_written.`table`
ORDER BY never_written.`table`;
