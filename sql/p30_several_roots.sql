-- P30 several-roots: Consumer that holds compute resources on several hosts
-- Severity: warning, impact M
--
-- Says: {caveat}{consumer} holds compute resources on {roots} hosts: {providers}
--
-- Why: An evacuated server holds both hosts legally until its old host returns, and so does one on its way between
-- them: look before anything is removed. Any other server belongs on one host, and what it keeps on another is lost to
-- placement. Without nova's databases it cannot be told which host is right.
--
-- Left alone:
-- - sharing providers, wherever they stand, one that lost its trait included, and neutron segments
-- - resources on another root that are no host's own (bandwidth, custom classes)
-- - a consumer that nova knows, where nova's databases are read: the checks that see both sides judge it
-- - a consumer that nova does not know, or of another service's type, is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider allocation show {consumer}
--   openstack server show {consumer}
--   openstack server migration list --server {consumer}
--
-- Names to change: placement, nova_api, nova_cell0 (cell0), nova (cell1)
-- Before Xena there is no consumer_types.
-- Before Xena there is no consumers.consumer_type_id: write NULL in its place.
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
  SELECT id, CONVERT(name USING utf8mb4) AS name, root_provider_id
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id, resource_class_id, used, CONVERT(created_at USING ascii) AS created_at
  FROM placement.allocations
),
consumers AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, consumer_type_id
  FROM placement.consumers
),
consumer_types AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.consumer_types
),
resource_classes AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.resource_classes
),
traits AS (
  SELECT id, CAST(name AS CHAR) AS name
  FROM placement.traits
),
resource_provider_traits AS (
  SELECT resource_provider_id, trait_id
  FROM placement.resource_provider_traits
),
instances AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova_cell0.instances
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova.instances
),
migrations AS (
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova_cell0.migrations
  UNION ALL
  SELECT CONVERT(IF(CHAR_LENGTH(uuid) = 32 AND INSTR(uuid, '-') = 0, INSERT(INSERT(INSERT(INSERT(uuid, 21, 0, '-'), 17, 0,
      '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid
  FROM nova.migrations
),
sources AS (
  SELECT 'placement' AS `role`, 'read' AS status
  UNION ALL
  SELECT 'api' AS `role`, 'read' AS status
  UNION ALL
  SELECT 'cell' AS `role`, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova_cell0'
  UNION ALL
  SELECT 'cell' AS `role`, 'read' AS status
  FROM (
    SELECT 1 AS one
  ) AS this
  LEFT OUTER JOIN nova_api.cell_mappings AS mapping ON coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
      '') = ''
    AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1), '') = 'nova'
  UNION ALL
  SELECT 'cell' AS `role`, 'missing' AS status
  FROM nova_api.cell_mappings AS mapping
  WHERE NOT (coalesce(mapping.name, '') = 'cell0' OR coalesce(mapping.name,
      '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
      '') = 'nova_cell0')
    AND NOT (coalesce(mapping.name, '') = 'cell1' OR coalesce(mapping.name,
        '') = '' AND coalesce(substring_index(substring_index(mapping.database_connection, '?', 1), '/', -1),
        '') = 'nova')
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
claims AS (
  SELECT allocations.consumer_id, trees.root_id, min(trees.shared) AS shared, count(*) AS `rows`,
      sum(CASE WHEN (trees.shared = 0) THEN 1 ELSE 0 END) AS own, sum(CASE WHEN (trees.shared = 0 AND
      allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS core, sum(CASE WHEN (trees.shared = 1 AND allocations.resource_class_id IN (
    SELECT resource_classes.id
    FROM resource_classes
    WHERE resource_classes.name IN ('VCPU', 'PCPU', 'MEMORY_MB', 'DISK_GB')
  )) THEN 1 ELSE 0 END) AS pooled, sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_1
    FROM resource_classes
    WHERE resource_classes.name = 'VCPU'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS vcpu,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_2
    FROM resource_classes
    WHERE resource_classes.name = 'PCPU'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pcpu,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_3
    FROM resource_classes
    WHERE resource_classes.name = 'MEMORY_MB'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS memory_mb,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_4
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  ) AND trees.shared = 0) THEN coalesce(allocations.used, 0) ELSE 0 END) AS disk_gb,
      sum(CASE WHEN (allocations.resource_class_id = (
    SELECT min(resource_classes.id) AS min_5
    FROM resource_classes
    WHERE resource_classes.name = 'DISK_GB'
  ) AND trees.shared = 1) THEN coalesce(allocations.used, 0) ELSE 0 END) AS pooled_gb,
      max(allocations.created_at) AS newest
  FROM allocations
  INNER JOIN trees ON trees.provider_id = allocations.resource_provider_id
  GROUP BY trees.root_id, allocations.consumer_id
),
unknown_consumers AS (
  SELECT DISTINCT claims.consumer_id
  FROM claims
  WHERE NOT (EXISTS (
    SELECT *
    FROM instances
    WHERE instances.uuid = claims.consumer_id
  ))
    AND NOT (EXISTS (
      SELECT *
      FROM migrations
      WHERE migrations.uuid = claims.consumer_id
    ))
)
SELECT claims.consumer_id AS consumer, count(DISTINCT claims.root_id) AS roots,
    group_concat(resource_providers.name SEPARATOR ', ') AS providers, max(consumer_types.name) AS consumer_type,
    CASE WHEN ((max(consumer_types.name) NOT IN ('INSTANCE', 'MIGRATION'))) THEN 'of another service than nova: ' WHEN
    (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
)) THEN 'known to no cell that was read: ' ELSE 'perhaps an evacuated server, or one that is being moved: ' END AS
    caveat, CASE WHEN ((max(consumer_types.name) NOT IN ('INSTANCE',
    'MIGRATION'))) THEN 'it is another service''s, and that may hold several hosts: its consumer type tells whose' WHEN
    (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
)) THEN
    'no cell that was read has it, so that nobody here knows where it belongs: look for other cells, and for other services that use placement'
    ELSE
    'an evacuated server holds its old host until that is back: openstack server migration list and server show tell, or an audit with nova''s databases'
    END AS withheld, max(claims.newest) AS newest_change, CASE WHEN ((max(consumer_types.name) NOT IN ('INSTANCE',
    'MIGRATION'))) THEN 'I' WHEN (EXISTS (
  SELECT *
  FROM sources
  WHERE sources.`role` = 'cell'
    AND sources.status = 'read'
)) THEN 'I' ELSE 'M' END AS impact
FROM claims
INNER JOIN resource_providers ON resource_providers.id = claims.root_id
LEFT OUTER JOIN consumers ON consumers.uuid = claims.consumer_id
LEFT OUTER JOIN consumer_types ON consumer_types.id = consumers.consumer_type_id
WHERE claims.consumer_id IN (
  SELECT unknown_consumers.consumer_id
  FROM unknown_consumers
)
  AND claims.core > 0
  AND (claims.vcpu + claims.pcpu + claims.memory_mb > 0 OR (EXISTS (
    SELECT *
    FROM trees AS place, inventories AS offered, resource_classes AS offered_class
    WHERE place.root_id = claims.root_id
      AND offered.resource_provider_id = place.provider_id
      AND offered_class.id = offered.resource_class_id
      AND offered_class.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
  )))
GROUP BY claims.consumer_id
HAVING count(DISTINCT claims.root_id) > 1
ORDER BY consumer;
