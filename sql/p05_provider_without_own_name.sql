-- P05 provider-without-own-name: Provider without a name of its own
-- Severity: info, impact L
--
-- Says: provider {provider} {fault}
--
-- Why: Placement goes by the uuid and works. Whoever goes by the name, as host aggregates, blazar, zun and people do,
-- misses the provider or takes it for another. The API requires a name, and the table requires that it is unique:
-- somebody wrote this by SQL, or restored the table without its keys.
--
-- Left alone:
-- - names that differ in case alone, where the database takes them for different
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider show {provider}
--   openstack resource provider set --name {new_name} {provider}
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

WITH resource_providers AS (
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
compute_nodes AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(hypervisor_hostname USING utf8mb4) AS
      hypervisor_hostname, deleted
  FROM nova_cell0.compute_nodes
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(hypervisor_hostname USING utf8mb4) AS
      hypervisor_hostname, deleted
  FROM nova.compute_nodes
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    CASE WHEN (coalesce(resource_providers.name, '') = '') THEN 'has no name' ELSE concat('is called ',
    resource_providers.name, ', and so is another') END AS fault, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_providers AS holder
  WHERE holder.name = (
    SELECT max(compute_nodes.hypervisor_hostname) AS max_1
    FROM compute_nodes, resource_providers
    WHERE compute_nodes.uuid = resource_providers.uuid
      AND compute_nodes.deleted = 0
  )
))) THEN (
  SELECT max(compute_nodes.hypervisor_hostname) AS max_1
  FROM compute_nodes
  WHERE compute_nodes.uuid = resource_providers.uuid
    AND compute_nodes.deleted = 0
) END AS new_name, CASE WHEN ((
  SELECT max(compute_nodes.hypervisor_hostname) AS max_1
  FROM compute_nodes
  WHERE compute_nodes.uuid = resource_providers.uuid
    AND compute_nodes.deleted = 0
) IS NULL) THEN
    'its name is not known here: nova has it where the uuid is a compute node''s (openstack hypervisor list --long), else whoever made the provider'
    WHEN (EXISTS (
  SELECT *
  FROM resource_providers AS holder
  WHERE holder.name = (
    SELECT max(compute_nodes.hypervisor_hostname) AS max_1
    FROM compute_nodes, resource_providers
    WHERE compute_nodes.uuid = resource_providers.uuid
      AND compute_nodes.deleted = 0
  )
)) THEN concat('its compute node is called ', (
  SELECT max(compute_nodes.hypervisor_hostname) AS max_1
  FROM compute_nodes
  WHERE compute_nodes.uuid = resource_providers.uuid
    AND compute_nodes.deleted = 0
), ', and another provider has that name: openstack resource provider list --name tells which') END AS withheld,
    resource_providers.created_at AS newest_change
FROM resource_providers
WHERE coalesce(resource_providers.name, '') = '' OR (EXISTS (
  SELECT *
  FROM resource_providers AS twin
  WHERE twin.name = resource_providers.name
    AND (concat(twin.name, '')) = (concat(resource_providers.name, ''))
    AND twin.id != resource_providers.id
))
ORDER BY provider;
