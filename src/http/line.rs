//! The line to a client, and what came over it that is no request.
//!
//! hyper answers a head that it cannot read by itself: a bare status, past every layer of ours. A client of the API is
//! promised more, JSON and an id. So those answers, which are known by their form (no answer of ours is without an id),
//! are kept back here, and so is the stream when hyper has done with it; then [`super::serve`] has the real answer made and
//! sent. Were hyper to answer in another form one day, its answer would go out as it is.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::unread::Unread;

/// A request that any server can read, in the place of one that none can: it leads to the answer.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: unread\r\nconnection: close\r\n\r\n";

/// A line, as hyper has it.
#[derive(Debug)]
pub(super) struct Line {
    /// None only while it is dropped.
    stream: Option<TcpStream>,
    /// Where the rest goes.
    left: Option<oneshot::Sender<Left>>,
    /// What is read instead of what the client sends.
    script: Option<&'static [u8]>,
    /// Given up as soon as the client has said anything at all.
    fresh: Option<Fresh>,
    heard: bool,
    unread: Option<Unread>,
}

/// Held by lines whose client has not said a word yet.
pub(super) type Fresh = mpsc::Sender<Infallible>;

/// What is left of a line when hyper has done with it.
#[derive(Debug)]
pub(super) struct Left {
    /// The stream; its end has not been announced to the client if there is something to be answered.
    pub(super) stream: TcpStream,
    /// What hyper would have answered.
    pub(super) unread: Option<Unread>,
    /// Whether the client has said anything since it was last answered.
    pub(super) heard: bool,
}

impl Line {
    /// The line of a client.
    pub(super) fn new(stream: TcpStream, fresh: Fresh) -> (Self, oneshot::Receiver<Left>) {
        Self::with(stream, Some(fresh), None)
    }

    /// The same with [`STAND_IN`] in the place of what the client says, so that hyper writes an answer.
    pub(super) fn to_answer(stream: TcpStream) -> (Self, oneshot::Receiver<Left>) {
        Self::with(stream, None, Some(STAND_IN))
    }

    fn with(stream: TcpStream, fresh: Option<Fresh>, script: Option<&'static [u8]>) -> (Self, oneshot::Receiver<Left>) {
        let (left, receiver) = oneshot::channel();
        (Self { stream: Some(stream), left: Some(left), script, fresh, heard: false, unread: None }, receiver)
    }

    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.stream.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether this is kept back.
    fn keeps_back(&mut self, answer: &[u8]) -> bool {
        self.heard = false;
        if let Some(unread) = automatic(answer).filter(|_| self.script.is_none()) {
            self.unread = Some(unread);
        }
        self.unread.is_some()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let (Some(stream), Some(left)) = (self.stream.take(), self.left.take()) {
            // Nobody waits for it: then it is closed.
            let _ = left.send(Left { stream, unread: self.unread, heard: self.heard });
        }
    }
}

/// What hyper says by this, if these are its own words: a status, and headers of the connection alone.
fn automatic(answer: &[u8]) -> Option<Unread> {
    let unread = match answer.get(..12)?.strip_prefix(b"HTTP/1.")?.get(2..)? {
        b"400" => Unread::Malformed,
        b"414" => Unread::AddressTooLong,
        b"431" => Unread::HeadTooLarge,
        _ => return None,
    };
    let head = std::str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?;
    let mut headers = head.split("\r\n").skip(1).map(|line| line.split_once(": ").map(|(name, _)| name));
    let is_own = |name: Option<&str>| matches!(name, Some("connection" | "content-length" | "date"));
    headers.all(is_own).then_some(unread)
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(script) = &mut self.script {
            if script.is_empty() {
                // It has no more to say and does not hang up either: hyper gives up who does.
                return Poll::Pending;
            }
            let (now, later) = script.split_at(script.len().min(buf.remaining()));
            buf.put_slice(now);
            *script = later;
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = self.stream()?.poll_read(cx, buf);
        if buf.filled().len() > before {
            self.heard = true;
            self.fresh = None;
        }
        read
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.keeps_back(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        self.stream()?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [buf] = bufs
            && self.keeps_back(buf)
        {
            return Poll::Ready(Ok(buf.len()));
        }
        self.heard = false;
        self.stream()?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unread.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.stream()?.poll_shutdown(cx)
    }
}
