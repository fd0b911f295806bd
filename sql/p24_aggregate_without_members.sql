-- P24 aggregate-without-members: Aggregates that no provider is in
-- Severity: info, impact I
--
-- Says: {aggregates} aggregates of placement have no provider: {sample}
--
-- Why: Placement makes an aggregate when it is first mentioned and never removes it, so that those of the past remain.
-- Nothing is to be done, unless an aggregate is among them that should have hosts.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, created_at FROM placement_aggregates WHERE id NOT IN (SELECT aggregate_id FROM resource_provider_aggregates)"
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

WITH placement_aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT aggregate_id
  FROM placement.resource_provider_aggregates
)
SELECT empty_aggregates.`table`, count(*) AS aggregates, concat(CAST(max(CASE WHEN (empty_aggregates.place = 1) THEN
    empty_aggregates.uuid END) AS CHAR), coalesce(concat(', ', max(CASE WHEN (empty_aggregates.place = 2) THEN
    empty_aggregates.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (empty_aggregates.place = 3) THEN
    empty_aggregates.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (empty_aggregates.place = 4) THEN
    empty_aggregates.uuid END)), ''), coalesce(concat(', ', max(CASE WHEN (empty_aggregates.place = 5) THEN
    empty_aggregates.uuid END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR),
    ' more') ELSE '' END) AS sample, 'nothing has to be done; placement has no command to remove an aggregate' AS
    withheld, NULL AS newest_change
FROM (
  SELECT 'placement_aggregates' AS `table`, placement_aggregates.uuid AS uuid,
      row_number() OVER (ORDER BY placement_aggregates.uuid) AS place
  FROM placement_aggregates
  WHERE NOT (EXISTS (
    SELECT *
    FROM resource_provider_aggregates
    WHERE resource_provider_aggregates.aggregate_id = placement_aggregates.id
  ))
) AS empty_aggregates
GROUP BY empty_aggregates.`table`
ORDER BY empty_aggregates.`table`;
