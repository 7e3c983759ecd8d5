-- no-transaction
-- What applications call by one external id, across organizations.
create index concurrently resources_external_id_idx on resources (environment, external_id, type, key);
