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
--   mariadb placement -e "UPDATE resource_providers SET parent_provider_id = NULL, root_provider_id = {host_id} WHERE id = {host_id} AND root_provider_id = {root_id} AND parent_provider_id <=> {parent_or_null}"
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
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

SELECT concat('cell ', coalesce(mapping.name, mapping.uuid), ' is not named in this file: what is in it looks unknown')
    AS warning
FROM nova_api.cell_mappings AS mapping
WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
    '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
    '') = 'nova_cell0')
  AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova');

WITH RECURSIVE resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      root_provider_id, parent_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id
  FROM placement.allocations
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
compute_nodes AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.compute_nodes
),
trees AS (
  SELECT resource_providers.id AS provider_id, coalesce(root.id, resource_providers.id) AS root_id,
      CASE WHEN (resource_providers.id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  ) OR root.name LIKE 'Neutron segment id %') THEN 1 ELSE 0 END AS shared
  FROM resource_providers
  LEFT OUTER JOIN resource_providers AS root ON root.id = resource_providers.root_provider_id
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
    CASE WHEN (resource_providers.parent_provider_id IS NOT NULL AND (resource_providers.uuid NOT IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
)) AND (resource_providers.id NOT IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'COMPUTE_NODE'
)) AND (
  SELECT min(held.consumer_id) AS min_1
  FROM allocations AS held
  INNER JOIN allocations AS beside ON beside.consumer_id = held.consumer_id
  INNER JOIN trees AS recorded_tree ON recorded_tree.provider_id = beside.resource_provider_id
  WHERE held.resource_provider_id = resource_providers.id
    AND beside.resource_provider_id != resource_providers.id
    AND recorded_tree.root_id = resource_providers.root_provider_id
) IS NULL) THEN right_root.id END AS right_root_id, CASE WHEN (resource_providers.uuid IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
)) THEN resource_providers.id END AS host_id, coalesce(CAST(resource_providers.parent_provider_id AS CHAR),
    'NULL') AS parent_or_null, CASE WHEN (resource_providers.uuid IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
)) THEN NULL WHEN (resource_providers.parent_provider_id IS NOT NULL AND parent.id IS NULL) THEN
    'its parent is gone from the table: restore that row, or ask whatever reports the provider (its name tells: nova-compute, a neutron agent) where it belongs'
    WHEN (resource_providers.parent_provider_id IS NULL OR resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'COMPUTE_NODE'
)) THEN
    'it may be a host''s own root or have lost its parent: audit with nova''s databases, or compare its uuid with openstack hypervisor list --long'
    WHEN (right_root.id IS NULL) THEN 'its parents end in no root, which is a finding of its own (P01, P03)' WHEN ((
  SELECT min(held.consumer_id) AS min_1
  FROM allocations AS held
  INNER JOIN allocations AS beside ON beside.consumer_id = held.consumer_id
  INNER JOIN trees AS recorded_tree ON recorded_tree.provider_id = beside.resource_provider_id
  WHERE held.resource_provider_id = resource_providers.id
    AND beside.resource_provider_id != resource_providers.id
    AND recorded_tree.root_id = resource_providers.root_provider_id
) IS NOT NULL) THEN concat('its parent may be the mistake, not its root: ', (
  SELECT min(held.consumer_id) AS min_1
  FROM allocations AS held
  INNER JOIN allocations AS beside ON beside.consumer_id = held.consumer_id
  INNER JOIN trees AS recorded_tree ON recorded_tree.provider_id = beside.resource_provider_id
  WHERE held.resource_provider_id = resource_providers.id
    AND beside.resource_provider_id != resource_providers.id
    AND recorded_tree.root_id = resource_providers.root_provider_id
),
    ' holds something of it and of the tree of its root; openstack resource provider allocation show tells which host that is')
    END AS withheld, right_root.name AS right_root_name, resource_providers.created_at AS newest_change
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
