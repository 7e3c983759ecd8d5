//! A receiver of webhooks on this machine: it keeps what arrives, and answers at once or only when it is told to.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Whole requests, as they came over the wire.
#[derive(Clone, Default)]
pub struct Requests(Arc<Mutex<Vec<String>>>);

impl Requests {
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The events in them, which are kept no longer.
    pub fn take(&self) -> Vec<Value> {
        let event = |request: String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().map(event).collect()
    }

    fn push(&self, request: String) {
        self.0.lock().unwrap().push(request);
    }
}

/// Answers 200 to whatever comes.
pub struct Receiver {
    pub address: String,
    pub received: Requests,
    /// What was received too, but whose sender went away before it had its answer.
    pub abandoned: Requests,
    answering: watch::Sender<bool>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::start_with(true).await
    }

    /// One that answers nobody until [`Receiver::answer`].
    pub async fn silent() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(answering: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap().to_string(),
            received: Requests::default(),
            abandoned: Requests::default(),
            answering: watch::Sender::new(answering),
        };
        let (received, abandoned) = (receiver.received.clone(), receiver.abandoned.clone());
        let answering = receiver.answering.subscribe();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(stream, received.clone(), abandoned.clone(), answering.clone()));
            }
        });
        receiver
    }

    /// Answers those who wait, and from now on everybody at once.
    pub fn answer(&self) {
        self.answering.send_replace(true);
    }
}

async fn receive(mut stream: TcpStream, received: Requests, abandoned: Requests, mut answering: watch::Receiver<bool>) {
    let (mut request, mut some) = (String::new(), [0; 4096]);
    while !is_whole(&request) {
        match stream.read(&mut some).await.unwrap() {
            0 => return,
            read => request.push_str(std::str::from_utf8(&some[..read]).unwrap()),
        }
    }
    received.push(request.clone());
    tokio::select! {
        biased;
        _ = stream.read(&mut some) => return abandoned.push(request),
        // Whoever is let go of with its receiver is answered too.
        _ = async { answering.wait_for(|answering| *answering).await.is_ok() } => {}
    }
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}
