//! Stopping in order: what runs is finished, and then it is over.

use nix::sys::signal::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Place, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_to_stop_says_so_before_it_refuses_connections() {
    let place = Place::new();
    let server = place.server_with(&[("VESTIBULE_STOP_DELAY", "2")]).await;
    server.signal(Signal::SIGTERM);
    until("it is not ready", async || (server.get("/readyz").await.status == 503).then_some(())).await;
    server.get("/livez").await.expect(200);
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_runs_is_answered_after_the_signal() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let place = Place::new();
        let server = place.server().await;
        let key = server.made().unwrap().api_key;
        let body = json!({ "name": "Acme" }).to_string();
        let mut slow = TcpStream::connect(server.address).await.unwrap();
        let (begun, rest) = body.split_at(4);
        let head = format!(
            "POST /organizations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n{begun}",
            body.len()
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        // Another request behind it: when that is answered, the first has been taken up as well.
        server.caller(&key).get("/organizations").await.expect(200);
        let idle = TcpStream::connect(server.address).await.unwrap();

        server.signal(signal);
        let address = server.address;
        until("no more connections are taken", async || TcpStream::connect(address).await.is_err().then_some(())).await;
        slow.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = String::new();
        slow.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let ended = server.ended().await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
        assert_eq!(place.postmaster(), None, "PostgreSQL has stopped in order");
        drop(idle);

        let server = place.server().await.with_key(&key);
        assert_eq!(server.pages("/organizations").await.len(), 1);
    }
}
