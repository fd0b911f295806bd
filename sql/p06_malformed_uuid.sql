-- P06 malformed-uuid: Malformed uuid, or one in a spelling that nobody asks for
-- Severity: info, impact L
--
-- Says: {table} has {found}, which is not a uuid of 36 characters (hexadecimal digits and dashes)
--
-- Why: Placement compares uuids as text: a row is found in its own spelling alone, and nova asks with dashes and in
-- small letters. Nova does not see what a consumer without dashes holds, and writes the server's allocation a second
-- time. Placement's API stores providers and consumers with dashes.
--
-- Left alone:
-- - capital letters, which the database takes for small ones
-- - an aggregate without dashes, which placement accepts and finds again as it was given
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT id, uuid, created_at FROM {table} WHERE uuid IS NULL OR uuid NOT LIKE '________-____-____-____-____________' OR uuid REGEXP '[^0-9a-fA-F-]'"
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

WITH resource_providers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
allocations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id
  FROM placement.allocations
),
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(created_at USING ascii) AS created_at
  FROM placement.consumers
),
placement_aggregates AS (
  SELECT CONVERT(uuid USING ascii) AS uuid
  FROM placement.placement_aggregates
),
respelled AS (
  SELECT 'resource_providers' AS `table`, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM placement.resource_providers
  WHERE CHAR_LENGTH(uuid) = 32
    AND INSTR(uuid, '-') = 0
  UNION ALL
  SELECT 'consumers' AS `table`, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM placement.consumers
  WHERE CHAR_LENGTH(uuid) = 32
    AND INSTR(uuid, '-') = 0
)
SELECT found_uuids.`table`, found_uuids.provider, found_uuids.consumer, found_uuids.aggregate, found_uuids.found,
    'only who wrote the row knows the uuid that was meant, and others name the row by this one: compare it with openstack server list --all-projects or openstack resource provider list'
    AS withheld, CASE WHEN (found_uuids.bare = 1 AND (EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.consumer_id = found_uuids.consumer
))) THEN 'M' ELSE 'L' END AS impact, found_uuids.newest_change
FROM (
  SELECT 'resource_providers' AS `table`, resource_providers.uuid AS provider, NULL AS consumer, NULL AS aggregate,
      resource_providers.uuid AS found, resource_providers.created_at AS newest_change, 0 AS bare
  FROM resource_providers
  WHERE resource_providers.uuid IS NULL OR resource_providers.uuid NOT LIKE '________-____-____-____-____________' OR
      REGEXP_REPLACE(lower(replace(resource_providers.uuid, '-', '')), CONCAT('^[', '0123456789abcdef', ']+'), '') != ''
  UNION ALL
  SELECT 'consumers' AS anon_1, NULL AS anon_2, consumers.uuid AS uuid, NULL AS anon__1, consumers.uuid AS uuid__1,
      consumers.created_at AS created_at, 0 AS anon_3
  FROM consumers
  WHERE consumers.uuid IS NULL OR consumers.uuid NOT LIKE '________-____-____-____-____________' OR
      REGEXP_REPLACE(lower(replace(consumers.uuid, '-', '')), CONCAT('^[', '0123456789abcdef', ']+'), '') != ''
  UNION ALL
  SELECT 'placement_aggregates' AS anon_4, NULL AS anon_2, NULL AS anon__1, placement_aggregates.uuid AS uuid,
      placement_aggregates.uuid AS uuid__2, NULL AS anon__2, 0 AS anon_5
  FROM placement_aggregates
  WHERE (placement_aggregates.uuid IS NULL OR placement_aggregates.uuid NOT LIKE '________-____-____-____-____________'
      OR REGEXP_REPLACE(lower(replace(placement_aggregates.uuid, '-', '')), CONCAT('^[', '0123456789abcdef', ']+'),
      '') != '')
    AND coalesce(length(placement_aggregates.uuid) = 32 AND placement_aggregates.uuid NOT LIKE '%-%' AND
        REGEXP_REPLACE(lower(replace(placement_aggregates.uuid, '-', '')), CONCAT('^[', '0123456789abcdef', ']+'),
        '') = '', false) = 0
  UNION ALL
  SELECT respelled.`table` AS `table`, CASE WHEN (respelled.`table` != 'consumers') THEN respelled.uuid END AS anon_6,
      CASE WHEN (respelled.`table` = 'consumers') THEN respelled.uuid END AS anon_7, NULL AS anon_2,
      replace(respelled.uuid, '-', '') AS replace_1, NULL AS anon__1, 1 AS anon_8
  FROM respelled
) AS found_uuids
ORDER BY found_uuids.`table`, found_uuids.found;
