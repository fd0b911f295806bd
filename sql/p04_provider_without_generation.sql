-- P04 provider-without-generation: Provider without a generation
-- Severity: error, impact H
--
-- Says: {provider_name} (id {provider_id}) has no generation
--
-- Why: Placement fails with an internal error whenever something is to be allocated on the provider.
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider show {provider}
--   mariadb placement -e "UPDATE resource_providers SET generation = 0 WHERE id = {provider_id} AND generation IS NULL"
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
  SELECT id, CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'),
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name, generation,
      CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name,
    resource_providers.id AS provider_id, resource_providers.created_at AS newest_change
FROM resource_providers
WHERE resource_providers.generation IS NULL
ORDER BY provider;
