-- P22 dangling-association: Aggregate or trait associations of which one side is missing
-- Severity: info, impact L
--
-- Says: {rows} rows of {table} name a {missing} that does not exist, by {ids} ids: {sample}
--
-- Why: Placement shows such rows to nobody. They show that a row was removed by hand or lost in a restore; if so,
-- restore it and keep these. A server that forgets its highest id when it restarts gives the id of a missing provider
-- to a new one, which is then in an aggregate where nobody put it.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"
--   mariadb placement -e "DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM {home})"
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
traits AS (
  SELECT id
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
placement_aggregates AS (
  SELECT id
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
)
SELECT listed.`table`, listed.missing, listed.`column`, listed.home, listed.impact, count(*) AS ids,
    sum(listed.`rows`) AS `rows`, concat(CAST(max(CASE WHEN (listed.place = 1) THEN listed.name END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (listed.place = 2) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 3) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 4) THEN listed.name END)), ''), coalesce(concat(', ',
    max(CASE WHEN (listed.place = 5) THEN listed.name END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, NULL AS newest_change
FROM (
  SELECT dangling.`table` AS `table`, dangling.missing AS missing, dangling.`column` AS `column`,
      dangling.missing_id AS missing_id, dangling.home AS home, dangling.impact AS impact, dangling.`rows` AS `rows`,
      CAST(dangling.missing_id AS CHAR) AS name, row_number() OVER (PARTITION BY dangling.`table`,
      dangling.missing ORDER BY CAST(dangling.missing_id AS CHAR)) AS place
  FROM (
    SELECT 'resource_provider_aggregates' AS `table`, 'provider' AS missing, 'resource_provider_id' AS `column`,
        resource_provider_aggregates.resource_provider_id AS missing_id, 'resource_providers' AS home, 'M' AS impact,
        count(*) AS `rows`
    FROM resource_provider_aggregates
    WHERE (resource_provider_aggregates.resource_provider_id NOT IN (
      SELECT resource_providers.id
      FROM resource_providers
    ))
    GROUP BY resource_provider_aggregates.resource_provider_id
    UNION ALL
    SELECT 'resource_provider_aggregates' AS `table`, 'aggregate' AS missing, 'aggregate_id' AS `column`,
        resource_provider_aggregates.aggregate_id AS missing_id, 'placement_aggregates' AS home, 'L' AS impact,
        count(*) AS `rows`
    FROM resource_provider_aggregates
    WHERE (resource_provider_aggregates.aggregate_id NOT IN (
      SELECT placement_aggregates.id
      FROM placement_aggregates
    ))
    GROUP BY resource_provider_aggregates.aggregate_id
    UNION ALL
    SELECT 'resource_provider_traits' AS `table`, 'provider' AS missing, 'resource_provider_id' AS `column`,
        resource_provider_traits.resource_provider_id AS missing_id, 'resource_providers' AS home, 'L' AS impact,
        count(*) AS `rows`
    FROM resource_provider_traits
    WHERE (resource_provider_traits.resource_provider_id NOT IN (
      SELECT resource_providers.id
      FROM resource_providers
    ))
    GROUP BY resource_provider_traits.resource_provider_id
    UNION ALL
    SELECT 'resource_provider_traits' AS `table`, 'trait' AS missing, 'trait_id' AS `column`,
        resource_provider_traits.trait_id AS missing_id, 'traits' AS home, 'L' AS impact, count(*) AS `rows`
    FROM resource_provider_traits
    WHERE (resource_provider_traits.trait_id NOT IN (
      SELECT traits.id
      FROM traits
    ))
    GROUP BY resource_provider_traits.trait_id
  ) AS dangling
) AS listed
GROUP BY listed.`table`, listed.missing, listed.`column`, listed.home, listed.impact
ORDER BY listed.`table`, listed.missing;
