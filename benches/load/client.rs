//! A client that costs little: the machine is shared with what is measured.
//!
//! HTTP/1.1 over one kept connection, one request at a time, answers with a `Content-Length` only. Requests are bytes
//! that were put together before.

use std::io;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The bytes of a request; without a key it goes without a bearer token.
pub fn request(method: &str, path: &str, key: &str, body: Option<&Value>) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nhost: bench\r\n");
    if !key.is_empty() {
        text.push_str(&format!("authorization: Bearer {key}\r\n"));
    }
    let body = body.map(Value::to_string).unwrap_or_default();
    if !body.is_empty() {
        text.push_str("content-type: application/json\r\n");
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    text.into_bytes()
}

/// An answer.
pub struct Answer<'c> {
    pub status: u16,
    pub body: &'c [u8],
}

impl Answer<'_> {
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

/// A connection.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where the last answer ends in the buffer.
    end: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), end: 0 })
    }

    /// Sends a request and waits for its whole answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.buffer.drain(..self.end);
        self.stream.write_all(request).await?;
        let (head, end) = read_message(&mut self.stream, &mut self.buffer).await?;
        self.end = end;
        Ok(Answer { status: status(&self.buffer)?, body: &self.buffer[head..end] })
    }
}

/// Reads until the buffer begins with a whole message; where its head ends, and where it ends.
pub async fn read_message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<(usize, usize)> {
    let (mut head, mut end) = (0, usize::MAX);
    while buffer.len() < end {
        if head == 0
            && let Some(length) = find(buffer, b"\r\n\r\n")
        {
            head = length + 4;
            end = head + content_length(&buffer[..length])?;
            continue;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((head, end))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not what this client understands")
}

/// `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> io::Result<u16> {
    let code = head.get(9..12).and_then(|code| std::str::from_utf8(code).ok());
    code.and_then(|code| code.parse().ok()).ok_or_else(malformed)
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = std::str::from_utf8(head).map_err(|_| malformed())?;
    for line in head.split("\r\n").skip(1) {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().map_err(|_| malformed());
        }
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(malformed());
        }
    }
    // 204 and empty answers may say nothing.
    Ok(0)
}
