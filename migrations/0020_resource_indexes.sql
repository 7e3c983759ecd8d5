-- no-transaction
-- Lists of one type's resources, in the order of their making. It takes the place of `resources_type_idx`.
create index concurrently resources_type_key_idx on resources (environment, type, key);
