//! Role assignments of memberships and groups.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::authorization::{
    AssignRoleParams, CreateGroupRoleAssignmentParams, DeleteGroupRoleAssignmentsParams,
    ListGroupRoleAssignmentsParams, ListRoleAssignmentsForResourceByExternalIdParams,
    ListRoleAssignmentsForResourceParams, ListRoleAssignmentsParams, RemoveRoleParams,
    UpdateGroupRoleAssignmentsParams,
};
use workos::enums::UserRoleAssignmentSourceType;

use crate::harness::Test;
use crate::sdk::{body, story};

/// An organization with a project `p/1`, a role `editor` on projects, and a membership.
async fn world(t: &Test) -> (Value, String, String) {
    let organization = t.organization("Acme").await;
    t.resource_type("project", &["organization"]).await;
    let project = t.resource(&organization, "project", "p/1", None).await["id"].as_str().unwrap().to_owned();
    let role = json!({ "slug": "editor", "name": "Editor", "resource_type_slug": "project" });
    t.post("/authorization/roles", role).await.created();
    let user = t.user("ann@example.com").await;
    let membership = t.membership(&user, &organization).await["id"].as_str().unwrap().to_owned();
    (organization, project, membership)
}

#[test]
fn a_membership_is_given_a_role_on_a_resource() {
    story(async |t, sdk| {
        let (organization, project, membership) = world(t).await;
        let api = sdk.client.authorization();
        let by_id = json!({ "role_slug": "editor", "resource_id": project });
        let by_name = json!({ "role_slug": "editor", "resource_external_id": "p/1", "resource_type_slug": "project" });
        let made = sdk.ok(api.assign_role(&membership, AssignRoleParams::new(body(by_id.clone()))).await);
        assert_eq!((made.object.as_str(), made.role.slug.as_str()), ("role_assignment", "editor"));
        assert_eq!((made.resource.id.as_str(), made.resource.external_id.as_str()), (project.as_str(), "p/1"));
        assert_eq!(made.source.type_, UserRoleAssignmentSourceType::Direct);
        let again = sdk.ok(api.assign_role(&membership, AssignRoleParams::new(body(by_name.clone()))).await);
        assert_eq!(again.id, made.id);

        let one = ListRoleAssignmentsParams { limit: Some(1), ..Default::default() };
        let page = sdk.ok(api.list_role_assignments(&membership, one.clone()).await);
        assert_eq!((page.object.as_str(), page.data[0].id.as_str()), ("list", made.id.as_str()));
        let all: Vec<_> = api.list_role_assignments_auto_paging(&membership, one).try_collect().await.unwrap();
        assert_eq!(all.len(), 2);
        let named = ListRoleAssignmentsParams {
            resource_external_id: Some("p/1".to_owned()),
            resource_type_slug: Some("project".to_owned()),
            ..Default::default()
        };
        assert_eq!(sdk.ok(api.list_role_assignments(&membership, named).await).data.len(), 1);
        let on_it = ListRoleAssignmentsForResourceParams::default();
        assert_eq!(sdk.ok(api.list_role_assignments_for_resource(&project, on_it).await).data[0].id, made.id);
        let on_it = ListRoleAssignmentsForResourceByExternalIdParams::default();
        let organization = organization["id"].as_str().unwrap();
        let listed = api.list_role_assignments_for_resource_by_external_id(organization, "project", "p/1", on_it).await;
        assert_eq!(sdk.ok(listed).data[0].id, made.id);

        sdk.ok(api.remove_role_assignment(&membership, &made.id).await);
        sdk.missing(api.remove_role_assignment(&membership, &made.id).await);
        sdk.missing(api.remove_role(&membership, RemoveRoleParams::new(body(by_name.clone()))).await);
        sdk.ok(api.assign_role(&membership, AssignRoleParams::new(body(by_id))).await);
        sdk.ok(api.remove_role(&membership, RemoveRoleParams::new(body(by_name))).await);
        let wrong = json!({ "role_slug": "member", "resource_id": project });
        let wrong = api.assign_role(&membership, AssignRoleParams::new(body(wrong))).await;
        sdk.fails(wrong, 422, "role_resource_type_mismatch");
    });
}

#[test]
fn a_group_is_given_roles_and_its_members_have_them() {
    story(async |t, sdk| {
        let (organization, project, membership) = world(t).await;
        let api = sdk.client.authorization();
        let groups = format!("/organizations/{}/groups", organization["id"].as_str().unwrap());
        let group = t.post(&groups, json!({ "name": "Engineers" })).await.created()["id"].as_str().unwrap().to_owned();
        let join = json!({ "organization_membership_id": membership });
        t.post(format!("{groups}/{group}/organization-memberships"), join).await.ok();

        let editor = json!({ "role_slug": "editor", "resource_id": project });
        let new = || CreateGroupRoleAssignmentParams::new(body(editor.clone()));
        let made = sdk.ok(api.create_group_role_assignment(&group, new()).await);
        assert_eq!((made.object.as_str(), made.group_id.as_str()), ("group_role_assignment", group.as_str()));
        let twice = api.create_group_role_assignment(&group, new()).await;
        sdk.fails(twice, 409, "duplicate_group_role_assignment");
        assert_eq!(sdk.ok(api.get_group_role_assignment(&group, &made.id).await).role.slug, "editor");

        let mine = sdk.ok(api.list_role_assignments(&membership, ListRoleAssignmentsParams::default()).await);
        let derived = &mine.data[0];
        assert_eq!(derived.source.type_, UserRoleAssignmentSourceType::Group);
        assert_eq!(derived.source.group_role_assignment_id.as_ref(), Some(&made.id));
        assert_eq!(derived.source.group.as_ref().map(|group| group.name.as_str()), Some("Engineers"));
        let taken = api.remove_role_assignment(&membership, &derived.id).await;
        sdk.fails(taken, 403, "role_assignment_of_group");

        let all = json!({ "role_assignments": [{ "role_slug": "member" }, editor] });
        let all = UpdateGroupRoleAssignmentsParams::new(body(all));
        let list = sdk.ok(api.update_group_role_assignments(&group, all).await);
        assert_eq!(list.data.iter().map(|it| it.role.slug.as_str()).collect::<Vec<_>>(), ["member", "editor"]);
        let one = ListGroupRoleAssignmentsParams { limit: Some(1), ..Default::default() };
        let all: Vec<_> = api.list_group_role_assignments_auto_paging(&group, one).try_collect().await.unwrap();
        assert_eq!(all.len(), 2);

        sdk.ok(api.delete_group_role_assignment(&group, &made.id).await);
        sdk.missing(api.delete_group_role_assignment(&group, &made.id).await);
        let member = DeleteGroupRoleAssignmentsParams::new(body(json!({ "role_slug": "member" })));
        sdk.ok(api.delete_group_role_assignments(&group, member.clone()).await);
        sdk.missing(api.delete_group_role_assignments(&group, member).await);
    });
}
