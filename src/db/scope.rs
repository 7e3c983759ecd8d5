//! Where a statement runs: within one environment to read ([`Db`]) or to write ([`Tx`]), or outside all of them
//! ([`System`]).
//!
//! A [`Db`] is made only from an environment that somebody was authenticated for, and binds it as `$1` of every
//! statement by itself: no statement can be sent without it.

use std::ops::{Deref, DerefMut};

use ulid::Ulid;

use super::connection::Connection;
use super::statement::{PageSql, PageStatement, Sql, Statement, failure};
use super::unit::{Announced, Due};
use super::{Bells, Database};
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::Random;
use crate::kernel::event::Event;
use crate::kernel::id::{EnvironmentKey, Id, Kind, Mint};
use crate::kernel::page::Page;
use crate::kernel::{Error, Result};

/// Events that are written by one statement: a bound on its size, for deletions that announce very much.
const EVENTS_AT_ONCE: usize = 1000;

/// What a transaction leaves to the workers of this process, which it wakes once it is committed.
#[derive(Clone)]
struct Left {
    events: bool,
    mail: bool,
    bells: Bells,
}

impl Left {
    fn nothing(database: &Database) -> Self {
        Self { events: false, mail: false, bells: database.bells.clone() }
    }

    fn ring(&self) {
        if self.events {
            self.bells.events.notify_one();
        }
        if self.mail {
            self.bells.mail.notify_one();
        }
    }
}

/// A connection within one environment.
pub struct Db {
    connection: Connection,
    environment: EnvironmentKey,
    /// What a transaction that begins by itself still has to send. Within one of [`System`] nothing is put off, so that
    /// whoever does much at once is told where it fails.
    due: Option<Due>,
}

impl Db {
    pub(super) fn new(connection: Connection, environment: EnvironmentKey) -> Self {
        Self { connection, environment, due: None }
    }

    /// A statement with the environment bound as `$1`.
    pub fn query(&mut self, sql: Sql) -> Statement<'_> {
        Statement::new(self.connection.lend(), sql).of(self.due.as_mut()).bind(self.environment)
    }

    /// The statement of a page, with the environment bound as `$1` and the page as `$2` to `$4`.
    pub fn page<'d, 'p, K: Kind>(&'d mut self, sql: PageSql, page: &'p Page<K>) -> PageStatement<'d, 'p, K> {
        PageStatement::new(self.query(sql.of(page)), page)
    }

    /// The same for a list in the order of other keys than its ids: `$2` and `$3` are the ids that bound the page from
    /// below and from above, null where nothing does, and the statement itself finds out where these stand.
    pub fn page_by_key<'d, 'p, K: Kind>(&'d mut self, sql: PageSql, page: &'p Page<K>) -> PageStatement<'d, 'p, K> {
        PageStatement::by_key(self.query(sql.of(page)), page)
    }
}

/// A transaction within one environment. Store functions take it as the [`Db`] that it is.
pub struct Tx {
    db: Db,
    now: Timestamp,
    mint: Mint,
    random: Random,
    events: Vec<Event>,
    left: Left,
}

impl Deref for Tx {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Db {
        &mut self.db
    }
}

impl Tx {
    pub(super) fn new(connection: Connection, environment: EnvironmentKey, database: &Database) -> Self {
        Self {
            db: Db { connection, environment, due: Some(Due::to_begin()) },
            now: database.clock.now(),
            mint: database.mint.clone(),
            random: database.random.clone(),
            events: Vec::new(),
            left: Left::nothing(database),
        }
    }

    /// The moment of this transaction: the same for everything that it writes.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A new id.
    pub fn mint<K: Kind>(&self) -> Id<K> {
        self.mint.id()
    }

    /// A new ULID, for what is not an object and has no prefix.
    pub fn ulid(&self) -> Ulid {
        self.mint.ulid()
    }

    /// The source of randomness.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Announces what this transaction makes true. The event is written with it, or not at all.
    pub fn emit(&mut self, event: Result<Event>) -> Result<()> {
        self.events.push(event?);
        Ok(())
    }

    /// Has the worker that sends mail woken, once this transaction is committed.
    pub fn ring_mail(&mut self) {
        self.left.mail = true;
    }

    pub(super) async fn commit(mut self) -> Result<()> {
        self.finish().await?;
        self.db.connection.commit().await?;
        self.left.ring();
        Ok(())
    }

    /// Takes everything back.
    pub(super) async fn roll_back(self) {
        self.db.connection.roll_back().await;
    }

    /// Writes the events in their order, with the write that was put off if there is one. No lock is taken, so that
    /// commits go on being grouped: readers tell by `xid` which events are certain to have none before them that is
    /// still to come.
    async fn finish(&mut self) -> Result<()> {
        self.left.events |= !self.events.is_empty();
        let Some(mut lent) = self.db.connection.lend() else {
            return Err(Error::internal("the connection is lent"));
        };
        let due = self.db.due.get_or_insert_with(Due::nothing);
        while self.events.len() > EVENTS_AT_ONCE {
            due.settle(&mut lent).await?;
            let announced = Announced::of(self.db.environment, self.events.drain(..EVENTS_AT_ONCE), &self.mint);
            due.conclude(&mut lent, announced).await?;
        }
        let announced = Announced::of(self.db.environment, self.events.drain(..), &self.mint);
        due.conclude(&mut lent, announced).await
    }
}

/// A connection, or a transaction, that belongs to no environment: for what finds the environment, and for the
/// operator. Accepted only under `store/system/`.
pub struct System {
    /// Lent to a [`Tx`] while [`System::within`] runs, here otherwise.
    connection: Option<Connection>,
    now: Timestamp,
    mint: Mint,
    random: Random,
    recalls: bool,
    left: Left,
}

impl System {
    pub(super) fn new(connection: Connection, database: &Database) -> Self {
        Self {
            connection: Some(connection),
            now: database.clock.now(),
            mint: database.mint.clone(),
            random: database.random.clone(),
            recalls: false,
            left: Left::nothing(database),
        }
    }

    /// A statement, with nothing bound.
    pub fn query(&mut self, sql: Sql) -> Statement<'_> {
        Statement::new(self.connection.as_mut().and_then(Connection::lend), sql)
    }

    /// The same, for a statement that changes or removes what servers remember on a [`Lease`](super::lease::Lease).
    /// In a transaction only: its commit is what everybody then waits for.
    pub fn recall(&mut self, sql: Sql) -> Statement<'_> {
        self.recalls = true;
        let transaction = self.connection.as_mut().filter(|connection| connection.is_in_transaction());
        Statement::new(transaction.and_then(Connection::lend), sql)
    }

    /// The statement of a page, with the page bound as `$2` to `$4`, and true as `$1`, where the environment would be.
    pub fn page<'d, 'p, K: Kind>(&'d mut self, sql: PageSql, page: &'p Page<K>) -> PageStatement<'d, 'p, K> {
        PageStatement::new(self.query(sql.of(page)).bind(true), page)
    }

    /// Runs the closure within an environment, in this same transaction.
    pub async fn within<T>(
        &mut self,
        environment: EnvironmentKey,
        change: impl AsyncFnOnce(&mut Tx) -> Result<T>,
    ) -> Result<T> {
        let connection = self.connection.take().ok_or_else(|| Error::internal("the connection is lent already"))?;
        let mut tx = Tx {
            db: Db { connection, environment, due: None },
            now: self.now,
            mint: self.mint.clone(),
            random: self.random.clone(),
            events: Vec::new(),
            left: self.left.clone(),
        };
        let outcome = match change(&mut tx).await {
            Ok(outcome) => tx.finish().await.map(|()| outcome),
            Err(error) => Err(error),
        };
        self.left = tx.left;
        self.connection = Some(tx.db.connection);
        outcome
    }

    /// Runs text that takes no parameters and cannot be prepared ahead: the making of partitions, whose names are
    /// part of the statement. Never of input.
    pub async fn define(&mut self, text: String) -> Result<()> {
        let lent = self.connection.as_mut().and_then(Connection::lend);
        let lent = lent.ok_or_else(|| Error::internal("the connection is lent"))?;
        lent.health.during(sqlx::raw_sql(sqlx::AssertSqlSafe(text)).execute(lent.connection)).await.map_err(failure)?;
        Ok(())
    }

    /// The moment of this transaction.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A new id.
    pub fn mint<K: Kind>(&self) -> Id<K> {
        self.mint.id()
    }

    /// The source of randomness.
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// Takes everything back.
    pub(super) async fn roll_back(self) {
        if let Some(connection) = self.connection {
            connection.roll_back().await;
        }
    }

    /// Commits; whether leases are recalled by that.
    pub(super) async fn commit(self) -> Result<bool> {
        match self.connection {
            Some(connection) => {
                connection.commit().await?;
                self.left.ring();
                Ok(self.recalls)
            }
            None => Err(Error::internal("the connection is lent")),
        }
    }
}
