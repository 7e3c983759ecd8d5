//! Webhooks: endpoints through the SDK, and deliveries verified by its own function.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use workos::enums::{CreateWebhookEndpointEvents, WebhookEndpointStatus};
use workos::models::WebhookEndpoint;
use workos::webhooks::{CreateWebhookEndpointParams, ListWebhookEndpointsParams, UpdateWebhookEndpointParams};
use workos::{Error, WebhookVerifier};

use crate::harness::{Received, Receiver, Reply, Test, story_apart};
use crate::sdk::{self, Sdk, body, story};

async fn create(sdk: &Sdk, fields: Value) -> WebhookEndpoint {
    let params = CreateWebhookEndpointParams::new(body(fields));
    sdk.ok(sdk.client.webhooks().create_webhook_endpoint(params).await)
}

/// What the SDK makes of a delivery at this moment of the server's clock.
fn construct(t: &Test, received: &Received, secret: &str) -> Result<workos::models::EventSchema, Error> {
    let now = u64::try_from(t.app.database().clock.now().millis()).unwrap();
    let verifier = WebhookVerifier::new(secret).with_clock(move || SystemTime::UNIX_EPOCH + Duration::from_millis(now));
    verifier.construct_event(received.header("workos-signature"), &received.body)
}

#[test]
fn an_endpoint_is_made_listed_changed_and_deleted() {
    story(async |t, sdk| {
        let events = json!(["organization.created", "dsync.user.created"]);
        let made = create(sdk, json!({ "endpoint_url": "https://example.com/hook", "events": events })).await;
        assert_eq!(
            (made.object.as_str(), made.endpoint_url.as_str()),
            ("webhook_endpoint", "https://example.com/hook")
        );
        assert_eq!(made.events, ["organization.created", "dsync.user.created"]);
        assert_eq!(made.status, WebhookEndpointStatus::Enabled);
        let list = sdk.client.webhooks().list_webhook_endpoints(ListWebhookEndpointsParams::default()).await;
        let list = sdk.ok(list);
        assert_eq!(list.data.len(), 1);
        assert_eq!(list.data[0].id, made.id);
        let params =
            UpdateWebhookEndpointParams::new(body(json!({ "status": "disabled", "events": ["user.created"] })));
        let changed = sdk.ok(sdk.client.webhooks().update_webhook_endpoint(&made.id, params).await);
        assert_eq!(
            (changed.status, changed.events),
            (WebhookEndpointStatus::Disabled, vec!["user.created".to_owned()])
        );
        let again = CreateWebhookEndpointParams::new(body(json!({ "endpoint_url": made.endpoint_url, "events": [] })));
        sdk.fails(sdk.client.webhooks().create_webhook_endpoint(again).await, 409, "duplicate_endpoint");
        let unknown = workos::models::CreateWebhookEndpoint {
            endpoint_url: "https://example.com/other".to_owned(),
            events: vec![CreateWebhookEndpointEvents::from("user.exploded")],
        };
        let unknown = CreateWebhookEndpointParams::new(unknown);
        sdk.fails(sdk.client.webhooks().create_webhook_endpoint(unknown).await, 422, "invalid_request_parameters");
        sdk.client.webhooks().delete_webhook_endpoint(&made.id).await.unwrap();
        sdk.missing(sdk.client.webhooks().delete_webhook_endpoint(&made.id).await);
        assert_eq!(t.all_events().await, [""; 0]);
    });
}

#[test]
fn what_arrives_is_verified_by_the_sdk_at_every_attempt() {
    story_apart(async |t| {
        let sdk = Sdk::of(&t);
        let receiver = Receiver::start().await;
        let made = create(&sdk, json!({ "endpoint_url": receiver.url(), "events": ["user.created"] })).await;
        let secret = t.get("/webhook_endpoints").await.ok()["data"][0]["secret"].as_str().unwrap().to_owned();
        assert!(!format!("{made:?}").contains(&secret), "the SDK keeps it to itself");
        receiver.reply(Reply::status(500));
        let user = t.user("ann@example.com").await;
        for attempt in 1..=3 {
            t.deliver().await;
            let received = receiver.received().pop().unwrap();
            let event = construct(&t, &received, &secret).unwrap();
            assert_eq!((event.event.as_str(), event.object.as_str()), ("user.created", "event"));
            assert_eq!(event.data["id"], user["id"]);
            sdk::assert_understood(received.json(), &event);
            construct(&t, &received, "whsec_another").unwrap_err();
            assert_eq!(receiver.count(), attempt);
            t.app.database().clock.advance(301);
            // What was signed for an earlier attempt would not do any more.
            construct(&t, &received, &secret).unwrap_err();
        }
    });
}
