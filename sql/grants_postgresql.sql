-- An account for the auditor: SELECT on the tables and columns that are read, and on nothing else. What else is in
-- these tables (user data, keys, passwords of volumes) stays out of its reach.
--
-- psql --file grants_postgresql.sql. Change: the password and the names of the databases.
--
-- cell_mappings.database_connection holds nova's own passwords: the cells' addresses are in it. The auditor keeps none
-- of them. request_specs.spec is for explain --server alone.
--
-- Written by: placement-audit sql

CREATE ROLE placement_auditor LOGIN PASSWORD 'CHANGE ME';
ALTER ROLE placement_auditor SET default_transaction_read_only = on;

\connect "placement"
GRANT USAGE ON SCHEMA public TO placement_auditor;
GRANT SELECT ("version_num") ON alembic_version TO placement_auditor;
GRANT SELECT ("id", "uuid", "name", "generation", "root_provider_id", "parent_provider_id", "created_at") ON resource_providers TO placement_auditor;
GRANT SELECT ("resource_provider_id", "resource_class_id", "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio", "created_at") ON inventories TO placement_auditor;
GRANT SELECT ("resource_provider_id", "consumer_id", "resource_class_id", "used", "created_at") ON allocations TO placement_auditor;
GRANT SELECT ("uuid", "project_id", "user_id", "generation", "created_at") ON consumers TO placement_auditor;
GRANT SELECT ("id", "external_id") ON projects TO placement_auditor;
GRANT SELECT ("id", "external_id") ON users TO placement_auditor;
GRANT SELECT ("id", "name") ON resource_classes TO placement_auditor;
GRANT SELECT ("id", "name") ON traits TO placement_auditor;
GRANT SELECT ("resource_provider_id", "trait_id", "created_at") ON resource_provider_traits TO placement_auditor;
GRANT SELECT ("id", "uuid") ON placement_aggregates TO placement_auditor;
GRANT SELECT ("resource_provider_id", "aggregate_id") ON resource_provider_aggregates TO placement_auditor;
-- Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the
-- statement fails and grants nothing, which is as it should be.
GRANT SELECT ("consumer_type_id") ON consumers TO placement_auditor;
GRANT SELECT ("id", "name") ON consumer_types TO placement_auditor;

\connect "nova_api"
GRANT USAGE ON SCHEMA public TO placement_auditor;
GRANT SELECT ("version_num") ON alembic_version TO placement_auditor;
GRANT SELECT ("instance_uuid", "cell_id", "queued_for_delete", "updated_at") ON instance_mappings TO placement_auditor;
GRANT SELECT ("host", "cell_id", "created_at", "updated_at") ON host_mappings TO placement_auditor;
GRANT SELECT ("instance_uuid") ON request_specs TO placement_auditor;
GRANT SELECT ("instance_uuid", "created_at") ON build_requests TO placement_auditor;
GRANT SELECT ("id", "flavorid", "name", "vcpus", "memory_mb", "root_gb", "ephemeral_gb", "swap", "disabled", "created_at", "updated_at") ON flavors TO placement_auditor;
GRANT SELECT ("flavor_id", "key", "value", "created_at", "updated_at") ON flavor_extra_specs TO placement_auditor;
GRANT SELECT ("id", "uuid", "name", "created_at") ON aggregates TO placement_auditor;
GRANT SELECT ("aggregate_id", "host", "created_at") ON aggregate_hosts TO placement_auditor;
GRANT SELECT ("aggregate_id", "key", "value", "created_at", "updated_at") ON aggregate_metadata TO placement_auditor;
GRANT SELECT ("id", "uuid", "name", "database_connection", "disabled") ON cell_mappings TO placement_auditor;
GRANT SELECT ("instance_uuid", "spec") ON request_specs TO placement_auditor;
-- Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the
-- statement fails and grants nothing, which is as it should be.
GRANT SELECT ("id") ON allocations TO placement_auditor;
GRANT SELECT ("id") ON inventories TO placement_auditor;
GRANT SELECT ("id") ON resource_providers TO placement_auditor;
GRANT SELECT ("repository_id", "version") ON migrate_version TO placement_auditor;

\connect "nova_cell0"
GRANT USAGE ON SCHEMA public TO placement_auditor;
GRANT SELECT ("version_num") ON alembic_version TO placement_auditor;
GRANT SELECT ("uuid", "host", "node", "vm_state", "task_state", "project_id", "user_id", "availability_zone", "hidden", "launched_on", "instance_type_id", "vcpus", "memory_mb", "root_gb", "ephemeral_gb", "deleted", "deleted_at", "created_at", "updated_at") ON instances TO placement_auditor;
GRANT SELECT ("id", "uuid", "instance_uuid", "migration_type", "status", "source_compute", "source_node", "dest_compute", "dest_node", "deleted", "deleted_at", "created_at", "updated_at") ON migrations TO placement_auditor;
GRANT SELECT ("id", "uuid", "host", "hypervisor_hostname", "hypervisor_type", "vcpus", "memory_mb", "local_gb", "cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio", "deleted", "deleted_at", "created_at", "updated_at") ON compute_nodes TO placement_auditor;
GRANT SELECT ("host", "binary", "version", "disabled", "forced_down", "last_seen_up", "deleted", "deleted_at", "created_at", "updated_at") ON services TO placement_auditor;
GRANT SELECT ("compute_node_id", "address", "parent_addr", "dev_type", "vendor_id", "product_id", "status", "instance_uuid", "deleted", "created_at", "updated_at") ON pci_devices TO placement_auditor;
GRANT SELECT ("instance_uuid", "flavor") ON instance_extra TO placement_auditor;
GRANT SELECT ("instance_uuid", "boot_index", "destination_type", "deleted") ON block_device_mapping TO placement_auditor;
GRANT SELECT ("instance_uuid", "key", "value", "deleted") ON instance_system_metadata TO placement_auditor;
GRANT SELECT ("instance_uuid", "action", "message", "start_time", "deleted") ON instance_actions TO placement_auditor;
GRANT SELECT ("uuid", "deleted_at") ON shadow_instances TO placement_auditor;
GRANT SELECT ("uuid", "instance_uuid", "status", "deleted_at", "created_at", "updated_at") ON shadow_migrations TO placement_auditor;
-- Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the
-- statement fails and grants nothing, which is as it should be.
GRANT SELECT ("compute_id") ON instances TO placement_auditor;
GRANT SELECT ("repository_id", "version") ON migrate_version TO placement_auditor;

\connect "nova"
GRANT USAGE ON SCHEMA public TO placement_auditor;
GRANT SELECT ("version_num") ON alembic_version TO placement_auditor;
GRANT SELECT ("uuid", "host", "node", "vm_state", "task_state", "project_id", "user_id", "availability_zone", "hidden", "launched_on", "instance_type_id", "vcpus", "memory_mb", "root_gb", "ephemeral_gb", "deleted", "deleted_at", "created_at", "updated_at") ON instances TO placement_auditor;
GRANT SELECT ("id", "uuid", "instance_uuid", "migration_type", "status", "source_compute", "source_node", "dest_compute", "dest_node", "deleted", "deleted_at", "created_at", "updated_at") ON migrations TO placement_auditor;
GRANT SELECT ("id", "uuid", "host", "hypervisor_hostname", "hypervisor_type", "vcpus", "memory_mb", "local_gb", "cpu_allocation_ratio", "ram_allocation_ratio", "disk_allocation_ratio", "deleted", "deleted_at", "created_at", "updated_at") ON compute_nodes TO placement_auditor;
GRANT SELECT ("host", "binary", "version", "disabled", "forced_down", "last_seen_up", "deleted", "deleted_at", "created_at", "updated_at") ON services TO placement_auditor;
GRANT SELECT ("compute_node_id", "address", "parent_addr", "dev_type", "vendor_id", "product_id", "status", "instance_uuid", "deleted", "created_at", "updated_at") ON pci_devices TO placement_auditor;
GRANT SELECT ("instance_uuid", "flavor") ON instance_extra TO placement_auditor;
GRANT SELECT ("instance_uuid", "boot_index", "destination_type", "deleted") ON block_device_mapping TO placement_auditor;
GRANT SELECT ("instance_uuid", "key", "value", "deleted") ON instance_system_metadata TO placement_auditor;
GRANT SELECT ("instance_uuid", "action", "message", "start_time", "deleted") ON instance_actions TO placement_auditor;
GRANT SELECT ("uuid", "deleted_at") ON shadow_instances TO placement_auditor;
GRANT SELECT ("uuid", "instance_uuid", "status", "deleted_at", "created_at", "updated_at") ON shadow_migrations TO placement_auditor;
-- Older releases lack some of what follows, newer ones migrate_version: where a table or column is missing, the
-- statement fails and grants nothing, which is as it should be.
GRANT SELECT ("compute_id") ON instances TO placement_auditor;
GRANT SELECT ("repository_id", "version") ON migrate_version TO placement_auditor;
