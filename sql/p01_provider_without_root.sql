-- P01 provider-without-root: Provider without a root
-- Severity: error, impact C
--
-- Says: {provider_name} (id {provider_id}) has no root provider
--
-- Why: The API does not show the provider, and every request for allocation candidates that its inventory could serve
-- fails for the whole cloud. Do not run the online data migrations while it has a parent: they make each such provider
-- a root of its own.
--
-- Left alone:
-- - placement before Train, which has yet to fill in the roots
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM resource_providers WHERE id = {provider_id}"
--   mariadb placement -e "UPDATE resource_providers SET root_provider_id = {right_root_id} WHERE id = {provider_id} AND root_provider_id IS NULL AND parent_provider_id <=> {parent_or_null}"
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
compute_nodes AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, deleted
  FROM nova.compute_nodes
),
sources AS (
  SELECT 'placement' AS `role`, (
    SELECT GROUP_CONCAT(version.version_num ORDER BY version.version_num SEPARATOR ', ')
    FROM placement.alembic_version AS version
  ) AS revision
  UNION ALL
  SELECT 'api' AS `role`, NULL AS revision
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, NULL AS revision
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
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
    coalesce(CAST(resource_providers.parent_provider_id AS CHAR), 'NULL') AS parent_or_null,
    CASE WHEN (NOT (resource_providers.parent_provider_id IS NOT NULL AND resource_providers.uuid IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
))) THEN tops.top_id END AS right_root_id, CASE WHEN (CASE WHEN (NOT (resource_providers.parent_provider_id IS NOT NULL
    AND resource_providers.uuid IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
))) THEN tops.top_id END IS NOT NULL) THEN NULL WHEN (resource_providers.parent_provider_id IS NOT NULL AND
    resource_providers.uuid IN (
  SELECT compute_nodes.uuid
  FROM compute_nodes
  WHERE compute_nodes.deleted = 0
)) THEN
    'it is a compute node''s provider, which nova gives no parent, and has one: find out who set its parent_provider_id before a root is written'
    ELSE
    'its parents end in no root: restore the parent that is missing, or mend their circle (P03), and look with openstack --os-placement-api-version 1.14 resource provider list where it belongs'
    END AS withheld, resource_providers.created_at AS newest_change
FROM resource_providers
LEFT OUTER JOIN (
  SELECT lineage.provider_id AS provider_id, lineage.ancestor_id AS top_id
  FROM lineage
  INNER JOIN resource_providers AS top_provider ON top_provider.id = lineage.ancestor_id
  WHERE top_provider.parent_provider_id IS NULL
) AS tops ON tops.provider_id = resource_providers.id
WHERE resource_providers.root_provider_id IS NULL
  AND NOT (EXISTS (
    SELECT *
    FROM sources
    WHERE sources.`role` = 'placement'
      AND sources.revision IN ('b4ed3a175331')
  ))
ORDER BY provider;
