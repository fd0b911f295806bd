-- P08 inventory-of-unknown-class: Inventory of a resource class that is missing
-- Severity: error, impact H
--
-- Says: some inventories have resource class id {class_id}, which does not exist (rows: {rows}, providers: {providers})
--
-- Why: Placement cannot name the class, so nobody can read the inventories of these providers, nova-compute included,
-- and nobody can ask for the class.
--
-- Left alone:
-- - standard classes, as long as the API has not been started on the database
--
-- What to do, with a row's columns for the names in braces:
--   mariadb placement -e "SELECT * FROM inventories WHERE resource_class_id = {class_id}"
--   systemctl restart placement-api  # its start inserts {standard_class} as id {class_id}
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
  SELECT resource_provider_id, resource_class_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
)
SELECT inventories.resource_class_id AS class_id, NULL AS resource_class, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_classes AS class_there
  WHERE class_there.name = CASE inventories.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN
      'DISK_GB' WHEN 3 THEN 'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE'
      WHEN 7 THEN 'NUMA_THREAD' WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN
      'VGPU_DISPLAY_HEAD' WHEN 12 THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14
      THEN 'PCPU' WHEN 15 THEN 'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN
      'NET_PACKET_RATE_KILOPACKET_PER_SEC' WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN
      'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END
))) THEN CASE inventories.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN 'DISK_GB' WHEN 3 THEN
    'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE' WHEN 7 THEN 'NUMA_THREAD'
    WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN 'VGPU_DISPLAY_HEAD' WHEN 12
    THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14 THEN 'PCPU' WHEN 15 THEN
    'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN 'NET_PACKET_RATE_KILOPACKET_PER_SEC'
    WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END END
    AS standard_class, CASE WHEN (CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_classes AS class_there
  WHERE class_there.name = CASE inventories.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN
      'DISK_GB' WHEN 3 THEN 'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE'
      WHEN 7 THEN 'NUMA_THREAD' WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN
      'VGPU_DISPLAY_HEAD' WHEN 12 THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14
      THEN 'PCPU' WHEN 15 THEN 'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN
      'NET_PACKET_RATE_KILOPACKET_PER_SEC' WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN
      'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END
))) THEN CASE inventories.resource_class_id WHEN 0 THEN 'VCPU' WHEN 1 THEN 'MEMORY_MB' WHEN 2 THEN 'DISK_GB' WHEN 3 THEN
    'PCI_DEVICE' WHEN 4 THEN 'SRIOV_NET_VF' WHEN 5 THEN 'NUMA_SOCKET' WHEN 6 THEN 'NUMA_CORE' WHEN 7 THEN 'NUMA_THREAD'
    WHEN 8 THEN 'NUMA_MEMORY_MB' WHEN 9 THEN 'IPV4_ADDRESS' WHEN 10 THEN 'VGPU' WHEN 11 THEN 'VGPU_DISPLAY_HEAD' WHEN 12
    THEN 'NET_BW_EGR_KILOBIT_PER_SEC' WHEN 13 THEN 'NET_BW_IGR_KILOBIT_PER_SEC' WHEN 14 THEN 'PCPU' WHEN 15 THEN
    'MEM_ENCRYPTION_CONTEXT' WHEN 16 THEN 'FPGA' WHEN 17 THEN 'PGPU' WHEN 18 THEN 'NET_PACKET_RATE_KILOPACKET_PER_SEC'
    WHEN 19 THEN 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC' WHEN 20 THEN 'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC' END END
    IS NULL) THEN
    'only a backup or whoever reports these providers knows the name of the class, and its row has to come back under this id: the inventories of these providers tell nothing else'
    END AS withheld, count(*) AS `rows`, count(DISTINCT inventories.resource_provider_id) AS providers,
    max(inventories.created_at) AS newest_change
FROM inventories
LEFT OUTER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
WHERE resource_classes.id IS NULL
  AND NOT (inventories.resource_class_id < 21 AND NOT (EXISTS (
    SELECT *
    FROM resource_classes AS standard_class
    WHERE standard_class.name IN ('VCPU', 'MEMORY_MB', 'DISK_GB', 'PCI_DEVICE', 'SRIOV_NET_VF', 'NUMA_SOCKET',
        'NUMA_CORE', 'NUMA_THREAD', 'NUMA_MEMORY_MB', 'IPV4_ADDRESS', 'VGPU', 'VGPU_DISPLAY_HEAD',
        'NET_BW_EGR_KILOBIT_PER_SEC', 'NET_BW_IGR_KILOBIT_PER_SEC', 'PCPU', 'MEM_ENCRYPTION_CONTEXT', 'FPGA', 'PGPU',
        'NET_PACKET_RATE_KILOPACKET_PER_SEC', 'NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC',
        'NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC')
  )))
GROUP BY inventories.resource_class_id
ORDER BY class_id;
