//! Mail: the outbox, and its way to a server.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use vestibule::http::state::Parts;
use vestibule::kernel::crypto::{Keyring, MasterKey, Random};
use vestibule::kernel::secret::Secret;
use vestibule::model::mail::Outcome;
use vestibule::outbound::mail::Mailer;
use vestibule::store::system;
use vestibule::worker;

use crate::harness::smtp::{Manner, Smtp};
use crate::harness::{Test, story, story_apart, until};

/// Has a message written to this address.
async fn post(t: &Test, to: &str) {
    let body = json!({ "email": to, "send_confirmation_email": true });
    t.post("/user_management/waitlists/default/entries", body).await.created();
}

/// A server of this installation that sends mail by this way. All of them have one master key.
async fn server(t: &Test, mailer: Mailer) -> Test {
    let change = |parts: &mut Parts| {
        parts.mailer = Some(mailer);
        let key = MasterKey::from_text(&Secret::new("d".repeat(63) + "e")).unwrap();
        parts.keyring = Keyring::new(key, Vec::new(), Random::new());
    };
    t.beside(change).await
}

async fn round(t: &Test) {
    while worker::mail::round(&t.app).await {}
}

async fn only(t: &Test) -> Value {
    let mut mail = t.mail().await;
    assert_eq!(mail.len(), 1, "{mail:?}");
    mail.remove(0)
}

#[test]
fn without_a_server_mail_stays_where_the_operator_reads_it() {
    story(async |t| {
        for name in ["ann", "ben", "cem"] {
            post(&t, &format!("{name}@example.test")).await;
        }
        let mail = t.mail().await;
        let to: Vec<_> = mail.iter().map(|mail| mail["to"].as_str().unwrap()).collect();
        assert_eq!(to, ["cem@example.test", "ben@example.test", "ann@example.test"]);
        let first = &mail[2];
        assert_eq!(
            (&first["object"], &first["state"], &first["attempts"]),
            (&json!("mail"), &json!("queued"), &json!(0))
        );
        assert_eq!(first["environment_id"], t.environment.id.as_str());
        assert_eq!(first["subject"], "You are on the waitlist");
        assert!(first["text"].as_str().unwrap().contains("on the waitlist"));
        assert!(first["html"].as_str().unwrap().contains("<p>"));

        let here = format!("/admin/v1/mail?environment={}", t.environment.id);
        let found = t.operator().get(format!("{here}&to=BEN@example.test")).await.ok();
        assert_eq!(found["data"], json!([mail[1]]));
        let page = t.operator().get(format!("{here}&limit=1&after={}", mail[0]["id"].as_str().unwrap())).await.ok();
        assert_eq!(page["data"], json!([mail[1]]));
        assert_eq!(t.neighbour().await.mail().await, [] as [Value; 0]);
        t.operator().get("/admin/v1/mail?environment=org_1").await.invalid(&["environment"]);
    });
}

#[test]
fn what_mail_says_is_sealed_at_rest() {
    story(async |t| {
        t.post("/user_management/invitations", json!({ "email": "ann@example.test" })).await.created();
        let row: String = sqlx::query_scalar("select m::text from mail m where id = $1")
            .bind(only(&t).await["id"].as_str().unwrap())
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        let sealed: Vec<u8> = sqlx::query_scalar("select sealed from mail where id = $1")
            .bind(only(&t).await["id"].as_str().unwrap())
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        assert!(!row.contains("invitation_token") && !String::from_utf8_lossy(&sealed).contains("invitation_token"));
    });
}

#[test]
fn mail_is_sent_whole() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        let mail = only(&t).await;
        assert_eq!((&mail["state"], &mail["attempts"], &mail["failure"]), (&json!("sent"), &json!(1), &Value::Null));
        assert!(mail["sent_at"].is_string() && mail["next_attempt_at"].is_null());
        let received = smtp.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].to, "ann@example.test");
        assert_eq!(received[0].header("To"), "ann@example.test");
        assert_eq!(received[0].header("From"), "Vestibule <no-reply@vestibule.test>");
        assert_eq!(received[0].header("Subject"), "You are on the waitlist");
        assert_eq!(received[0].header("Message-ID"), format!("<{}@vestibule.test>", mail["id"].as_str().unwrap()));
        assert_eq!(received[0].header("Auto-Submitted"), "auto-generated");
        assert!(received[0].text.contains("text/plain") && received[0].text.contains("text/html"));
        // What was sent is not sent again.
        t.advance(86_400);
        round(&t).await;
        assert_eq!(smtp.received().len(), 1);
    });
}

#[test]
fn what_is_refused_for_good_is_given_up() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Answers("550 5.1.1 <ann@example.test>: unknown")).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        let mail = only(&t).await;
        assert_eq!((&mail["state"], &mail["next_attempt_at"]), (&json!("failed"), &Value::Null));
        assert!(mail["failure"].as_str().unwrap().contains("unknown"), "{mail}");
        smtp.behave(Manner::Takes);
        t.advance(86_400);
        round(&t).await;
        assert_eq!(smtp.received().len(), 0);
    });
}

#[test]
fn what_is_refused_for_now_is_tried_again_later_and_later() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Answers("451 4.7.1 try later")).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        for (attempts, wait) in [(1, 60), (2, 300), (3, 900)] {
            round(&t).await;
            round(&t).await;
            let mail = only(&t).await;
            assert_eq!((&mail["state"], &mail["attempts"]), (&json!("queued"), &json!(attempts)));
            assert!(mail["failure"].as_str().unwrap().contains("try later"), "{mail}");
            t.advance(wait + 1);
        }
        smtp.behave(Manner::Takes);
        round(&t).await;
        assert_eq!(only(&t).await["state"], "sent");
        assert_eq!(smtp.received().len(), 1);
    });
}

#[test]
fn an_operators_mistake_is_no_reason_to_give_mail_up() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Answers("530 5.7.0 authentication required")).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        assert_eq!(only(&t).await["state"], "queued");
        // Nobody listens there.
        let nowhere = Mailer::new("smtp://127.0.0.1:1", "a@b.test", Duration::from_secs(1)).unwrap();
        let other = server(&t, nowhere).await;
        other.advance(61);
        round(&other).await;
        let mail = only(&t).await;
        assert_eq!((&mail["state"], &mail["attempts"]), (&json!("queued"), &json!(2)));
    });
}

#[test]
fn a_connection_that_is_lost_in_the_middle_sends_the_same_message_again() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::HangsUp).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        assert_eq!(only(&t).await["state"], "queued");
        smtp.behave(Manner::Takes);
        t.advance(61);
        round(&t).await;
        assert_eq!(only(&t).await["state"], "sent");
        let received = smtp.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].header("Message-ID"), received[1].header("Message-ID"));
    });
}

#[test]
fn a_server_that_says_nothing_is_waited_for_only_so_long() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Silent).await;
        let t = server(&t, smtp.mailer_by("", "", Duration::from_millis(200))).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        let mail = only(&t).await;
        assert_eq!((&mail["state"], &mail["attempts"]), (&json!("queued"), &json!(1)));
        assert!(mail["failure"].is_string());
    });
}

#[test]
fn no_password_and_no_message_goes_to_a_server_without_the_encryption_that_is_required() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer_by("user:password@", "?tls=required", Duration::from_secs(30))).await;
        post(&t, "ann@example.test").await;
        round(&t).await;
        let mail = only(&t).await;
        assert_eq!(mail["state"], "queued");
        assert!(mail["failure"].is_string());
        let said = smtp.commands();
        assert!(said.contains(&"EHLO".to_owned()), "{said:?}");
        assert!(!said.iter().any(|verb| ["AUTH", "MAIL", "RCPT", "DATA"].contains(&verb.as_str())), "{said:?}");
    });
}

#[test]
fn mail_that_could_not_be_sent_in_time_is_not_sent_late() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        t.advance(3 * 86_400);
        round(&t).await;
        let mail = only(&t).await;
        assert_eq!((&mail["state"], &mail["failure"]), (&json!("failed"), &json!("it could not be sent in time")));
        assert_eq!(smtp.received().len(), 0);
    });
}

#[test]
fn of_two_servers_each_message_is_sent_by_one() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let (one, two) = (server(&t, smtp.mailer()).await, server(&t, smtp.mailer()).await);
        for n in 0..30 {
            post(&one, &format!("user{n}@example.test")).await;
        }
        tokio::join!(round(&one), round(&two));
        let mut to: Vec<_> = smtp.received().into_iter().map(|mail| mail.to).collect();
        assert_eq!(to.len(), 30);
        to.sort_unstable();
        to.dedup();
        assert_eq!(to.len(), 30);
        assert!(one.mail().await.iter().all(|mail| mail["state"] == "sent"));
    });
}

#[test]
fn what_a_server_died_over_is_sent_by_another_when_the_lease_is_over() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer()).await;
        post(&t, "ann@example.test").await;
        let database = t.app.database();
        let lease = database.clock.now().plus_seconds(180);
        let taken = database.write_system(async |s| system::mail::claim(s, lease, 8).await).await.unwrap();
        assert_eq!(taken.len(), 1);
        t.advance(170);
        round(&t).await;
        assert_eq!(smtp.received().len(), 0);
        t.advance(11);
        round(&t).await;
        assert_eq!(smtp.received().len(), 1);
        // Should it have been slow and not dead, what it has to tell comes too late.
        let late = Outcome::Failed("too late".to_owned());
        database.write_system(async |s| system::mail::settle(s, &taken[0], &late).await).await.unwrap();
        assert_eq!(only(&t).await["state"], "sent");
    });
}

/// Somebody is invited to sign up.
async fn invite(t: &Test, to: &str) -> Value {
    t.post("/user_management/invitations", json!({ "email": to })).await.created()
}

/// What becomes of an invitation now.
async fn settle(t: &Test, invitation: &Value, how: &str) {
    let id = invitation["id"].as_str().unwrap();
    t.post(format!("/user_management/invitations/{id}/{how}"), json!({})).await.ok();
}

#[test]
fn a_link_that_leads_nowhere_any_more_is_not_sent() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Answers("451 4.7.1 try later")).await;
        let t = server(&t, smtp.mailer()).await;
        let mut made = Vec::new();
        for name in ["revoked", "resent", "accepted", "pending"] {
            made.push(invite(&t, &format!("{name}@example.test")).await);
        }
        t.user("accepted@example.test").await;
        round(&t).await;
        settle(&t, &made[0], "revoke").await;
        settle(&t, &made[1], "resend").await;
        settle(&t, &made[2], "accept").await;
        smtp.behave(Manner::Takes);
        t.advance(61);
        round(&t).await;
        let mut to: Vec<_> = smtp.received().into_iter().map(|mail| mail.to).collect();
        to.sort_unstable();
        assert_eq!(to, ["pending@example.test", "resent@example.test"]);
        let mail = t.mail().await;
        let mut told: Vec<_> = mail
            .iter()
            .filter(|mail| mail["state"] == "failed" && mail["next_attempt_at"].is_null())
            .map(|mail| (mail["to"].as_str().unwrap(), mail["failure"].as_str().unwrap()))
            .collect();
        told.sort_unstable();
        let why = ["the invitation was accepted before", "another link took the place of the one in it"];
        let expected = [
            ("accepted@example.test", why[0]),
            ("resent@example.test", why[1]),
            ("revoked@example.test", "the invitation was revoked"),
        ];
        assert_eq!(told, expected);
        // What was sent is not given up afterwards.
        settle(&t, &made[3], "revoke").await;
        let sent = t.mail().await.into_iter().find(|mail| mail["to"] == "pending@example.test").unwrap();
        assert_eq!(sent["state"], "sent");
    });
}

#[test]
fn a_message_that_is_given_up_while_it_is_sent_says_what_came_of_it() {
    story_apart(async |t| {
        let made = [invite(&t, "out@example.test").await, invite(&t, "kept@example.test").await];
        let database = t.app.database();
        let (now, lease) = (database.clock.now(), database.clock.now().plus_seconds(180));
        let taken = database.write_system(async |s| system::mail::claim(s, lease, 8).await).await.unwrap();
        for invitation in &made {
            settle(&t, invitation, "revoke").await;
        }
        for mail in &taken {
            let outcome = match mail.recipient.as_str() {
                "out@example.test" => Outcome::Sent(now),
                _ => Outcome::Delayed(lease, "try later".to_owned()),
            };
            database.write_system(async |s| system::mail::settle(s, mail, &outcome).await).await.unwrap();
        }
        let mail = t.mail().await;
        let told = |to: &str| mail.iter().find(|mail| mail["to"] == to).map(|mail| mail["state"].clone());
        assert_eq!((told("out@example.test"), told("kept@example.test")), (Some(json!("sent")), Some(json!("failed"))));
    });
}

#[test]
fn mail_that_is_written_wakes_the_worker() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer()).await;
        let (stop, stopping) = watch::channel(false);
        let worker = worker::mail::start(t.app.clone(), stopping);
        for n in 1..=3 {
            post(&t, &format!("user{n}@example.test")).await;
            until("the message has arrived", async || smtp.received().len() == n).await;
        }
        stop.send_replace(true);
        worker.await.unwrap();
    });
}

#[test]
fn nothing_that_people_are_called_can_become_a_header_or_markup() {
    story_apart(async |t| {
        let smtp = Smtp::start(Manner::Takes).await;
        let t = server(&t, smtp.mailer()).await;
        let name = "Acme\r\nBcc: eve@evil.test\r\n\r\n<script>alert('x')</script> & \"Sons\"";
        let organization = t.organization(name).await;
        let body = json!({ "email": "ann@example.test", "organization_id": organization["id"] });
        t.post("/user_management/invitations", body).await.created();
        round(&t).await;
        let received = &smtp.received()[0];
        assert_eq!(received.header("To"), "ann@example.test");
        let head = received.text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        let mail = only(&t).await;
        assert!(!mail["subject"].as_str().unwrap().contains(['\r', '\n']));
        let html = mail["html"].as_str().unwrap();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;Sons&quot;"), "{html}");
    });
}

#[test]
fn mail_is_forgotten_after_its_time() {
    story_apart(async |t| {
        post(&t, "ann@example.test").await;
        t.advance(29 * 86_400);
        post(&t, "ben@example.test").await;
        worker::upkeep::round(&t.app).await;
        assert_eq!(t.mail().await.len(), 2);
        t.advance(2 * 86_400);
        worker::upkeep::round(&t.app).await;
        assert_eq!(only(&t).await["to"], "ben@example.test");
    });
}
