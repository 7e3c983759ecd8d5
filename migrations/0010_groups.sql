-- Groups of an organization's memberships. A group can hold roles as a membership does, so it has a subject of the same
-- sequence.

create table groups (
    environment integer not null,
    id text collate "C" not null,
    organization_id text collate "C" not null,
    subject bigint not null default nextval('subjects'),
    name text not null,
    description text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint groups_pkey primary key (environment, id),
    constraint groups_subject_key unique (subject),
    constraint groups_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade
);

create index groups_organization_idx on groups (environment, organization_id, id);

-- Read by membership in every decision, so the key is of the two subjects and nothing else. The membership's id is here
-- because the list of a group's members is paged by it.
create table group_members (
    environment integer not null,
    membership_subject bigint not null,
    group_subject bigint not null,
    organization_membership_id text collate "C" not null,
    created_at timestamptz not null,
    constraint group_members_pkey primary key (membership_subject, group_subject),
    constraint group_members_membership_fkey foreign key (membership_subject)
        references organization_memberships (subject) on delete cascade,
    constraint group_members_group_fkey foreign key (group_subject) references groups (subject) on delete cascade
);

create index group_members_group_idx on group_members (group_subject, membership_subject);
create index group_members_page_idx on group_members (group_subject, organization_membership_id);
