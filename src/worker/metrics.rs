//! Metrics, in the form of Prometheus, on a listener of their own: they are the operator's, not the API's.
//!
//! Every floor counts with the macros of the `metrics` crate, which do nothing until [`Exporter::install`]. Labels must
//! come from sets that no client can enlarge: the template of a route, never its path.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stopped;
use crate::db::Database;
use crate::http;
use crate::kernel::Result;
use crate::store::system::event_log;

/// Upper bounds of the buckets of everything that is measured in seconds: from a read by key to a queue that is full.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Samples are kept one by one until they are put into their buckets, this often, whether anybody asks or not.
const SETTLE: Duration = Duration::from_secs(5);

/// There are a few who ask, and they have to be let go when the server stops, nothing more.
const TERMS: http::serve::Terms = http::serve::Terms { connections: 64, ..http::serve::Terms::USUAL };
/// How long the database may take to tell of the event log.
const PATIENCE: Duration = Duration::from_secs(2);

/// What has been counted, ready to be shown.
#[derive(Clone)]
pub struct Exporter {
    counted: PrometheusHandle,
}

impl Exporter {
    /// Begins to count. Before whatever describes its metrics when it starts, and once in a process.
    ///
    /// # Errors
    ///
    /// When counting was begun before.
    pub fn install() -> Result<Self, BuildError> {
        let counted = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
            .install_recorder()?;
        describe();
        Ok(Self { counted })
    }

    /// Answers on the listener until the server stops.
    pub fn start(self, listener: TcpListener, database: Database, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
        let counted = self.counted.clone();
        let router = router(Arc::new(Source { counted: self.counted, database }));
        tokio::spawn(async move {
            let settling = async {
                let mut ticks = tokio::time::interval(SETTLE);
                loop {
                    ticks.tick().await;
                    counted.run_upkeep();
                }
            };
            tokio::select! {
                () = http::serve::serve(listener, router, stopped(&mut stop), TERMS) => {}
                () = settling => {}
            }
        })
    }
}

struct Source {
    counted: PrometheusHandle,
    database: Database,
}

#[expect(clippy::disallowed_methods, reason = "it is no route of the API, and not in its table")]
fn router(source: Arc<Source>) -> Router {
    let unread = axum::middleware::from_fn(http::unread::answer);
    Router::new().route("/metrics", axum::routing::get(show)).layer(unread).with_state(source)
}

async fn show(State(source): State<Arc<Source>>) -> ([(HeaderName, &'static str); 1], String) {
    let pool = source.database.pool();
    gauge!("vestibule_database_connections").set(pool.size());
    gauge!("vestibule_database_connections_idle").set(u32::try_from(source.database.idle()).unwrap_or(u32::MAX));
    gauge!("vestibule_database_connections_max").set(pool.options().get_max_connections());
    gauge!("vestibule_database_waiting").set(source.database.waiting());
    gauge!("vestibule_database_up").set(if source.database.health().is_lost() { 0.0 } else { 1.0 });
    // Old figures would look like good ones: without an answer there are none.
    let head = tokio::time::timeout(PATIENCE, head(&source.database)).await;
    gauge!("vestibule_event_log_up").set(if matches!(head, Ok(Ok(()))) { 1.0 } else { 0.0 });
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], source.counted.render())
}

/// Where the event log ends, and how old its end is.
async fn head(database: &Database) -> Result<()> {
    let head = event_log::find_head(&mut database.system().await?).await?;
    let now = database.clock.now();
    gauge!("vestibule_event_log_epoch").set(head.epoch);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact up to 2^53")]
    gauge!("vestibule_event_log_position").set(head.position.unwrap_or_default() as f64);
    gauge!("vestibule_event_log_newest_age_seconds").set(head.newest.map_or(f64::NAN, |then| now.seconds_since(then)));
    gauge!("vestibule_event_log_hidden_age_seconds").set(head.hidden.map_or(0.0, |then| now.seconds_since(then)));
    Ok(())
}

fn describe() {
    describe_histogram!("vestibule_http_request_seconds", Unit::Seconds, "Time to answer a request");
    describe_counter!(
        "vestibule_domain_checks_total",
        Unit::Count,
        "Look-ups of domains that wait for their TXT record"
    );
    describe_counter!("vestibule_upkeep_total", "Runs of the chores that keep the database in shape");
    describe_counter!("vestibule_mail_total", "Attempts to send a message, by what came of them");
    describe_gauge!("vestibule_database_connections", "Connections to PostgreSQL that are open");
    describe_gauge!("vestibule_database_connections_idle", "Open connections that nobody uses");
    describe_gauge!("vestibule_database_connections_max", "Most connections that may be opened");
    describe_gauge!("vestibule_database_waiting", "Who waits for a connection");
    describe_gauge!("vestibule_database_up", "1 while the database answers, and as one that writes");
    describe_gauge!("vestibule_http_connections", "Connections of clients that are open");
    describe_counter!("vestibule_http_connections_full_total", "Times that a client had to wait for a place");
    describe_gauge!("vestibule_event_log_up", "1 if the database told of the event log for this answer");
    describe_gauge!("vestibule_event_log_epoch", "Epoch of the event log: one more after each restore");
    describe_gauge!("vestibule_event_log_position", "Position of the newest event");
    describe_gauge!("vestibule_event_log_newest_age_seconds", "Age of the newest event");
    describe_gauge!("vestibule_event_log_hidden_age_seconds", "Age of the oldest event that readers are not shown yet");
    describe_gauge!("vestibule_build_info", "1, with the version of the server as label");
    gauge!("vestibule_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
