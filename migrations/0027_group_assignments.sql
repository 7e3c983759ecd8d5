-- no-transaction
-- The groups that have a role on a resource: few among the memberships that have one, and found without passing by those.
create index concurrently role_assignments_group_idx on role_assignments (resource, role, subject) where id ^@ 'gra_';
