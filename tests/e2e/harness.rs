//! The harness of the built binary: a directory for each test, servers in it, and what they say.
//!
//! Nothing here sleeps to let something happen: [`until`] asks again until it has happened, or a deadline is over.

use std::io::{BufRead as _, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::folder;

const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until there is a value.
pub async fn until<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A directory for one test, that any user may pass through; gone afterwards.
pub struct Place {
    pub path: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("e2e-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = folder::reachable(Path::new(env!("CARGO_TARGET_TMPDIR"))).join(name);
        std::fs::DirBuilder::new().mode(0o755).create(&path).unwrap();
        Self { path }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The program with nothing in its environment but where it is to work.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_through(Command::new(env!("CARGO_BIN_EXE_vestibule")), arguments)
    }

    /// The same, begun by another program.
    pub fn command_through(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("VESTIBULE_DATA_DIR", self.data_dir())
            .env("VESTIBULE_LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_LOG_FORMAT", "json")
            .current_dir(&self.path)
            .stdin(Stdio::null());
        command
    }

    /// A server that is ready.
    pub async fn server(&self) -> Server {
        self.server_with(&[]).await
    }

    pub async fn server_with(&self, settings: &[(&str, &str)]) -> Server {
        let mut command = self.command(&["serve"]);
        command.envs(settings.iter().copied());
        Process::spawn(command).ready().await
    }

    /// Runs the program to its end, which must come by itself.
    pub async fn run(&self, arguments: &[&str], settings: &[(&str, &str)]) -> Ended {
        let mut command = self.command(arguments);
        command.envs(settings.iter().copied());
        Process::spawn(command).ended().await
    }

    /// The first process of the private cluster, if it runs.
    pub fn postmaster(&self) -> Option<Pid> {
        let text = std::fs::read_to_string(self.data_dir().join("postgres/pgdata/postmaster.pid")).ok()?;
        text.lines().next()?.parse().ok().map(Pid::from_raw)
    }

    /// Who owns the private cluster.
    pub fn owner(&self) -> u32 {
        std::fs::metadata(self.data_dir().join("postgres/pgdata")).unwrap().uid()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// What a process has written so far.
#[derive(Clone, Default)]
pub struct Output(Arc<Mutex<String>>);

impl Output {
    fn collect(source: impl Read + Send + 'static) -> Self {
        let output = Self::default();
        let sink = output.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(source).lines().map_while(Result::ok) {
                let mut text = sink.0.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
            }
        });
        output
    }

    pub fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }

    /// The first entry of the log with this message.
    pub fn entry(&self, message: &str) -> Option<Value> {
        let text = self.text();
        let mut entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        entries.find(|entry| entry["message"] == message)
    }
}

/// How a process ended, what it printed and what it logged.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub log: String,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// A process of the program.
pub struct Process {
    child: Child,
    pub out: Output,
    pub log: Output,
}

impl Process {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = Output::collect(child.stdout.take().unwrap());
        let log = Output::collect(child.stderr.take().unwrap());
        Self { child, out, log }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Waits until it serves.
    pub async fn ready(mut self) -> Server {
        let entry = until("the server is ready", async || {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {}", self.log.text());
            self.log.entry("Vestibule is ready")
        })
        .await;
        let address: SocketAddr = entry["address"].as_str().unwrap().parse().unwrap();
        let server =
            Server { process: Some(self), address, client: Client::builder().build().unwrap(), key: String::new() };
        until("/readyz says so", async || (server.get("/readyz").await.status == StatusCode::OK).then_some(())).await;
        server
    }

    /// How it ended, if it did.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub async fn ended(mut self) -> Ended {
        let status = until("the program ends", async || self.child.try_wait().unwrap()).await;
        // The pipes are read to their end a moment later, unless somebody else still holds them.
        let readers = [&self.out, &self.log].map(|output| output.0.clone());
        until("its last words are read", async || readers.iter().all(|it| Arc::strong_count(it) == 2).then_some(()))
            .await;
        Ended { status, out: self.out.text(), log: self.log.text() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // In order, so that nothing of it is left behind; by force if that takes too long.
            let _ = kill(self.pid(), Signal::SIGTERM);
            let deadline = Instant::now() + Duration::from_secs(30);
            while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}{}", self.out.text(), self.log.text());
        }
    }
}

/// What a first start prints once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub api_key: String,
    pub client_id: String,
    pub admin_token: String,
}

/// An answer: its status, and its body as JSON, or null.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }
}

/// A server that serves.
pub struct Server {
    process: Option<Process>,
    pub address: SocketAddr,
    client: Client,
    key: String,
}

impl Server {
    pub fn process(&self) -> &Process {
        self.process.as_ref().unwrap()
    }

    /// What it printed at its start, if it made anything.
    pub fn made(&self) -> Option<Made> {
        let out = self.process().out.text();
        let value = |name: &str| {
            let line = out.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='));
            line.map(str::to_owned)
        };
        Some(Made {
            api_key: value("VESTIBULE_API_KEY")?,
            client_id: value("VESTIBULE_CLIENT_ID")?,
            admin_token: value("VESTIBULE_ADMIN_TOKEN")?,
        })
    }

    /// From here on, requests carry this key.
    pub fn with_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Another client of the same server, with the same key.
    pub fn again(&self) -> Self {
        self.caller(&self.key)
    }

    /// Somebody else who talks to the same server, for as long as it is there.
    pub fn caller(&self, key: &str) -> Self {
        Self { process: None, address: self.address, client: self.client.clone(), key: key.to_owned() }
    }

    pub async fn try_send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method, format!("http://{}{path}", self.address));
        if !self.key.is_empty() {
            request = request.bearer_auth(&self.key);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.timeout(DEADLINE).send().await?;
        let status = response.status();
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or_default();
        Ok(Answer { status, retry_after, body })
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.try_send(Method::GET, path, None).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_send(Method::POST, path, Some(body)).await.unwrap()
    }

    /// All pages of a list, oldest first.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let mut page = self.get(&format!("{path}{separator}limit=100&order=asc{cursor}")).await.expect(200);
            rows.append(page["data"].as_array_mut().unwrap());
            match page["list_metadata"]["after"].as_str() {
                Some(after) => cursor = format!("&after={after}"),
                None => return rows,
            }
        }
    }

    /// The log of these events once it holds that many: it shows an event when nothing that still runs, in any session of
    /// the cluster, could put another one before it.
    pub async fn events(&self, name: &str, count: usize) -> Vec<Value> {
        let path = format!("/events?events={name}");
        until("the log is complete", async || Some(self.pages(&path).await).filter(|events| events.len() >= count))
            .await
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.process().pid(), signal).unwrap();
    }

    /// Ends it with SIGTERM and says how it went.
    pub async fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    pub async fn ended(mut self) -> Ended {
        self.process.take().unwrap().ended().await
    }
}
