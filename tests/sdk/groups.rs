//! Groups.

use futures_util::TryStreamExt as _;
use serde_json::json;
use workos::groups::{
    CreateGroupOrganizationMembershipParams, CreateOrganizationGroupParams, ListGroupOrganizationMembershipsParams,
    ListOrganizationGroupsParams, UpdateOrganizationGroupParams,
};
use workos::organization_membership::ListOrganizationMembershipGroupsParams;

use crate::harness::Test;
use crate::sdk::{Sdk, body, story};

/// An organization, and a membership in it.
async fn member(t: &Test) -> (String, String) {
    let organization = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
    let user = t.user("ann@example.com").await["id"].clone();
    let pair = json!({ "user_id": user, "organization_id": organization });
    let made = t.post("/user_management/organization_memberships", pair).await.created();
    (organization, made["id"].as_str().unwrap().to_owned())
}

#[test]
fn a_group_lives_with_its_members() {
    story(async |t, sdk| {
        let (organization, membership) = member(t).await;
        let api = sdk.client.groups();
        let new = CreateOrganizationGroupParams::new(body(json!({ "name": "G", "description": "Of people" })));
        let made = sdk.ok(api.create_organization_group(&organization, new).await);
        assert_eq!((made.object.as_str(), made.description.as_deref()), ("group", Some("Of people")));
        let change = UpdateOrganizationGroupParams::new(body(json!({ "name": "H" })));
        assert_eq!(sdk.ok(api.update_organization_group(&organization, &made.id, change).await).name, "H");
        assert_eq!(sdk.ok(api.get_organization_group(&organization, &made.id).await).name, "H");
        let all = sdk.ok(api.list_organization_groups(&organization, ListOrganizationGroupsParams::default()).await);
        assert_eq!((all.object.as_str(), all.data.len()), ("list", 1));

        let join = json!({ "organization_membership_id": membership });
        let join = CreateGroupOrganizationMembershipParams::new(body(join));
        let joined = sdk.ok(api.create_group_organization_membership(&organization, &made.id, join).await);
        assert_eq!(joined.id, made.id);
        let params = ListGroupOrganizationMembershipsParams::default();
        let members = sdk.ok(api.list_group_organization_memberships(&organization, &made.id, params.clone()).await);
        assert_eq!((&members.data[0].id, &members.data[0].user_id), (&membership, &members.data[0].user.id));
        let streamed: Vec<_> = api
            .list_group_organization_memberships_auto_paging(&organization, &made.id, params)
            .try_collect()
            .await
            .unwrap();
        assert_eq!(streamed.len(), 1);
        let groups = ListOrganizationMembershipGroupsParams::default();
        let groups =
            sdk.client.organization_membership().list_organization_membership_groups(&membership, groups).await;
        assert_eq!(sdk.ok(groups).data[0].id, made.id);

        sdk.ok(api.delete_group_organization_membership(&organization, &made.id, &membership).await);
        sdk.missing(api.delete_group_organization_membership(&organization, &made.id, &membership).await);
        sdk.ok(api.delete_organization_group(&organization, &made.id).await);
        sdk.missing(api.get_organization_group(&organization, &made.id).await);
    });
}

#[test]
fn refusals_have_their_codes() {
    story(async |t, sdk: &Sdk| {
        let (organization, membership) = member(t).await;
        let other = t.organization("Other").await["id"].as_str().unwrap().to_owned();
        let api = sdk.client.groups();
        let blank = CreateOrganizationGroupParams::new(body(json!({ "name": " " })));
        let blank = api.create_organization_group(&organization, blank).await;
        sdk.fails(blank, 422, "invalid_request_parameters");
        let new = CreateOrganizationGroupParams::new(body(json!({ "name": "G" })));
        let made = sdk.ok(api.create_organization_group(&other, new).await);
        let join = json!({ "organization_membership_id": membership });
        let join = CreateGroupOrganizationMembershipParams::new(body(join));
        let joined = api.create_group_organization_membership(&other, &made.id, join).await;
        sdk.fails(joined, 422, "organization_membership_of_another_organization");
        sdk.missing(api.get_organization_group(&organization, &made.id).await);
    });
}
