//! Mail and domains that a server had in hand when it was killed: the other server takes them up when their lease has ended,
//! and not before. Webhooks are in `pair`.

use std::sync::Arc;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::database::{KEY, Postgres};
use crate::dns::{NameServer, Resolution};
use crate::harness::{Place, Server, until};
use crate::smtp::{Manner, Smtp};

/// A server on this database, with more settings.
async fn server(place: &Place, postgres: &Postgres, more: &[(&str, &str)]) -> Server {
    let url = postgres.url();
    let usual = [("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY), ("VESTIBULE_DEV", "true")];
    place.server_with(&[&usual[..], more].concat()).await
}

async fn kill(server: Server) {
    server.signal(Signal::SIGKILL);
    assert_eq!(server.ended().await.code(), None, "it was killed");
}

/// How a message to this address stands: its state, and how often it was tried.
async fn mail(postgres: &Postgres, to: &str) -> Option<(String, i32)> {
    let mut connection = postgres.connect().await;
    let found = sqlx::query_as("select state, attempts from mail where recipient = $1").bind(to);
    found.fetch_optional(&mut connection).await.unwrap()
}

async fn invite(server: &Server, email: &str) {
    server.post("/user_management/invitations", json!({ "email": email })).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_that_a_killed_server_was_sending_is_sent_by_the_other_when_its_lease_has_ended() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let smtp = Smtp::start(Manner::Silent).await;
    let url = format!("smtp://{}", smtp.address);
    let settings = [("VESTIBULE_SMTP_URL", url.as_str()), ("VESTIBULE_MAIL_FROM", "no-reply@example.com")];
    let one = server(&place, &postgres, &settings).await;
    let made = one.made().unwrap();
    invite(&one.caller(&made.api_key), "ann@example.com").await;
    let queued = |attempts| Some(("queued".to_owned(), attempts));
    until("it is being sent", async || (mail(&postgres, "ann@example.com").await == queued(1)).then_some(())).await;
    let other = server(&place, &postgres, &settings).await.with_key(&made.api_key);
    kill(one).await;
    smtp.behave(Manner::Takes);

    // The other one sends what nobody has in hand, and leaves this.
    invite(&other, "bob@example.com").await;
    let arrived = async |count: usize| {
        until("mail arrives", async || (smtp.received().len() >= count).then_some(())).await;
        smtp.received().into_iter().map(|mail| mail.to).collect::<Vec<_>>()
    };
    assert_eq!(arrived(1).await, ["bob@example.com"]);
    assert_eq!(mail(&postgres, "ann@example.com").await, queued(1));
    let ahead = json!({ "advance_seconds": 181 });
    other.caller(&made.admin_token).post("/admin/v1/dev/clock", ahead).await.expect(200);
    assert_eq!(arrived(2).await, ["bob@example.com", "ann@example.com"]);
    let sent = Some(("sent".to_owned(), 2));
    until("that is written down", async || (mail(&postgres, "ann@example.com").await == sent).then_some(())).await;
    assert_eq!(smtp.received().len(), 2, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_that_a_killed_server_was_looking_up_is_verified_by_the_other_when_its_lease_has_ended() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let names = NameServer::start().await;
    names.say("acme.example", Resolution::Held(Arc::new(Semaphore::new(0)), Box::new(Resolution::Nothing)));
    let address = names.address.to_string();
    let settings = [("VESTIBULE_DNS_SERVER", address.as_str())];
    let one = server(&place, &postgres, &settings).await;
    let made = one.made().unwrap();
    let add = async |server: &Server, domain: &str| -> Value {
        let organization = server.post("/organizations", json!({ "name": domain })).await.expect(201);
        let body = json!({ "organization_id": organization["id"], "domain": domain });
        server.post("/organization_domains", body).await.expect(201)
    };
    let domain = add(&one.caller(&made.api_key), "acme.example").await;
    let asked = |name: &str| names.asked(name, "udp");
    until("it is looked up", async || (asked("acme.example") > 0).then_some(())).await;
    let other = server(&place, &postgres, &settings).await.with_key(&made.api_key);
    kill(one).await;
    let proof = format!("verification_token={}", domain["verification_token"].as_str().unwrap());
    names.say("acme.example", Resolution::text(proof));

    // The other one looks up what nobody has in hand, and leaves this.
    add(&other, "elsewhere.example").await;
    until("another is looked up", async || (asked("elsewhere.example") > 0).then_some(())).await;
    let path = format!("/organization_domains/{}", domain["id"].as_str().unwrap());
    assert_eq!(other.get(&path).await.expect(200)["state"], "pending");
    let ahead = json!({ "advance_seconds": 121 });
    other.caller(&made.admin_token).post("/admin/v1/dev/clock", ahead).await.expect(200);
    until("it is verified", async || (other.get(&path).await.expect(200)["state"] == "verified").then_some(())).await;
    assert_eq!(other.events("organization_domain.verified", 1).await.len(), 1);
}
