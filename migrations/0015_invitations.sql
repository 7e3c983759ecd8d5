-- Invitations to sign up, or to join an organization.

-- Where the link of an invitation leads, if not to the pages of this server; and for how many days one is good, if whoever
-- invites does not say.
alter table environments
    add column invitation_url text,
    add column invitation_days integer not null default 7,
    add constraint environments_invitation_days_check check (invitation_days between 1 and 30);

-- The token is looked up by its hash and shown from what is sealed. One that is pending in its row may have expired by the
-- clock; it is written down as expired when another takes its place. An invitation to an organization has a pending
-- membership of `user_id`. Users are named as history has them, without a key: they may be deleted since.
create table invitations (
    environment integer not null,
    id text collate "C" not null,
    email text not null,
    email_normal text collate "C" not null,
    state text not null,
    token_hash bytea not null,
    token_sealed bytea not null,
    organization_id text collate "C",
    user_id text collate "C",
    role_slug text collate "C",
    inviter_user_id text collate "C",
    accepted_user_id text collate "C",
    days integer not null,
    expires_at timestamptz not null,
    accepted_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint invitations_pkey primary key (environment, id),
    constraint invitations_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint invitations_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint invitations_token_key unique (token_hash),
    constraint invitations_state_check check (state in ('pending', 'accepted', 'expired', 'revoked'))
);

create unique index invitations_pending_key on invitations (environment, email_normal)
    where state = 'pending' and organization_id is null;
create unique index invitations_pending_organization_key on invitations (environment, organization_id, email_normal)
    where state = 'pending' and organization_id is not null;
create index invitations_organization_idx on invitations (environment, organization_id, id);
create index invitations_email_idx on invitations (environment, email_normal, id);
create index invitations_user_idx on invitations (environment, user_id) where state = 'pending';
