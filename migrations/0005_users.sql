-- Users, the passwords that they sign in with, and the identities that other providers know them by.

-- `email` is what was written; `email_normal` is what it is compared by, made by the server and not by the database,
-- whose lower() depends on how the cluster was created.
create table users (
    environment integer not null,
    id text collate "C" not null,
    email text not null,
    email_normal text collate "C" not null,
    email_verified boolean not null default false,
    first_name text,
    last_name text,
    name text,
    profile_picture_url text,
    external_id text collate "C",
    metadata jsonb not null default '{}',
    locale text collate "C",
    last_sign_in_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint users_pkey primary key (environment, id),
    constraint users_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint users_email_key unique (environment, email_normal),
    constraint users_external_id_key unique (environment, external_id)
);

-- Apart from the user, so that no statement that reads users can read a hash by accident.
create table user_passwords (
    environment integer not null,
    user_id text collate "C" not null,
    hash text not null,
    updated_at timestamptz not null,
    constraint user_passwords_pkey primary key (environment, user_id),
    constraint user_passwords_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade
);

create table user_identities (
    environment integer not null,
    user_id text collate "C" not null,
    provider text collate "C" not null,
    idp_id text collate "C" not null,
    created_at timestamptz not null,
    constraint user_identities_pkey primary key (environment, provider, idp_id),
    constraint user_identities_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade
);

create index user_identities_user_idx on user_identities (environment, user_id);
