//! `vestibule serve`: from settings to a server that answers, and back.

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::telemetry::Telemetry;
use super::{Outcome, apply, boot, database, logging};
use crate::app;
use crate::db::Database;
use crate::domain::installation::Made;
use crate::http::serve::Terms;
use crate::http::{self, App};
use crate::kernel::config::Config;
use crate::worker::metrics::Exporter;
use crate::worker::{domains, mail, outages, upkeep, webhooks};

/// Shown whatever the log is set to.
const BANNER: &str = "
    ****************************************************************
    *  VESTIBULE_DEV is on. The clock of this server can be moved. *
    *  For development and tests only: never for real users.       *
    ****************************************************************

";

/// Runs the server until it is told to stop.
///
/// # Errors
///
/// When it cannot start; every message says what to do.
pub async fn run(config: Config) -> Outcome {
    logging::start(&config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    if config.dev {
        std::io::stderr().write_all(BANNER.as_bytes())?;
    }
    raise_descriptor_limit(config.connection_limit);
    let telemetry = Telemetry::start(&config)?;
    let opened = database::open(&config).await?;
    let served = serve(&config, &opened.database, async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
    })
    .await;
    telemetry.stop().await?;
    let closed = opened.close().await;
    served.and(closed)
}

async fn serve(config: &Config, database: &Database, told: impl Future<Output = ()>) -> Outcome {
    let listener = listen(config.listen, "VESTIBULE_LISTEN").await?;
    let address = listener.local_addr()?;
    let origin = config.origin(address);
    let (stop, stopping) = watch::channel(false);
    let mut workers = Vec::new();
    if let Some(address) = config.metrics_listen {
        let listener = listen(address, "VESTIBULE_METRICS_LISTEN").await?;
        tracing::info!(address = %listener.local_addr()?, "metrics are served");
        workers.push(Exporter::install()?.start(listener, database.clone(), stopping.clone()));
    }
    let mut told = std::pin::pin!(told);
    // A server that is told to stop before it is ready stops at once: nothing half done is kept.
    let app = tokio::select! {
        started = start(config, database, origin.as_str()) => started?,
        () = &mut told => return Ok(()),
    };
    workers.push(domains::start(app.clone(), stopping.clone()));
    workers.push(outages::start(database.clone(), stopping.clone()));
    workers.push(webhooks::start(app.clone(), stopping.clone()));
    workers.push(mail::start(app.clone(), stopping.clone()));
    workers.push(upkeep::start(app.clone(), stopping));
    tracing::info!(%address, origin = origin.as_str(), "Vestibule is ready");
    let stopped = async {
        told.await;
        app.begin_stop();
    };
    let terms = Terms { connections: config.connection_limit, delay: config.stop_delay, ..Terms::USUAL };
    http::serve::serve(listener, app::router(&app), stopped, terms).await;
    stop.send_replace(true);
    for worker in workers {
        worker.await?;
    }
    Ok(())
}

async fn start(config: &Config, database: &Database, origin: &str) -> Result<App, Box<dyn Error + Send + Sync>> {
    let (app, made) = boot::application(config, database, origin.to_owned()).await?;
    announce(&made)?;
    if let Some(path) = &config.seed {
        apply::at_start(path, &app).await?;
    }
    Ok(app)
}

/// Systems allow a process 1024 open files unless it asks for more, which each program may up to a higher limit.
fn raise_descriptor_limit(connections: usize) {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    // None is no limit.
    if let Some(current) = current
        && current < connections as u64
    {
        tracing::warn!(
            files = current,
            connections,
            "this process may open fewer files than VESTIBULE_CONNECTION_LIMIT allows connections: raise `ulimit -n`"
        );
    }
}

async fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address} ({setting}): {error}"))
}

/// Prints what the first start made. This is the one time that it can be seen, so it goes to standard output and not
/// to the log, which is kept.
fn announce(made: &Made) -> Result<(), Box<dyn Error + Send + Sync>> {
    let secrets = [
        ("VESTIBULE_API_KEY", made.api_key.as_ref().map(|secret| secret.expose().as_str())),
        ("VESTIBULE_CLIENT_ID", made.client_id.as_deref()),
        ("VESTIBULE_ADMIN_TOKEN", made.admin_token.as_ref().map(|secret| secret.expose().as_str())),
    ];
    if secrets.iter().all(|(_, value)| value.is_none()) {
        return Ok(());
    }
    let mut text = "Made at this start and shown only now; keep them:\n\n".to_owned();
    for (name, value) in secrets {
        if let Some(value) = value {
            text.push_str(&format!("  {name}={value}\n"));
        }
    }
    text.push('\n');
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
