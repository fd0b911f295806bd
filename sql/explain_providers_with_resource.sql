-- Which providers have room for an amount of a class?
--
-- The server's arithmetic is the scheduler's. An amount must fit into what is free, be at least min_unit, at most
-- max_unit, and a multiple of step_size.
--
-- Names to change: placement
--
-- Written by: placement-audit sql

SET NAMES utf8mb4;
SET SESSION TRANSACTION READ ONLY;
SET SESSION sql_mode = '', sql_select_limit = 18446744073709551615, sql_big_selects = 1;
SET @resource_class = 'VCPU';
SET @amount = 1;

-- All providers that have the class: those that @amount fits into first, each with what is in its way.
SELECT stock.uuid, stock.name, stock.total, stock.reserved, stock.allocation_ratio, stock.min_unit, stock.max_unit,
    stock.step_size, stock.capacity, stock.used, stock.capacity - stock.used AS free, CASE WHEN (concat_ws(', ',
    CASE WHEN (stock.used + @amount > stock.capacity) THEN 'capacity' END,
    CASE WHEN (stock.min_unit > @amount) THEN 'min_unit' END, CASE WHEN (stock.max_unit < @amount) THEN 'max_unit' END,
    CASE WHEN (coalesce(@amount % nullif(stock.step_size, 0), 1) != 0) THEN 'step_size' END) = '') THEN 'yes' ELSE
    concat('no: ', concat_ws(', ', CASE WHEN (stock.used + @amount > stock.capacity) THEN 'capacity' END,
    CASE WHEN (stock.min_unit > @amount) THEN 'min_unit' END, CASE WHEN (stock.max_unit < @amount) THEN 'max_unit' END,
    CASE WHEN (coalesce(@amount % nullif(stock.step_size, 0), 1) != 0) THEN 'step_size' END)) END AS fits
FROM (
  SELECT rp.uuid AS uuid, rp.name AS name, inv.total AS total, inv.reserved AS reserved,
      inv.allocation_ratio AS allocation_ratio, inv.min_unit AS min_unit, inv.max_unit AS max_unit,
      inv.step_size AS step_size, (inv.total - inv.reserved) * inv.allocation_ratio AS capacity, (
    SELECT coalesce(sum(held.used), 0) AS used
    FROM placement.allocations AS held
    WHERE held.resource_provider_id = inv.resource_provider_id
      AND held.resource_class_id = inv.resource_class_id
  ) AS used
  FROM placement.inventories AS inv
  INNER JOIN placement.resource_providers AS rp ON rp.id = inv.resource_provider_id
  INNER JOIN placement.resource_classes AS rc ON rc.id = inv.resource_class_id
  WHERE rc.name = CONVERT(@resource_class USING ascii)
) AS stock
ORDER BY concat_ws(', ', CASE WHEN (stock.used + @amount > stock.capacity) THEN 'capacity' END,
    CASE WHEN (stock.min_unit > @amount) THEN 'min_unit' END, CASE WHEN (stock.max_unit < @amount) THEN 'max_unit' END,
    CASE WHEN (coalesce(@amount % nullif(stock.step_size, 0), 1) != 0) THEN 'step_size' END) != '',
    stock.capacity - stock.used DESC, stock.name;
