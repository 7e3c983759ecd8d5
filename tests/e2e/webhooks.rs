//! Webhooks of the built program: to a receiver on this machine, past every proxy, and again from the command line.

use serde_json::json;

use crate::harness::{Place, until};
use crate::receiver::Receiver;

const KEY: &str = "sk_test_of_webhooks_0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_goes_straight_to_its_endpoint_and_again_from_the_command_line() {
    let place = Place::new();
    let (detour, receiver) = (Receiver::start().await, Receiver::start().await);
    let (proxy, hook) = (format!("http://{}", detour.address), format!("http://{}/hook", receiver.address));
    let settings = [
        ("VESTIBULE_WEBHOOK_ALLOW", "127.0.0.0/8"),
        ("VESTIBULE_API_KEY", KEY),
        ("HTTP_PROXY", proxy.as_str()),
        ("http_proxy", proxy.as_str()),
        ("ALL_PROXY", proxy.as_str()),
        ("all_proxy", proxy.as_str()),
    ];
    let server = place.server_with(&settings).await.with_key(KEY);
    let endpoint = json!({ "endpoint_url": hook, "events": ["organization.created"] });
    let endpoint = server.post("/webhook_endpoints", endpoint).await.expect(201)["id"].as_str().unwrap().to_owned();
    server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    until("it arrives", async || (receiver.received.len() == 1).then_some(())).await;
    let event = server.events("organization.created", 1).await.remove(0);
    assert_eq!(receiver.received.take(), std::slice::from_ref(&event));

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
    until("it arrives again", async || (receiver.received.len() == 1).then_some(())).await;
    let range = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z"];
    let replayed = place.run(&[&["webhooks", "replay", "--endpoint", &endpoint][..], &range].concat(), &[]).await;
    assert_eq!(replayed.out, format!("1 delivery is queued for {endpoint}\n"), "{}", replayed.log);
    until("and once more", async || (receiver.received.len() == 2).then_some(())).await;
    let nobody = place.run(&["webhooks", "replay", "--endpoint", "we_none", "--event", id], &[]).await;
    assert!(nobody.code() == Some(1) && nobody.log.contains("Webhook endpoint not found"), "{}", nobody.log);
    let wrong = place.run(&["webhooks", "list", "--status", "lost"], &[]).await;
    assert!(wrong.code() == Some(1) && wrong.log.contains("must be pending, delivered or dead"), "{}", wrong.log);
    assert_eq!(detour.received.len(), 0, "nothing went to the proxy");
    assert_eq!(server.stop().await.code(), Some(0));
}
