-- An account for the auditor: SELECT on the tables and columns that are read, and on nothing else. What else is in
-- these tables (user data, keys, passwords of volumes) stays out of its reach.
--
-- mariadb --force < grants.sql. Change: the password, the host %, the schemas placement, nova_api, nova_cell0, nova.
--
-- cell_mappings.database_connection holds nova's own passwords: the cells' addresses are in it. The auditor keeps none
-- of them. request_specs.spec is for explain --server alone.
--
-- Written by: placement-audit sql

CREATE USER IF NOT EXISTS 'placement_auditor'@'%' IDENTIFIED BY 'CHANGE ME';

GRANT SELECT (version_num) ON placement.alembic_version TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, name, generation, root_provider_id, parent_provider_id, created_at) ON placement.resource_providers TO 'placement_auditor'@'%';
GRANT SELECT (resource_provider_id, resource_class_id, total, reserved, min_unit, max_unit, step_size, allocation_ratio, created_at) ON placement.inventories TO 'placement_auditor'@'%';
GRANT SELECT (id, resource_provider_id, consumer_id, resource_class_id, used, created_at) ON placement.allocations TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, project_id, user_id, generation, created_at) ON placement.consumers TO 'placement_auditor'@'%';
GRANT SELECT (id, external_id) ON placement.projects TO 'placement_auditor'@'%';
GRANT SELECT (id, external_id) ON placement.users TO 'placement_auditor'@'%';
GRANT SELECT (id, name) ON placement.resource_classes TO 'placement_auditor'@'%';
GRANT SELECT (id, name) ON placement.traits TO 'placement_auditor'@'%';
GRANT SELECT (resource_provider_id, trait_id, created_at) ON placement.resource_provider_traits TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid) ON placement.placement_aggregates TO 'placement_auditor'@'%';
GRANT SELECT (resource_provider_id, aggregate_id) ON placement.resource_provider_aggregates TO 'placement_auditor'@'%';

GRANT SELECT (version_num) ON nova_api.alembic_version TO 'placement_auditor'@'%';
GRANT SELECT (id, instance_uuid, cell_id, queued_for_delete, updated_at) ON nova_api.instance_mappings TO 'placement_auditor'@'%';
GRANT SELECT (host, cell_id, created_at, updated_at) ON nova_api.host_mappings TO 'placement_auditor'@'%';
GRANT SELECT (id, instance_uuid) ON nova_api.request_specs TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, created_at) ON nova_api.build_requests TO 'placement_auditor'@'%';
GRANT SELECT (id, flavorid, name, vcpus, memory_mb, root_gb, ephemeral_gb, swap, disabled, created_at, updated_at) ON nova_api.flavors TO 'placement_auditor'@'%';
GRANT SELECT (flavor_id, `key`, value, created_at, updated_at) ON nova_api.flavor_extra_specs TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, name, created_at) ON nova_api.aggregates TO 'placement_auditor'@'%';
GRANT SELECT (aggregate_id, host, created_at) ON nova_api.aggregate_hosts TO 'placement_auditor'@'%';
GRANT SELECT (aggregate_id, `key`, value, created_at, updated_at) ON nova_api.aggregate_metadata TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, name, database_connection, disabled) ON nova_api.cell_mappings TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, spec) ON nova_api.request_specs TO 'placement_auditor'@'%';

GRANT SELECT (version_num) ON nova_cell0.alembic_version TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, host, node, vm_state, task_state, project_id, user_id, availability_zone, hidden, launched_on, instance_type_id, vcpus, memory_mb, root_gb, ephemeral_gb, deleted, deleted_at, created_at, updated_at) ON nova_cell0.instances TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, instance_uuid, migration_type, status, source_compute, source_node, dest_compute, dest_node, deleted, deleted_at, created_at, updated_at) ON nova_cell0.migrations TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, host, hypervisor_hostname, hypervisor_type, vcpus, memory_mb, local_gb, cpu_allocation_ratio, ram_allocation_ratio, disk_allocation_ratio, deleted, deleted_at, created_at, updated_at) ON nova_cell0.compute_nodes TO 'placement_auditor'@'%';
GRANT SELECT (host, `binary`, version, disabled, forced_down, last_seen_up, deleted, deleted_at, created_at, updated_at) ON nova_cell0.services TO 'placement_auditor'@'%';
GRANT SELECT (compute_node_id, address, parent_addr, dev_type, vendor_id, product_id, status, instance_uuid, deleted, created_at, updated_at) ON nova_cell0.pci_devices TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, flavor) ON nova_cell0.instance_extra TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, boot_index, destination_type, deleted) ON nova_cell0.block_device_mapping TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, `key`, value, deleted) ON nova_cell0.instance_system_metadata TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, action, message, start_time, deleted) ON nova_cell0.instance_actions TO 'placement_auditor'@'%';
GRANT SELECT (uuid, deleted_at) ON nova_cell0.shadow_instances TO 'placement_auditor'@'%';
GRANT SELECT (uuid, instance_uuid, status, deleted_at, created_at, updated_at) ON nova_cell0.shadow_migrations TO 'placement_auditor'@'%';

GRANT SELECT (version_num) ON nova.alembic_version TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, host, node, vm_state, task_state, project_id, user_id, availability_zone, hidden, launched_on, instance_type_id, vcpus, memory_mb, root_gb, ephemeral_gb, deleted, deleted_at, created_at, updated_at) ON nova.instances TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, instance_uuid, migration_type, status, source_compute, source_node, dest_compute, dest_node, deleted, deleted_at, created_at, updated_at) ON nova.migrations TO 'placement_auditor'@'%';
GRANT SELECT (id, uuid, host, hypervisor_hostname, hypervisor_type, vcpus, memory_mb, local_gb, cpu_allocation_ratio, ram_allocation_ratio, disk_allocation_ratio, deleted, deleted_at, created_at, updated_at) ON nova.compute_nodes TO 'placement_auditor'@'%';
GRANT SELECT (host, `binary`, version, disabled, forced_down, last_seen_up, deleted, deleted_at, created_at, updated_at) ON nova.services TO 'placement_auditor'@'%';
GRANT SELECT (compute_node_id, address, parent_addr, dev_type, vendor_id, product_id, status, instance_uuid, deleted, created_at, updated_at) ON nova.pci_devices TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, flavor) ON nova.instance_extra TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, boot_index, destination_type, deleted) ON nova.block_device_mapping TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, `key`, value, deleted) ON nova.instance_system_metadata TO 'placement_auditor'@'%';
GRANT SELECT (instance_uuid, action, message, start_time, deleted) ON nova.instance_actions TO 'placement_auditor'@'%';
GRANT SELECT (uuid, deleted_at) ON nova.shadow_instances TO 'placement_auditor'@'%';
GRANT SELECT (uuid, instance_uuid, status, deleted_at, created_at, updated_at) ON nova.shadow_migrations TO 'placement_auditor'@'%';

-- Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the
-- statement fails and grants nothing, which is as it should be (mariadb --force goes on).
GRANT SELECT (consumer_type_id) ON placement.consumers TO 'placement_auditor'@'%';
GRANT SELECT (id, name) ON placement.consumer_types TO 'placement_auditor'@'%';
GRANT SELECT (id) ON nova_api.allocations TO 'placement_auditor'@'%';
GRANT SELECT (id) ON nova_api.inventories TO 'placement_auditor'@'%';
GRANT SELECT (id) ON nova_api.resource_providers TO 'placement_auditor'@'%';
GRANT SELECT (repository_id, version) ON nova_api.migrate_version TO 'placement_auditor'@'%';
GRANT SELECT (compute_id) ON nova_cell0.instances TO 'placement_auditor'@'%';
GRANT SELECT (repository_id, version) ON nova_cell0.migrate_version TO 'placement_auditor'@'%';
GRANT SELECT (compute_id) ON nova.instances TO 'placement_auditor'@'%';
GRANT SELECT (repository_id, version) ON nova.migrate_version TO 'placement_auditor'@'%';
