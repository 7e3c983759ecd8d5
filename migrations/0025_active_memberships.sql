-- no-transaction
-- Whether a subject is a membership that takes part, told by the index alone: who can asks that of every candidate.
create index concurrently organization_memberships_active_idx on organization_memberships (subject) where status = 'active';
