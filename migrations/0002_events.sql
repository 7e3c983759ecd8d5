-- The event log. Its order is (epoch, xid, position): an event is shown once no transaction that could still put one
-- before it is running, so that a cursor never passes over an event that commits late. Partitions are days; they are
-- made ahead and dropped behind by a worker, and the default one catches what a stopped worker would miss.

create table event_epoch (
    singleton boolean not null default true,
    epoch integer not null default 1,
    constraint event_epoch_pkey primary key (singleton),
    constraint event_epoch_singleton_check check (singleton)
);

insert into event_epoch default values;

create sequence event_positions as bigint cache 32;

create table events (
    environment integer not null,
    epoch integer not null,
    xid xid8 not null default pg_current_xact_id(),
    position bigint not null default nextval('event_positions'),
    id text collate "C" not null,
    name text collate "C" not null,
    organization_id text collate "C",
    data json not null,
    context json,
    created_at timestamptz not null
) partition by range (created_at);

create index events_environment_order_idx on events (environment, epoch, xid, position);
create index events_order_idx on events (epoch, xid, position);
create index events_id_idx on events (environment, id);

create table events_default partition of events default;
