//! The listener: connections in, and their orderly end.
//!
//! Own rather than axum's, for three things that axum's leaves out: a client that dawdles over its headers is cut off,
//! no more clients are taken than there is room for, and a stop has a deadline.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a client may take to send the head of a request, and how long a connection is kept without one: a little
/// longer than load balancers keep theirs, so that it is they who close it.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long after being told to stop the server is gone, whatever still runs.
const STOP_TIME: Duration = Duration::from_secs(25);
/// How long to wait after a failure to accept: usually the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How much a listener takes on, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Most connections that are open at once. Others wait where the system keeps those that nobody has taken up.
    pub connections: usize,
    /// For how long connections are still taken after the stop was announced.
    pub delay: Duration,
}

/// Serves until the future resolves and for the delay longer; then takes no more connections, lets the requests that run
/// finish, and returns.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, terms: Terms) {
    // HTTP/1.1 alone: telling the versions apart would wait for the first bytes without a limit.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let house = House { builder, router, open: GracefulShutdown::new() };
    let room = Arc::new(Semaphore::new(terms.connections.min(Semaphore::MAX_PERMITS)));
    let mut stop = std::pin::pin!(async {
        stop.await;
        tokio::time::sleep(terms.delay).await;
    });
    loop {
        tokio::select! {
            (stream, place) = accept(&listener, &room) => house.open(stream, place),
            () = &mut stop => break,
        }
    }
    // Whoever has been let in by the system believes to be connected: to close the listener now would cut them off.
    while let Ok(place) = Arc::clone(&room).try_acquire_owned()
        && let Poll::Ready(Ok((stream, _))) = poll_fn(|context| Poll::Ready(listener.poll_accept(context))).await
    {
        house.open(stream, place);
    }
    drop(listener);
    let patience = STOP_TIME.saturating_sub(terms.delay);
    if tokio::time::timeout(patience, house.open.shutdown()).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not finish in time and are given up");
    }
}

/// Takes the next connection as soon as there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    if room.available_permits() == 0 {
        metrics::counter!("vestibule_http_connections_full_total").increment(1);
    }
    // Nobody closes the semaphore; without a place, it would be as if there were no limit.
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What every connection is served by.
struct House {
    builder: Builder<TokioExecutor>,
    router: Router,
    open: GracefulShutdown,
}

impl House {
    fn open(&self, stream: TcpStream, place: impl Into<Option<OwnedSemaphorePermit>>) {
        // Answers are written whole; waiting to join them with more would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.router.clone());
        let connection = self.builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = self.open.watch(connection);
        let place = place.into();
        metrics::gauge!("vestibule_http_connections").increment(1);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended badly");
            }
            metrics::gauge!("vestibule_http_connections").decrement(1);
            drop(place);
        });
    }
}
