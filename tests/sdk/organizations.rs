//! Organizations.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::RequestOptions;
use workos::enums::{OrganizationDomainState, OrganizationDomainVerificationStrategy, PaginationOrder};
use workos::models::Organization;
use workos::organizations::{CreateOrganizationParams, ListOrganizationsParams, UpdateOrganizationParams};

use crate::sdk::{Sdk, body, story};

async fn create(sdk: &Sdk, fields: Value) -> Organization {
    let params = CreateOrganizationParams::new(body(fields));
    sdk.ok(sdk.client.organizations().create_organization(params).await)
}

fn names(organizations: &[Organization]) -> Vec<&str> {
    organizations.iter().map(|organization| organization.name.as_str()).collect()
}

#[test]
fn an_organization_is_made_found_changed_and_deleted() {
    story(async |_, sdk| {
        let fields = json!({
            "name": "Acme",
            "external_id": "acme/1 ?",
            "metadata": { "tier": "gold" },
            "allow_profiles_outside_organization": true,
            "domain_data": [{ "domain": "acme.test", "state": "verified" }, { "domain": "acme.example", "state": "pending" }],
        });
        let made = create(sdk, fields).await;
        assert_eq!((made.object.as_str(), made.name.as_str()), ("organization", "Acme"));
        assert_eq!(made.metadata["tier"], "gold");
        assert_eq!(
            (made.domains[0].object.as_str(), &made.domains[0].organization_id),
            ("organization_domain", &made.id)
        );
        assert_eq!(made.domains[0].state, Some(OrganizationDomainState::Verified));
        assert_eq!(made.domains[0].verification_strategy, Some(OrganizationDomainVerificationStrategy::Manual));
        assert_eq!(made.domains[1].state, Some(OrganizationDomainState::Pending));

        let api = sdk.client.organizations();
        assert_eq!(sdk.ok(api.get_organization(&made.id).await).updated_at, made.updated_at);
        let external_id = made.external_id.as_deref().unwrap();
        assert_eq!(sdk.ok(api.get_organization_by_external_id(external_id).await).id, made.id);

        let fields = json!({ "name": "Acme Ltd", "metadata": { "since": "2020" }, "stripe_customer_id": "cus_1" });
        let params = UpdateOrganizationParams::new(body(fields));
        let changed = sdk.ok(api.update_organization(&made.id, params).await);
        assert_eq!((changed.name.as_str(), changed.stripe_customer_id.as_deref()), ("Acme Ltd", Some("cus_1")));
        assert_eq!((changed.metadata.len(), changed.domains.len()), (2, 2));

        sdk.ok(api.delete_organization(&made.id).await);
        sdk.missing(api.get_organization(&made.id).await);
        sdk.missing(api.delete_organization(&made.id).await);
    });
}

#[test]
fn organizations_are_listed_page_by_page() {
    story(async |_, sdk| {
        for name in ["alpha", "beta", "gamma"] {
            create(sdk, json!({ "name": name, "domains": [format!("{name}.test")] })).await;
        }
        let api = sdk.client.organizations();
        let all = sdk.ok(api.list_organizations(ListOrganizationsParams::default()).await);
        assert_eq!((all.object.as_str(), names(&all.data)), ("list", vec!["gamma", "beta", "alpha"]));
        assert_eq!((all.list_metadata.before, all.list_metadata.after), (None, None));

        let two = ListOrganizationsParams { limit: Some(2), order: Some(PaginationOrder::Asc), ..Default::default() };
        let page = sdk.ok(api.list_organizations(two.clone()).await);
        assert_eq!(names(&page.data), ["alpha", "beta"]);
        let streamed: Vec<_> = api.list_organizations_auto_paging(two.clone()).try_collect().await.unwrap();
        assert_eq!(names(&streamed), ["alpha", "beta", "gamma"]);
        let before = ListOrganizationsParams { before: Some(all.data[0].id.clone()), ..two };
        assert_eq!(names(&sdk.ok(api.list_organizations(before).await).data), ["alpha", "beta"]);

        let domains = Some(vec!["alpha.test".to_owned(), "gamma.test".to_owned()]);
        let found = api.list_organizations(ListOrganizationsParams { domains, ..Default::default() }).await;
        assert_eq!(names(&sdk.ok(found).data), ["gamma", "alpha"]);
        let search = Some("ET".to_owned());
        let found = api.list_organizations(ListOrganizationsParams { search, ..Default::default() }).await;
        assert_eq!(names(&sdk.ok(found).data), ["beta"]);
    });
}

#[test]
fn refusals_have_their_codes() {
    story(async |t, sdk| {
        let api = sdk.client.organizations();
        let blank = CreateOrganizationParams::new(body(json!({ "name": " " })));
        sdk.fails(api.create_organization(blank).await, 422, "invalid_request_parameters");

        let fields = json!({ "name": "A", "external_id": "a", "domains": ["a.test"] });
        let made = create(sdk, fields).await;
        let twin = CreateOrganizationParams::new(body(json!({ "name": "B", "external_id": "a" })));
        sdk.fails(api.create_organization(twin).await, 400, "external_id_already_used");
        let twin = CreateOrganizationParams::new(body(json!({ "name": "B", "domains": ["a.test"] })));
        let conflict = sdk.fails(api.create_organization(twin).await, 409, "domain_already_exists");
        assert!(conflict.message.contains("already exists"), "{}", conflict.message);
        let long = UpdateOrganizationParams::new(body(json!({ "metadata": { "k": "v".repeat(601) } })));
        sdk.fails(api.update_organization(&made.id, long).await, 400, "invalid_metadata");
        sdk.missing(api.get_organization_by_external_id("nobody").await);

        let stranger = Sdk::of(&t.neighbour().await);
        stranger.missing(stranger.client.organizations().get_organization(&made.id).await);
        let nobody = Sdk::of(&t.with_key("sk_wrong"));
        let refused = nobody.client.organizations().get_organization(&made.id).await;
        assert!(nobody.fails(refused, 401, "unauthorized").headers.contains_key("x-request-id"));
    });
}

#[test]
fn a_key_of_idempotency_does_not_make_two_creations_one() {
    story(async |_, sdk| {
        let once = RequestOptions::new().idempotency_key("the-same-key");
        let mut made = Vec::new();
        for _ in 0..2 {
            let params = CreateOrganizationParams::new(body(json!({ "name": "Twice" })));
            let answer = sdk.client.organizations().create_organization_with_options(params, Some(&once)).await;
            made.push(sdk.ok(answer).id);
        }
        assert_ne!(made[0], made[1]);
    });
}
