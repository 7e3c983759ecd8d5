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

/// Upper bounds of the buckets of everything that is measured in seconds: from a read by key to a queue that is full.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Samples are kept one by one until they are put into their buckets, this often, whether anybody asks or not.
const SETTLE: Duration = Duration::from_secs(5);

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
                () = http::serve::serve(listener, router, stopped(&mut stop), Duration::ZERO) => {}
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
    Router::new().route("/metrics", axum::routing::get(show)).with_state(source)
}

async fn show(State(source): State<Arc<Source>>) -> ([(HeaderName, &'static str); 1], String) {
    let pool = source.database.pool();
    gauge!("vestibule_database_connections").set(pool.size());
    gauge!("vestibule_database_connections_idle").set(u32::try_from(pool.num_idle()).unwrap_or(u32::MAX));
    gauge!("vestibule_database_connections_max").set(pool.options().get_max_connections());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], source.counted.render())
}

fn describe() {
    describe_histogram!("vestibule_http_request_seconds", Unit::Seconds, "Time to answer a request");
    describe_counter!("vestibule_upkeep_total", "Runs of the chores that keep the database in shape");
    describe_counter!("vestibule_mail_total", "Attempts to send a message, by what came of them");
    describe_gauge!("vestibule_database_connections", "Connections to PostgreSQL that are open");
    describe_gauge!("vestibule_database_connections_idle", "Open connections that nobody uses");
    describe_gauge!("vestibule_database_connections_max", "Most connections that may be opened");
    describe_gauge!("vestibule_build_info", "1, with the version of the server as label");
    gauge!("vestibule_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}
