//! The listener: connections in, and their orderly end.
//!
//! Own rather than axum's, for two things that axum's leaves out: a client that dawdles over its headers is cut off,
//! and a stop has a deadline.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send the head of a request, and how long a connection is kept without one: a little
/// longer than load balancers keep theirs, so that it is they who close it.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long after being told to stop the server is gone, whatever still runs.
const STOP_TIME: Duration = Duration::from_secs(25);
/// How long to wait after a failure to accept: usually the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the future resolves and for `delay` longer; then takes no more connections, lets the requests that run
/// finish, and returns.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, delay: Duration) {
    // HTTP/1.1 alone: telling the versions apart would wait for the first bytes without a limit.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(async {
        stop.await;
        tokio::time::sleep(delay).await;
    });
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open(&builder, stream, &router, &connections),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    let patience = STOP_TIME.saturating_sub(delay);
    if tokio::time::timeout(patience, connections.shutdown()).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not finish in time and are given up");
    }
}

fn open(builder: &Builder<TokioExecutor>, stream: TcpStream, router: &Router, connections: &GracefulShutdown) {
    // Answers are written whole; waiting to join them with more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended badly");
        }
    });
}
