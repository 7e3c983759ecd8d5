-- Keys that an application gives to its customers. They open nothing here: the application asks whether one is valid. That
-- they are another table than the management keys is what keeps the two from ever being taken for one another.

-- A key of a user stands on their membership. The value is stored as its hash only; it has some 256 bits, so a fast hash
-- is enough. `last_used_at` has no index, so that noting a use touches none.
create table api_keys (
    environment integer not null,
    id text collate "C" not null,
    organization_id text collate "C" not null,
    user_id text collate "C",
    name text not null,
    hash bytea not null,
    obfuscated text not null,
    expires_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint api_keys_pkey primary key (environment, id),
    constraint api_keys_hash_key unique (environment, hash),
    constraint api_keys_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint api_keys_membership_fkey foreign key (environment, organization_id, user_id)
        references organization_memberships (environment, organization_id, user_id) on delete cascade
) with (fillfactor = 90);

create index api_keys_owner_idx on api_keys (environment, organization_id, user_id, id);
create index api_keys_user_idx on api_keys (environment, user_id, id) where user_id is not null;

create table api_key_permissions (
    environment integer not null,
    api_key_id text collate "C" not null,
    permission integer not null,
    constraint api_key_permissions_pkey primary key (environment, api_key_id, permission),
    constraint api_key_permissions_api_key_fkey foreign key (environment, api_key_id)
        references api_keys (environment, id) on delete cascade,
    constraint api_key_permissions_permission_fkey foreign key (environment, permission)
        references permissions (environment, key) on delete cascade
);

create index api_key_permissions_permission_idx on api_key_permissions (environment, permission);
