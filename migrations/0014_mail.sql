-- The outbox: mail is written in the transaction of what causes it, and sent by a worker where the operator has configured
-- a server for it.

-- What a message says is sealed under the master key, for it may carry what lets somebody in. `next_attempt_at` is also the
-- lease: who takes a message to send it puts that off until it must have come of it, and counts `attempts` up, by which it is
-- known again. It is null when nothing is left to do.
create table mail (
    environment integer not null,
    id text collate "C" not null,
    recipient text not null,
    recipient_normal text collate "C" not null,
    subject text not null,
    sealed bytea not null,
    state text not null,
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    expires_at timestamptz not null,
    failure text,
    sent_at timestamptz,
    created_at timestamptz not null,
    constraint mail_pkey primary key (environment, id),
    constraint mail_environment_fkey foreign key (environment) references environments (key) on delete cascade,
    constraint mail_state_check check (state in ('queued', 'sent', 'failed')),
    constraint mail_next_attempt_check check ((state = 'queued') = (next_attempt_at is not null))
);

-- The operator reads the outbox of all environments at once.
create index mail_id_idx on mail (id);
create index mail_recipient_idx on mail (recipient_normal, id);
create index mail_next_attempt_at_idx on mail (next_attempt_at) where next_attempt_at is not null;
create index mail_created_at_idx on mail (created_at);
