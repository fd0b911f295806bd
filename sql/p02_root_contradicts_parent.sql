-- P02 root-contradicts-parent: Provider whose root is not where its parents lead
-- Severity: error, impact H
--
-- Says: {provider_name} is in the wrong tree: {reason} (parent {parent_name}, root {root_name})
--
-- Why: Placement goes by the root: it offers the provider's resources together with those of another host, and misses
-- them on its own.
--
-- What to do, with a row's columns for the names in braces:
--   openstack --os-placement-api-version 1.14 resource provider show {provider}
--   mariadb placement -e "UPDATE resource_providers SET root_provider_id = {right_root_id} WHERE id = {provider_id} AND root_provider_id = {root_id} AND parent_provider_id = {parent_id}"
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

WITH RECURSIVE resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      root_provider_id, parent_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
lineage(provider_id, ancestor_id) AS (
  SELECT resource_providers.id AS provider_id, resource_providers.id AS ancestor_id
  FROM resource_providers
  UNION
  SELECT lineage.provider_id AS provider_id, above.parent_provider_id AS parent_provider_id
  FROM lineage
  INNER JOIN resource_providers AS above ON above.id = lineage.ancestor_id
  WHERE above.parent_provider_id IS NOT NULL
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    CASE WHEN (resource_providers.parent_provider_id IS NOT NULL AND parent.id IS NULL) THEN 'its parent does not exist'
    WHEN (resource_providers.parent_provider_id IS NULL) THEN 'it has no parent, yet is not its own root' WHEN
    (resource_providers.parent_provider_id IS NOT NULL AND resource_providers.root_provider_id = resource_providers.id)
    THEN 'it has a parent, yet is its own root' ELSE 'its parents lead to another root' END AS reason,
    resource_providers.id AS provider_id, resource_providers.parent_provider_id AS parent_id,
    parent.name AS parent_name, resource_providers.root_provider_id AS root_id, root.name AS root_name,
    CASE WHEN (resource_providers.parent_provider_id IS NOT NULL) THEN right_root.id END AS right_root_id,
    right_root.name AS right_root_name, resource_providers.created_at AS newest_change
FROM resource_providers
LEFT OUTER JOIN resource_providers AS parent ON parent.id = resource_providers.parent_provider_id
LEFT OUTER JOIN resource_providers AS root ON root.id = resource_providers.root_provider_id
LEFT OUTER JOIN (
  SELECT lineage.provider_id AS provider_id, lineage.ancestor_id AS top_id
  FROM lineage
  INNER JOIN resource_providers AS top_provider ON top_provider.id = lineage.ancestor_id
  WHERE top_provider.parent_provider_id IS NULL
) AS tops ON tops.provider_id = resource_providers.id
LEFT OUTER JOIN resource_providers AS right_root ON right_root.id = tops.top_id
WHERE resource_providers.root_provider_id IS NOT NULL
  AND (resource_providers.parent_provider_id IS NOT NULL AND parent.id IS NULL OR resource_providers.parent_provider_id
      IS NOT NULL AND resource_providers.root_provider_id = resource_providers.id OR resource_providers.root_provider_id
      != tops.top_id)
ORDER BY provider;
