//! Where webhooks go: it answers 200 to everything, and counts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::common::client::{Framing, fill, malformed, read_head};

/// A sink, for as long as the program runs.
pub struct Sink {
    pub url: String,
    received: Arc<AtomicU32>,
}

impl Sink {
    pub async fn begin() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/hook", listener.local_addr()?);
        let received = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that breaks is a webhook that comes again.
                let count = Arc::clone(&count);
                tokio::spawn(async move { drop(swallow(stream, &count).await) });
            }
        });
        Ok(Self { url, received })
    }

    /// How many have come so far.
    pub fn received(&self) -> u32 {
        self.received.load(Ordering::Relaxed)
    }
}

async fn swallow(mut stream: TcpStream, count: &AtomicU32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let head = read_head(&mut stream, &mut buffer).await?;
        let Framing::Length(length) = Framing::of(&buffer[..head])? else { return Err(malformed()) };
        fill(&mut stream, &mut buffer, head + length).await?;
        buffer.drain(..head + length);
        count.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
}
