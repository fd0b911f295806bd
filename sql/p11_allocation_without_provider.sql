-- P11 allocation-without-provider: Allocation whose provider is missing
-- Severity: warning, impact M
--
-- Says: allocations are on provider id {provider_id}, which does not exist (rows: {rows}, consumers: {consumers})
--
-- Why: Placement shows the rows to nobody and counts them nowhere: what the consumers use is accounted for on no host.
-- If the provider was lost in a restore, restore it and keep the rows.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM allocations WHERE resource_provider_id = {provider_id}"
--   mariadb placement -e "DELETE FROM allocations WHERE resource_provider_id = {provider_id} AND NOT EXISTS (SELECT * FROM resource_providers WHERE id = {provider_id})"
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
  SELECT id
  FROM placement.resource_providers
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
)
SELECT 'allocations' AS `table`, allocations.resource_provider_id AS provider_id, count(*) AS `rows`,
    count(DISTINCT allocations.consumer_id) AS consumers, max(allocations.created_at) AS newest_change
FROM allocations
LEFT OUTER JOIN resource_providers ON resource_providers.id = allocations.resource_provider_id
WHERE resource_providers.id IS NULL
GROUP BY allocations.resource_provider_id
ORDER BY provider_id;
