//! Organizations.

use serde_json::json;

use crate::harness::story;

#[test]
fn an_organization_is_made_found_changed_and_deleted() {
    story(async |t| {
        let made = t
            .post(
                "/organizations",
                json!({
                    "name": "  Acme ",
                    "external_id": "acme/1",
                    "metadata": { "tier": "gold" },
                    "domain_data": [{ "domain": "ACME.example.", "state": "verified" }, { "domain": "acme.test", "state": "pending" }],
                }),
            )
            .await
            .created();
        let id = made["id"].as_str().unwrap();
        assert!(id.starts_with("org_"));
        assert_eq!(made["object"], "organization");
        assert_eq!(made["name"], "Acme");
        assert_eq!(made["metadata"], json!({ "tier": "gold" }));
        assert_eq!(made["domains"][0]["domain"], "acme.example");
        assert_eq!(made["domains"][0]["verification_strategy"], "manual");
        assert_eq!(made["domains"][1]["state"], "pending");
        assert_eq!(made.get("stripe_customer_id"), None);
        assert_eq!(t.get(format!("/organizations/{id}")).await.ok(), made);
        assert_eq!(t.get("/organizations/external_id/acme%2F1").await.ok(), made);

        let changed = t
            .put(
                format!("/organizations/{id}"),
                json!({ "name": "Acme Ltd", "external_id": null, "metadata": { "tier": null, "since": "2020" } }),
            )
            .await
            .ok();
        assert_eq!(changed["name"], "Acme Ltd");
        assert_eq!(changed["external_id"], json!(null));
        assert_eq!(changed["metadata"], json!({ "since": "2020" }));
        assert_eq!(changed["domains"], made["domains"]);

        t.delete(format!("/organizations/{id}")).await.accepted();
        t.get(format!("/organizations/{id}")).await.missing();
        t.delete(format!("/organizations/{id}")).await.missing();
        t.assert_events(&[
            "organization_domain.created",
            "organization_domain.verified",
            "organization_domain.created",
            "organization.created",
            "organization.updated",
            "organization_domain.deleted",
            "organization_domain.deleted",
            "organization.deleted",
        ])
        .await;
    });
}

#[test]
fn an_event_shows_the_object_as_it_was() {
    story(async |t| {
        let made = t.organization("Before").await;
        let id = made["id"].as_str().unwrap();
        t.put(format!("/organizations/{id}"), json!({ "name": "After" })).await.ok();
        let events = t.events(&["organization.created", "organization.updated"]).await;
        assert_eq!(events[0]["data"], made);
        assert_eq!(events[1]["data"]["name"], "After");
    });
}

#[test]
fn a_change_that_changes_nothing_is_no_event() {
    story(async |t| {
        let made = t.organization("Same").await;
        let id = made["id"].as_str().unwrap();
        let same = t.put(format!("/organizations/{id}"), json!({ "name": "Same", "metadata": {} })).await.ok();
        assert_eq!(same, made);
        t.assert_events(&["organization.created"]).await;
    });
}

#[test]
fn the_domains_of_an_update_are_the_whole_set() {
    story(async |t| {
        let body = json!({ "name": "Acme", "domain_data": [
            { "domain": "keep.test", "state": "pending" }, { "domain": "drop.test", "state": "pending" }] });
        let made = t.post("/organizations", body).await.created();
        let path = format!("/organizations/{}", made["id"].as_str().unwrap());
        let body = json!({ "domain_data": [
            { "domain": "keep.test", "state": "verified" }, { "domain": "new.test", "state": "pending" }] });
        let changed = t.put(path, body).await.ok();
        assert_eq!(changed["domains"][0]["id"], made["domains"][0]["id"]);
        assert_eq!(changed["domains"][0]["state"], "verified");
        assert_eq!(changed["domains"][1]["domain"], "new.test");
        assert_eq!(changed["domains"].as_array().unwrap().len(), 2);
        t.assert_events(&[
            "organization_domain.created",
            "organization_domain.created",
            "organization.created",
            "organization_domain.updated",
            "organization_domain.verified",
            "organization_domain.deleted",
            "organization_domain.created",
            "organization.updated",
        ])
        .await;
    });
}

#[test]
fn a_domain_belongs_to_one_organization_and_to_nobody_if_everybody_uses_it() {
    story(async |t| {
        let with = |domain: &str| json!({ "name": "X", "domain_data": [{ "domain": domain, "state": "verified" }] });
        t.post("/organizations", with("acme.test")).await.created();
        t.post("/organizations", with("Acme.Test")).await.fails(409, "domain_already_exists");
        t.post("/organizations", with("gmail.com")).await.invalid(&["domain_data[0].domain"]);
        t.post("/organizations", with("not a domain")).await.invalid(&["domain_data[0].domain"]);
        t.post("/organizations", with("127.0.0.1")).await.invalid(&["domain_data[0].domain"]);
        assert_eq!(t.pages("/organizations").await.len(), 1);
        t.neighbour().await.post("/organizations", with("acme.test")).await.created();
    });
}

#[test]
fn an_external_id_is_unique_within_the_environment() {
    story(async |t| {
        t.post("/organizations", json!({ "name": "A", "external_id": "x" })).await.created();
        let again = t.post("/organizations", json!({ "name": "B", "external_id": "x" })).await;
        again.fails(400, "external_id_already_used");
        t.neighbour().await.post("/organizations", json!({ "name": "B", "external_id": "x" })).await.created();
        t.get("/organizations/external_id/y").await.missing();
    });
}

#[test]
fn faults_are_named_together_and_change_nothing() {
    story(async |t| {
        let body = json!({ "name": "  ", "external_id": "é", "domain_data": [{ "domain": 7, "state": "odd" }] });
        t.post("/organizations", body).await.invalid(&["domain_data[0].domain", "domain_data[0].state"]);
        t.post("/organizations", json!({ "name": " ", "external_id": "é" })).await.invalid(&["name", "external_id"]);
        t.post("/organizations", json!({ "name": "a\0b" })).await.invalid(&["name"]);
        for metadata in [json!({ "k": 1 }), json!({ "k".repeat(41): "v" }), json!({ "k": "v".repeat(601) }), json!([1])]
        {
            t.post("/organizations", json!({ "name": "A", "metadata": metadata })).await.fails(400, "invalid_metadata");
        }
        assert_eq!(t.pages("/organizations").await.len(), 0);
    });
}

#[test]
fn organizations_are_found_by_domain_and_by_part_of_the_name() {
    story(async |t| {
        for (name, domain) in [("Alpha One", "one.test"), ("Beta", "two.test"), ("alphabet", "three.test")] {
            let body = json!({ "name": name, "domains": [domain] });
            t.post("/organizations", body).await.created();
        }
        let names = async |path: &str| -> Vec<String> {
            let rows = t.pages(path).await;
            rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("/organizations?search=ALPHA&order=asc").await, ["Alpha One", "alphabet"]);
        for form in [
            "domains=one.test,two.test",
            "domains=one.test&domains=two.test",
            "domains[]=one.test&domains[]=two.test",
            "domains%5B0%5D=one.test&domains%5B1%5D=two.test",
            "domains=one.test%2Ctwo.test",
        ] {
            assert_eq!(names(&format!("/organizations?order=asc&{form}")).await, ["Alpha One", "Beta"], "{form}");
        }
    });
}

#[test]
fn of_two_sets_of_domains_given_at_once_one_stands() {
    story(async |t| {
        for round in 0..6 {
            let with = |name: &str| json!({ "name": "X", "domain_data": [{ "domain": format!("{name}{round}.test"), "state": "pending" }] });
            let made = t.post("/organizations", with("old")).await.created();
            let path = format!("/organizations/{}", made["id"].as_str().unwrap());
            let (a, b) = tokio::join!(t.put(&path, with("a")), t.put(&path, with("b")));
            a.ok();
            b.ok();
            let domains = t.get(&path).await.ok()["domains"].clone();
            assert_eq!(domains.as_array().unwrap().len(), 1, "{domains}");
        }
    });
}

/// An organization without domains is one statement, which is a transaction by itself; one with domains is several.
#[test]
fn an_organization_its_tree_and_its_events_are_one_transaction() {
    story(async |t| {
        for domains in [json!([]), json!(["acme.test", "acme.example"])] {
            let made = t.post("/organizations", json!({ "name": "Acme", "domains": domains })).await.created();
            let (transactions, events, roots): (i64, i64, i64) = sqlx::query_as(
                "select count(distinct w.xid), count(*) filter (where kind = 'event'), count(*) filter (where kind = 'root')
                 from (select 'organization' as kind, xmin::text as xid from organizations where id = $1
                       union all select 'event', (xid::text::numeric % 4294967296)::text from events
                                 where organization_id = $1
                       union all select 'root', r.xmin::text from resources r join resource_ancestors a
                                 on a.descendant = r.key and a.ancestor = r.key and a.xmin::text = r.xmin::text
                                 where r.organization_id = $1) w",
            )
            .bind(made["id"].as_str().unwrap())
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
            let domains = i64::try_from(domains.as_array().unwrap().len()).unwrap();
            // A domain is made and verified.
            assert_eq!((transactions, events, roots), (1, 1 + 2 * domains, 1));
        }
    });
}

/// What is refused at the end of its transaction, in one statement with the event, leaves neither behind.
#[test]
fn of_two_organizations_of_one_external_id_one_is_made() {
    story(async |t| {
        let body = json!({ "name": "Acme", "external_id": "acme" });
        let (one, other) = tokio::join!(t.post("/organizations", body.clone()), t.post("/organizations", body));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 400]);
        assert_eq!(t.pages("/organizations").await.len(), 1);
        t.assert_events(&["organization.created"]).await;
    });
}

/// The log keeps the order of keys, which is that of the answer.
#[test]
fn an_event_is_written_as_the_object_is_shown() {
    story(async |t| {
        let made = t.organization("Acme").await;
        let data: String = sqlx::query_scalar("select data::text from events where organization_id = $1")
            .bind(made["id"].as_str().unwrap())
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        assert!(data.starts_with("{\"object\":\"organization\",\"id\""), "{data}");
    });
}
