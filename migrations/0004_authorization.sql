-- Authorization: types, roles, permissions, the resource tree and the grants on it.
--
-- Rows here are counted in hundreds of millions, so they refer to one another by integer keys; the public id is a
-- column. The tree's truth is `resources.parent`; `resource_ancestors` is derived from it, in the same transaction.

create table resource_types (
    environment integer not null,
    key integer generated always as identity,
    slug text collate "C" not null,
    name text not null,
    description text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint resource_types_pkey primary key (key),
    constraint resource_types_environment_key unique (environment, key),
    constraint resource_types_slug_key unique (environment, slug),
    constraint resource_types_environment_fkey foreign key (environment) references environments (key) on delete cascade
);

create table resource_type_parents (
    environment integer not null,
    type integer not null,
    parent integer not null,
    constraint resource_type_parents_pkey primary key (type, parent),
    constraint resource_type_parents_type_fkey foreign key (environment, type)
        references resource_types (environment, key) on delete cascade,
    constraint resource_type_parents_parent_fkey foreign key (environment, parent)
        references resource_types (environment, key) on delete cascade
);

create index resource_type_parents_type_idx on resource_type_parents (environment, type);
create index resource_type_parents_parent_idx on resource_type_parents (environment, parent);

-- A role of the environment, or of one organization. `priority` is the place in the environment's order, so a role of an
-- organization has none: an organization with roles of its own has its own order in `organization_role_orders`.
create table roles (
    environment integer not null,
    key integer generated always as identity,
    id text collate "C" not null,
    organization_id text collate "C",
    slug text collate "C" not null,
    name text not null,
    description text,
    resource_type integer not null,
    priority integer,
    is_default boolean not null default false,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint roles_pkey primary key (key),
    constraint roles_environment_key unique (environment, key),
    constraint roles_id_key unique (environment, id),
    constraint roles_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint roles_resource_type_fkey foreign key (environment, resource_type)
        references resource_types (environment, key) on delete cascade,
    constraint roles_priority_check check ((organization_id is null) = (priority is not null)),
    constraint roles_is_default_check check (organization_id is null or not is_default)
);

create unique index roles_environment_slug_key on roles (environment, slug) where organization_id is null;
create unique index roles_organization_slug_key on roles (environment, organization_id, slug) where organization_id is not null;
create unique index roles_default_key on roles (environment) where is_default;
create index roles_organization_idx on roles (environment, organization_id);
create index roles_resource_type_idx on roles (environment, resource_type);

-- The order and the default of an organization that has left those of the environment, which it does with its first role.
-- Roles that the environment makes afterwards need no row: a role without one comes after all that have one.
create table organization_role_orders (
    environment integer not null,
    organization_id text collate "C" not null,
    role integer not null,
    priority integer not null,
    is_default boolean not null default false,
    constraint organization_role_orders_pkey primary key (environment, organization_id, role),
    constraint organization_role_orders_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint organization_role_orders_role_fkey foreign key (environment, role)
        references roles (environment, key) on delete cascade
);

create unique index organization_role_orders_default_key on organization_role_orders (environment, organization_id) where is_default;
create index organization_role_orders_role_idx on organization_role_orders (environment, role);

create table permissions (
    environment integer not null,
    key integer generated always as identity,
    id text collate "C" not null,
    slug text collate "C" not null,
    name text not null,
    description text,
    system boolean not null default false,
    resource_type integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint permissions_pkey primary key (key),
    constraint permissions_environment_key unique (environment, key),
    constraint permissions_id_key unique (environment, id),
    constraint permissions_slug_key unique (environment, slug),
    constraint permissions_resource_type_fkey foreign key (environment, resource_type)
        references resource_types (environment, key) on delete cascade
);

create index permissions_resource_type_idx on permissions (environment, resource_type);

create table role_permissions (
    environment integer not null,
    role integer not null,
    permission integer not null,
    constraint role_permissions_pkey primary key (role, permission),
    constraint role_permissions_role_fkey foreign key (environment, role)
        references roles (environment, key) on delete cascade,
    constraint role_permissions_permission_fkey foreign key (environment, permission)
        references permissions (environment, key) on delete cascade
);

create index role_permissions_role_idx on role_permissions (environment, role);
create index role_permissions_permission_idx on role_permissions (environment, permission, role);

-- Keys rise in the order of creation, which is the order of lists. The root of an organization's tree has no parent,
-- and no name and external id of its own: it goes by its organization's.
create table resources (
    environment integer not null,
    key bigint generated always as identity,
    id text collate "C" not null,
    organization_id text collate "C" not null,
    type integer not null,
    parent bigint,
    external_id text collate "C",
    name text,
    description text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint resources_pkey primary key (key),
    constraint resources_id_key unique (environment, id),
    constraint resources_external_id_key unique (environment, organization_id, type, external_id),
    constraint resources_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint resources_type_fkey foreign key (environment, type)
        references resource_types (environment, key) on delete cascade,
    constraint resources_parent_fkey foreign key (parent) references resources (key) on delete cascade,
    constraint resources_root_check check (
        (parent is null) = (external_id is null) and (parent is null) = (name is null))
);

create unique index resources_root_key on resources (environment, organization_id) where parent is null;
create index resources_organization_type_idx on resources (environment, organization_id, type, key);
create index resources_type_idx on resources (environment, type);
create index resources_parent_idx on resources (parent, type, key);

create table resource_ancestors (
    descendant bigint not null,
    ancestor bigint not null,
    depth smallint not null,
    type integer not null,
    constraint resource_ancestors_pkey primary key (descendant, ancestor),
    constraint resource_ancestors_descendant_fkey foreign key (descendant) references resources (key) on delete cascade,
    constraint resource_ancestors_ancestor_fkey foreign key (ancestor) references resources (key) on delete cascade
);

create index resource_ancestors_ancestor_idx on resource_ancestors (ancestor, type, descendant);

-- One namespace for everything that can hold a role: memberships, later groups.
create sequence subjects as bigint;

-- A membership's roles in its organization are rows here on the organization's root.
create table role_assignments (
    environment integer not null,
    key bigint generated always as identity,
    id text collate "C" not null,
    organization_id text collate "C" not null,
    subject bigint not null,
    role integer not null,
    resource bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint role_assignments_pkey primary key (key),
    constraint role_assignments_id_key unique (environment, id),
    constraint role_assignments_subject_key unique (subject, resource, role),
    constraint role_assignments_organization_fkey foreign key (environment, organization_id)
        references organizations (environment, id) on delete cascade,
    constraint role_assignments_role_fkey foreign key (environment, role)
        references roles (environment, key) on delete cascade,
    constraint role_assignments_resource_fkey foreign key (resource) references resources (key) on delete cascade
);

create index role_assignments_organization_idx on role_assignments (environment, organization_id);
create index role_assignments_role_idx on role_assignments (environment, role);
create index role_assignments_resource_idx on role_assignments (resource, role, subject);
