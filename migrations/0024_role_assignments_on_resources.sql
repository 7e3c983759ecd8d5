-- no-transaction
-- The list of what was given on a resource, in the order in which it was given: of one role, or role by role and merged.
create index concurrently role_assignments_page_idx on role_assignments (resource, role, key);
