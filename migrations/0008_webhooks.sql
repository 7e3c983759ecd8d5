-- Webhooks: the endpoints of applications, what is owed to them, and what was tried.
--
-- events -> webhook_deliveries -> webhook_attempts. The payload stays in the event log, which keeps it far longer than a
-- delivery is tried for.

create table webhook_endpoints (
    environment integer not null,
    id text collate "C" not null,
    endpoint_url text not null,
    events text[] not null,
    status text not null,
    -- Sealed under the master key, bound to the id.
    secret bytea not null,
    -- The other live secret while the first is being replaced: it signs from next_secret_at on, and the first stays live
    -- until former_secret_until.
    next_secret bytea,
    next_secret_at timestamptz,
    former_secret_until timestamptz,
    -- What had been committed when the endpoint was made: none of that is sent to it.
    epoch integer not null,
    snapshot pg_snapshot not null default pg_current_snapshot(),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    -- Deleted for everybody; a worker removes what it was owed in small pieces, and the row last.
    deleted_at timestamptz,
    constraint webhook_endpoints_pkey primary key (environment, id),
    constraint webhook_endpoints_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint webhook_endpoints_status_check check (status in ('enabled', 'disabled')),
    constraint webhook_endpoints_next_secret_check
        check ((next_secret is null) = (next_secret_at is null) and (next_secret is null) = (former_secret_until is null))
);

create unique index webhook_endpoints_url_key on webhook_endpoints (environment, endpoint_url) where deleted_at is null;

create index webhook_endpoints_deleted_idx on webhook_endpoints (deleted_at) where deleted_at is not null;

create table webhook_deliveries (
    environment integer not null,
    id text collate "C" not null,
    endpoint_id text collate "C" not null,
    event_id text collate "C" not null,
    event_name text not null,
    -- The moment of the event, which tells the partition of the log that it is in.
    event_at timestamptz not null,
    status text not null default 'pending',
    -- All attempts ever; the number of the last one.
    attempts integer not null default 0,
    -- Attempts since it was last queued, which the pauses between them go by.
    tries integer not null default 0,
    -- When it is to be tried next; while it is being tried, when another server may take it.
    due_at timestamptz not null,
    finished_at timestamptz,
    created_at timestamptz not null,
    constraint webhook_deliveries_pkey primary key (environment, id),
    constraint webhook_deliveries_event_key unique (environment, endpoint_id, event_id),
    constraint webhook_deliveries_endpoint_fkey foreign key (environment, endpoint_id)
        references webhook_endpoints (environment, id) on delete cascade,
    constraint webhook_deliveries_status_check check (status in ('pending', 'delivered', 'dead')),
    constraint webhook_deliveries_finished_check check ((status = 'pending') = (finished_at is null))
) with (fillfactor = 80);

-- The queue of each endpoint.
create index webhook_deliveries_due_idx on webhook_deliveries (environment, endpoint_id, due_at) where status = 'pending';

create index webhook_deliveries_finished_idx on webhook_deliveries (finished_at) where status <> 'pending';

create index webhook_deliveries_dead_idx on webhook_deliveries (environment, endpoint_id) where status = 'dead';

create index webhook_deliveries_event_idx on webhook_deliveries (environment, event_id);

create table webhook_attempts (
    environment integer not null,
    delivery_id text collate "C" not null,
    number integer not null,
    started_at timestamptz not null,
    duration_ms integer not null,
    status_code integer,
    error text,
    response_headers json,
    response_body text,
    constraint webhook_attempts_pkey primary key (environment, delivery_id, number),
    constraint webhook_attempts_delivery_fkey foreign key (environment, delivery_id)
        references webhook_deliveries (environment, id) on delete cascade
);

-- How far the log has been read. It begins at the end of the log as it is now.
create table webhook_cursor (
    singleton boolean not null default true,
    epoch integer not null,
    xid xid8 not null,
    position bigint not null,
    constraint webhook_cursor_pkey primary key (singleton),
    constraint webhook_cursor_singleton_check check (singleton)
);

insert into webhook_cursor (epoch, xid, position)
select epoch, pg_snapshot_xmin(pg_current_snapshot()), -1 from event_epoch;
