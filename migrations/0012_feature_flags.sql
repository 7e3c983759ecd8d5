-- Feature flags: who has which, by targets, by rules, or by default.

create table feature_flags (
    environment integer not null,
    id text collate "C" not null,
    slug text collate "C" not null,
    name text not null,
    description text,
    owner jsonb,
    tags text[] not null default '{}',
    enabled boolean not null default false,
    default_value boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint feature_flags_pkey primary key (environment, id),
    constraint feature_flags_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint feature_flags_slug_key unique (environment, slug)
);

-- A rule holds where, for each of its types, the context names one of its targets. A type stays when its last target
-- is gone: a rule that lost a condition with it would hold for more people than anybody meant it to.
create table feature_flag_rules (
    environment integer not null,
    id text collate "C" not null,
    flag_id text collate "C" not null,
    position integer not null,
    value boolean not null,
    target_types text[] collate "C" not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint feature_flag_rules_pkey primary key (environment, id),
    constraint feature_flag_rules_flag_fkey foreign key (environment, flag_id)
        references feature_flags (environment, id) on delete cascade,
    constraint feature_flag_rules_position_key unique (environment, flag_id, position) deferrable initially deferred,
    constraint feature_flag_rules_target_types_check check (cardinality(target_types) > 0)
);

-- A target of the flag itself has a value; one of a rule has the rule's. Users and organizations are referred to, so
-- that no target outlives what it names; other types are the application's own.
create table feature_flag_targets (
    environment integer not null,
    id text collate "C" not null,
    flag_id text collate "C" not null,
    rule_id text collate "C",
    target_type text collate "C" not null,
    target_id text collate "C" not null,
    value boolean,
    user_id text collate "C" generated always as (case when target_type = 'user' then target_id end) stored,
    organization_id text collate "C"
        generated always as (case when target_type = 'organization' then target_id end) stored,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint feature_flag_targets_pkey primary key (environment, id),
    constraint feature_flag_targets_flag_fkey foreign key (environment, flag_id)
        references feature_flags (environment, id) on delete cascade,
    constraint feature_flag_targets_rule_fkey foreign key (environment, rule_id)
        references feature_flag_rules (environment, id) on delete cascade,
    constraint feature_flag_targets_user_fkey foreign key (environment, user_id)
        references users (environment, id) on delete cascade,
    constraint feature_flag_targets_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint feature_flag_targets_value_check check ((rule_id is null) = (value is not null))
);

create unique index feature_flag_targets_flag_key
    on feature_flag_targets (environment, flag_id, target_type, target_id) where rule_id is null;
create unique index feature_flag_targets_rule_key on feature_flag_targets (environment, rule_id, target_type, target_id);
create index feature_flag_targets_flag_idx on feature_flag_targets (environment, flag_id, id);
create index feature_flag_targets_user_idx on feature_flag_targets (environment, user_id);
create index feature_flag_targets_organization_idx on feature_flag_targets (environment, organization_id);
