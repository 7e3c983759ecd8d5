//! What a transaction sends, and in how few round trips.
//!
//! It begins when its first statement is sent, not before: one that has a single statement is a transaction by itself
//! and needs neither `begin` nor `commit`. So that there often is only one, a write can be [put off](Due::put_off): it is
//! sent before the next statement, so that the order is that of the program, or else at the end, in one statement with
//! the events. Nobody can see the difference, since PostgreSQL gives up a transaction in which anything failed.
//!
//! The face of this is [`Statement::later`](super::statement::Statement::later).

use serde_json::value::RawValue;
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use ulid::Ulid;

use super::connection::Lent;
use super::statement::failure;
use crate::kernel::event::Event;
use crate::kernel::id::{EnvironmentKey, EventKind, Kind as _, Mint, moment};
use crate::kernel::{Error, Result, trace};

/// A write that was put off.
pub(super) struct Write {
    pub(super) sql: &'static str,
    pub(super) arguments: PgArguments,
    /// What its failures mean.
    pub(super) meaning: fn(Result<()>) -> Result<()>,
}

/// What a transaction has to send before anything else.
pub(super) struct Due {
    begin: bool,
    write: Option<Write>,
}

impl Due {
    /// Of a transaction that is still to begin.
    pub(super) fn to_begin() -> Self {
        Self { begin: true, write: None }
    }

    /// Of a transaction that somebody else began, and ends.
    pub(super) fn nothing() -> Self {
        Self { begin: false, write: None }
    }

    /// Sends it: a statement follows.
    pub(super) async fn settle(&mut self, lent: &mut Lent<'_>) -> Result<()> {
        if self.begin {
            lent.begin("begin").await?;
            self.begin = false;
        }
        match self.write.take() {
            Some(Write { sql, arguments, meaning }) => meaning(run(lent, sql, sql.to_owned(), arguments).await),
            None => Ok(()),
        }
    }

    /// Keeps a write until then, after what was put off before it.
    pub(super) async fn put_off(&mut self, lent: &mut Lent<'_>, write: Write) -> Result<()> {
        if self.write.is_some() {
            self.settle(lent).await?;
        }
        self.write = Some(write);
        Ok(())
    }

    /// Sends it together with the events, as the last statement: nothing but the commit follows, if there was another one
    /// before it, and otherwise not even that.
    pub(super) async fn conclude(&mut self, lent: &mut Lent<'_>, announced: Option<Announced>) -> Result<()> {
        match (self.write.take(), announced) {
            (None, None) => Ok(()),
            (Some(Write { sql, arguments, meaning }), None) => meaning(run(lent, sql, sql.to_owned(), arguments).await),
            (None, Some(announced)) => {
                let mut arguments = PgArguments::default();
                let text = announced.insert(&mut arguments)?;
                run(lent, "insert into events", text, arguments).await
            }
            (Some(Write { sql, mut arguments, meaning }), Some(announced)) => {
                let events = announced.insert(&mut arguments)?;
                let text = match sql.strip_prefix("with ") {
                    Some(rest) => format!("with announced as ({events}), {rest}"),
                    None => format!("with announced as ({events}) {sql}"),
                };
                meaning(run(lent, sql, text, arguments).await)
            }
        }
    }
}

async fn run(lent: &mut Lent<'_>, name: &'static str, text: String, arguments: PgArguments) -> Result<()> {
    let query = sqlx::query_with(sqlx::AssertSqlSafe(text), arguments);
    let done = lent.health.during(query.execute(&mut *lent.connection));
    trace::statement(name, done).await.map_err(failure)?;
    lent.settle();
    Ok(())
}

/// Events that are about to be written, with their ids.
pub(super) struct Announced {
    environment: EnvironmentKey,
    events: Vec<(Ulid, Event)>,
}

impl Announced {
    /// These events, in their order; none if there are none.
    pub(super) fn of(environment: EnvironmentKey, events: impl Iterator<Item = Event>, mint: &Mint) -> Option<Self> {
        let events: Vec<_> = events.map(|event| (mint.ulid(), event)).collect();
        (!events.is_empty()).then_some(Self { environment, events })
    }

    /// The statement that writes them, whose parameters come after those that are bound already.
    ///
    /// A single event, as most writes have, is written in a way that is easier for PostgreSQL. Objects go as text:
    /// as JSON the driver would send them as `jsonb`, which is read, written and read again, and orders keys its own way.
    fn insert(self, arguments: &mut PgArguments) -> Result<String> {
        let place = |number: usize| arguments.len() + number;
        let [environment, id, name, organization, data, context, at] = std::array::from_fn(|index| place(index + 1));
        let columns = "insert into events (environment, epoch, id, name, organization_id, data, context, created_at)";
        let (text, bound) = match <[_; 1]>::try_from(self.events) {
            Ok([(ulid, event)]) => {
                let text = format!(
                    "{columns}
                     values (${environment}, (select epoch from event_epoch), ${id}, ${name}, ${organization},
                             ${data}::text::json, ${context}::text::json, ${at})"
                );
                (text, bind_one(arguments, self.environment, ulid, event))
            }
            Err(events) => {
                let text = format!(
                    "{columns}
                     select ${environment}, (select epoch from event_epoch), e.id, e.name, e.organization_id,
                            e.data::json, e.context::json, e.created_at
                     from unnest(${id}::text[], ${name}::text[], ${organization}::text[], ${data}::text[],
                                 ${context}::text[], ${at}::timestamptz[])
                          with ordinality as e (id, name, organization_id, data, context, created_at, place)
                     order by e.place"
                );
                (text, bind_all(arguments, self.environment, &events))
            }
        };
        bound.map_err(Error::internal)?;
        Ok(text)
    }
}

fn bind_one(
    arguments: &mut PgArguments,
    environment: EnvironmentKey,
    ulid: Ulid,
    event: Event,
) -> Result<(), BoxDynError> {
    arguments.add(environment)?;
    arguments.add(id(ulid))?;
    arguments.add(event.name)?;
    arguments.add(event.organization)?;
    arguments.add(event.data.get())?;
    arguments.add(event.context.as_deref().map(RawValue::get))?;
    arguments.add(moment(ulid))
}

fn bind_all(
    arguments: &mut PgArguments,
    environment: EnvironmentKey,
    events: &[(Ulid, Event)],
) -> Result<(), BoxDynError> {
    let (mut ids, mut names, mut organizations) = (Vec::new(), Vec::new(), Vec::new());
    let (mut data, mut contexts, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    for (ulid, event) in events {
        ids.push(id(*ulid));
        names.push(event.name);
        organizations.push(event.organization.as_ref());
        data.push(event.data.get());
        contexts.push(event.context.as_deref().map(RawValue::get));
        moments.push(moment(*ulid));
    }
    arguments.add(environment)?;
    arguments.add(ids)?;
    arguments.add(names)?;
    arguments.add(organizations)?;
    arguments.add(data)?;
    arguments.add(contexts)?;
    arguments.add(moments)
}

fn id(ulid: Ulid) -> String {
    format!("{}_{ulid}", EventKind::PREFIX)
}
