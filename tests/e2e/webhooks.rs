//! Webhooks of the built program: to a receiver on this machine, past every proxy, and again from the command line.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{Place, until};

const KEY: &str = "sk_test_of_webhooks_0123456789";

/// A receiver that answers 200 to whatever begins like this, and keeps it; and where it is.
pub async fn receiver() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received = Arc::new(Mutex::new(Vec::new()));
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut text = String::new();
                while !is_whole(&text) {
                    let mut some = [0; 4096];
                    let read = stream.read(&mut some).await.unwrap();
                    if read == 0 {
                        return;
                    }
                    text.push_str(std::str::from_utf8(&some[..read]).unwrap());
                }
                kept.lock().unwrap().push(text);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
            });
        }
    });
    (address, received)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0_usize)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_goes_straight_to_its_endpoint_and_again_from_the_command_line() {
    let place = Place::new();
    let (proxy, detoured) = receiver().await;
    let (address, received) = receiver().await;
    let proxy = format!("http://{proxy}");
    let settings = [
        ("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8"),
        ("VESTIBULE_API_KEY", KEY),
        ("HTTP_PROXY", proxy.as_str()),
        ("http_proxy", proxy.as_str()),
        ("ALL_PROXY", proxy.as_str()),
        ("all_proxy", proxy.as_str()),
    ];
    let server = place.server_with(&settings).await.with_key(KEY);
    let endpoint = json!({ "endpoint_url": format!("http://{address}/hook"), "events": ["organization.created"] });
    let endpoint = server.post("/webhook_endpoints", endpoint).await.expect(201)["id"].as_str().unwrap().to_owned();
    server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    until("it arrives", async || (received.lock().unwrap().len() == 1).then_some(())).await;
    let event = server.events("organization.created", 1).await.remove(0);
    let sent: Value = serde_json::from_str(received.lock().unwrap()[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(sent, event);

    let delivered = until("it is written down", async || {
        let listed = place.run(&["webhooks", "list", "--status", "delivered"], &[]).await;
        assert_eq!(listed.code(), Some(0), "{}", listed.log);
        listed.out.lines().nth(1).map(str::to_owned)
    })
    .await;
    let id = event["id"].as_str().unwrap();
    assert!(delivered.contains(id) && delivered.contains(&endpoint), "{delivered}");
    let replayed = place.run(&["webhooks", "replay", "--endpoint", &endpoint, "--event", id], &[]).await;
    assert_eq!(replayed.out, format!("1 delivery is queued for {endpoint}\n"), "{}", replayed.log);
    until("it arrives again", async || (received.lock().unwrap().len() == 2).then_some(())).await;
    let range = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
    let replayed = place.run(&[&["webhooks", "replay", "--endpoint", &endpoint][..], &range].concat(), &[]).await;
    assert_eq!(replayed.out, format!("1 delivery is queued for {endpoint}\n"), "{}", replayed.log);
    until("and once more", async || (received.lock().unwrap().len() == 3).then_some(())).await;
    let nobody = place.run(&["webhooks", "replay", "--endpoint", "we_none", "--event", id], &[]).await;
    assert!(nobody.code() == Some(1) && nobody.log.contains("Webhook endpoint not found"), "{}", nobody.log);
    let wrong = place.run(&["webhooks", "list", "--status", "lost"], &[]).await;
    assert!(wrong.code() == Some(1) && wrong.log.contains("must be pending, delivered or dead"), "{}", wrong.log);
    assert!(detoured.lock().unwrap().is_empty(), "nothing went to the proxy");
    assert_eq!(server.stop().await.code(), Some(0));
}
