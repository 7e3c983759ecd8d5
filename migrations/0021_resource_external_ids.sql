-- no-transaction
-- What applications call by one external id, across organizations.
create index concurrently resources_external_id_idx on resources (environment, type, external_id, key);
