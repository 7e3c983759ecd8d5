//! Domains of organizations.

use serde_json::json;
use workos::enums::{OrganizationDomainState, OrganizationDomainVerificationStrategy};
use workos::models::OrganizationDomain;
use workos::organization_domains::CreateOrganizationDomainParams;

use crate::catalogue;
use crate::harness::{Resolution, Test, story_with_names};
use crate::sdk::{Sdk, body, story};

async fn create(t: &Test, sdk: &Sdk, domain: &str) -> OrganizationDomain {
    let organization = t.organization("Acme").await;
    let fields = json!({ "domain": domain, "organization_id": organization["id"] });
    let params = CreateOrganizationDomainParams { body: body(fields) };
    sdk.ok(sdk.client.organization_domains().create_organization_domain(params).await)
}

#[test]
fn a_domain_is_added_found_asked_for_and_deleted() {
    story(async |t, sdk| {
        let made = create(t, sdk, "acme.example").await;
        assert_eq!(made.state, Some(OrganizationDomainState::Pending));
        assert_eq!(made.verification_strategy, Some(OrganizationDomainVerificationStrategy::Dns));
        let api = sdk.client.organization_domains();
        assert_eq!(sdk.ok(api.get_organization_domain(&made.id).await).domain, "acme.example");
        let asked = sdk.ok(api.verify_organization_domain(&made.id).await);
        assert_eq!(asked.state, Some(OrganizationDomainState::Pending));
        let params = json!({ "domain": "acme.example", "organization_id": t.organization("Other").await["id"] });
        let twin = api.create_organization_domain(CreateOrganizationDomainParams { body: body(params) }).await;
        sdk.fails(twin, 409, "domain_already_exists");
        api.delete_organization_domain(&made.id).await.unwrap();
        sdk.missing(api.get_organization_domain(&made.id).await);
    });
}

#[test]
fn a_domain_is_verified_and_another_fails() {
    story_with_names(async |t, names| {
        let sdk = Sdk::of(&t);
        let good = create(&t, &sdk, "good.example").await;
        let lost = create(&t, &sdk, "lost.example").await;
        let token = good.verification_token.as_ref().unwrap();
        names.say("good.example", Resolution::text(format!("verification_token={}", token.expose())));
        sqlx::query("update organization_domains set verification_began_at = now() - interval '31 days' where id = $1")
            .bind(&lost.id)
            .execute(t.app.database().pool())
            .await
            .unwrap();
        vestibule::worker::domains::round(&t.app).await;
        let api = sdk.client.organization_domains();
        let verified = sdk.ok(api.get_organization_domain(&good.id).await);
        assert_eq!(verified.state, Some(OrganizationDomainState::Verified));
        sdk.fails(api.verify_organization_domain(&good.id).await, 400, "domain_already_verified");
        let failed = sdk.ok(api.get_organization_domain(&lost.id).await);
        assert_eq!(failed.state, Some(OrganizationDomainState::Failed));
        catalogue::assert_all_understood(&t, &sdk).await;
    });
}
