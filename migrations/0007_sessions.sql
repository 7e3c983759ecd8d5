-- Sign-in: the keys that sign tokens, sessions with their refresh tokens, and sign-ins that wait for a further step.

-- Private keys are sealed under the operator's master key; `jwk` is the public half as it is published. One key of an
-- environment signs. A next one is published ahead of its use, a retired one until no token of it can be valid.
create table signing_keys (
    environment integer not null,
    id text collate "C" not null,
    state text not null,
    sealed bytea not null,
    certificate bytea not null,
    jwk json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint signing_keys_pkey primary key (environment, id),
    constraint signing_keys_state_check check (state in ('next', 'active', 'retired')),
    constraint signing_keys_environment_fkey foreign key (environment) references environments (key) on delete cascade
);

-- Two servers that make an environment's first key at once agree on one through this.
create unique index signing_keys_active_key on signing_keys (environment) where state = 'active';

-- Whether a session is over is not stored where the clock tells it: only revocation is an act. `family` is the hash of
-- the half that all refresh tokens of the session have in common.
create table sessions (
    environment integer not null,
    id text collate "C" not null,
    user_id text collate "C" not null,
    organization_id text collate "C",
    client_id text collate "C" not null,
    method text not null,
    ip_address text,
    user_agent text,
    family bytea not null,
    authenticated_at timestamptz not null,
    refreshed_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint sessions_pkey primary key (environment, id),
    constraint sessions_family_key unique (environment, family),
    constraint sessions_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade,
    constraint sessions_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade
);

create index sessions_user_idx on sessions (environment, user_id, id);
create index sessions_organization_idx on sessions (environment, organization_id);
create index sessions_expires_at_idx on sessions (expires_at);
create index sessions_revoked_at_idx on sessions (revoked_at) where revoked_at is not null;

-- Of each session the token in use, and those exchanged so lately that they may come again. These keep what they were
-- exchanged for, sealed, so that it can be answered once more.
create table refresh_tokens (
    environment integer not null,
    hash bytea not null,
    session_id text collate "C" not null,
    created_at timestamptz not null,
    exchanged_at timestamptz,
    successor bytea,
    constraint refresh_tokens_pkey primary key (environment, hash),
    constraint refresh_tokens_exchange_check check ((exchanged_at is null) = (successor is null)),
    constraint refresh_tokens_session_fkey foreign key (environment, session_id)
        references sessions (environment, id) on delete cascade
);

create index refresh_tokens_session_idx on refresh_tokens (environment, session_id);
create unique index refresh_tokens_current_key on refresh_tokens (environment, session_id) where exchanged_at is null;
create index refresh_tokens_exchanged_at_idx on refresh_tokens (exchanged_at) where exchanged_at is not null;

-- A sign-in that proved who it is and waits for one more step, under a token that is kept as its hash.
create table pending_authentications (
    environment integer not null,
    hash bytea not null,
    user_id text collate "C" not null,
    client_id text collate "C" not null,
    awaits text not null,
    method text not null,
    ip_address text,
    user_agent text,
    authenticated_at timestamptz not null,
    expires_at timestamptz not null,
    constraint pending_authentications_pkey primary key (environment, hash),
    constraint pending_authentications_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade
);

create index pending_authentications_user_idx on pending_authentications (environment, user_id);
create index pending_authentications_expires_at_idx on pending_authentications (expires_at);
