-- Organizations and the domains given with them.

create table organizations (
    environment integer not null,
    id text collate "C" not null,
    name text not null,
    allow_profiles_outside_organization boolean not null default false,
    metadata jsonb not null default '{}',
    external_id text collate "C",
    stripe_customer_id text collate "C",
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organizations_pkey primary key (environment, id),
    constraint organizations_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint organizations_external_id_key unique (environment, external_id),
    constraint organizations_stripe_customer_id_key unique (environment, stripe_customer_id)
);

create table organization_domains (
    environment integer not null,
    id text collate "C" not null,
    organization_id text collate "C" not null,
    domain text collate "C" not null,
    state text not null,
    verification_strategy text not null,
    verification_token text not null,
    verification_prefix text not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint organization_domains_pkey primary key (environment, id),
    constraint organization_domains_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint organization_domains_domain_key unique (environment, domain)
);

create index organization_domains_organization_idx on organization_domains (environment, organization_id);
