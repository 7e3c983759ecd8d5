//! Traces on their way out: the exporter that sends spans to the operator's collector.
//!
//! It is there only if the operator asked for it by the variables of OpenTelemetry. Spans are sent in batches, by a
//! thread of its own; when they cannot be sent, they are dropped, and requests never wait for any of it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;

use super::Outcome;
use crate::kernel::config::Config;
use crate::kernel::trace;

/// How long one batch may take to be sent.
const SEND_TIME: Duration = Duration::from_secs(10);
/// How long the last batch may take, when the server stops.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// The exporter, while it runs.
#[derive(Debug)]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Begins to record and to send, if the operator asked for it.
    ///
    /// # Errors
    ///
    /// When the exporter cannot be made of what its variables say.
    pub fn start(config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        if !config.telemetry.traces {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder().with_http().with_http_client(Transport::new()?).build()?;
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
        trace::begin(provider.tracer("vestibule"));
        tracing::info!("traces are sent");
        Ok(Self(Some(provider)))
    }

    /// Sends what is left, as far as that can be done quickly.
    ///
    /// # Errors
    ///
    /// Never: spans that cannot be sent are no reason for a bad end. The log says so.
    pub async fn stop(self) -> Outcome {
        let Some(provider) = self.0 else { return Ok(()) };
        let flushed = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIME));
        match tokio::time::timeout(FLUSH_TIME + Duration::from_secs(1), flushed).await {
            Ok(Ok(Ok(()))) => {}
            _ => tracing::warn!("the last traces could not be sent"),
        }
        Ok(())
    }
}

/// What the spans are of. The name is the operator's, if they gave one.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version.clone()).build();
    let unnamed = named.get(&Key::new("service.name")).is_none_or(|name| name.as_str().starts_with("unknown_service"));
    if unnamed { Resource::builder().with_attribute(version).with_service_name("vestibule").build() } else { named }
}

/// Sends batches from the exporter's thread on the server's runtime. It follows no redirect and asks no proxy: spans go
/// where the operator said.
struct Transport {
    client: reqwest::Client,
    runtime: Handle,
}

impl Transport {
    fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(SEND_TIME)
            .build()?;
        Ok(Self { client, runtime: Handle::current() })
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Transport {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> Sending<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let response = client.execute(request.try_into()?).await?;
            let status = response.status();
            // What a collector has to say beyond its status is for people.
            let mut answer = Response::new(Bytes::new());
            *answer.status_mut() = status;
            Ok(answer)
        });
        Box::pin(async move { sent.await? })
    }
}
