//! Verification of domains: looks for the TXT records of those that wait for one.
//!
//! When a domain is due stands in its row. Taking it moves that moment ahead by a lease, so that any number of servers
//! look it up once, and another one does if this one dies. What was seen is brought to
//! `domain::organization_domains::settle`, which decides. Between the two no transaction is open.
//!
//! Look-ups run side by side, up to [`AT_ONCE`]: a name server that does not answer holds one place for ten seconds a
//! name, and nobody else up.

use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::stopped;
use crate::domain::organization_domains;
use crate::http::App;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::model::organization_domains::OrganizationDomain;
use crate::store::system::domain_checks::{self, Due};

/// Look-ups at the same time.
const AT_ONCE: usize = 64;
/// How often what is due is asked for when nobody wakes the worker.
const PAUSE: Duration = Duration::from_secs(5);
/// For how long a domain that was taken is due for nobody else: longer than its look-ups can take.
const LEASE_SECONDS: i64 = 120;

/// Starts the worker. It ends when the server stops; what it was looking up is due again when its lease ends.
pub fn start(app: App, mut stop: watch::Receiver<bool>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let mut running = JoinSet::new();
        let work = async {
            loop {
                take(&app, &mut running).await;
                tokio::select! {
                    Some(_) = running.join_next() => {}
                    () = app.domains_due().notified() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        };
        tokio::select! {
            () = stopped(&mut stop) => {}
            () = work => {}
        }
    })
}

/// Looks up everything that is due, once.
pub async fn round(app: &App) {
    let mut running = JoinSet::new();
    take(app, &mut running).await;
    while running.join_next().await.is_some() {
        take(app, &mut running).await;
    }
}

/// Takes as many of those that are due as there are places, and begins to look them up.
async fn take(app: &App, running: &mut JoinSet<()>) {
    // Those that are done leave their places.
    while running.try_join_next().is_some() {}
    let free = i64::try_from(AT_ONCE.saturating_sub(running.len())).unwrap_or_default();
    if free == 0 {
        return;
    }
    let lease = app.database().clock.now().plus_seconds(LEASE_SECONDS);
    match app.database().write_system(async |system| domain_checks::claim(system, lease, free).await).await {
        Ok(taken) => {
            for due in taken {
                running.spawn(check(app.clone(), due, lease));
            }
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the domains to be looked up cannot be read; tried again in {} s",
            PAUSE.as_secs()
        ),
    }
}

/// Looks one up and brings home what was seen.
async fn check(app: App, due: Due, lease: Timestamp) {
    let Due { environment, domain } = due;
    let found = look_up(&app, &domain).await;
    let settle = async |found| -> Result<()> {
        let settle = async |tx: &mut _| organization_domains::settle(tx, &domain.id, lease, found).await;
        app.database().write(environment, settle).await
    };
    let outcome = match (settle(found == Seen::Proof).await, found) {
        (Err(error), _) => {
            let id = &domain.id;
            let error: &dyn std::error::Error = &error;
            tracing::warn!(%id, error, "the look-up of domain {id} cannot be written down; it is made again");
            "lost"
        }
        (Ok(()), Seen::Proof) => "verified",
        (Ok(()), Seen::Nothing) => "absent",
        (Ok(()), Seen::Unknown) => "failed",
    };
    counter!("vestibule_domain_checks_total", "outcome" => outcome).increment(1);
}

/// What a look-up showed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The TXT record is there.
    Proof,
    /// It is not.
    Nothing,
    /// Nobody could tell. It counts as absent: the next look-up comes, and the days do not stop for a dead server.
    Unknown,
}

async fn look_up(app: &App, domain: &OrganizationDomain) -> Seen {
    let mut seen = Seen::Nothing;
    for name in organization_domains::places(domain) {
        match app.resolver().texts(&name).await {
            Ok(texts) if texts.iter().any(|text| organization_domains::is_proof(domain, text)) => return Seen::Proof,
            Ok(_) => {}
            Err(error) => {
                let id = &domain.id;
                tracing::debug!(%id, %error, "domain {id} could not be looked up");
                seen = Seen::Unknown;
            }
        }
    }
    seen
}
