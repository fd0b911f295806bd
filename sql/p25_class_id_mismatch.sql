-- P25 class-id-mismatch: Resource class whose id is not its own
-- Severity: error, impact H
--
-- Says: resource class {resource_class} has id {found_id}, {fault}
--
-- Why: Inventories and allocations name their class by its id, so that rows with the right id now have no class, or
-- count as another one. A dump that is restored without NO_AUTO_VALUE_ON_ZERO does this to VCPU, whose id is 0. The API
-- keeps the classes in memory: restart it after a repair.
--
-- Left alone:
-- - a standard class of a later release, with an id that this version does not know
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT id, name FROM resource_classes ORDER BY id"
--   # stop placement's API first and start it afterwards: it keeps the id of {restored} in memory
--   mariadb placement -e "UPDATE resource_classes SET id = {restored_id} WHERE id = {found_id} AND name = '{restored}' AND NOT EXISTS (SELECT * FROM inventories WHERE resource_class_id = {found_id}) AND NOT EXISTS (SELECT * FROM allocations WHERE resource_class_id = {found_id})"
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
  SELECT resource_class_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_class_id
  FROM placement.allocations
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
)
SELECT found.name AS resource_class, found.id AS found_id, CASE WHEN (standard_classes.id IS NOT NULL AND found.id !=
    standard_classes.id) THEN standard_classes.id ELSE found.id END AS class_id,
    CASE WHEN (standard_classes.id IS NOT NULL AND found.id != standard_classes.id) THEN concat('where placement has ',
    CAST(standard_classes.id AS CHAR)) WHEN (standard_classes.id IS NULL AND owner_of_id.id IS NOT NULL) THEN
    concat('which is that of ', owner_of_id.name) ELSE 'and custom classes begin at 10000' END AS fault,
    CASE WHEN (standard_classes.id IS NOT NULL AND found.id != standard_classes.id AND NOT (EXISTS (
  SELECT *
  FROM resource_classes AS other
  WHERE other.id = standard_classes.id
)) AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = found.id
)) AND NOT (EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.resource_class_id = found.id
))) THEN standard_classes.id ELSE NULL END AS restored_id, CASE WHEN (standard_classes.id IS NOT NULL AND found.id !=
    standard_classes.id AND NOT (EXISTS (
  SELECT *
  FROM resource_classes AS other
  WHERE other.id = standard_classes.id
)) AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = found.id
)) AND NOT (EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.resource_class_id = found.id
))) THEN standard_classes.name ELSE NULL END AS restored, CASE WHEN (standard_classes.id IS NOT NULL AND found.id !=
    standard_classes.id AND NOT (EXISTS (
  SELECT *
  FROM resource_classes AS other
  WHERE other.id = standard_classes.id
)) AND NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_class_id = found.id
)) AND NOT (EXISTS (
  SELECT *
  FROM allocations
  WHERE allocations.resource_class_id = found.id
))) THEN NULL WHEN (standard_classes.id IS NOT NULL AND found.id != standard_classes.id) THEN
    'the right id has another class, or something was written under the wrong one since: before anybody changes an id, find out from amounts and times which rows are of which class'
    ELSE 'what is written under this id may be of either class: a backup tells which id this class had' END AS withheld,
    (
  SELECT count(*) AS count_1
  FROM inventories
  WHERE inventories.resource_class_id = CASE WHEN (standard_classes.id IS NOT NULL AND found.id != standard_classes.id)
      THEN standard_classes.id ELSE found.id END
) AS inventories, (
  SELECT count(*) AS count_2
  FROM allocations
  WHERE allocations.resource_class_id = CASE WHEN (standard_classes.id IS NOT NULL AND found.id != standard_classes.id)
      THEN standard_classes.id ELSE found.id END
) AS allocations, NULL AS newest_change
FROM resource_classes AS found
LEFT OUTER JOIN (
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
  UNION ALL
  SELECT 18 AS id, 'NET_PACKET_RATE_KILOPACKET_PER_SEC' AS name
  UNION ALL
  SELECT 19 AS id, 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' AS name
  UNION ALL
  SELECT 20 AS id, 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' AS name
) AS standard_classes ON found.name = standard_classes.name
LEFT OUTER JOIN (
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
  UNION ALL
  SELECT 18 AS id, 'NET_PACKET_RATE_KILOPACKET_PER_SEC' AS name
  UNION ALL
  SELECT 19 AS id, 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' AS name
  UNION ALL
  SELECT 20 AS id, 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' AS name
) AS owner_of_id ON found.id = owner_of_id.id
WHERE standard_classes.id IS NOT NULL
  AND found.id != standard_classes.id OR standard_classes.id IS NULL
  AND owner_of_id.id IS NOT NULL OR found.name LIKE 'CUSTOM\\_%' ESCAPE '\\'
  AND found.id < 10000
ORDER BY resource_class;
