-- What an environment's applications are configured with: where sign-in may lead back to, which origins may call from a
-- browser, what tokens say beyond the ordinary, and which resources they can be asked for.

create table redirect_uris (
    environment integer not null,
    id text collate "C" not null,
    uri text collate "C" not null,
    is_default boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint redirect_uris_pkey primary key (environment, id),
    constraint redirect_uris_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint redirect_uris_uri_key unique (environment, uri)
);

create unique index redirect_uris_default_key on redirect_uris (environment) where is_default;

create table cors_origins (
    environment integer not null,
    id text collate "C" not null,
    origin text collate "C" not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint cors_origins_pkey primary key (environment, id),
    constraint cors_origins_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint cors_origins_origin_key unique (environment, origin)
);

-- A preflight names no environment.
create index cors_origins_origin_idx on cors_origins (origin);

create table jwt_templates (
    environment integer not null,
    content text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint jwt_templates_pkey primary key (environment),
    constraint jwt_templates_environment_fkey foreign key (environment) references environments (key) on delete cascade
);

create table oauth_resources (
    environment integer not null,
    id text collate "C" not null,
    uri text collate "C" not null,
    is_default boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint oauth_resources_pkey primary key (environment, id),
    constraint oauth_resources_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint oauth_resources_uri_key unique (environment, uri)
);

create unique index oauth_resources_default_key on oauth_resources (environment) where is_default;
