//! Connections to the database: they lie ready while somebody watches over it, and only those that are in order.

use futures_util::future::join_all;
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::task::JoinHandle;
use vestibule::db::Database;
use vestibule::kernel::clock::Clock;
use vestibule::kernel::crypto::Random;

use crate::harness::{Test, story_apart, until};

const OTHERS: &str = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";

/// How many connections are outside the pool without being used.
fn lying(database: &Database) -> usize {
    database.idle().saturating_sub(database.pool().num_idle())
}

/// Watches over the database, and has connections lie ready.
async fn watch(t: &Test) -> JoinHandle<()> {
    let database = t.app.database().clone();
    let watch = tokio::spawn({
        let database = database.clone();
        async move { database.watch().await }
    });
    until("a connection lies ready", async || {
        t.get("/organizations").await.ok();
        lying(&database) > 0
    })
    .await;
    watch
}

async fn count(t: &Test, condition: &str) -> i64 {
    let sql = format!("select count(*) {OTHERS} and {condition}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(t.app.database().pool()).await.unwrap()
}

#[test]
fn connections_lie_ready_while_somebody_watches_and_go_back_then() {
    story_apart(async |t| {
        let database = t.app.database().clone();
        t.get("/organizations").await.ok();
        assert_eq!(lying(&database), 0, "nobody watches");
        let watch = watch(&t).await;
        // One after another they need one connection, and leave it where it was.
        for _ in 0..8 {
            t.get("/organizations").await.ok();
        }
        assert!((1..=2).contains(&lying(&database)), "{} connections lie ready", lying(&database));
        watch.abort();
        until("they are back", async || {
            let pool = database.pool();
            lying(&database) == 0 && pool.num_idle() == usize::try_from(pool.size()).unwrap()
        })
        .await;
        t.get("/organizations").await.ok();
    });
}

#[test]
fn more_requests_than_connections_are_all_answered() {
    story_apart(async |t| {
        let watch = watch(&t).await;
        let made = t.organization("Acme").await;
        let path = format!("/organizations/{}", made["id"].as_str().unwrap());
        for answer in join_all((0..200).map(|_| t.get(&path))).await {
            assert_eq!(answer.ok(), made);
        }
        watch.abort();
    });
}

#[test]
fn an_answer_that_nobody_waited_for_is_given_to_nobody_else() {
    story_apart(async |t| {
        let watch = watch(&t).await;
        let (left, wanted) = (t.organization("Left").await, t.organization("Wanted").await);
        let path =
            |organization: &serde_json::Value| format!("/organizations/{}", organization["id"].as_str().unwrap());
        for _ in 0..8 {
            let mut holder = t.app.database().pool().begin().await.unwrap();
            sqlx::query("lock table organizations in access exclusive mode").execute(&mut *holder).await.unwrap();
            // Whoever asked goes away in the middle, once reading and once writing.
            tokio::select! {
                _ = async { tokio::join!(t.get(path(&left)), t.delete(path(&left))) } => panic!("nobody held them up"),
                () = until("both wait", async || count(&t, "wait_event_type = 'Lock'").await == 2) => {}
            }
            holder.rollback().await.unwrap();
            for answer in join_all((0..4).map(|_| t.get(path(&wanted)))).await {
                assert_eq!(answer.ok(), wanted);
            }
        }
        assert_eq!(t.get(path(&left)).await.ok(), left, "what was not waited for was not done");
        watch.abort();
    });
}

#[test]
fn connections_that_were_cut_while_they_lay_ready_fail_one_request_and_no_more() {
    story_apart(async |t| {
        // A pool of its own, which knows what the watch knows, and has room for who cuts them.
        let options = PgConnectOptions::clone(&t.app.database().pool().connect_options());
        let database = Database::open(options, 12, Clock::default(), Random::new());
        let t = t.beside(|parts| parts.database = database).await;
        let watch = watch(&t).await;
        join_all((0..8).map(|_| t.get("/organizations"))).await.into_iter().for_each(|answer| drop(answer.ok()));
        assert!(lying(t.app.database()) > 0);
        let cut = format!("select pg_terminate_backend(pid, 5000) {OTHERS}");
        sqlx::query(sqlx::AssertSqlSafe(cut)).execute(t.app.database().pool()).await.unwrap();
        assert_eq!(t.get("/organizations").await.status, 503);
        for _ in 0..20 {
            t.get("/organizations").await.ok();
        }
        watch.abort();
        t.app.database().close().await;
    });
}

/// Of what was planned when a table was empty, and is asked for again when it is not.
#[test]
fn a_connection_forgets_its_plans_when_it_goes_back() {
    story_apart(async |t| {
        // One that is not of the pool, for what it asks would be the last thing that a connection of the pool was asked.
        let options = t.app.database().pool().connect_options();
        let mut beside = PgConnection::connect_with(&options).await.unwrap();
        let watch = watch(&t).await;
        let sql = format!("select count(*) {OTHERS} and query = 'discard plans'");
        until("one that lay ready has been told to", async || {
            let query = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql.as_str()));
            query.fetch_one(&mut beside).await.unwrap() > 0
        })
        .await;
        t.get("/organizations").await.ok();
        watch.abort();
    });
}
