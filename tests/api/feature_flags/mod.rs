//! Feature flags: who has them, what clients are told, and what the log says.

mod clients;
mod rules;

use serde_json::{Value, json};

use crate::harness::{Test, story};

/// Every event about flags.
const EVENTS: &[&str] = &[
    "flag.created",
    "flag.updated",
    "flag.deleted",
    "flag.rule_updated",
    "feature_flags.flag.created",
    "feature_flags.flag.updated",
    "feature_flags.flag.deleted",
    "feature_flags.flag_rule.created",
    "feature_flags.flag_rule.updated",
    "feature_flags.flag_rule.deleted",
    "feature_flags.flag_target.created",
    "feature_flags.flag_target.deleted",
];

/// The operator's path to the flags of the test.
fn flags(t: &Test) -> String {
    format!("/admin/v1/environments/{}/feature_flags", t.environment.id)
}

/// An enabled flag of this slug.
async fn enabled(t: &Test, slug: &str) -> Value {
    t.flag(json!({ "slug": slug, "name": slug, "enabled": true })).await
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn set_target(t: &Test, slug: &str, target_type: &str, target_id: &str, value: bool) -> Value {
    let body = json!({ "target_type": target_type, "target_id": target_id, "value": value });
    t.operator().post(format!("{}/{slug}/targets", flags(t)), body).await.created()
}

async fn rule(t: &Test, slug: &str, value: bool, conditions: &[(&str, &[&str])]) -> Value {
    let conditions: Vec<_> =
        conditions.iter().map(|(kind, ids)| json!({ "target_type": kind, "values": ids })).collect();
    let body = json!({ "value": value, "conditions": conditions });
    t.operator().post(format!("{}/{slug}/rules", flags(t)), body).await.created()
}

async fn slugs(t: &Test, path: &str) -> Vec<String> {
    t.pages(path).await.iter().map(|flag| flag["slug"].as_str().unwrap().to_owned()).collect()
}

async fn of_organization(t: &Test, organization: &str) -> Vec<String> {
    slugs(t, &format!("/organizations/{organization}/feature-flags?order=asc")).await
}

async fn of_user(t: &Test, user: &str) -> Vec<String> {
    slugs(t, &format!("/user_management/users/{user}/feature-flags?order=asc")).await
}

async fn happened(t: &Test) -> Vec<String> {
    t.events(EVENTS).await.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_flag_is_made_found_changed_and_deleted() {
    story(async |t| {
        let owner = json!({ "email": "ann@example.test", "first_name": "Ann", "last_name": null });
        let body = json!({
            "slug": "new-ui_2.0", "name": " New UI ", "description": "Shiny", "owner": owner, "tags": ["ui", "beta"]
        });
        let made = t.flag(body.clone()).await;
        assert_eq!(made["object"], "feature_flag");
        assert!(id(&made).starts_with("flag_"));
        assert_eq!((&made["name"], &made["owner"], &made["tags"]), (&json!("New UI"), &owner, &json!(["ui", "beta"])));
        assert_eq!((&made["enabled"], &made["default_value"]), (&json!(false), &json!(false)));
        let (operator, path) = (t.operator(), format!("{}/new-ui_2.0", flags(&t)));
        assert_eq!(operator.get(&path).await.ok(), made);
        assert_eq!(t.get("/feature-flags/new-ui_2.0").await.ok(), made);
        operator.post(flags(&t), body).await.fails(409, "feature_flag_already_exists");

        t.app.database().clock.advance(1);
        let change = json!({ "description": null, "owner": null, "tags": [], "default_value": true });
        let changed = operator.patch(&path, change.clone()).await.ok();
        assert_eq!((&changed["name"], &changed["owner"]), (&json!("New UI"), &Value::Null));
        assert_ne!(changed["updated_at"], made["updated_at"]);
        t.app.database().clock.advance(1);
        assert_eq!(operator.patch(&path, change).await.ok(), changed);
        assert_eq!(operator.patch(&path, json!({})).await.ok(), changed);

        operator.delete(&path).await.no_content();
        operator.delete(&path).await.missing();
        operator.patch(&path, json!({})).await.missing();
        t.get("/feature-flags/new-ui_2.0").await.missing();

        let events = t.events(EVENTS).await;
        let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "flag.created",
                "feature_flags.flag.created",
                "flag.updated",
                "feature_flags.flag.updated",
                "flag.rule_updated",
                "flag.deleted",
                "feature_flags.flag.deleted",
            ]
        );
        let mut logged = made.clone();
        logged["environment_id"] = json!(t.environment.id.as_str());
        assert_eq!(events[0]["data"], logged);
        let actor = json!({ "id": "operator", "source": "dashboard", "name": null });
        assert_eq!(events[0]["context"], json!({ "client_id": t.environment.client_id, "actor": actor }));
        let before = json!({ "data": {
            "description": "Shiny", "owner": owner, "tags": ["ui", "beta"], "default_value": false
        } });
        assert_eq!(events[2]["context"]["previous_attributes"], before);
        assert_eq!(
            events[4]["context"]["previous_attributes"],
            json!({ "data": { "default_value": false }, "context": {} })
        );
    });
}

#[test]
fn an_application_switches_a_flag_under_the_name_of_its_key() {
    story(async |t| {
        t.flag(json!({ "slug": "beta", "name": "Beta", "default_value": true })).await;
        assert_eq!(t.put("/feature-flags/beta/enable", json!({})).await.ok()["enabled"], true);
        let on = t.put("/feature-flags/beta/enable", json!({})).await.ok();
        assert_eq!(t.put("/feature-flags/beta/disable", json!({})).await.ok()["enabled"], false);
        t.put("/feature-flags/gamma/enable", json!({})).await.missing();
        t.put("/feature-flags/gamma/disable", json!({})).await.missing();
        t.neighbour().await.put("/feature-flags/beta/enable", json!({})).await.missing();

        let events = t.events(EVENTS).await;
        let names: Vec<_> = events[2..].iter().map(|event| event["event"].as_str().unwrap()).collect();
        let each = ["flag.updated", "feature_flags.flag.updated", "flag.rule_updated"];
        assert_eq!(names, [each, each].concat());
        assert_eq!(events[2]["data"]["enabled"], true);
        assert_eq!(events[2]["data"]["updated_at"], on["updated_at"]);
        let context = &events[4]["context"];
        assert_eq!((&context["access_type"], &context["actor"]["source"]), (&json!("all"), &json!("api")));
        assert!(context["actor"]["id"].as_str().unwrap().starts_with("key_"));
        let before = json!({ "data": { "enabled": false }, "context": { "access_type": "none" } });
        assert_eq!(context["previous_attributes"], before);
    });
}

#[test]
fn a_flag_is_given_to_organizations_and_users_and_taken_from_them() {
    story(async |t| {
        enabled(&t, "beta").await;
        let (acme, ann) = (t.organization("Acme").await, t.user("ann@example.test").await);
        let (acme, ann) = (id(&acme), id(&ann));
        let target = |id: &str| format!("/feature-flags/beta/targets/{id}");
        t.post(target(acme), json!({})).await.no_content();
        t.post(target(acme), json!({})).await.no_content();
        t.post(target(ann), json!({})).await.no_content();
        assert_eq!(of_organization(&t, acme).await, ["beta"]);
        assert_eq!(of_user(&t, ann).await, ["beta"]);
        t.delete(target(acme)).await.no_content();
        t.delete(target(acme)).await.missing();
        assert_eq!(of_organization(&t, acme).await, [""; 0]);
        assert_eq!(of_user(&t, ann).await, ["beta"]);

        for wrong in ["conn_1", "beta", "user", "org_"] {
            t.post(target(wrong), json!({})).await.fails(400, "invalid_resource_id_format");
            t.delete(target(wrong)).await.fails(400, "invalid_resource_id_format");
        }
        for stranger in [id(&t.neighbour().await.organization("Far").await), "org_nobody", "user_nobody"] {
            t.post(target(stranger), json!({})).await.missing();
            t.delete(target(stranger)).await.missing();
        }
        t.post(format!("/feature-flags/gamma/targets/{ann}"), json!({})).await.missing();

        let events = t.events(&EVENTS[3..]).await;
        let names: Vec<_> = events[1..].iter().map(|event| event["event"].as_str().unwrap()).collect();
        let (added, removed) = ("feature_flags.flag_target.created", "feature_flags.flag_target.deleted");
        let changed = "flag.rule_updated";
        assert_eq!(names, [added, changed, added, changed, removed, changed]);
        let data = &events[1]["data"];
        assert_eq!((&data["object"], &data["flag_slug"]), (&json!("flag_target"), &json!("beta")));
        assert_eq!((&data["target_type"], &data["target_id"]), (&json!("organization"), &json!(acme)));
        assert_eq!((&data["value"], &data["value_type"], data.get("rule_id")), (&json!(true), &json!("boolean"), None));
        let organizations = json!([{ "id": acme, "name": "Acme" }]);
        let users = json!([{ "id": ann, "email": "ann@example.test" }]);
        let context = &events[4]["context"];
        assert_eq!(context["access_type"], "some");
        assert_eq!(context["configured_targets"], json!({ "organizations": organizations, "users": users }));
        let before = json!({ "data": {}, "context": {
            "configured_targets": { "organizations": organizations, "users": [] }
        } });
        assert_eq!(context["previous_attributes"], before);
        let before = json!({ "access_type": "none", "configured_targets": { "organizations": [], "users": [] } });
        assert_eq!(events[2]["context"]["previous_attributes"]["context"], before);
    });
}

#[test]
fn a_user_has_the_flags_of_their_active_organizations() {
    story(async |t| {
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let ann = t.user("ann@example.test").await;
        for slug in ["by-acme", "by-other", "by-nobody"] {
            enabled(&t, slug).await;
        }
        t.flag(json!({ "slug": "off", "name": "Off", "default_value": true })).await;
        t.flag(json!({ "slug": "everybody", "name": "E", "enabled": true, "default_value": true })).await;
        t.post(format!("/feature-flags/by-acme/targets/{}", id(&acme)), json!({})).await.no_content();
        t.post(format!("/feature-flags/by-other/targets/{}", id(&other)), json!({})).await.no_content();
        assert_eq!(of_user(&t, id(&ann)).await, ["everybody"]);
        let memberships = "/user_management/organization_memberships";
        let joins = |organization: &Value| json!({ "user_id": ann["id"], "organization_id": organization["id"] });
        t.post(memberships, joins(&acme)).await.created();
        let second = t.post(memberships, joins(&other)).await.created();
        assert_eq!(of_user(&t, id(&ann)).await, ["by-acme", "by-other", "everybody"]);
        t.put(format!("{memberships}/{}/deactivate", id(&second)), json!({})).await.ok();
        assert_eq!(of_user(&t, id(&ann)).await, ["by-acme", "everybody"]);
        assert_eq!(of_organization(&t, id(&other)).await, ["by-other", "everybody"]);
        // What is said of the user comes before what is said of the organization.
        set_target(&t, "by-acme", "user", id(&ann), false).await;
        assert_eq!(of_user(&t, id(&ann)).await, ["everybody"]);

        t.get("/organizations/org_nobody/feature-flags").await.missing();
        t.get("/user_management/users/user_nobody/feature-flags").await.missing();
        t.get(format!("/organizations/{}/feature-flags?limit=0", id(&acme))).await.invalid(&["limit"]);
    });
}

#[test]
fn lists_are_paged_in_the_order_in_which_flags_were_made() {
    story(async |t| {
        let slugs_made = ["d", "c", "b", "a"];
        for slug in slugs_made {
            t.flag(json!({ "slug": slug, "name": slug, "enabled": slug != "c", "default_value": true })).await;
        }
        let acme = t.organization("Acme").await;
        let on = format!("/organizations/{}/feature-flags", id(&acme));
        assert_eq!(slugs(&t, "/feature-flags?limit=3&order=asc").await, slugs_made);
        assert_eq!(slugs(&t, "/feature-flags?limit=1").await, ["a", "b", "c", "d"]);
        assert_eq!(slugs(&t, &format!("{on}?limit=1&order=asc")).await, ["d", "b", "a"]);
        assert_eq!(t.neighbour().await.pages("/feature-flags").await, [] as [Value; 0]);
    });
}

#[test]
fn targets_go_with_the_users_and_organizations_that_they_name() {
    story(async |t| {
        enabled(&t, "beta").await;
        enabled(&t, "rules").await;
        let (acme, ann) = (t.organization("Acme").await, t.user("ann@example.test").await);
        let (acme, ann) = (id(&acme), id(&ann));
        for target in [acme, ann] {
            t.post(format!("/feature-flags/beta/targets/{target}"), json!({})).await.no_content();
        }
        rule(&t, "rules", true, &[("user", &[ann]), ("plan", &["pro"])]).await;
        let before = happened(&t).await.len();
        t.delete(format!("/user_management/users/{ann}")).await.done();
        t.delete(format!("/organizations/{acme}")).await.accepted();
        let (gone, changed) = ("feature_flags.flag_target.deleted", "flag.rule_updated");
        assert_eq!(happened(&t).await[before..], [gone, changed, gone, changed, gone, changed]);
        let last = t.events(EVENTS).await.pop().unwrap();
        assert_eq!(last["context"]["actor"]["source"], "system");
        assert_eq!(last["context"]["configured_targets"], json!({ "organizations": [], "users": [] }));
        let targets = format!("{}/beta/targets", flags(&t));
        assert_eq!(t.operator().pages(&targets).await, [] as [Value; 0]);
        // The rule does not hold for every `pro` now that its other condition names nobody.
        let body = t.get("/sdk/feature-flags?payload_version=2").await.ok();
        let conditions = &body["flags"]["rules"]["rules"][0]["conditions"];
        assert_eq!(conditions[0], json!({ "target_type": "user", "operator": "one_of", "values": [] }));
        assert_eq!(conditions[1]["values"], json!(["pro"]));
    });
}

#[test]
fn faults_of_flags_targets_and_rules_are_named() {
    story(async |t| {
        let (operator, all) = (t.operator(), flags(&t));
        operator.post(&all, json!({})).await.invalid(&["slug", "name"]);
        for slug in ["", "Upper", "a b", "a/b", &"x".repeat(49)] {
            operator.post(&all, json!({ "slug": slug, "name": "X" })).await.invalid(&["slug"]);
        }
        let body = json!({
            "slug": "x", "name": " ", "description": "x".repeat(1001), "owner": { "email": "nobody" },
            "tags": ["", "x".repeat(65)]
        });
        let fields = ["name", "description", "owner.email", "tags[0]", "tags[1]"];
        operator.post(&all, body.clone()).await.invalid(&fields);
        enabled(&t, "beta").await;
        operator.patch(format!("{all}/beta"), body).await.invalid(&fields);
        let targets = format!("{all}/beta/targets");
        operator.post(&targets, json!({})).await.invalid(&["target_type", "target_id"]);
        let wrong = json!({ "target_type": "Plan", "target_id": "a b" });
        operator.post(&targets, wrong).await.invalid(&["target_type", "target_id"]);
        for id in ["", ".", "..", "ü", &"x".repeat(256)] {
            operator.post(&targets, json!({ "target_type": "plan", "target_id": id })).await.invalid(&["target_id"]);
        }
        let rules = format!("{all}/beta/rules");
        operator.post(&rules, json!({ "conditions": [], "position": -1 })).await.invalid(&["conditions", "position"]);
        let conditions = json!([
            { "target_type": "9", "values": [] },
            { "target_type": "plan", "values": ["ok", "no way"] },
            { "target_type": "plan", "values": ["x"], "operator": "none_of" },
        ]);
        operator.post(&rules, json!({ "conditions": conditions })).await.invalid(&["conditions[2].operator"]);
        let mut conditions = conditions;
        conditions[2]["operator"] = json!("one_of");
        operator.post(&rules, json!({ "conditions": conditions })).await.invalid(&[
            "conditions[0].target_type",
            "conditions[1].values[1]",
            "conditions[2].target_type",
        ]);
        let missing = json!({ "conditions": [{ "target_type": "organization", "values": ["org_nobody"] }] });
        operator.post(&rules, missing).await.missing();
        t.get("/sdk/feature-flags?payload_version=3").await.invalid(&["payload_version"]);
    });
}

#[test]
fn of_a_target_added_twice_at_once_there_is_one() {
    story(async |t| {
        enabled(&t, "beta").await;
        let ann = t.user("ann@example.test").await;
        let add = || t.post(format!("/feature-flags/beta/targets/{}", id(&ann)), json!({}));
        let (a, b, c) = tokio::join!(add(), add(), add());
        for answer in [a, b, c] {
            answer.no_content();
        }
        assert_eq!(t.operator().pages(&format!("{}/beta/targets", flags(&t))).await.len(), 1);
        assert_eq!(t.events(&["feature_flags.flag_target.created"]).await.len(), 1);
    });
}

#[test]
fn a_target_and_the_deletion_of_what_it_names_leave_nothing_behind() {
    story(async |t| {
        enabled(&t, "beta").await;
        for round in 0..8 {
            let ann = t.user(&format!("ann{round}@example.test")).await;
            let add = t.post(format!("/feature-flags/beta/targets/{}", id(&ann)), json!({}));
            let (added, deleted) = tokio::join!(add, t.delete(format!("/user_management/users/{}", id(&ann))));
            deleted.done();
            assert!(matches!(added.status.as_u16(), 204 | 404), "{}", added.body);
        }
        assert_eq!(t.operator().pages(&format!("{}/beta/targets", flags(&t))).await, [] as [Value; 0]);
        let names = ["feature_flags.flag_target.created", "feature_flags.flag_target.deleted"];
        let (made, gone) = (t.events(&names[..1]).await.len(), t.events(&names[1..]).await.len());
        assert_eq!(made, gone);
    });
}
