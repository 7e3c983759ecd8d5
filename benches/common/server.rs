//! The server as it is delivered, as a process of its own.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{Connection, request};
use super::process::{PATIENCE, Running};
use super::{CONNECTIONS, Fault};

pub const KEY: &str = "sk_load_program_of_the_benches";
pub const CLIENT: &str = "client_load_program";
const TOKEN: &str = "operator-token-of-the-benches";

/// A server that runs.
pub struct Server {
    pub running: Running,
    pub address: SocketAddr,
}

impl Server {
    /// Begins on a database. Its log goes into a file, as a service's does.
    pub async fn begin(program: &Path, folder: &Path, database: &str) -> Result<Self, Fault> {
        let log = folder.join("server.log");
        let mut command = Command::new(program);
        command
            .arg("serve")
            .env_clear()
            .env("DATABASE_URL", database)
            .env("VESTIBULE_DATABASE_CONNECTIONS", CONNECTIONS.to_string())
            .env("VESTIBULE_DATA_DIR", folder.join("server"))
            .env("VESTIBULE_LISTEN", "127.0.0.1:0")
            .env("VESTIBULE_API_KEY", KEY)
            .env("VESTIBULE_CLIENT_ID", CLIENT)
            .env("VESTIBULE_ADMIN_TOKEN", TOKEN)
            .env("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?);
        let running = Running::begin(&mut command)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let text = std::fs::read_to_string(&log)?;
            if let Some((_, ready)) = text.split_once("Vestibule is ready address=") {
                let address = ready.split_whitespace().next().ok_or("the server does not say where it listens")?;
                return Ok(Self { running, address: address.parse()? });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::io::stderr().write_all(&std::fs::read(&log)?)?;
        Err("the server does not start".into())
    }

    /// Sends one request, which must be answered with this status.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>, status: u16) -> Result<Value, Fault> {
        let key = if path.starts_with("/admin/") { TOKEN } else { KEY };
        let mut connection = Connection::open(self.address).await?;
        let request = request(method, path, key, body.as_ref());
        let answer = connection.send(&request).await?;
        if answer.status == status {
            return Ok(answer.json());
        }
        Err(format!("{method} {path} answered {}: {}", answer.status, answer.json()).into())
    }
}
