//! The event log as a record: nothing is passed over, nothing comes twice, and what is too old goes.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use vestibule::db::migrate;
use vestibule::kernel::Error;
use vestibule::kernel::event::Event;
use vestibule::worker::upkeep;

use crate::harness::{Test, story, story_apart, until};

const CREATED: &str = "/events?events=organization.created";
const DAY: i64 = 86_400;

/// A transaction that has written its events and waits for leave to commit.
struct Held {
    leave: oneshot::Sender<()>,
    writer: JoinHandle<()>,
}

impl Held {
    /// Begins a transaction, on a connection of its own, that announces organizations of these names.
    async fn open(t: &Test, names: Vec<String>) -> Self {
        let (leave, left) = oneshot::channel();
        let (tell, written) = oneshot::channel();
        let (database, environment) = (t.app.database().clone(), t.environment.key);
        let writer = tokio::spawn(async move {
            database
                .write_system(async |system| {
                    let emit = async |tx: &mut vestibule::db::Tx| {
                        for name in &names {
                            tx.emit(Event::new("organization.created", None, &json!({ "name": name })))?;
                        }
                        Ok(())
                    };
                    system.within(environment, emit).await?;
                    tell.send(()).unwrap();
                    left.await.map_err(Error::internal)
                })
                .await
                .unwrap();
        });
        written.await.unwrap();
        Self { leave, writer }
    }

    async fn commit(self) {
        self.leave.send(()).unwrap();
        self.writer.await.unwrap();
    }
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["data"]["name"].as_str().unwrap()).collect()
}

/// Changes the database behind the server's back.
async fn run(t: &Test, statement: &str) -> u64 {
    let outcome = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(t.app.database().pool()).await;
    outcome.unwrap().rows_affected()
}

async fn ask<T>(pool: &PgPool, question: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(question.to_owned())).fetch_one(pool).await.unwrap()
}

/// The days that have a partition, as they are named.
async fn partitions(t: &Test) -> Vec<String> {
    let sql = "select inhrelid::regclass::text from pg_inherits where inhparent = 'events'::regclass order by 1";
    sqlx::query_scalar(sql).fetch_all(t.app.database().pool()).await.unwrap()
}

#[test]
fn an_event_waits_for_those_that_may_still_come_before_it() {
    story(async |t| {
        let first = Held::open(&t, vec!["first".to_owned()]).await;
        t.organization("second").await;
        assert_eq!(t.pages(CREATED).await, [""; 0], "what is behind a gap is not shown");
        first.commit().await;
        assert_eq!(names(&t.events(&["organization.created"]).await), ["first", "second"]);
    });
}

#[test]
fn a_transaction_that_fails_leaves_no_event_and_no_gap() {
    story(async |t| {
        let held = Held::open(&t, vec!["never".to_owned()]).await;
        t.organization("kept").await;
        drop(held.leave);
        assert!(held.writer.await.unwrap_err().is_panic());
        assert_eq!(names(&t.events(&["organization.created"]).await), ["kept"]);
    });
}

/// Two groups of eight writers take turns: one holds its events while the other commits, last first.
#[test]
fn a_cursor_passes_over_nothing_while_sixteen_writers_commit_late_and_out_of_order() {
    const GROUPS: usize = 24;
    story_apart(async |t| {
        let total = GROUPS * 8 * 3;
        let reader = tokio::spawn({
            let t = t.clone();
            async move {
                let (mut seen, mut path) = (Vec::new(), format!("{CREATED}&limit=7"));
                while seen.len() < total {
                    let mut page = t.get(&path).await.ok();
                    if let Some(last) = page["data"].as_array().unwrap().last() {
                        path = format!("{CREATED}&limit=7&after={}", last["id"].as_str().unwrap());
                    }
                    seen.append(page["data"].as_array_mut().unwrap());
                }
                seen
            }
        });
        let mut holding: Vec<Held> = Vec::new();
        for group in 0..=GROUPS {
            let mut next = Vec::new();
            for writer in (0..8).filter(|_| group < GROUPS) {
                next.push(Held::open(&t, (0..3).map(|n| format!("{group}.{writer}.{n}")).collect()).await);
            }
            for held in holding.into_iter().rev() {
                held.commit().await;
            }
            holding = next;
        }
        let seen = timeout(Duration::from_secs(30), reader).await.expect("an event was passed over").unwrap();
        assert_eq!(names(&seen).iter().collect::<BTreeSet<_>>().len(), total, "nothing twice, nothing missing");
        assert_eq!(t.events(&["organization.created"]).await, seen, "and in the order that the log keeps");
        for transaction in names(&seen).chunks(3) {
            let parts: Vec<_> = transaction.iter().map(|name| name.rsplit_once('.').unwrap()).collect();
            assert!(parts.iter().all(|part| part.0 == parts[0].0), "a transaction stays together: {transaction:?}");
            assert_eq!(parts.iter().map(|part| part.1).collect::<String>(), "012", "in its own order");
        }
    });
}

#[test]
fn an_event_is_gone_after_thirty_days_to_the_moment() {
    story(async |t| {
        t.organization("old").await;
        t.app.database().clock.advance(30 * DAY - 60);
        t.organization("new").await;
        let old = t.events(&["organization.created"]).await;
        assert_eq!(names(&old), ["old", "new"]);
        t.app.database().clock.advance(61);
        assert_eq!(names(&t.pages(CREATED).await), ["new"]);
        let path = format!("{CREATED}&range_start=1970-01-01T00:00:00Z");
        assert_eq!(names(&t.pages(&path).await), ["new"]);
        let path = format!("{CREATED}&after={}", old[0]["id"].as_str().unwrap());
        assert_eq!(names(&t.pages(&path).await), ["new"], "it is still a cursor");
    });
}

#[test]
fn days_are_made_ahead_and_dropped_behind() {
    story_apart(async |t| {
        let clock = &t.app.database().clock;
        let day = |ahead: i64| format!("events_{}", clock.now().plus_seconds(ahead * DAY).day());
        assert_eq!(partitions(&t).await, ["events_default"]);
        tokio::join!(upkeep::round(&t.app), upkeep::round(&t.app));
        upkeep::round(&t.app).await;
        let (first, four) = (day(0), [day(0), day(1), day(2), day(3), "events_default".to_owned()]);
        assert_eq!(partitions(&t).await, four);
        t.organization("old").await;
        assert_eq!(ask::<i64>(t.app.database().pool(), &format!("select count(*) from {first}")).await, 1);

        clock.advance(30 * DAY);
        t.organization("stray").await;
        upkeep::round(&t.app).await;
        assert!(partitions(&t).await.contains(&first), "some of that day is not too old yet");
        clock.advance(DAY);
        let before = t.events(&["organization.created"]).await;
        upkeep::round(&t.app).await;
        assert!(!partitions(&t).await.contains(&first));
        assert_eq!(t.events(&["organization.created"]).await, before);
        assert_eq!(names(&before), ["stray"]);
        assert_eq!(ask::<i64>(t.app.database().pool(), "select count(*) from events").await, 1);
    });
}

#[test]
fn what_a_stopped_worker_let_into_the_default_partition_is_moved_or_deleted() {
    story_apart(async |t| {
        let clock = &t.app.database().clock;
        t.organization("too old").await;
        clock.advance(31 * DAY);
        t.organization("of another day").await;
        clock.advance(2 * DAY);
        t.organization("today").await;
        let log = t.events(&["organization.created"]).await;
        assert_eq!(names(&log), ["of another day", "today"]);
        upkeep::round(&t.app).await;
        assert_eq!(t.events(&["organization.created"]).await, log, "the order has not changed");
        let left: Vec<String> = sqlx::query_scalar("select data ->> 'name' from events_default")
            .fetch_all(t.app.database().pool())
            .await
            .unwrap();
        assert_eq!(left, ["of another day"]);
        t.organization("tomorrow").await;
        assert_eq!(names(&t.events(&["organization.created"]).await), ["of another day", "today", "tomorrow"]);
    });
}

#[test]
fn upkeep_does_not_wait_behind_a_long_transaction_and_does_not_end_with_a_failure() {
    story_apart(async |t| {
        let held = Held::open(&t, vec!["long".to_owned()]).await;
        let (stop, stopped) = tokio::sync::watch::channel(false);
        upkeep::round(&t.app).await;
        assert_eq!(partitions(&t).await, ["events_default"], "the log was busy");
        held.commit().await;
        let worker = upkeep::start(t.app.clone(), stopped);
        until("the worker has made the partitions", async || partitions(&t).await.len() == 5).await;
        assert_eq!(names(&t.events(&["organization.created"]).await), ["long"]);
        stop.send(true).unwrap();
        worker.await.unwrap();
    });
}

#[test]
fn a_log_that_was_restored_elsewhere_is_shown_whole_and_goes_on_behind() {
    story_apart(async |t| {
        t.organization("A").await;
        t.organization("B").await;
        let log = t.events(&["organization.created"]).await;
        // As in a new cluster, whose transactions are counted from the start.
        run(&t, "update events set xid = (xid::text::bigint + 1000000000)::text::xid8").await;
        assert_eq!(t.pages(CREATED).await, [""; 0], "transactions of the future have not ended yet");

        let database = t.app.database();
        let mut servers = JoinSet::new();
        for _ in 0..8 {
            let database = database.clone();
            servers.spawn(async move { migrate::run(&database).await.unwrap() });
        }
        servers.join_all().await;
        assert_eq!(ask::<i32>(database.pool(), "select epoch from event_epoch").await, 2, "one of them began it");
        assert_eq!(t.events(&["organization.created"]).await, log);
        t.organization("C").await;
        let end = format!("{CREATED}&after={}", log[1]["id"].as_str().unwrap());
        t.settle().await;
        assert_eq!(names(&t.pages(&end).await), ["C"]);

        migrate::run(database).await.unwrap();
        assert_eq!(ask::<i32>(database.pool(), "select epoch from event_epoch").await, 2, "once is enough");
    });
}

#[test]
fn a_new_epoch_waits_for_the_writers_of_the_old_one() {
    story_apart(async |t| {
        t.organization("A").await;
        run(&t, "update events set xid = (xid::text::bigint + 1000000000)::text::xid8").await;
        let held = Held::open(&t, vec!["late".to_owned()]).await;
        let renewal = tokio::spawn({
            let database = t.app.database().clone();
            async move { migrate::run(&database).await.unwrap() }
        });
        until("the renewal waits", async || {
            ask(t.app.database().pool(), "select exists (select from pg_locks where not granted)").await
        })
        .await;
        held.commit().await;
        renewal.await.unwrap();
        t.organization("next").await;
        assert_eq!(names(&t.events(&["organization.created"]).await), ["late", "A", "next"]);
    });
}

#[test]
fn very_many_events_of_one_transaction_keep_their_order() {
    story(async |t| {
        let numbers: Vec<_> = (0..2500).map(|n| n.to_string()).collect();
        Held::open(&t, numbers.clone()).await.commit().await;
        assert_eq!(names(&t.events(&["organization.created"]).await), numbers);
    });
}
