//! Domains of organizations, and their verification by a name server of the tests.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use vestibule::worker::domains;

use crate::harness::{NameServer, Resolution, Test, story, story_with_names, until};

const DAY: i64 = 86_400;

async fn add(t: &Test, name: &str) -> Value {
    let organization = t.organization("Acme").await;
    t.post("/organization_domains", json!({ "organization_id": organization["id"], "domain": name })).await.created()
}

fn path(domain: &Value) -> String {
    format!("/organization_domains/{}", domain["id"].as_str().unwrap())
}

async fn state(t: &Test, domain: &Value) -> String {
    t.get(path(domain)).await.ok()["state"].as_str().unwrap().to_owned()
}

/// What the TXT record of a domain must be.
fn proof(domain: &Value) -> String {
    format!("verification_token={}", domain["verification_token"].as_str().unwrap())
}

/// The number of look-ups of a name so far.
fn look_ups(names: &NameServer, name: &str) -> usize {
    names.asked(name, "udp")
}

#[test]
fn a_domain_is_added_found_and_deleted() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let body = json!({ "organization_id": organization["id"], "domain": " Büro.Example. " });
        let made = t.post("/organization_domains", body).await.created();
        assert!(made["id"].as_str().unwrap().starts_with("org_domain_"));
        assert_eq!(made["object"], "organization_domain");
        assert_eq!(made["domain"], "xn--bro-hoa.example");
        assert_eq!((&made["state"], &made["verification_strategy"]), (&json!("pending"), &json!("dns")));
        assert_eq!(made["verification_token"].as_str().unwrap().len(), 25);
        assert_eq!(t.get(path(&made)).await.ok(), made);
        let shown = t.get(format!("/organizations/{}", organization["id"].as_str().unwrap())).await.ok();
        assert_eq!(shown["domains"], json!([made]));
        t.delete(path(&made)).await.no_content();
        t.get(path(&made)).await.missing();
        t.delete(path(&made)).await.missing();
        t.post(format!("{}/verify", path(&made)), json!({})).await.missing();
        t.assert_events(&["organization.created", "organization_domain.created", "organization_domain.deleted"]).await;
    });
}

#[test]
fn a_domain_belongs_to_one_organization_and_no_consumer_domain_to_any() {
    story(async |t| {
        let add = async |organization: &Value, domain: &str| {
            let body = json!({ "organization_id": organization["id"], "domain": domain });
            t.post("/organization_domains", body).await
        };
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        add(&acme, "acme.example").await.created();
        for organization in [&acme, &other] {
            let refused = add(organization, "ACME.example").await.fails(409, "domain_already_exists");
            assert!(refused["message"].as_str().unwrap().contains("already exists"));
        }
        for (domain, code) in
            [("GMail.com", "consumer_domain_forbidden"), ("acme", "invalid_domain"), ("10.0.0.1", "invalid_domain")]
        {
            assert_eq!(add(&acme, domain).await.invalid(&["domain"])["errors"][0]["code"], code);
        }
        t.post("/organization_domains", json!({})).await.invalid(&["domain", "organization_id"]);
        add(&json!({ "id": "org_none" }), "free.example").await.missing();
        let neighbour = t.neighbour().await;
        let foreign = json!({ "organization_id": acme["id"], "domain": "free.example" });
        neighbour.post("/organization_domains", foreign).await.missing();
        let own = neighbour.organization("Acme").await;
        let body = json!({ "organization_id": own["id"], "domain": "acme.example" });
        neighbour.post("/organization_domains", body).await.created();
    });
}

#[test]
fn of_many_who_claim_a_domain_at_once_one_gets_it() {
    story(async |t| {
        let organizations = join_all((0..6).map(|i| {
            let t = t.clone();
            async move { t.organization(&format!("Organization {i}")).await }
        }))
        .await;
        let claim = |organization: &Value| {
            let body = json!({ "organization_id": organization["id"], "domain": "wanted.example" });
            let t = t.clone();
            async move { t.post("/organization_domains", body).await }
        };
        let answers = join_all(organizations.iter().map(claim)).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 5));
        for answer in lost {
            answer.fails(409, "domain_already_exists");
        }
    });
}

#[test]
fn an_organization_has_at_most_a_hundred_domains() {
    story(async |t| {
        let domains: Vec<_> = (0..99).map(|i| format!("d{i}.example")).collect();
        let organization = t.post("/organizations", json!({ "name": "Many", "domains": domains })).await.created();
        let with = |name: &str| json!({ "organization_id": organization["id"], "domain": name });
        // Two at once cannot both be the hundredth.
        let (one, two) = tokio::join!(
            t.post("/organization_domains", with("one.example")),
            t.post("/organization_domains", with("two.example"))
        );
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422]);
        assert_eq!(
            t.post("/organization_domains", with("more.example")).await.invalid(&["domain"])["errors"][0]["code"],
            "too_many"
        );
    });
}

#[test]
fn the_older_paths_mean_the_same() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let body = json!({ "organization_id": organization["id"], "domain": "acme.example" });
        let made = t.post("/organization-domains", body).await.created();
        assert_eq!(t.get(path(&made)).await.ok(), made);
        let id = made["id"].as_str().unwrap();
        assert_eq!(t.post(format!("/organization-domains/{id}/verify"), json!({})).await.created(), made);
    });
}

#[test]
fn a_domain_is_verified_when_its_record_appears() {
    story_with_names(async |t, names| {
        let domain = add(&t, "acme.example").await;
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "pending");
        assert_eq!((look_ups(&names, "acme.example"), look_ups(&names, "_acme-challenge.acme.example")), (1, 1));
        // Wrong ones first: another token, another key, another case, part of it, none.
        let token = domain["verification_token"].as_str().unwrap();
        let wrong = [
            "verification_token=other".to_owned(),
            format!("other={token}"),
            proof(&domain).to_uppercase(),
            format!("{}x", proof(&domain)),
            token.to_owned(),
            "v=spf1 -all".to_owned(),
            String::new(),
        ];
        names.say("acme.example", Resolution::Texts(wrong.iter().map(|text| vec![text.clone()]).collect()));
        t.advance(61);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "pending");

        names.say("acme.example", Resolution::Texts(vec![vec![wrong[5].clone()], vec![proof(&domain)]]));
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "pending", "it is not due yet");
        t.advance(61);
        domains::round(&t.app).await;
        let verified = t.get(path(&domain)).await.ok();
        assert_eq!((&verified["state"], &verified["verification_strategy"]), (&json!("verified"), &json!("dns")));
        assert_ne!(verified["updated_at"], domain["updated_at"]);
        t.post(format!("{}/verify", path(&domain)), json!({})).await.fails(400, "domain_already_verified");
        t.assert_events(&[
            "organization.created",
            "organization_domain.created",
            "organization_domain.updated",
            "organization_domain.verified",
        ])
        .await;
        assert_eq!(t.events(&["organization_domain.verified"]).await[0]["data"], verified);
        let before = look_ups(&names, "acme.example");
        t.advance(DAY);
        domains::round(&t.app).await;
        assert_eq!(look_ups(&names, "acme.example"), before, "it is looked for no longer");
    });
}

#[test]
fn the_record_is_read_in_every_form_and_place() {
    story_with_names(async |t, names| {
        let of = async |name: &'static str| (name, add(&t, name).await);
        let token = |domain: &Value| domain["verification_token"].as_str().unwrap().to_owned();
        let (name, prefixed) = of("prefix.example").await;
        names.say(
            name,
            Resolution::text(format!("{}={}", prefixed["verification_prefix"].as_str().unwrap(), token(&prefixed))),
        );
        let (name, split) = of("split.example").await;
        let strings = proof(&split).chars().map(|c| c.to_string()).collect();
        names.say(name, Resolution::Texts(vec![strings]));
        let (_, below) = of("below.example").await;
        names.say("_acme-challenge.below.example", Resolution::text(proof(&below)));
        let (name, alias) = of("alias.example").await;
        names.say(name, Resolution::Alias("target.example"));
        names.say("target.example", Resolution::text(proof(&alias)));
        let (name, spaced) = of("spaced.example").await;
        names.say(name, Resolution::text(format!(" {} ", proof(&spaced))));
        let (name, huge) = of("huge.example").await;
        let mut texts: Vec<_> = (0..200).map(|i| vec![format!("{i}-").repeat(50); 1]).collect();
        texts.push(vec![proof(&huge)]);
        names.say(name, Resolution::Texts(texts));
        domains::round(&t.app).await;
        for domain in [&prefixed, &split, &below, &alias, &spaced, &huge] {
            assert_eq!(state(&t, domain).await, "verified", "{}", domain["domain"]);
        }
        // What does not fit a datagram is asked for again over TCP.
        assert_eq!((names.asked("huge.example", "tcp"), names.asked("prefix.example", "tcp")), (1, 0));
    });
}

#[test]
fn a_name_server_that_fails_or_says_nothing_delays_nobody_else() {
    story_with_names(async |t, names| {
        let silent = add(&t, "silent.example").await;
        for name in ["silent.example", "_acme-challenge.silent.example"] {
            names.say(name, Resolution::Silence);
        }
        let failing = add(&t, "failing.example").await;
        names.say("failing.example", Resolution::Failure);
        let empty = add(&t, "empty.example").await;
        names.say("empty.example", Resolution::Nothing);
        let good = add(&t, "good.example").await;
        names.say("good.example", Resolution::text(proof(&good)));
        let (stop, stopping) = watch::channel(false);
        let worker = domains::start(t.app.clone(), stopping);
        until("the good one is verified", async || state(&t, &good).await == "verified").await;
        // One that comes while the silent one is still looked up, and wakes the worker.
        let later = add(&t, "later.example").await;
        names.say("later.example", Resolution::text(proof(&later)));
        t.post(format!("{}/verify", path(&later)), json!({})).await;
        until("the later one is verified", async || state(&t, &later).await == "verified").await;
        until("the silent one was asked for twice", async || look_ups(&names, "silent.example") == 2).await;
        until("the silent one's other place was asked", async || {
            look_ups(&names, "_acme-challenge.silent.example") > 0
        })
        .await;
        stop.send_replace(true);
        worker.await.unwrap();
        for domain in [&silent, &failing, &empty] {
            assert_eq!(state(&t, domain).await, "pending");
        }
        // What the worker left when it stopped is due again when its lease ends.
        names.say("silent.example", Resolution::text(proof(&silent)));
        t.advance(121);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &silent).await, "verified");
        names.say("failing.example", Resolution::text(proof(&failing)));
        t.advance(61);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &failing).await, "verified", "a failure is no answer, and is asked again");
    });
}

#[test]
fn after_thirty_days_a_domain_has_failed_and_may_begin_anew() {
    story_with_names(async |t, names| {
        let domain = add(&t, "acme.example").await;
        let organization = domain["organization_id"].clone();
        domains::round(&t.app).await;
        t.advance(30 * DAY - 60);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "pending", "a minute is left");
        t.advance(61);
        domains::round(&t.app).await;
        let failed = t.get(path(&domain)).await.ok();
        assert_eq!(failed["state"], "failed");
        let events = t.events(&["organization_domain.verification_failed"]).await;
        assert_eq!(events.len(), 1);
        let data = json!({ "reason": "domain_verification_period_expired", "organization_domain": failed });
        assert_eq!(events[0]["data"], data);
        let of_organization = format!(
            "/events?events=organization_domain.verification_failed&organization_id={}",
            organization.as_str().unwrap()
        );
        assert_eq!(t.pages(&of_organization).await.len(), 1);

        names.say("acme.example", Resolution::text(proof(&domain)));
        t.advance(DAY);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "failed", "nobody looks for it");
        let begun = t.post(format!("{}/verify", path(&domain)), json!({})).await.created();
        assert_eq!(begun["state"], "pending");
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "verified");
        // What happened a month ago is in the log no longer.
        t.assert_events(&[
            "organization_domain.updated",
            "organization_domain.verification_failed",
            "organization_domain.updated",
            "organization_domain.updated",
            "organization_domain.verified",
        ])
        .await;
    });
}

#[test]
fn to_ask_for_verification_gives_a_domain_another_thirty_days_and_is_no_event() {
    story_with_names(async |t, _| {
        let domain = add(&t, "acme.example").await;
        t.advance(29 * DAY);
        assert_eq!(t.post(format!("{}/verify", path(&domain)), json!({})).await.created(), domain);
        t.advance(29 * DAY);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "pending");
        t.advance(DAY + 3600);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "failed");
    });
}

#[test]
fn look_ups_become_rarer() {
    story_with_names(async |t, names| {
        add(&t, "acme.example").await;
        let mut gaps = Vec::new();
        let mut waited = 0;
        for _ in 0..(26 * 60) {
            let before = look_ups(&names, "acme.example");
            domains::round(&t.app).await;
            if look_ups(&names, "acme.example") > before {
                gaps.push(waited);
                waited = 0;
            }
            t.advance(60);
            waited += 1;
        }
        assert_eq!(gaps[..5], [0, 1, 1, 1, 1]);
        assert!(gaps.is_sorted(), "{gaps:?}");
        assert_eq!(gaps.last(), Some(&60));
        assert!(gaps.len() < 80, "{} look-ups in 26 hours", gaps.len());
    });
}

#[test]
fn of_two_servers_one_looks_a_domain_up() {
    story_with_names(async |t, names| {
        let other = t.beside(|parts| parts.resolver = names.resolver()).await;
        for i in 0..20 {
            add(&t, &format!("d{i}.example")).await;
        }
        tokio::join!(domains::round(&t.app), domains::round(&other.app));
        for i in 0..20 {
            assert_eq!(look_ups(&names, &format!("d{i}.example")), 1);
        }
    });
}

/// A domain whose look-up is under way, and what lets it go on.
async fn looking_up(t: &Test, names: &NameServer, then: impl FnOnce(&Value) -> Resolution) -> (Value, Arc<Semaphore>) {
    let domain = add(t, "acme.example").await;
    let gate = Arc::new(Semaphore::new(0));
    names.say("acme.example", Resolution::Held(gate.clone(), Box::new(then(&domain))));
    (domain, gate)
}

async fn during_a_look_up(t: &Test, names: &NameServer, gate: &Semaphore, change: impl AsyncFnOnce()) {
    let change = async {
        until("it is being looked up", async || look_ups(names, "acme.example") > 0).await;
        change().await;
        gate.add_permits(10);
    };
    tokio::join!(domains::round(&t.app), change);
}

#[test]
fn a_domain_may_be_deleted_while_it_is_looked_up() {
    story_with_names(async |t, names| {
        let (domain, gate) = looking_up(&t, &names, |domain| Resolution::text(proof(domain))).await;
        during_a_look_up(&t, &names, &gate, async || t.delete(path(&domain)).await.no_content()).await;
        t.get(path(&domain)).await.missing();
        t.assert_events(&["organization.created", "organization_domain.created", "organization_domain.deleted"]).await;
    });
}

#[test]
fn a_domain_may_be_verified_by_hand_while_it_is_looked_up() {
    story_with_names(async |t, names| {
        let (domain, gate) = looking_up(&t, &names, |domain| Resolution::text(proof(domain))).await;
        during_a_look_up(&t, &names, &gate, async || {
            let body = json!({ "domain_data": [{ "domain": "acme.example", "state": "verified" }] });
            t.put(format!("/organizations/{}", domain["organization_id"].as_str().unwrap()), body).await.ok();
        })
        .await;
        assert_eq!(t.get(path(&domain)).await.ok()["verification_strategy"], "manual");
        assert_eq!(t.events(&["organization_domain.verified"]).await.len(), 1);
    });
}

#[test]
fn who_asks_for_verification_during_a_look_up_is_not_forgotten() {
    story_with_names(async |t, names| {
        let (domain, gate) = looking_up(&t, &names, |_| Resolution::Nothing).await;
        t.advance(30 * DAY);
        during_a_look_up(&t, &names, &gate, async || {
            t.post(format!("{}/verify", path(&domain)), json!({})).await.created();
        })
        .await;
        assert_eq!(
            state(&t, &domain).await,
            "pending",
            "the look-up that saw nothing belongs to the former thirty days"
        );
        assert_eq!(look_ups(&names, "acme.example"), 2, "it was due at once");
        names.say("acme.example", Resolution::text(proof(&domain)));
        t.advance(61);
        domains::round(&t.app).await;
        assert_eq!(state(&t, &domain).await, "verified");
    });
}

#[test]
fn the_domains_of_an_organization_may_be_changed_while_they_are_verified() {
    story_with_names(async |t, names| {
        let organization = t.organization("Acme").await;
        let path = format!("/organizations/{}", organization["id"].as_str().unwrap());
        for i in 0..8 {
            let name = format!("d{i}.example");
            let body = json!({ "organization_id": organization["id"], "domain": name });
            let domain = t.post("/organization_domains", body).await.created();
            names.say(&name, Resolution::text(proof(&domain)));
        }
        let all: Vec<_> = (0..8).map(|i| json!({ "domain": format!("d{i}.example"), "state": "verified" })).collect();
        let by_hand = async { t.put(&path, json!({ "domain_data": all })).await.ok() };
        tokio::join!(domains::round(&t.app), by_hand);
        assert_eq!(t.events(&["organization_domain.verified"]).await.len(), 8, "each is verified once");
    });
}

#[test]
fn a_domain_of_an_organization_that_names_it_is_looked_up_as_well() {
    story_with_names(async |t, names| {
        let body = json!({ "name": "Acme", "domain_data": [{ "domain": "acme.example", "state": "pending" }] });
        let organization = t.post("/organizations", body).await.created();
        let domain = &organization["domains"][0];
        names.say("acme.example", Resolution::text(proof(domain)));
        domains::round(&t.app).await;
        assert_eq!(state(&t, domain).await, "verified");
    });
}

#[test]
fn a_neighbour_neither_sees_nor_changes_a_domain() {
    story(async |t| {
        let domain = add(&t, "acme.example").await;
        let neighbour = t.neighbour().await;
        neighbour.get(path(&domain)).await.missing();
        neighbour.delete(path(&domain)).await.missing();
        neighbour.post(format!("{}/verify", path(&domain)), json!({})).await.missing();
        assert_eq!(t.get(path(&domain)).await.ok(), domain);
    });
}
