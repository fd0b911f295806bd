-- P34 standard-rows-missing: Resource class or trait of placement itself is missing
-- Severity: error, impact C
--
-- Says: placement has no row for its own {kind} {missing}
--
-- Why: Without the trait of sharing providers every request for allocation candidates is answered 400, and without a
-- class every one that asks for it. The API inserts what is missing of its own rows each time it starts.
--
-- Left alone:
-- - a database whose API was never started, with neither classes nor traits
--
-- What to do, with a row's columns for the names in braces:
--   openstack --os-placement-api-version 1.2 resource class show {resource_class}
--   openstack --os-placement-api-version 1.6 trait show {trait}
--   systemctl restart placement-api  # its start inserts {inserted}
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

WITH resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
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
)
SELECT missing.kind, missing.missing, missing.inserted, missing.resource_class, missing.trait, missing.class_id,
    missing.withheld, NULL AS newest_change
FROM (
  SELECT 'resource class' AS kind, standard_classes.name AS missing, CASE WHEN (NOT (EXISTS (
    SELECT *
    FROM resource_classes AS taken
    WHERE taken.id = standard_classes.id
  ))) THEN standard_classes.name END AS inserted, standard_classes.name AS resource_class, NULL AS trait,
      standard_classes.id AS class_id, CASE WHEN (EXISTS (
    SELECT *
    FROM resource_classes AS taken
    WHERE taken.id = standard_classes.id
  )) THEN 'another class has its id, so that placement''s start cannot insert it: that class comes first (P25)' END AS
      withheld
  FROM (
    SELECT 0 AS id, 'VCPU' AS name
    UNION ALL
    SELECT 1 AS id, 'MEMORY_MB' AS name
    UNION ALL
    SELECT 2 AS id, 'DISK_GB' AS name
    UNION ALL
    SELECT 3 AS id, 'PCI_DEVICE' AS name
    UNION ALL
    SELECT 4 AS id, 'SRIOV_NET_VF' AS name
    UNION ALL
    SELECT 5 AS id, 'NUMA_SOCKET' AS name
    UNION ALL
    SELECT 6 AS id, 'NUMA_CORE' AS name
    UNION ALL
    SELECT 7 AS id, 'NUMA_THREAD' AS name
    UNION ALL
    SELECT 8 AS id, 'NUMA_MEMORY_MB' AS name
    UNION ALL
    SELECT 9 AS id, 'IPV4_ADDRESS' AS name
    UNION ALL
    SELECT 10 AS id, 'VGPU' AS name
    UNION ALL
    SELECT 11 AS id, 'VGPU_DISPLAY_HEAD' AS name
    UNION ALL
    SELECT 12 AS id, 'NET_BW_EGR_KILOBIT_PER_SEC' AS name
    UNION ALL
    SELECT 13 AS id, 'NET_BW_IGR_KILOBIT_PER_SEC' AS name
    UNION ALL
    SELECT 14 AS id, 'PCPU' AS name
    UNION ALL
    SELECT 15 AS id, 'MEM_ENCRYPTION_CONTEXT' AS name
    UNION ALL
    SELECT 16 AS id, 'FPGA' AS name
    UNION ALL
    SELECT 17 AS id, 'PGPU' AS name
  ) AS standard_classes
  WHERE NOT (EXISTS (
    SELECT *
    FROM resource_classes
    WHERE resource_classes.name = standard_classes.name
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM sources
      WHERE sources.`role` = 'placement'
        AND sources.revision IN ('b4ed3a175331')
    ))
  UNION ALL
  SELECT 'trait' AS anon_1, 'MISC_SHARES_VIA_AGGREGATE' AS anon_2, 'MISC_SHARES_VIA_AGGREGATE' AS anon_3,
      NULL AS anon_4, 'MISC_SHARES_VIA_AGGREGATE' AS anon_5, NULL AS anon__1, NULL AS anon__2
  FROM DUAL
  WHERE NOT (EXISTS (
    SELECT *
    FROM traits
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  ))
) AS missing
WHERE (EXISTS (
  SELECT *
  FROM resource_classes
  WHERE resource_classes.id IS NOT NULL
)) OR (EXISTS (
  SELECT *
  FROM traits
  WHERE traits.id IS NOT NULL
))
ORDER BY missing.resource_class, missing.trait;
