-- Those who wait to be let in.

alter table environments add column waitlist_confirmation_mail boolean not null default true;

-- The default one is made by its first entry.
create table waitlists (
    environment integer not null,
    id text collate "C" not null,
    is_default boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint waitlists_pkey primary key (environment, id),
    constraint waitlists_environment_fkey foreign key (environment) references environments (key) on delete cascade
);

create unique index waitlists_default_key on waitlists (environment) where is_default;

create table waitlist_entries (
    environment integer not null,
    id text collate "C" not null,
    waitlist_id text collate "C" not null,
    email text collate "C" not null,
    state text not null,
    additional_fields json not null,
    approved_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint waitlist_entries_pkey primary key (environment, id),
    constraint waitlist_entries_waitlist_fkey foreign key (environment, waitlist_id)
        references waitlists (environment, id) on delete cascade,
    constraint waitlist_entries_email_key unique (environment, email),
    constraint waitlist_entries_state_check check (state in ('pending', 'approved', 'denied'))
);

create index waitlist_entries_waitlist_idx on waitlist_entries (environment, waitlist_id, id);
