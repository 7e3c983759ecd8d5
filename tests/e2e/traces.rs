//! Traces: sent to the collector that the operator named, in OTLP, and to nobody else.

use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Place, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Keeps the bodies that are posted to `/v1/traces`.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Vec<u8>>>>);

impl Collector {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector = Self::default();
        let it = collector.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(it.clone().answer(stream));
            }
        });
        (collector, url)
    }

    async fn answer(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let begun = head.len();
                if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                    return;
                }
                if let Some(value) = head[begun..].to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            assert!(head.to_ascii_lowercase().contains("content-type: application/x-protobuf\r\n"), "{head}");
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.unwrap();
            self.0.lock().unwrap().push(body);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        }
    }

    fn spans(&self) -> Vec<(String, Span)> {
        let mut spans = Vec::new();
        for body in self.0.lock().unwrap().iter() {
            let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
            for resource in request.resource_spans {
                let service = text(&resource.resource.unwrap().attributes, "service.name").unwrap();
                let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| (service.clone(), span)));
            }
        }
        spans
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_told_as_a_span_of_its_callers_trace_without_what_it_carried() {
    let (collector, url) = Collector::start().await;
    let place = Place::new();
    let server = place.server_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &url)]).await;
    let made = server.made().unwrap();
    let caller = server.caller(&made.api_key);
    let organization =
        caller.post("/organizations", json!({ "name": "Secretive", "external_id": "ann@x.example" })).await.expect(201);
    let id = organization["id"].as_str().unwrap();
    caller.get("/organizations/external_id/ann@x.example").await.expect(200);
    let request = reqwest::Client::builder()
        .build()
        .unwrap()
        .get(format!("http://{}/organizations/{id}?token=hidden", server.address))
        .bearer_auth(&made.api_key)
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"));
    assert_eq!(request.send().await.unwrap().status(), 200);
    let log = &server.process().log;
    until("the log names the trace", async || log.text().contains(TRACE).then_some(())).await;
    // What was not sent yet is sent now.
    let ended = server.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);

    let spans = collector.spans();
    let (service, span) =
        spans.iter().find(|(_, it)| hex::encode(&it.trace_id) == TRACE && it.kind() == SpanKind::Server).unwrap();
    assert_eq!(service, "vestibule");
    assert_eq!(span.name, "GET /organizations/{id}");
    assert_eq!(hex::encode(&span.parent_span_id), PARENT);
    let attribute = |key: &str| text(&span.attributes, key);
    assert_eq!(attribute("http.request.method").as_deref(), Some("GET"));
    assert_eq!(attribute("http.route").as_deref(), Some("/organizations/{id}"));
    assert_eq!(attribute("url.path"), Some(format!("/organizations/{id}")));
    assert_eq!(attribute("http.response.status_code").as_deref(), Some("200"));
    let statements: Vec<_> = spans.iter().filter(|(_, it)| it.parent_span_id == span.span_id).collect();
    assert!(!statements.is_empty(), "what it asked of the database is part of it");
    assert!(statements.iter().all(|(_, it)| text(&it.attributes, "db.system.name").as_deref() == Some("postgresql")));
    let external = spans.iter().find(|(_, it)| it.name == "GET /organizations/external_id/{external_id}").unwrap();
    let told = text(&external.1.attributes, "url.path");
    assert_eq!(told.as_deref(), Some("/organizations/external_id/{external_id}"), "an address is nobody's business");
    let sent = collector.0.lock().unwrap().concat();
    for secret in [made.api_key.as_str(), "hidden", "ann@x.example", "Secretive"] {
        assert!(!sent.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_harms_nobody() {
    // It takes connections and never says anything.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for url in ["http://127.0.0.1:1", &silent] {
        let place = Place::new();
        let server =
            place.server_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", url), ("OTEL_BSP_SCHEDULE_DELAY", "50")]).await;
        let caller = server.caller(&server.made().unwrap().api_key);
        for _ in 0..20 {
            caller.get("/organizations").await.expect(200);
        }
        let begun = std::time::Instant::now();
        let ended = server.stop().await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
        assert!(begun.elapsed().as_secs() < 15, "the end does not wait for it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_off_unless_asked_for_and_refused_in_a_form_that_is_not_spoken() {
    let (collector, url) = Collector::start().await;
    let place = Place::new();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str());
    for off in [("OTEL_TRACES_EXPORTER", "none"), ("OTEL_SDK_DISABLED", "true")] {
        let server = place.server_with(&[endpoint, off]).await;
        assert!(server.process().log.entry("traces are sent").is_none());
        server.get("/livez").await.expect(200);
        server.stop().await;
    }
    assert!(collector.spans().is_empty());
    let faulty = [("OTEL_TRACES_EXPORTER", "zipkin"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    for fault in faulty {
        let ended = place.run(&["serve"], &[endpoint, fault]).await;
        assert_eq!(ended.code(), Some(2));
        assert!(ended.log.contains(fault.0) && ended.log.contains(fault.1), "{}", ended.log);
    }
    let ended = place.run(&["serve"], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "a-token-by-mistake")]).await;
    assert_eq!(ended.code(), Some(2));
    assert!(!ended.log.contains("a-token-by-mistake"), "{}", ended.log);
    // Whoever does not send any is not bothered with how it would be done.
    place.server_with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).await;
}
