-- X34 flavor-fits-nowhere: Flavor that no host could take even if it were empty
-- Severity: warning, impact M
--
-- CANDIDATES: what a flavor asks for cannot be said in SQL. These rows are all that would have to be looked at;
-- placement-audit audit --select X34 tells which of them are faults.
--
-- Says: flavor {flavor} {verdict}: {reasons}
--
-- Why: Each attempt ends in No valid host was found, however much is free. A single server gets at most max_unit, which
-- nova-compute sets to what is physically there: an allocation ratio lets more servers in, not larger ones.
--
-- Left alone:
-- - disabled flavors
-- - what a child or a sharing provider of the host supplies
-- - pinned CPUs that a host still offers as VCPU, unless a nova.conf given sets disable_fallback_pcpu_query
-- - ironic nodes and PCI devices that reserve all they have while in use
-- - hosts that give out no CPUs or memory because of their ratio or reserve, which are a finding of their own
-- - flavors of blazar's leases
-- - groups with a name for a suffix, while any nova-compute is older than Xena, which passes over them
-- - a cloud in which no host offers anything
-- - a flavor that only its root disk keeps out is information: a server may boot from a volume instead
-- - traits, aggregates and group policies that keep hosts out are not looked at
--
-- What to do, with a row's columns for the names in braces:
--   openstack flavor show {flavor_id}
--   placement-audit explain --flavor {flavor_id}
--
-- Names to change: placement, nova_api
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
  SELECT id, CONVERT(name USING utf8mb4) AS name, root_provider_id
  FROM placement.resource_providers
),
inventories AS (
  SELECT resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size,
      CONCAT(allocation_ratio) + 0e0 AS allocation_ratio
  FROM placement.inventories
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
flavors AS (
  SELECT id, CAST(flavorid AS CHAR) AS flavorid, CAST(name AS CHAR) AS name, vcpus, memory_mb, root_gb, ephemeral_gb,
      swap, disabled, CONVERT(created_at USING ascii) AS created_at, CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.flavors
),
flavor_extra_specs AS (
  SELECT flavor_id, CAST(`key` AS CHAR) AS `key`, CONVERT(created_at USING ascii) AS created_at,
      CONVERT(updated_at USING ascii) AS updated_at
  FROM nova_api.flavor_extra_specs
),
settings AS (
  SELECT NULL AS name, NULL AS value
  FROM DUAL
  WHERE false = 1
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
reach AS (
  SELECT trees.root_id, trees.provider_id
  FROM trees
  UNION
  SELECT trees.root_id, shared.resource_provider_id AS provider_id
  FROM resource_provider_aggregates AS shared
  INNER JOIN resource_provider_aggregates AS `member` ON `member`.aggregate_id = shared.aggregate_id
  INNER JOIN trees ON trees.provider_id = `member`.resource_provider_id
  WHERE shared.resource_provider_id IN (
    SELECT resource_provider_traits.resource_provider_id
    FROM resource_provider_traits
    INNER JOIN traits ON traits.id = resource_provider_traits.trait_id
    WHERE traits.name = 'MISC_SHARES_VIA_AGGREGATE'
  )
),
flavor_requests AS (
  SELECT flavors.id AS flavor_id, 0 AS variant, '' AS suffix, 'VCPU' AS resource_class, flavors.vcpus AS amount
  FROM flavors
  WHERE flavors.vcpus > 0
  UNION ALL
  SELECT flavors.id AS flavor_id, 0 AS variant, '' AS suffix, 'MEMORY_MB' AS resource_class, flavors.memory_mb AS amount
  FROM flavors
  WHERE flavors.memory_mb > 0
  UNION ALL
  SELECT flavors.id AS flavor_id, 0 AS variant, '' AS suffix, 'DISK_GB' AS resource_class, coalesce(flavors.root_gb,
      0) + coalesce(flavors.ephemeral_gb, 0) + FLOOR((coalesce(flavors.swap, 0) + 1023) / 1024) AS amount
  FROM flavors
  WHERE coalesce(flavors.root_gb, 0) + coalesce(flavors.ephemeral_gb, 0) + FLOOR((coalesce(flavors.swap,
      0) + 1023) / 1024) > 0
  UNION ALL
  SELECT flavors.id AS flavor_id, 0 AS variant, '' AS suffix, 'what its extra specs ask for' AS resource_class,
      1 AS amount
  FROM flavors
  WHERE EXISTS (
    SELECT *
    FROM flavor_extra_specs
    WHERE flavor_extra_specs.flavor_id = flavors.id
      AND (flavor_extra_specs.`key` LIKE 'resources%' OR flavor_extra_specs.`key` LIKE 'hw:%')
  )
),
requests AS (
  SELECT DISTINCT flavor_requests.flavor_id AS flavor_id, flavor_requests.variant AS variant, 0 AS volume
  FROM flavor_requests
  INNER JOIN flavors ON flavors.id = flavor_requests.flavor_id
    AND coalesce(flavors.disabled, 0) = 0
  WHERE flavor_requests.variant = 0 OR coalesce((
    SELECT settings.value
    FROM settings
    WHERE settings.name = 'disable_fallback_pcpu_query'
  ), '') != '1'
  UNION ALL
  SELECT DISTINCT flavor_requests.flavor_id AS flavor_id, flavor_requests.variant AS variant, 1 AS volume
  FROM flavor_requests
  INNER JOIN flavors ON flavors.id = flavor_requests.flavor_id
    AND coalesce(flavors.disabled, 0) = 0
  WHERE flavor_requests.variant = 0 OR coalesce((
    SELECT settings.value
    FROM settings
    WHERE settings.name = 'disable_fallback_pcpu_query'
  ), '') != '1'
),
asks AS (
  SELECT flavor_requests.flavor_id AS flavor_id, flavor_requests.variant AS variant, 0 AS volume,
      flavor_requests.resource_class AS resource_class, flavor_requests.amount - 0 AS amount
  FROM flavor_requests
  INNER JOIN flavors ON flavors.id = flavor_requests.flavor_id
    AND coalesce(flavors.disabled, 0) = 0
  WHERE flavor_requests.amount > 0
    AND (flavor_requests.variant = 0 OR coalesce((
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'disable_fallback_pcpu_query'
    ), '') != '1')
  UNION ALL
  SELECT flavor_requests.flavor_id AS flavor_id, flavor_requests.variant AS variant, 1 AS volume,
      flavor_requests.resource_class AS resource_class, flavor_requests.amount - CASE WHEN
      (flavor_requests.resource_class = 'DISK_GB' AND NOT (EXISTS (
    SELECT *
    FROM flavor_extra_specs
    WHERE flavor_extra_specs.flavor_id = flavors.id
      AND flavor_extra_specs.`key` LIKE 'resources%:DISK_GB'
  ))) THEN coalesce(flavors.root_gb, 0) ELSE 0 END AS amount
  FROM flavor_requests
  INNER JOIN flavors ON flavors.id = flavor_requests.flavor_id
    AND coalesce(flavors.disabled, 0) = 0
  WHERE flavor_requests.amount > CASE WHEN (flavor_requests.resource_class = 'DISK_GB' AND NOT (EXISTS (
    SELECT *
    FROM flavor_extra_specs
    WHERE flavor_extra_specs.flavor_id = flavors.id
      AND flavor_extra_specs.`key` LIKE 'resources%:DISK_GB'
  ))) THEN coalesce(flavors.root_gb, 0) ELSE 0 END
    AND (flavor_requests.variant = 0 OR coalesce((
      SELECT settings.value
      FROM settings
      WHERE settings.name = 'disable_fallback_pcpu_query'
    ), '') != '1')
),
offers AS (
  SELECT inventories.resource_provider_id AS resource_provider_id, resource_classes.name AS name,
      inventories.min_unit AS min_unit, inventories.max_unit AS max_unit, inventories.step_size AS step_size,
      CASE WHEN (resource_classes.name LIKE 'CUSTOM\\_%' ESCAPE '\\' AND inventories.reserved = inventories.total OR
      resource_classes.name IN ('VCPU', 'MEMORY_MB') AND CASE WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio < 1000000000000000) THEN CAST(floor((inventories.total - inventories.reserved) *
      inventories.allocation_ratio * 1.000000001) AS SIGNED INTEGER) WHEN ((inventories.total - inventories.reserved) *
      inventories.allocation_ratio IS NOT NULL) THEN 1000000000000000 END < 1) THEN inventories.total ELSE CASE WHEN
      ((inventories.total - inventories.reserved) * inventories.allocation_ratio < 1000000000000000) THEN
      CAST(floor((inventories.total - inventories.reserved) * inventories.allocation_ratio * 1.000000001) AS SIGNED
      INTEGER) WHEN ((inventories.total - inventories.reserved) * inventories.allocation_ratio IS NOT NULL) THEN
      1000000000000000 END END AS capacity
  FROM inventories
  INNER JOIN resource_classes ON resource_classes.id = inventories.resource_class_id
),
kinds AS (
  SELECT DISTINCT offers.name AS name, offers.min_unit AS min_unit, offers.max_unit AS max_unit,
      offers.step_size AS step_size, offers.capacity AS capacity
  FROM offers
),
unmet AS (
  SELECT asks.flavor_id AS flavor_id, asks.variant AS variant, asks.volume AS volume,
      asks.resource_class AS resource_class, asks.amount AS amount
  FROM asks
  WHERE NOT (EXISTS (
    SELECT *
    FROM kinds
    WHERE kinds.name = asks.resource_class
      AND kinds.min_unit <= asks.amount
      AND kinds.max_unit >= asks.amount
      AND kinds.capacity >= asks.amount
      AND asks.amount % kinds.step_size = 0
  ))
),
roots AS (
  SELECT DISTINCT reach.root_id AS root_id
  FROM reach
),
supply AS (
  SELECT DISTINCT reach.root_id AS root_id, offers.name AS name, offers.min_unit AS min_unit,
      offers.max_unit AS max_unit, offers.step_size AS step_size, offers.capacity AS capacity
  FROM reach
  INNER JOIN offers ON offers.resource_provider_id = reach.provider_id
),
fitting AS (
  SELECT requests.flavor_id AS flavor_id, requests.variant AS variant, requests.volume AS volume
  FROM requests
  WHERE NOT (EXISTS (
    SELECT *
    FROM unmet
    WHERE unmet.flavor_id = requests.flavor_id
      AND unmet.variant = requests.variant
      AND unmet.volume = requests.volume
  ))
    AND (EXISTS (
      SELECT *
      FROM roots
      WHERE NOT (EXISTS (
        SELECT *
        FROM asks
        WHERE asks.flavor_id = requests.flavor_id
          AND asks.variant = requests.variant
          AND asks.volume = requests.volume
          AND NOT (EXISTS (
            SELECT *
            FROM supply
            WHERE supply.root_id = roots.root_id
              AND supply.name = asks.resource_class
              AND supply.min_unit <= asks.amount
              AND supply.max_unit >= asks.amount
              AND supply.capacity >= asks.amount
              AND asks.amount % supply.step_size = 0
          ))
      ))
    ))
),
most AS (
  SELECT offers.name AS name, count(*) AS providers, min(offers.min_unit) AS min_unit, max(offers.max_unit) AS max_unit,
      max(offers.capacity) AS capacity
  FROM offers
  GROUP BY offers.name
),
lacking AS (
  SELECT DISTINCT unmet.flavor_id AS flavor_id, CASE WHEN (most.providers IS NULL) THEN concat(unmet.resource_class,
      ' ', CAST(unmet.amount AS CHAR), ': no provider has any') WHEN (most.max_unit < unmet.amount) THEN
      concat(unmet.resource_class, ' ', CAST(unmet.amount AS CHAR), ': max_unit is at most ',
      CAST(most.max_unit AS CHAR), ' on ', CAST(most.providers AS CHAR),
      ' providers') WHEN (most.capacity < unmet.amount) THEN concat(unmet.resource_class, ' ',
      CAST(unmet.amount AS CHAR), ': capacity is at most ', CAST(most.capacity AS CHAR), ' on ',
      CAST(most.providers AS CHAR), ' providers') WHEN (most.min_unit > unmet.amount) THEN concat(unmet.resource_class,
      ' ', CAST(unmet.amount AS CHAR), ': min_unit is at least ', CAST(most.min_unit AS CHAR), ' on ',
      CAST(most.providers AS CHAR), ' providers') ELSE concat(unmet.resource_class, ' ', CAST(unmet.amount AS CHAR),
      ': min_unit, max_unit, step_size and capacity never admit it together', ' on ', CAST(most.providers AS CHAR),
      ' providers') END AS reason
  FROM unmet
  LEFT OUTER JOIN most ON most.name = unmet.resource_class
  WHERE unmet.volume = 0
)
SELECT flavors.name AS flavor, flavors.flavorid AS flavor_id, CASE WHEN (flavors.id IN (
  SELECT fitting.flavor_id
  FROM fitting
  WHERE fitting.volume = 1
)) THEN 'fits on no host unless the server boots from a volume' ELSE 'fits on no host, however empty' END AS verdict,
    CASE WHEN (NOT (EXISTS (
  SELECT *
  FROM unmet
  WHERE unmet.flavor_id = flavors.id
    AND unmet.variant = 0
    AND unmet.volume = 0
))) THEN concat('each of ', (
  SELECT group_concat(concat(flavor_requests.resource_class, ' ',
      CAST(flavor_requests.amount AS CHAR)) SEPARATOR ', ') AS aggregate_strings_1
  FROM flavor_requests
  WHERE flavor_requests.flavor_id = flavors.id
    AND flavor_requests.variant = 0
), ' is somewhere, but no host has all of it') ELSE (
  SELECT group_concat(lacking.reason SEPARATOR '; ') AS aggregate_strings_2
  FROM lacking
  WHERE lacking.flavor_id = flavors.id
) END AS reasons, flavors.vcpus, flavors.memory_mb, flavors.root_gb,
    'the rows do not tell whether the flavor or the hosts are wrong: placement-audit explain tells what either would need'
    AS withheld, CASE WHEN ((
  SELECT max(CASE WHEN (flavor_extra_specs.created_at >= coalesce(flavor_extra_specs.updated_at,
      '')) THEN flavor_extra_specs.created_at ELSE flavor_extra_specs.updated_at END) AS max_1
  FROM flavor_extra_specs
  WHERE flavor_extra_specs.flavor_id = flavors.id
) >= coalesce(CASE WHEN (flavors.created_at >= coalesce(flavors.updated_at,
    '')) THEN flavors.created_at ELSE flavors.updated_at END, '')) THEN (
  SELECT max(CASE WHEN (flavor_extra_specs.created_at >= coalesce(flavor_extra_specs.updated_at,
      '')) THEN flavor_extra_specs.created_at ELSE flavor_extra_specs.updated_at END) AS max_1
  FROM flavor_extra_specs
  WHERE flavor_extra_specs.flavor_id = flavors.id
) ELSE CASE WHEN (flavors.created_at >= coalesce(flavors.updated_at,
    '')) THEN flavors.created_at ELSE flavors.updated_at END END AS newest_change, CASE WHEN (flavors.id IN (
  SELECT fitting.flavor_id
  FROM fitting
  WHERE fitting.volume = 1
)) THEN 'L' ELSE 'M' END AS impact
FROM flavors
WHERE (EXISTS (
  SELECT *
  FROM requests
  WHERE requests.flavor_id = flavors.id
))
  AND NOT (EXISTS (
    SELECT *
    FROM flavor_requests
    WHERE flavor_requests.flavor_id = flavors.id
      AND flavor_requests.resource_class LIKE 'CUSTOM\\_RESERVATION\\_%' ESCAPE '\\'
  ))
  AND (EXISTS (
    SELECT *
    FROM inventories, trees
    WHERE inventories.resource_provider_id = trees.provider_id
      AND trees.shared = 0
  ))
  AND (flavors.id NOT IN (
    SELECT fitting.flavor_id
    FROM fitting
    WHERE fitting.volume = 0
  ))
ORDER BY flavor_id;
