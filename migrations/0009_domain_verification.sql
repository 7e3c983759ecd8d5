-- When pending domains are looked up: each is a piece of later work, claimed by pushing `next_check_at` ahead.

-- The defaults serve the domains that are here already, whose thirty days begin now, and those that a server of the former
-- version adds while both run.
alter table organization_domains
    add column verification_began_at timestamptz not null default now(),
    add column next_check_at timestamptz not null default now();

-- What is due, of all environments; the others are not in it.
create index organization_domains_due_idx on organization_domains (next_check_at) where state = 'pending';
