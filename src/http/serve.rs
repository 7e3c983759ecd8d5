//! The listener: connections in, and their orderly end.
//!
//! Own rather than axum's, for what axum's leaves out: a client that dawdles over its headers is cut off, no more clients
//! are taken than there is room for, a stop has a deadline, and what is no request is answered like one (`http/line.rs`).

use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::{SockFilter, SockRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use super::line::{Fresh, Left, Line};
use super::unread::Unread;

/// How long a client may take to send the head of a request, and how long a connection is kept without one: a little
/// longer than load balancers keep theirs, so that it is they who close it.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long after being told to stop the server is gone, whatever still runs.
const STOP_TIME: Duration = Duration::from_secs(25);
/// How long to wait after a failure to accept: usually the process has no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long connections are taken that were let in before the stop. The runtime hears of them a little later than the system
/// does, so a look that finds nobody proves nothing.
const LAST_CALL_TIME: Duration = Duration::from_millis(50);
/// How long a stop waits for the first word of those who were let in last. hyper lets go of who has not said any, and what
/// they say follows at once on their being connected.
const FIRST_WORD_TIME: Duration = Duration::from_millis(500);
/// How long, and how much, is still listened to who was told that what it sends is no request: a line that is closed while
/// something comes in on it is reset, and the answer with it.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

/// How much a listener takes on, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// Most connections that are open at once. Others wait where the system keeps those that nobody has taken up.
    pub connections: usize,
    /// For how long connections are still taken after the stop was announced.
    pub delay: Duration,
    /// How long a client may take to send the head of a request.
    pub head: Duration,
}

impl Terms {
    /// For a listener of no particular kind.
    pub const USUAL: Self = Self { connections: 1024, delay: Duration::ZERO, head: HEAD_TIME };
}

/// Serves until the future resolves and for the delay longer; then takes no more connections, lets the requests that run
/// finish, and returns.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, terms: Terms) {
    // HTTP/1.1 alone: telling the versions apart would wait for the first bytes without a limit.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(terms.head);
    let (fresh, mut none_fresh) = mpsc::channel(1);
    let house = House { builder, router, fresh, open: GracefulShutdown::new() };
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
    if let Err(error) = let_nobody_in(&listener) {
        tracing::debug!(%error, "somebody who connects at this very moment may be cut off");
    }
    let last_call = Instant::now() + LAST_CALL_TIME;
    while let Ok((stream, place)) = timeout_at(last_call, accept(&listener, &room)).await {
        house.open(stream, place);
    }
    drop(listener);
    let House { open, fresh, .. } = house;
    drop(fresh);
    // Nobody sends anything: it ends when the last of them is gone.
    let _ = timeout(FIRST_WORD_TIME, none_fresh.recv()).await;
    let patience = STOP_TIME.saturating_sub(terms.delay);
    if timeout(patience, open.shutdown()).await.is_err() {
        tracing::warn!(seconds = patience.as_secs(), "some requests did not finish in time and are given up");
    }
}

/// Has the system take no notice of who begins to connect from now on. Without an answer they are not connected, ask again
/// a second later, and are refused then: nobody is let in between the last look into the queue and the end of it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn let_nobody_in(listener: &TcpListener) -> std::io::Result<()> {
    // Of the flags of a TCP segment (its byte 13), SYN and ACK: segments with SYN alone are dropped, all others pass.
    const FILTER: [SockFilter; 5] = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x54, 0, 0, 0x12),
        SockFilter::new(0x15, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    SockRef::from(listener).attach_filter(&FILTER)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn let_nobody_in(_: &TcpListener) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
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
    fresh: Fresh,
    open: GracefulShutdown,
}

impl House {
    fn open(&self, stream: TcpStream, place: Option<OwnedSemaphorePermit>) {
        // Answers are written whole; waiting to join them with more would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(self.router.clone());
        let (line, left) = Line::new(stream, self.fresh.clone());
        let connection = self.builder.serve_connection(TokioIo::new(line), service).into_owned();
        let connection = self.open.watch(connection);
        // The stop waits for as long as this is there.
        let watcher = self.open.watcher();
        let (builder, router) = (self.builder.clone(), self.router.clone());
        metrics::gauge!("vestibule_http_connections").increment(1);
        tokio::spawn(async move {
            let is_late = match connection.await {
                Ok(()) => false,
                Err(error) => {
                    tracing::debug!(error, "a connection ended badly");
                    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
                }
            };
            if let Ok(Left { stream, unread, heard }) = left.await
                && let Some(unread) = unread.or((is_late && heard).then_some(Unread::TooSlow))
            {
                // In a box: it is rare, and would be part of every connection.
                Box::pin(refuse(&builder, router, stream, unread)).await;
            }
            metrics::gauge!("vestibule_http_connections").decrement(1);
            drop((watcher, place));
        });
    }
}

/// Tells a client that what it sent is no request. The answer is the router's, and hyper writes it.
async fn refuse(builder: &Builder<TokioExecutor>, router: Router, stream: TcpStream, unread: Unread) {
    let service = TowerToHyperService::new(router.layer(Extension(unread)));
    let (line, left) = Line::to_answer(stream);
    let answered = timeout(LINGER_TIME, builder.serve_connection(TokioIo::new(line), service)).await;
    if let (Ok(Ok(())), Ok(Left { stream, .. })) = (answered, left.await) {
        let _ = timeout(LINGER_TIME, linger(&stream)).await;
    }
}

/// Listens to what still comes, until the client has heard enough.
async fn linger(stream: &TcpStream) -> std::io::Result<()> {
    let (mut heard, mut buffer) = (0, vec![0; 16 * 1024]);
    while heard < LINGER_BYTES {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => heard += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
