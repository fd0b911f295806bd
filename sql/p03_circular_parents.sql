-- P03 circular-parents: Provider that is its own ancestor
-- Severity: error, impact C
--
-- Says: {provider_name} is its own ancestor: the parents of its parent {parent_name} lead back to it
--
-- Why: The tree has no top. Placement can delete none of the providers in it, and a request for candidates of the same
-- subtree that meets them fails for everybody.
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT id, uuid, name, parent_provider_id, root_provider_id FROM resource_providers WHERE id IN ({provider_id}, {parent_id})"
--   mariadb placement -e "UPDATE resource_providers SET parent_provider_id = NULL WHERE id = {own_root_id} AND parent_provider_id = {parent_id} AND root_provider_id = {own_root_id}"
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
    resource_providers.id AS provider_id, resource_providers.parent_provider_id AS parent_id,
    parent.name AS parent_name, resource_providers.root_provider_id AS root_id,
    CASE WHEN (resource_providers.root_provider_id = resource_providers.id AND (
  SELECT min(other_root.name) AS min_1
  FROM lineage AS up
  INNER JOIN lineage AS down ON down.provider_id = up.ancestor_id
    AND down.ancestor_id = up.provider_id
  INNER JOIN resource_providers AS other_root ON other_root.id = up.ancestor_id
    AND other_root.root_provider_id = other_root.id
  WHERE up.provider_id = resource_providers.id
    AND other_root.id != resource_providers.id
) IS NULL) THEN resource_providers.id END AS own_root_id, CASE WHEN (resource_providers.root_provider_id =
    resource_providers.id AND (
  SELECT min(other_root.name) AS min_1
  FROM lineage AS up
  INNER JOIN lineage AS down ON down.provider_id = up.ancestor_id
    AND down.ancestor_id = up.provider_id
  INNER JOIN resource_providers AS other_root ON other_root.id = up.ancestor_id
    AND other_root.root_provider_id = other_root.id
  WHERE up.provider_id = resource_providers.id
    AND other_root.id != resource_providers.id
) IS NULL) THEN NULL WHEN (resource_providers.root_provider_id = resource_providers.id) THEN
    concat('it is recorded as its own root, and so is ', (
  SELECT min(other_root.name) AS min_1
  FROM lineage AS up
  INNER JOIN lineage AS down ON down.provider_id = up.ancestor_id
    AND down.ancestor_id = up.provider_id
  INNER JOIN resource_providers AS other_root ON other_root.id = up.ancestor_id
    AND other_root.root_provider_id = other_root.id
  WHERE up.provider_id = resource_providers.id
    AND other_root.id != resource_providers.id
),
    ' of the same circle: compare both uuids with openstack hypervisor list --long, for the host is the one that has no parent')
    WHEN ((
  SELECT min(other_root.name) AS min_1
  FROM lineage AS up
  INNER JOIN lineage AS down ON down.provider_id = up.ancestor_id
    AND down.ancestor_id = up.provider_id
  INNER JOIN resource_providers AS other_root ON other_root.id = up.ancestor_id
    AND other_root.root_provider_id = other_root.id
  WHERE up.provider_id = resource_providers.id
    AND other_root.id != resource_providers.id
) IS NOT NULL) THEN concat('the circle is to be opened above ', (
  SELECT min(other_root.name) AS min_1
  FROM lineage AS up
  INNER JOIN lineage AS down ON down.provider_id = up.ancestor_id
    AND down.ancestor_id = up.provider_id
  INNER JOIN resource_providers AS other_root ON other_root.id = up.ancestor_id
    AND other_root.root_provider_id = other_root.id
  WHERE up.provider_id = resource_providers.id
    AND other_root.id != resource_providers.id
), ', which is recorded as its own root: see the finding about that one, then audit again') ELSE
    'none of the circle is recorded as its own root: compare the uuids with openstack hypervisor list --long, for the host is the one that has no parent'
    END AS withheld, (
  SELECT count(*) - 1 AS anon_1
  FROM lineage AS below
  WHERE below.ancestor_id = resource_providers.id
) AS below, resource_providers.created_at AS newest_change
FROM resource_providers
INNER JOIN resource_providers AS parent ON parent.id = resource_providers.parent_provider_id
INNER JOIN lineage ON lineage.provider_id = resource_providers.parent_provider_id
  AND lineage.ancestor_id = resource_providers.id
ORDER BY provider;
