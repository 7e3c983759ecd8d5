//! What reading the log costs where it has grown since the plan was made, and since PostgreSQL last analysed it: the pages
//! of the cache that a page of it touches, and how it gets at them.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use vestibule::worker::upkeep;

use crate::harness::{Test, story_apart};
use crate::sql::statements;

/// Before and behind every event.
const START: &str = "0, '0', 0";
const END: &str = "2147483647, '0', 0";

/// How the log was when the plans were made.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// As a new server has it.
    New,
    /// There was nothing in it, and PostgreSQL has made sure of that.
    Empty,
    /// So many events, and analysed.
    Short(u32),
}

/// A connection that keeps its plans.
struct Reader {
    connection: PgConnection,
    /// The environment.
    key: i32,
    events: u32,
}

impl Reader {
    async fn open(t: &Test) -> Self {
        upkeep::round(&t.app).await;
        let mut connection = PgConnection::connect_with(&t.app.database().pool().connect_options()).await.unwrap();
        let sql = "select key from environments where id = $1";
        let key = sqlx::query_scalar(sql).bind(t.environment.id.as_str()).fetch_one(&mut connection).await.unwrap();
        let mut reader = Self { connection, key, events: 0 };
        for (name, file, part) in [
            ("oldest", "store/events.rs", "order by epoch asc"),
            ("newest", "store/events.rs", "order by epoch desc"),
            ("find_end", "store/system/webhooks.rs", "as passed"),
            ("list_owed", "store/system/webhooks.rs", "for key share of w"),
        ] {
            let mut found = statements().into_iter();
            let found = found.find(|it| it.place.starts_with(file) && it.text.contains(part)).unwrap();
            reader.run(&format!("prepare {name} as {}", found.text)).await;
        }
        reader
    }

    async fn run(&mut self, text: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut self.connection).await.unwrap();
    }

    /// So many more events, a hundred in each transaction, of transactions that ended long ago.
    async fn grow(&mut self, by: u32) {
        let (key, from, to) = (self.key, self.events + 1, self.events + by);
        self.run(&format!(
            "insert into events (environment, epoch, xid, position, id, name, data, created_at)
             select {key}, 1, (3 + i / 100)::text::xid8, i, 'event_' || i, 'organization.created', '{{}}', now()
             from generate_series({from}, {to}) as i"
        ))
        .await;
        self.events = to;
    }

    /// The place of the event in the middle.
    fn middle(&self) -> String {
        let position = self.events / 2;
        format!("1, '{}', {position}", 3 + position / 100)
    }

    /// What a reader asks for: how often the log is read at all, and by whom, is in these few statements.
    fn questions(&self) -> Vec<String> {
        let key = self.key;
        let page = |name: &str, low: &str, high: &str| {
            format!(
                "{name} ({key}, {low}, {high}, array['organization.created'], now() - interval '30 days', 'infinity',
                         null, 101)"
            )
        };
        let middle = self.middle();
        vec![
            page("oldest", START, END),
            page("oldest", &middle, END),
            page("newest", START, END),
            page("newest", START, &middle),
            format!("find_end ({middle}, 1000)"),
            format!("list_owed ({middle}, {END}, 1000)"),
        ]
    }

    /// How a statement was run, and at what cost.
    async fn explain(&mut self, question: &str) -> Value {
        let text = format!("explain (analyze, buffers, format json) execute {question}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(text)).fetch_one(&mut self.connection).await.unwrap().get::<Value, _>(0)
    }
}

/// The kinds of the nodes of a plan that read events, and the most rows that any of them, or of those above, has given.
fn inspect(node: &Value, scans: &mut Vec<String>) -> f64 {
    let kind = node["Node Type"].as_str().unwrap();
    if node["Relation Name"].as_str().is_some_and(|name| name.starts_with("events")) {
        scans.push(kind.to_owned());
    }
    let below = node["Plans"].as_array().into_iter().flatten();
    below.fold(node["Actual Rows"].as_f64().unwrap(), |most, child| most.max(inspect(child, scans)))
}

#[test]
fn a_page_of_the_log_costs_the_same_however_much_it_has_grown_since_it_was_planned() {
    for then in [Then::New, Then::Empty, Then::Short(500)] {
        story_apart(async |t| {
            let mut reader = Reader::open(&t).await;
            if let Then::Short(events) = then {
                reader.grow(events).await;
            }
            if !matches!(then, Then::New) {
                reader.run("analyze").await;
            }
            // What is asked for often is planned for all that may be asked, and the plan is kept.
            for question in reader.questions() {
                for _ in 0..8 {
                    reader.run(&format!("execute {question}")).await;
                }
            }
            for by in [5_000, 20_000] {
                reader.grow(by).await;
                for question in reader.questions() {
                    let plan = reader.explain(&question).await;
                    let (plan, mut scans) = (&plan[0]["Plan"], Vec::new());
                    let rows = inspect(plan, &mut scans);
                    assert!(scans.iter().all(|scan| scan == "Index Scan"), "{then:?}, {question}: {scans:?}");
                    assert!(rows <= 1000.0, "{then:?}, {question}: {rows} rows are read");
                    let pages =
                        plan["Shared Hit Blocks"].as_f64().unwrap() + plan["Shared Read Blocks"].as_f64().unwrap();
                    assert!(pages <= 250.0, "{then:?}, {question}: {pages} pages");
                }
            }
            let anew =
                "select name from pg_prepared_statements where name in ('oldest', 'newest') and generic_plans = 0";
            let anew: Vec<String> = sqlx::query_scalar(anew).fetch_all(&mut reader.connection).await.unwrap();
            assert_eq!(anew, [""; 0], "{then:?}: planned anew for each page");
        });
    }
}
