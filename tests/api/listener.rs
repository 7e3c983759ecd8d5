//! The listener, on a real socket: clients that take their time.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use vestibule::app;
use vestibule::http::serve::{Terms, serve};

use crate::harness::story;

/// What a listener that is patient for a tenth of a second answers to these bytes, and closes after.
async fn exchange(t: &crate::harness::Test, bytes: &[u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let terms = Terms { head: Duration::from_millis(100), ..Terms::USUAL };
    let router = app::router(&t.app);
    let server = tokio::spawn(async move { serve(listener, router, async { drop(stopped.await) }, terms).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(bytes).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    drop(client);
    stop.send(()).unwrap();
    server.await.unwrap();
    answer
}

#[test]
fn who_dawdles_over_the_head_of_a_request_is_told_so() {
    story(async |t| {
        for begun in ["G", "GET /organizations HTTP/1.1\r\nHost: x\r\n"] {
            let answer = exchange(&t, begun.as_bytes()).await;
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
            for header in ["content-type: application/json", "x-request-id: req_", "connection: close", "date: "] {
                assert!(head.contains(&format!("\r\n{header}")), "{header}: {head}");
            }
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["message"], "The head of the request did not arrive in time.");
        }
    });
}

#[test]
fn who_says_nothing_is_told_nothing() {
    story(async |t| {
        assert_eq!(exchange(&t, b"").await, "");
        let path = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
        let answer = exchange(&t, path.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
    });
}
