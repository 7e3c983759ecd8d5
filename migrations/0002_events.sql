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

-- Whoever reads within an environment names the events that it wants, so each name is a range of this index, and a rare
-- one is found without passing over the frequent ones.
create index events_environment_name_order_idx on events (environment, name, epoch, xid, position);

-- For readers of all environments. The first column is an expression so that only a statement that writes it this way
-- finds this index: it offers the order that the one above does, and would be taken for environments with few events,
-- whose readers would then walk through everybody's.
create index events_order_idx on events ((epoch + 0), xid, position);

create index events_id_idx on events (id);

create table events_default partition of events default;
