-- A user's place in an organization. Its roles are rows of `role_assignments`, by its `subject`.

create table organization_memberships (
    environment integer not null,
    id text collate "C" not null,
    user_id text collate "C" not null,
    organization_id text collate "C" not null,
    subject bigint not null default nextval('subjects'),
    status text collate "C" not null,
    directory_managed boolean not null default false,
    custom_attributes json not null default '{}',
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organization_memberships_pkey primary key (environment, id),
    constraint organization_memberships_subject_key unique (subject),
    constraint organization_memberships_user_organization_key unique (environment, organization_id, user_id),
    constraint organization_memberships_status_check check (status in ('active', 'inactive', 'pending')),
    constraint organization_memberships_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade,
    constraint organization_memberships_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade
);

-- Each side's lists are read in the order of ids. The unique key serves the list of an organization's users.
create index organization_memberships_user_idx on organization_memberships (environment, user_id, id);
create index organization_memberships_organization_idx on organization_memberships (environment, organization_id, id);
