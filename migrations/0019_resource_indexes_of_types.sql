-- no-transaction
-- `resources_type_key_idx` begins with the same columns.
drop index concurrently if exists resources_type_idx;
