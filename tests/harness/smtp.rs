//! A server for mail that does as a test tells it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use vestibule::outbound::mail::Mailer;

/// How the server behaves.
#[derive(Clone, Copy)]
pub enum Manner {
    /// It takes what it is given.
    Takes,
    /// It answers this to every recipient.
    Answers(&'static str),
    /// It takes a message and hangs up before it says so.
    HangsUp,
    /// It never says a word.
    Silent,
}

/// A message as it arrived.
#[derive(Clone)]
pub struct Received {
    pub to: String,
    /// Headers and body, as they came.
    pub text: String,
}

impl Received {
    /// A header of the message; lines that go on are put together.
    pub fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let lines: Vec<_> = head.split("\r\n").filter_map(|line| line.split_once(": ")).collect();
        let found: Vec<_> = lines.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).collect();
        assert_eq!(found.len(), 1, "{name} in {head}");
        found[0].1.to_owned()
    }
}

/// The server.
#[derive(Clone)]
pub struct Smtp {
    pub address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
    commands: Arc<Mutex<Vec<String>>>,
}

impl Smtp {
    /// Listens on a port of its own, for as long as the run lasts.
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server =
            Self { address, manner: Arc::new(Mutex::new(manner)), received: Arc::default(), commands: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                tokio::spawn(async move { server.converse(stream).await });
            }
        });
        server
    }

    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The verbs that clients have said.
    pub fn commands(&self) -> Vec<String> {
        self.commands.lock().unwrap().clone()
    }

    /// The way to this server.
    pub fn mailer(&self) -> Mailer {
        self.mailer_by("", "", Duration::from_secs(30))
    }

    /// The way to this server, with something before and after the host of the URL, and this much
    /// patience.
    pub fn mailer_by(&self, before: &str, after: &str, patience: Duration) -> Mailer {
        let url = format!("smtp://{before}{}{after}", self.address);
        Mailer::new(&url, "Vestibule <no-reply@vestibule.test>", patience).unwrap()
    }

    async fn converse(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        if matches!(*self.manner.lock().unwrap(), Manner::Silent) {
            // Until the client gives up.
            stream.read_line(&mut String::new()).await.ok()?;
            return None;
        }
        stream.write_all(b"220 test ESMTP\r\n").await.ok()?;
        let mut to = String::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            self.commands.lock().unwrap().push(verb.clone());
            let manner = *self.manner.lock().unwrap();
            let answer = match (verb.as_str(), manner) {
                ("EHLO", _) => "250-test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
                ("RCPT", Manner::Answers(answer)) => answer,
                ("RCPT", _) => {
                    to = line.split(['<', '>']).nth(1).unwrap().to_owned();
                    "250 ok"
                }
                ("DATA", _) => {
                    stream.write_all(b"354 go on\r\n").await.ok()?;
                    let text = message(&mut stream).await?;
                    self.received.lock().unwrap().push(Received { to: to.clone(), text });
                    if matches!(manner, Manner::HangsUp) {
                        return None;
                    }
                    "250 taken"
                }
                ("QUIT", _) => "221 bye",
                _ => "250 ok",
            };
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        }
    }
}

async fn message(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == ".\r\n" {
            return Some(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
