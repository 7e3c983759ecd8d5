//! Organization memberships.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::enums::{
    OrganizationMembershipStatus, UserManagementOrganizationMembershipStatuses, UserOrganizationMembershipStatus,
};
use workos::organization_membership::{
    CreateOrganizationMembershipParams, ListOrganizationMembershipsParams, UpdateOrganizationMembershipParams,
};

use crate::harness::Test;
use crate::sdk::{Sdk, body, story};

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// A user and an organization without each other.
async fn pair(t: &Test) -> (String, String) {
    (id(&t.user("ann@example.com").await), id(&t.organization("Acme").await))
}

fn new(user: &str, organization: &str, role: &str) -> CreateOrganizationMembershipParams {
    let fields = json!({ "user_id": user, "organization_id": organization, "role_slug": role });
    CreateOrganizationMembershipParams::new(body(fields))
}

async fn list(sdk: &Sdk, params: ListOrganizationMembershipsParams) -> Vec<String> {
    let page = sdk.ok(sdk.client.organization_membership().list_organization_memberships(params).await);
    assert_eq!(page.object, "list");
    page.data.into_iter().map(|membership| membership.id).collect()
}

#[test]
fn a_membership_is_made_found_changed_and_deleted() {
    story(async |t, sdk| {
        let (user, organization) = pair(t).await;
        t.post("/authorization/roles", json!({ "slug": "admin", "name": "Admin" })).await.created();
        let api = sdk.client.organization_membership();
        let made = sdk.ok(api.create_organization_membership(new(&user, &organization, "member")).await);
        assert_eq!(made.object, "organization_membership");
        assert_eq!((&made.user_id, &made.user.id, &made.organization_id), (&user, &user, &organization));
        assert_eq!((made.organization_name.as_deref(), made.role.slug.as_str()), (Some("Acme"), "member"));
        assert_eq!((made.status, made.directory_managed), (OrganizationMembershipStatus::Active, false));
        assert_eq!(made.roles.len(), 1);

        let found = sdk.ok(api.get_organization_membership(&made.id).await);
        assert_eq!((found.status, found.created_at), (UserOrganizationMembershipStatus::Active, made.created_at));
        let change = UpdateOrganizationMembershipParams::new(body(json!({ "role_slug": "admin" })));
        assert_eq!(sdk.ok(api.update_organization_membership(&made.id, change).await).role.slug, "admin");
        let nothing = UpdateOrganizationMembershipParams::new(body(json!({})));
        assert_eq!(sdk.ok(api.update_organization_membership(&made.id, nothing).await).role.slug, "admin");

        sdk.ok(api.delete_organization_membership(&made.id).await);
        sdk.missing(api.get_organization_membership(&made.id).await);
        sdk.missing(api.delete_organization_membership(&made.id).await);
    });
}

#[test]
fn a_membership_rests_and_comes_back() {
    story(async |t, sdk| {
        let (user, organization) = pair(t).await;
        let api = sdk.client.organization_membership();
        let made = sdk.ok(api.create_organization_membership(new(&user, &organization, "member")).await);
        let of_user = || ListOrganizationMembershipsParams { user_id: Some(user.clone()), ..Default::default() };
        assert_eq!(list(sdk, of_user()).await, [made.id.as_str()]);

        let resting = sdk.ok(api.deactivate_organization_membership(&made.id).await);
        assert_eq!(resting.status, OrganizationMembershipStatus::Inactive);
        assert!(list(sdk, of_user()).await.is_empty());
        let statuses = Some(vec![
            UserManagementOrganizationMembershipStatuses::Inactive,
            UserManagementOrganizationMembershipStatuses::Pending,
        ]);
        assert_eq!(list(sdk, ListOrganizationMembershipsParams { statuses, ..of_user() }).await, [made.id.as_str()]);

        let back = sdk.ok(api.reactivate_organization_membership(&made.id).await);
        assert_eq!(back.status, UserOrganizationMembershipStatus::Active);
        let of_organization =
            ListOrganizationMembershipsParams { organization_id: Some(organization), ..Default::default() };
        let all: Vec<_> = api.list_organization_memberships_auto_paging(of_organization).try_collect().await.unwrap();
        assert_eq!((all.len(), all[0].updated_at.as_str()), (1, back.updated_at.as_str()));
        sdk.missing(api.deactivate_organization_membership("om_nobody").await);
        sdk.missing(api.reactivate_organization_membership("om_nobody").await);
    });
}

#[test]
fn refusals_have_their_codes() {
    story(async |t, sdk| {
        let (user, organization) = pair(t).await;
        let api = sdk.client.organization_membership();
        sdk.fails(api.create_organization_membership(new(&user, &organization, "king")).await, 422, "invalid_role");
        sdk.missing(api.create_organization_membership(new("user_nobody", &organization, "member")).await);
        sdk.missing(api.create_organization_membership(new(&user, "org_nobody", "member")).await);
        let everything = api.list_organization_memberships(ListOrganizationMembershipsParams::default()).await;
        sdk.fails(everything, 400, "missing_user_id_or_organization_id");
        sdk.ok(api.create_organization_membership(new(&user, &organization, "member")).await);
        let again = api.create_organization_membership(new(&user, &organization, "member")).await;
        sdk.fails(again, 422, "invalid_request_parameters");
    });
}
