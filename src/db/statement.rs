//! One SQL statement, from its literal to its rows, and what its failures mean.
//!
//! Statements are written with [`sql!`](crate::sql) and [`page_sql!`](crate::page_sql), nothing else is accepted;
//! a test reads every one of them out of the source and has PostgreSQL prepare it on the migrated schema.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments as _, Encode, FromRow, Postgres, Type};

use super::connection::Lent;
use crate::kernel::id::Kind;
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result, trace};

/// The text of a statement. Made only by `sql!`, so never of input.
#[derive(Debug, Clone, Copy)]
pub struct Sql(#[doc(hidden)] pub &'static str);

/// The two texts of a page: read upwards, read downwards.
#[derive(Debug, Clone, Copy)]
pub struct PageSql {
    #[doc(hidden)]
    pub ascending: Sql,
    #[doc(hidden)]
    pub descending: Sql,
}

/// A statement: one literal, or several and the column lists between them (macros that expand to literals).
///
/// Within an environment `$1` is that environment, bound by [`Db`](super::Db) itself.
#[macro_export]
macro_rules! sql {
    ($($part:expr),+ $(,)?) => { $crate::db::statement::Sql(concat!($($part),+)) };
}

/// The statement of a page: everything up to the key's bounds, then the key.
///
/// The text must end within a `where` clause. `$2` and `$3` are the bounds and `$4` the number of rows, bound from
/// the [`Page`]; further parameters begin at `$5`.
#[macro_export]
macro_rules! page_sql {
    ($($part:expr),+; $key:literal) => {
        $crate::db::statement::PageSql {
            ascending: $crate::sql!($($part,)+ " and ", $key, " > $2 and ", $key, " < $3 order by ", $key, " asc limit $4"),
            descending: $crate::sql!($($part,)+ " and ", $key, " > $2 and ", $key, " < $3 order by ", $key, " desc limit $4"),
        }
    };
}

/// A statement with its arguments, ready to run.
#[must_use = "a statement does nothing until it is run"]
pub struct Statement<'c> {
    /// None is a fault of ours, told when the statement is run.
    lent: Option<Lent<'c>>,
    sql: &'static str,
    arguments: PgArguments,
    fault: Option<sqlx::error::BoxDynError>,
}

impl<'c> Statement<'c> {
    pub(super) fn new(lent: Option<Lent<'c>>, sql: Sql) -> Self {
        Self { lent, sql: sql.0, arguments: PgArguments::default(), fault: None }
    }

    /// Binds the next parameter.
    pub fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        if let Err(fault) = self.arguments.add(value) {
            self.fault.get_or_insert(fault);
        }
        self
    }

    fn ready(self) -> Result<(Lent<'c>, &'static str, PgArguments)> {
        match (self.lent, self.fault) {
            (Some(lent), None) => Ok((lent, self.sql, self.arguments)),
            (_, Some(fault)) => Err(Error::internal(fault)),
            (None, None) => Err(Error::internal("the connection is lent, or not in the transaction that this needs")),
        }
    }

    /// The row, if there is one.
    pub async fn find<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(self) -> Result<Option<T>> {
        let (lent, sql, arguments) = self.ready()?;
        let done = lent.health.during(sqlx::query_as_with(sql, arguments).fetch_optional(&mut *lent.connection));
        let done = trace::statement(sql, done).await.map_err(failure)?;
        lent.settle();
        Ok(done)
    }

    /// The row that must be there.
    pub async fn one<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(self) -> Result<T> {
        let (lent, sql, arguments) = self.ready()?;
        let done = lent.health.during(sqlx::query_as_with(sql, arguments).fetch_one(&mut *lent.connection));
        let done = trace::statement(sql, done).await.map_err(failure)?;
        lent.settle();
        Ok(done)
    }

    /// All rows.
    pub async fn all<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(self) -> Result<Vec<T>> {
        let (lent, sql, arguments) = self.ready()?;
        let done = lent.health.during(sqlx::query_as_with(sql, arguments).fetch_all(&mut *lent.connection));
        let done = trace::statement(sql, done).await.map_err(failure)?;
        lent.settle();
        Ok(done)
    }

    /// The first column of the row, if there is one.
    pub async fn find_value<T>(self) -> Result<Option<T>>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
        T: Send + Unpin,
    {
        Ok(self.find::<(T,)>().await?.map(|(value,)| value))
    }

    /// The first column of the row that must be there.
    pub async fn value<T>(self) -> Result<T>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
        T: Send + Unpin,
    {
        Ok(self.one::<(T,)>().await?.0)
    }

    /// The first column of all rows.
    pub async fn values<T>(self) -> Result<Vec<T>>
    where
        (T,): for<'r> FromRow<'r, PgRow>,
        T: Send + Unpin,
    {
        Ok(self.all::<(T,)>().await?.into_iter().map(|(value,)| value).collect())
    }

    /// Runs it for its effect; the number of rows that it touched.
    pub async fn run(self) -> Result<u64> {
        let (lent, sql, arguments) = self.ready()?;
        let done = lent.health.during(sqlx::query_with(sql, arguments).execute(&mut *lent.connection));
        let done = trace::statement(sql, done).await.map_err(failure)?;
        lent.settle();
        Ok(done.rows_affected())
    }
}

/// A page statement with its arguments, ready to run.
#[must_use = "a statement does nothing until it is run"]
pub struct PageStatement<'c, 'p, K: Kind> {
    statement: Statement<'c>,
    page: &'p Page<K>,
}

impl<'c, 'p, K: Kind> PageStatement<'c, 'p, K> {
    pub(super) fn new(statement: Statement<'c>, page: &'p Page<K>) -> Self {
        let scan = page.scan();
        Self { statement: statement.bind(scan.above).bind(scan.below).bind(scan.rows), page }
    }

    /// A page in the order of keys that are not the ids: the statement has the cursors themselves, null where there is
    /// none, and finds out where they stand.
    pub(super) fn by_key(statement: Statement<'c>, page: &'p Page<K>) -> Self {
        let (above, below) = page.bounds();
        Self { statement: statement.bind(above).bind(below).bind(page.scan().rows), page }
    }

    /// Binds the next parameter, from `$5` on.
    pub fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        self.statement = self.statement.bind(value);
        self
    }

    /// The page; the function gives the key of a row, by which its cursors are named.
    pub async fn list<T>(self, id: impl Fn(&T) -> &str) -> Result<List<T>>
    where
        T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        Ok(self.page.list(self.statement.all().await?, id))
    }
}

impl PageSql {
    pub(super) fn of<K: Kind>(self, page: &Page<K>) -> Sql {
        if page.scan().ascending { self.ascending } else { self.descending }
    }
}

/// What a failure of the database means to a caller who can do nothing about it.
///
/// A database that is not there, or that ended our work for reasons of its own, is worth another try: 503. All else
/// is a fault of ours.
pub(super) fn failure(error: sqlx::Error) -> Error {
    // Connection exceptions, resource shortage (a full disk too), operator intervention, faults of the machine, rolled
    // back, locks, read-only.
    const PASSING: [&str; 7] = ["08", "53", "57", "58", "40", "55", "25"];
    if is_orphan(&error) {
        return Error::unauthenticated();
    }
    let passing = match &error {
        sqlx::Error::Database(database) => {
            database.code().is_some_and(|code| PASSING.contains(&code.get(..2).unwrap_or_default()))
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::WorkerCrashed | sqlx::Error::BeginFailed => true,
        _ => false,
    };
    if passing { Error::unavailable(error) } else { Error::internal(error) }
}

/// Whether a row was refused because its environment is gone, and with it the key of whoever writes it.
fn is_orphan(error: &sqlx::Error) -> bool {
    let constraint = error.as_database_error().filter(|error| error.is_foreign_key_violation());
    constraint.and_then(DatabaseError::constraint).is_some_and(|name| name.ends_with("_environment_fkey"))
}

/// Whether a statement failed because it waited too long for what somebody else holds.
pub fn is_lock_timeout(error: &Error) -> bool {
    let failed = error.source_as::<sqlx::Error>().and_then(sqlx::Error::as_database_error);
    failed.and_then(DatabaseError::code).is_some_and(|code| code == "55P03")
}

/// Gives a violated constraint its meaning.
pub trait OnConstraint {
    /// If the statement failed on the constraint of this name, answers this error instead.
    #[must_use = "this gives a failure its meaning, it does not handle it"]
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Self;
}

impl<T> OnConstraint for Result<T> {
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Self {
        self.map_err(|failure| match failure.source_as::<sqlx::Error>() {
            Some(sqlx::Error::Database(database)) if database.constraint() == Some(name) => error(),
            _ => failure,
        })
    }
}
