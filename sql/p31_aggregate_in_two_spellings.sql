-- P31 aggregate-in-two-spellings: One aggregate that placement has twice, in two spellings
-- Severity: info, impact L
--
-- Says: placement has {spellings} aggregates that are one uuid: {aggregate} and {other}
--
-- Why: Placement stores an aggregate as it was given, with or without dashes, and compares the text. A provider that is
-- in one of them is not found in the other: nova, which asks with dashes and in small letters, misses it, and a sharing
-- provider does not reach it.
--
-- What to do, with a row's columns for the names in braces:
--   openstack --os-placement-api-version 1.3 resource provider list --member-of {aggregate}
--   openstack --os-placement-api-version 1.3 resource provider list --member-of {other}
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
SELECT min(concat(placement_aggregates.uuid, '')) AS aggregate, max(concat(placement_aggregates.uuid, '')) AS other,
    count(*) AS spellings, coalesce(sum(members.members), 0) AS members,
    'aggregate set replaces the whole list of a provider, and whoever wrote the other spelling would write it again: find out first who that is'
    AS withheld, NULL AS newest_change
FROM placement_aggregates
LEFT OUTER JOIN (
  SELECT resource_provider_aggregates.aggregate_id AS aggregate_id, count(*) AS members
  FROM resource_provider_aggregates
  GROUP BY resource_provider_aggregates.aggregate_id
) AS members ON members.aggregate_id = placement_aggregates.id
WHERE placement_aggregates.uuid IS NOT NULL
GROUP BY replace(lower(placement_aggregates.uuid), '-', '')
HAVING count(*) > 1
ORDER BY aggregate;
