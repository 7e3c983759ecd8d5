//! The event log, read as an application reads it: page after page, from a cursor that it keeps.

use std::collections::BTreeSet;

use serde_json::json;
use vestibule::domain::organization_domains;
use vestibule::kernel::id::OrganizationDomainId;
use workos::enums::PaginationOrder;
use workos::events::ListEventsParams;
use workos::models::EventSchema;
use workos::organizations::CreateOrganizationParams;

use crate::catalogue;
use crate::harness::{PASSWORD, Test};
use crate::sdk::{Sdk, body, story};

/// A new organization whose event the log shows.
async fn organization(t: &Test, sdk: &Sdk, name: &str) -> String {
    let params = CreateOrganizationParams::new(body(json!({ "name": name })));
    let made = sdk.ok(sdk.client.organizations().create_organization(params).await);
    t.settle().await;
    made.id
}

fn created() -> ListEventsParams {
    ListEventsParams { order: None, ..ListEventsParams::new(vec!["organization.created".to_owned()]) }
}

fn names(events: &[EventSchema]) -> Vec<&str> {
    events.iter().map(|event| event.data["name"].as_str().unwrap()).collect()
}

#[test]
fn a_consumer_goes_on_where_it_stopped() {
    story(async |t, sdk| {
        for name in ["a", "b", "c"] {
            organization(t, sdk, name).await;
        }
        let events = sdk.client.events();
        let first = sdk.ok(events.list_events(ListEventsParams { limit: Some(2), ..created() }).await);
        assert_eq!((first.object.as_str(), names(&first.data)), ("list", vec!["a", "b"]));
        assert_eq!(first.data[0].object, "event");
        assert!(first.data[0].id.starts_with("event_"));

        let after = first.list_metadata.after.clone();
        assert_eq!(after.as_ref(), Some(&first.data[1].id));
        let second = sdk.ok(events.list_events(ListEventsParams { after, ..created() }).await);
        assert_eq!((names(&second.data), second.list_metadata.after), (vec!["c"], None));

        // Nothing is new; then something is.
        let after = Some(second.data[0].id.clone());
        let none = sdk.ok(events.list_events(ListEventsParams { after: after.clone(), ..created() }).await);
        assert!(none.data.is_empty() && none.list_metadata.after.is_none());
        organization(t, sdk, "d").await;
        let more = sdk.ok(events.list_events(ListEventsParams { after, ..created() }).await);
        assert_eq!(names(&more.data), ["d"]);
    });
}

#[test]
fn events_are_chosen_by_organization_and_time() {
    story(async |t, sdk| {
        let a = organization(t, sdk, "a").await;
        organization(t, sdk, "b").await;
        let events = sdk.client.events();
        let of_a = sdk.ok(events.list_events(ListEventsParams { organization_id: Some(a), ..created() }).await);
        assert_eq!(names(&of_a.data), ["a"]);

        let ordered = ListEventsParams { order: Some(PaginationOrder::Desc), ..created() };
        assert_eq!(names(&sdk.ok(events.list_events(ordered).await).data), ["b", "a"]);

        let past = Some("2020-01-01T00:00:00.000Z".to_owned());
        let until = ListEventsParams { range_end: past.clone(), ..created() };
        assert!(sdk.ok(events.list_events(until).await).data.is_empty());
        let since = ListEventsParams { range_start: past, ..created() };
        assert_eq!(sdk.ok(events.list_events(since).await).data.len(), 2);
    });
}

#[test]
fn a_list_of_no_names_is_refused() {
    story(async |_, sdk| {
        let nothing = sdk.client.events().list_events(ListEventsParams::new(Vec::new())).await;
        sdk.fails(nothing, 422, "invalid_request_parameters");
    });
}

/// Lets the time of a pending domain be over. The worker would take those of the other tests as well.
async fn fail(t: &Test, domain: &str) {
    let lease = t.app.database().clock.now().plus_seconds(60);
    let sql = "update organization_domains set verification_began_at = now() - interval '31 days', next_check_at = $2
               where id = $1";
    sqlx::query(sql).bind(domain).bind(lease).execute(t.app.database().pool()).await.unwrap();
    let id = OrganizationDomainId::verbatim(domain);
    let settle = async |tx: &mut _| organization_domains::settle(tx, &id, lease, false).await;
    t.app.database().write(t.environment.key, settle).await.unwrap();
}

/// Does everything that is written down, so that the end of the story reads each event there is.
#[test]
fn every_event_that_the_server_can_emit_is_understood() {
    story(async |t, _| {
        t.post("/authorization/permissions", json!({ "slug": "a", "name": "A" })).await.created();
        t.patch("/authorization/permissions/a", json!({ "name": "B" })).await.ok();
        t.post("/authorization/roles", json!({ "slug": "admin", "name": "Admin" })).await.created();
        t.put("/authorization/roles/admin/permissions", json!({ "permissions": ["a"] })).await.ok();

        let domains = json!([{ "domain": "a.test", "state": "pending" }]);
        let fields = json!({ "name": "Acme", "external_id": "acme", "domain_data": domains });
        let organization = t.post("/organizations", fields).await.created()["id"].as_str().unwrap().to_owned();
        let domains = json!([{ "domain": "a.test", "state": "verified" }, { "domain": "b.test", "state": "verified" }]);
        t.put(format!("/organizations/{organization}"), json!({ "domain_data": domains })).await.ok();
        let lost = json!({ "organization_id": organization, "domain": "lost.test" });
        fail(t, t.post("/organization_domains", lost).await.created()["id"].as_str().unwrap()).await;
        let roles = format!("/authorization/organizations/{organization}/roles");
        t.post(&roles, json!({ "slug": "org-a", "name": "A" })).await.created();
        t.put(format!("{roles}/org-a/permissions"), json!({ "permissions": ["a"] })).await.ok();
        t.delete(format!("{roles}/org-a")).await.no_content();

        let fields = json!({ "email": "ann@example.com", "password": PASSWORD, "metadata": { "k": "v" } });
        let user = t.post("/user_management/users", fields).await.created()["id"].as_str().unwrap().to_owned();
        t.put(format!("/user_management/users/{user}"), json!({ "name": "Ann", "locale": "en" })).await.ok();
        let fields = json!({ "user_id": user, "organization_id": organization });
        let membership = t.post("/user_management/organization_memberships", fields).await.created();
        let id = membership["id"].as_str().unwrap().to_owned();
        let membership = format!("/user_management/organization_memberships/{id}");
        t.put(&membership, json!({ "role_slug": "admin" })).await.ok();
        groups_and_keys(t, &organization, &id).await;

        let invitations = "/user_management/invitations";
        for (email, end) in [("ben@example.com", "accept"), ("cem@example.com", "revoke")] {
            let fields = json!({ "email": email, "organization_id": organization, "inviter_user_id": user });
            let invitation = t.post(invitations, fields).await.created()["id"].as_str().unwrap().to_owned();
            t.post(format!("{invitations}/{invitation}/resend"), json!({})).await.ok();
            t.post(format!("{invitations}/{invitation}/{end}"), json!({})).await.ok();
        }
        let fields = json!({ "email": "dan@example.com", "additional_fields": { "k": "v" } });
        let entry = t.post("/user_management/waitlists/default/entries", fields).await.created();
        let entry = format!("/user_management/waitlist_entries/{}", entry["id"].as_str().unwrap());
        t.post(format!("{entry}/deny"), json!({})).await.ok();
        t.post(format!("{entry}/approve"), json!({})).await.ok();

        t.sign_in("ann@example.com").await;
        let wrong = json!({ "email": "ann@example.com", "password": "wrong horse", "ip_address": "203.0.113.4" });
        t.grant("password", wrong).await.fails(400, "invalid_credentials");
        t.delete(format!("/organizations/{organization}")).await.accepted();
        t.delete(format!("/user_management/users/{user}")).await.done();
        t.delete("/authorization/permissions/a").await.no_content();

        let role = format!("/admin/v1/environments/{}/roles/admin", t.environment.id);
        t.operator().delete(role).await.no_content();

        let happened: BTreeSet<_> = t.all_events().await.into_iter().collect();
        assert_eq!(happened, catalogue::names());
    });
}

/// What there is to tell of groups and of API keys.
async fn groups_and_keys(t: &Test, organization: &str, membership: &str) {
    let groups = format!("/organizations/{organization}/groups");
    let group = t.post(&groups, json!({ "name": "Group" })).await.created();
    let group = format!("{groups}/{}", group["id"].as_str().unwrap());
    t.patch(&group, json!({ "description": "Of people" })).await.ok();
    let members = format!("{group}/organization-memberships");
    t.post(&members, json!({ "organization_membership_id": membership })).await.ok();
    t.patch(&members, json!({ "remove": [membership] })).await.no_content();
    t.delete(&group).await.no_content();

    let key = t.post(format!("/organizations/{organization}/api_keys"), json!({ "name": "Key" })).await.created();
    let expire = format!("/api_keys/{}/expire", key["id"].as_str().unwrap());
    t.post(&expire, json!({ "expires_at": "2999-01-01T00:00:00Z" })).await.ok();
    t.post(&expire, json!({})).await.ok();
}
