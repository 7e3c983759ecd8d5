-- no-transaction
-- The list of what somebody was given, in the order in which it was given.
create index concurrently role_assignments_subject_idx on role_assignments (subject, key);
