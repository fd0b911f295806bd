-- P37 mixed-ratios: Providers of one aggregate with unlike allocation ratios
-- Severity: info, impact L
--
-- Says: providers of one aggregate have ratios from {lowest} to {highest} for {resource_class}, in {aggregates}
-- aggregates: {sample}
--
-- Why: One host takes more servers than the next of the same size, though the aggregate offers them as equals. Often a
-- host missed a change of cpu_allocation_ratio, ram_allocation_ratio or disk_allocation_ratio in nova.conf, or still
-- has the default of an earlier release.
--
-- Left alone:
-- - sharing providers, which are no hosts
-- - unlike ratios of different classes
-- - a ratio of 0, which is a finding of its own
--
-- What to do, with a row's columns for the names in braces:
--   openstack --os-placement-api-version 1.3 resource provider list --member-of {first}
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

WITH inventories AS (
  SELECT resource_provider_id, resource_class_id, CONCAT(allocation_ratio) + 0e0 AS allocation_ratio,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
placement_aggregates AS (
  SELECT id, CONVERT(uuid USING ascii) AS uuid
  FROM placement.placement_aggregates
),
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
)
SELECT mixed_aggregates.resource_class, mixed_aggregates.lowest, mixed_aggregates.highest, count(*) AS aggregates,
    concat(CAST(max(CASE WHEN (mixed_aggregates.place = 1) THEN concat(mixed_aggregates.uuid, ' (',
    mixed_aggregates.ratios, ')') END) AS CHAR), coalesce(concat(', ',
    max(CASE WHEN (mixed_aggregates.place = 2) THEN concat(mixed_aggregates.uuid, ' (', mixed_aggregates.ratios,
    ')') END)), ''), coalesce(concat(', ', max(CASE WHEN (mixed_aggregates.place = 3) THEN concat(mixed_aggregates.uuid,
    ' (', mixed_aggregates.ratios, ')') END)), ''), coalesce(concat(', ',
    max(CASE WHEN (mixed_aggregates.place = 4) THEN concat(mixed_aggregates.uuid, ' (', mixed_aggregates.ratios,
    ')') END)), ''), coalesce(concat(', ', max(CASE WHEN (mixed_aggregates.place = 5) THEN concat(mixed_aggregates.uuid,
    ' (', mixed_aggregates.ratios, ')') END)), ''), CASE WHEN (count(*) > 5) THEN concat(' and ',
    CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample, min(mixed_aggregates.uuid) AS first,
    max(mixed_aggregates.providers) AS most_providers,
    'the rows do not tell which ratio is meant; nova.conf of the hosts does, and nova-compute writes back what it sets'
    AS withheld, min(mixed_aggregates.newest) AS newest_change
FROM (
  SELECT mixed.aggregate_id AS aggregate_id, mixed.resource_class_id AS resource_class_id, mixed.lowest AS lowest,
      mixed.highest AS highest, mixed.providers AS providers, mixed.ratios AS ratios, mixed.newest AS newest,
      placement_aggregates.uuid AS uuid, resource_classes.name AS resource_class,
      row_number() OVER (PARTITION BY resource_classes.name, mixed.lowest,
      mixed.highest ORDER BY placement_aggregates.uuid) AS place
  FROM (
    SELECT ratio.aggregate_id AS aggregate_id, ratio.resource_class_id AS resource_class_id, min(ratio.ratio) AS lowest,
        max(ratio.ratio) AS highest, sum(ratio.providers) AS providers, group_concat(concat(CAST(ratio.ratio AS CHAR),
        ' on ', CAST(ratio.providers AS CHAR)) SEPARATOR ', ') AS ratios, max(ratio.newest) AS newest
    FROM (
      SELECT resource_provider_aggregates.aggregate_id AS aggregate_id,
          inventories.resource_class_id AS resource_class_id, inventories.allocation_ratio AS ratio,
          count(*) AS providers, max(inventories.created_at) AS newest
      FROM resource_provider_aggregates
      INNER JOIN inventories ON inventories.resource_provider_id = resource_provider_aggregates.resource_provider_id
      WHERE (inventories.resource_provider_id NOT IN (
        SELECT resource_provider_traits.resource_provider_id
        FROM resource_provider_traits
        INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
        WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
      ))
        AND inventories.allocation_ratio > 0
      GROUP BY resource_provider_aggregates.aggregate_id, inventories.resource_class_id, inventories.allocation_ratio
    ) AS ratio
    GROUP BY ratio.aggregate_id, ratio.resource_class_id
    HAVING max(ratio.ratio) > min(ratio.ratio) * 1.000001
  ) AS mixed
  INNER JOIN placement_aggregates ON placement_aggregates.id = mixed.aggregate_id
  INNER JOIN resource_classes ON resource_classes.id = mixed.resource_class_id
) AS mixed_aggregates
GROUP BY mixed_aggregates.resource_class, mixed_aggregates.lowest, mixed_aggregates.highest
ORDER BY mixed_aggregates.resource_class, mixed_aggregates.lowest, mixed_aggregates.highest;
