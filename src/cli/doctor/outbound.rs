//! What the server would call out to by its settings, tried. Nothing else is ever called.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::findings::Findings;
use crate::kernel::config::Config;
use crate::outbound::dns::Resolver;

/// How long somebody may take to pick up.
const PATIENCE: Duration = Duration::from_secs(5);
const NAME_SERVER: &str = "name server";
/// A name that nobody has (RFC 6761, 6.2). One below `invalid` would not do: the resolver answers it by itself.
const NOBODYS: &str = "vestibule.test.";

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    name_server(config, findings).await;
    mail(config, findings).await;
    webhooks(config, findings);
    collector(config, findings).await;
}

/// The name servers that the server would ask are asked for a name that is nobody's: any answer will do.
async fn name_server(config: &Config, findings: &mut Findings) {
    let (of, advice) = match config.dns_server {
        Some(_) => ("", "correct VESTIBULE_DNS_SERVER, or let this machine through to it"),
        None => {
            (" of the system", "see /etc/resolv.conf, or set VESTIBULE_DNS_SERVER; domains cannot be verified without")
        }
    };
    let servers = match Resolver::new(config.dns_server).servers() {
        Ok(servers) if servers.is_empty() => {
            return findings.warning(NAME_SERVER, "the system names none", advice);
        }
        Ok(servers) => servers,
        Err(error) => return findings.warning(NAME_SERVER, error.to_string(), advice),
    };
    for server in servers {
        match ask(server).await {
            Ok(()) => findings.ok(NAME_SERVER, format!("{server}{of} answers")),
            Err(why) => findings.warning(NAME_SERVER, format!("{server}{of}: {why}"), advice),
        }
    }
}

/// Whether this name server answers at all.
async fn ask(server: SocketAddr) -> Result<(), String> {
    match timeout(PATIENCE, Resolver::new(Some(server)).texts(NOBODYS)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn mail(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "mail";
    let Some(url) = config.smtp_url.as_ref().and_then(|url| Url::parse(url.expose()).ok()) else { return };
    let port = url.port().unwrap_or(if url.scheme() == "smtps" { 465 } else { 25 });
    let place = format!("{}:{port}", url.host_str().unwrap_or_default());
    match reach(&place).await {
        Ok(()) => findings.ok(CHECK, format!("a server for mail listens at {place}")),
        Err(error) => findings.warning(
            CHECK,
            format!("no server for mail at {place}: {error}; messages wait in the outbox"),
            "correct VESTIBULE_SMTP_URL, or let this machine through to it",
        ),
    }
}

/// Nothing is called: where webhooks go is the applications' affair.
fn webhooks(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "webhooks";
    match config.webhook_allow.iter().find(|network| network.prefix_len() == 0) {
        Some(all) => findings.warning(
            CHECK,
            format!("{all} lets applications reach every address that this machine can"),
            "name in VESTIBULE_WEBHOOK_ALLOW only the networks where receivers are",
        ),
        None if config.webhook_allow.is_empty() => findings.ok(CHECK, "public addresses only"),
        None => findings.ok(CHECK, format!("public addresses, and {} networks besides", config.webhook_allow.len())),
    }
}

async fn collector(config: &Config, findings: &mut Findings) {
    const CHECK: &str = "traces";
    let Some(endpoint) = &config.telemetry.endpoint else { return };
    let place =
        format!("{}:{}", endpoint.host_str().unwrap_or_default(), endpoint.port_or_known_default().unwrap_or(4318));
    match reach(&place).await {
        Ok(()) => findings.ok(CHECK, format!("a collector listens at {place}")),
        Err(error) => findings.warning(
            CHECK,
            format!("no collector at {place}: {error}; traces are dropped, and nothing else suffers"),
            "start it, correct OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_TRACES_EXPORTER=none",
        ),
    }
}

/// Connects, says nothing, and leaves.
async fn reach(place: &str) -> Result<(), String> {
    match timeout(PATIENCE, TcpStream::connect(place)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
