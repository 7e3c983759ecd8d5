//! What the server would call out to, tried as far as the settings name it. Nothing else is ever called.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::findings::Findings;
use crate::kernel::config::Config;

/// How long somebody may take to pick up.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config, findings: &mut Findings) {
    collector(config, findings).await;
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
