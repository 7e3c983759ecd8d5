-- Environments: the tenants of the server, and the keys by which applications manage them.

create table environments (
    key integer generated always as identity,
    id text collate "C" not null,
    name text not null,
    client_id text collate "C" not null,
    multiple_roles boolean not null default false,
    access_token_seconds integer not null default 300,
    session_seconds integer not null default 31536000,
    session_idle_seconds integer,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint environments_pkey primary key (key),
    constraint environments_id_key unique (id),
    constraint environments_client_id_key unique (client_id),
    constraint environments_access_token_seconds_check check (access_token_seconds between 60 and 86400),
    constraint environments_session_seconds_check check (session_seconds between 60 and 31536000),
    constraint environments_session_idle_seconds_check check (session_idle_seconds between 60 and 31536000)
);

-- A key is stored as its hash only. They are few; the value has 256 bits, so a fast hash is enough.
create table management_keys (
    environment integer not null,
    id text collate "C" not null,
    name text not null,
    hash bytea not null,
    obfuscated text not null,
    created_at timestamptz not null,
    constraint management_keys_pkey primary key (environment, id),
    constraint management_keys_hash_key unique (hash),
    constraint management_keys_environment_fkey foreign key (environment) references environments (key) on delete cascade
);

-- What the server made for itself at its first start and must find again.
create table installation (
    singleton boolean not null default true,
    operator_hash bytea,
    key_check bytea,
    first_environment_id text collate "C",
    created_at timestamptz not null default now(),
    constraint installation_pkey primary key (singleton),
    constraint installation_singleton_check check (singleton)
);

insert into installation default values;
