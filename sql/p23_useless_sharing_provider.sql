-- P23 useless-sharing-provider: Sharing provider that shares nothing, or with nobody
-- Severity: warning, impact M
--
-- Says: {provider_name} is a sharing provider, yet {reason}
--
-- Why: A sharing provider gives what it has to the providers that are in an aggregate with it. As it is, its capacity
-- reaches no host. Often the hosts were taken out of the aggregate, or an aggregate set replaced the whole list.
--
-- Left alone:
-- - a provider that has just been made
-- - neutron's segments, which are no storage
-- - a provider below a host, which gives to its own tree in any case
-- - one without inventory of which nobody holds anything is information
--
-- What to do, with a row's columns for the names in braces:
--   openstack resource provider inventory list {provider}
--   openstack --os-placement-api-version 1.19 resource provider aggregate list {provider}
--   openstack --os-placement-api-version 1.6 resource provider trait list {provider}
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
      17, 0, '-'), 13, 0, '-'), 9, 0, '-'), uuid) USING ascii) AS uuid, CONVERT(name USING utf8mb4) AS name,
      root_provider_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, CONVERT(created_at USING ascii) AS created_at
  FROM placement.inventories
),
allocations AS (
  SELECT resource_provider_id, CONVERT(IF(CHAR_LENGTH(consumer_id) = 32 AND INSTR(consumer_id, '-') = 0,
      INSERT(INSERT(INSERT(INSERT(consumer_id, 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-'),
      consumer_id) USING ascii) AS consumer_id
  FROM placement.allocations
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
resource_provider_aggregates AS (
  SELECT resource_provider_id, aggregate_id
  FROM placement.resource_provider_aggregates
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
)
SELECT resource_providers.uuid AS provider, resource_providers.name AS provider_name, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_provider_id = resource_providers.id
))) THEN 'it has no inventory' WHEN (NOT (EXISTS (
  SELECT *
  FROM resource_provider_aggregates AS own
  WHERE own.resource_provider_id = resource_providers.id
))) THEN 'it is in no aggregate' ELSE 'no provider of another tree is in its aggregates' END AS reason, (
  SELECT count(DISTINCT allocations.consumer_id) AS count_1
  FROM allocations
  WHERE allocations.resource_provider_id = resource_providers.id
) AS consumers,
    'Which hosts are to draw from it nobody can tell here. Whoever runs the storage knows; put those hosts and the provider into one aggregate.'
    AS withheld, CASE WHEN ((
  SELECT max(inventories.created_at) AS max_1
  FROM inventories
  WHERE inventories.resource_provider_id = resource_providers.id
) >= coalesce(resource_providers.created_at, '')) THEN (
  SELECT max(inventories.created_at) AS max_1
  FROM inventories
  WHERE inventories.resource_provider_id = resource_providers.id
) ELSE resource_providers.created_at END AS newest_change, CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM inventories
  WHERE inventories.resource_provider_id = resource_providers.id
)) AND (resource_providers.id NOT IN (
  SELECT allocations.resource_provider_id
  FROM allocations
))) THEN 'L' ELSE 'M' END AS impact
FROM resource_providers
WHERE resource_providers.id IN (
  SELECT resource_provider_traits.resource_provider_id
  FROM resource_provider_traits
  INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    AND traits.name = 'MISC_SHARES_VIA_AGGREGATE'
)
  AND resource_providers.name NOT LIKE 'Neutron segment id %'
  AND (NOT (EXISTS (
    SELECT *
    FROM inventories
    WHERE inventories.resource_provider_id = resource_providers.id
  )) OR NOT (EXISTS (
    SELECT *
    FROM trees AS own_tree, trees AS beside, inventories AS offered_beside, resource_classes AS class_beside
    WHERE own_tree.provider_id = resource_providers.id
      AND beside.root_id = own_tree.root_id
      AND offered_beside.resource_provider_id = beside.provider_id
      AND class_beside.id = offered_beside.resource_class_id
      AND class_beside.name IN ('VCPU', 'PCPU', 'MEMORY_MB')
  )) AND (NOT (EXISTS (
    SELECT *
    FROM resource_provider_aggregates AS own
    WHERE own.resource_provider_id = resource_providers.id
  )) OR NOT (EXISTS (
    SELECT *
    FROM resource_provider_aggregates AS own, resource_provider_aggregates AS other, trees AS own_tree,
        trees AS others_tree
    WHERE own.resource_provider_id = resource_providers.id
      AND other.aggregate_id = own.aggregate_id
      AND own_tree.provider_id = resource_providers.id
      AND others_tree.provider_id = other.resource_provider_id
      AND others_tree.root_id != own_tree.root_id
  ))))
ORDER BY provider;
