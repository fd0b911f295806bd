-- P36 overcommit-without-reserve: Memory or disk promised beyond what exists
-- Severity: warning, impact M
--
-- Says: {providers} providers may promise {promised} {resource_class} where {total} exist and {reserved} are reserved
-- (ratio {allocation_ratio}): {sample}
--
-- Why: When servers use what they were promised, the host swaps, kills processes or fills its disk. The host itself
-- needs memory too: set reserved_host_memory_mb and ram_allocation_ratio (for disk: disk_allocation_ratio) in nova.conf
-- on the host, for nova writes back what is only changed in placement.
--
-- Left alone:
-- - memory above the ratio of 1 with a reserve for the host
-- - it is information where --config-file gives a nova.conf that sets this ratio and reserved_host_memory_mb = 0
-- - an inventory with numbers that the API would refuse is reported as such
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT uuid, name, total, reserved, allocation_ratio FROM inventories JOIN resource_providers ON resource_providers.id = resource_provider_id WHERE resource_class_id = {class_id} AND allocation_ratio > 1"
--   openstack resource provider inventory show {first} {resource_class}
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size,
      CONCAT(allocation_ratio) + 0e0 AS allocation_ratio, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
)
SELECT overcommitted.resource_class, overcommitted.allocation_ratio, min(overcommitted.class_id) AS class_id,
    count(*) AS providers, concat(CAST(max(CASE WHEN (overcommitted.place = 1) THEN overcommitted.name END) AS CHAR),
    coalesce(concat(', ', max(CASE WHEN (overcommitted.place = 2) THEN overcommitted.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (overcommitted.place = 3) THEN overcommitted.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (overcommitted.place = 4) THEN overcommitted.name END)), ''),
    coalesce(concat(', ', max(CASE WHEN (overcommitted.place = 5) THEN overcommitted.name END)), ''),
    CASE WHEN (count(*) > 5) THEN concat(' and ', CAST(count(*) - 5 AS CHAR), ' more') ELSE '' END) AS sample,
    max(CASE WHEN (overcommitted.place = 1) THEN overcommitted.uuid END) AS first,
    sum(overcommitted.promised) AS promised, sum(overcommitted.total) AS total, sum(overcommitted.reserved) AS reserved,
    'nova-compute writes back what is changed in placement alone, and the rows do not tell what the hosts need for themselves: set it in nova.conf on each host'
    AS withheld, min(overcommitted.created_at) AS newest_change, CASE WHEN (abs(CASE WHEN (overcommitted.resource_class
    = 'MEMORY_MB') THEN ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'ram_allocation_ratio'
) + 0e0) ELSE ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'disk_allocation_ratio'
) + 0e0) END - overcommitted.allocation_ratio) <= overcommitted.allocation_ratio * 1e-05 AND
    (overcommitted.resource_class != 'MEMORY_MB' OR ((
  SELECT settings.value
  FROM settings
  WHERE settings.name = 'reserved_host_memory_mb'
) + 0e0) = 0)) THEN 'I' WHEN (overcommitted.resource_class = 'MEMORY_MB') THEN 'M' ELSE 'L' END AS impact
FROM (
  SELECT resource_classes.name AS resource_class, resource_classes.id AS class_id,
      inventories.allocation_ratio AS allocation_ratio, resource_providers.uuid AS uuid,
      resource_providers.name AS name, CASE WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
      inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END AS promised, inventories.total AS total,
      inventories.reserved AS reserved, inventories.created_at AS created_at,
      row_number() OVER (PARTITION BY resource_classes.name, inventories.allocation_ratio ORDER BY
      resource_providers.name) AS place
  FROM inventories
  INNER JOIN resource_providers ON resource_providers.id = inventories.resource_provider_id
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
  WHERE NOT (inventories.total IS NULL OR inventories.reserved IS NULL OR inventories.min_unit IS NULL OR
      inventories.max_unit IS NULL OR inventories.step_size IS NULL OR inventories.allocation_ratio IS NULL OR
      inventories.total < 1 OR inventories.min_unit < 1 OR inventories.max_unit < 1 OR inventories.step_size < 1 OR
      inventories.reserved < 0 OR inventories.allocation_ratio < 0 OR inventories.reserved > inventories.total)
    AND inventories.allocation_ratio > 1
    AND (resource_classes.name = 'DISK_GB' OR resource_classes.name = 'MEMORY_MB' AND inventories.reserved = 0)
) AS overcommitted
GROUP BY overcommitted.resource_class, overcommitted.allocation_ratio
ORDER BY overcommitted.resource_class, overcommitted.allocation_ratio;
