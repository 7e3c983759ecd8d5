//! A client that costs little: the machine is shared with what is measured.
//!
//! HTTP/1.1 over one kept connection, one request at a time. Requests are bytes that were put together before.

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
    /// The last answer's body, where it came in pieces.
    joined: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), end: 0, joined: Vec::new() })
    }

    /// Sends a request and waits for its whole answer.
    pub async fn send(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.buffer.drain(..self.end);
        self.stream.write_all(request).await?;
        let head = read_head(&mut self.stream, &mut self.buffer).await?;
        let status = status(&self.buffer)?;
        match Framing::of(&self.buffer[..head])? {
            Framing::Length(length) => {
                self.end = head + length;
                fill(&mut self.stream, &mut self.buffer, self.end).await?;
                Ok(Answer { status, body: &self.buffer[head..self.end] })
            }
            Framing::Chunks => {
                self.read_chunks(head).await?;
                Ok(Answer { status, body: &self.joined })
            }
        }
    }

    /// Each with its length in hexadecimal on a line before it, and an empty one at the end.
    async fn read_chunks(&mut self, head: usize) -> io::Result<()> {
        self.joined.clear();
        let mut at = head;
        loop {
            let line = loop {
                match find(&self.buffer[at..], b"\r\n") {
                    Some(length) => break &self.buffer[at..at + length],
                    None => read_more(&mut self.stream, &mut self.buffer).await?,
                }
            };
            let text = std::str::from_utf8(line).map_err(|_| malformed())?;
            let length = usize::from_str_radix(text, 16).map_err(|_| malformed())?;
            let begin = at + line.len() + 2;
            at = begin + length + 2;
            fill(&mut self.stream, &mut self.buffer, at).await?;
            self.joined.extend_from_slice(&self.buffer[begin..begin + length]);
            if length == 0 {
                self.end = at;
                return Ok(());
            }
        }
    }
}

/// Reads until the buffer holds a whole head; where it ends.
pub async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if let Some(length) = find(buffer, b"\r\n\r\n") {
            return Ok(length + 4);
        }
        read_more(stream, buffer).await?;
    }
}

/// Reads until the buffer holds that much.
pub async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: usize) -> io::Result<()> {
    while buffer.len() < end {
        read_more(stream, buffer).await?;
    }
    Ok(())
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    if stream.read_buf(buffer).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

pub fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not what this client understands")
}

/// `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> io::Result<u16> {
    let code = head.get(9..12).and_then(|code| std::str::from_utf8(code).ok());
    code.and_then(|code| code.parse().ok()).ok_or_else(malformed)
}

/// How a message tells where it ends.
pub enum Framing {
    Length(usize),
    Chunks,
}

impl Framing {
    pub fn of(head: &[u8]) -> io::Result<Self> {
        let head = std::str::from_utf8(head).map_err(|_| malformed())?;
        for line in head.trim_end().split("\r\n").skip(1) {
            let (name, value) = line.split_once(':').ok_or_else(malformed)?;
            if name.eq_ignore_ascii_case("content-length") {
                return value.trim().parse().map(Self::Length).map_err(|_| malformed());
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                return Ok(Self::Chunks);
            }
        }
        // 204 and empty answers may say nothing.
        Ok(Self::Length(0))
    }
}
