//! Roles, permissions, and what a membership may do.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::authorization::{
    AddEnvironmentRolePermissionParams, AddOrganizationRolePermissionParams, CheckParams, CreateEnvironmentRoleParams,
    CreateOrganizationRoleParams, CreatePermissionParams, ListEffectivePermissionsByExternalIdParams,
    ListEffectivePermissionsParams, ListMembershipsForResourceByExternalIdParams, ListMembershipsForResourceParams,
    ListPermissionsParams, ListResourcesForMembershipParams, ParentResource, SetEnvironmentRolePermissionsParams,
    SetOrganizationRolePermissionsParams, UpdateEnvironmentRoleParams, UpdateOrganizationRoleParams,
    UpdatePermissionParams,
};
use workos::enums::{AuthorizationAssignment, RoleType};
use workos::models::{Permission, RoleList};

use crate::sdk::{Sdk, body, story};

async fn permission(sdk: &Sdk, slug: &str) -> Permission {
    let fields = json!({ "slug": slug, "name": slug, "description": "May" });
    sdk.ok(sdk.client.authorization().create_permission(CreatePermissionParams::new(body(fields))).await)
}

async fn environment_role(sdk: &Sdk, fields: Value) -> workos::models::Role {
    let params = CreateEnvironmentRoleParams::new(body(fields));
    sdk.ok(sdk.client.authorization().create_environment_role(params).await)
}

fn slugs(list: &RoleList) -> Vec<&str> {
    assert_eq!(list.object, "list");
    list.data.iter().map(|role| role.slug.as_str()).collect()
}

#[test]
fn a_permission_is_made_found_changed_and_deleted() {
    story(async |_, sdk| {
        let api = sdk.client.authorization();
        let made = permission(sdk, "posts:write").await;
        assert_eq!((made.object.as_str(), made.system), ("permission", false));
        assert_eq!((made.description.as_deref(), made.resource_type_slug.as_str()), (Some("May"), "organization"));
        assert_eq!(sdk.ok(api.get_permission("posts:write").await).id, made.id);
        let change = UpdatePermissionParams::new(body(json!({ "name": "Write" })));
        assert_eq!(sdk.ok(api.update_permission("posts:write", change).await).name, "Write");

        permission(sdk, "posts:read").await;
        let one = ListPermissionsParams { limit: Some(1), ..Default::default() };
        let page = sdk.ok(api.list_permissions(one.clone()).await);
        assert_eq!((page.object.as_str(), page.data[0].slug.as_str()), ("list", "posts:read"));
        assert_eq!(page.list_metadata.after.as_ref(), Some(&page.data[0].id));
        let all: Vec<_> = api.list_permissions_auto_paging(one).try_collect().await.unwrap();
        let own = all.iter().filter(|permission| !permission.system).map(|permission| permission.slug.as_str());
        assert_eq!(own.collect::<Vec<_>>(), ["posts:read", "posts:write"]);
        let system = all.iter().find(|permission| permission.system).unwrap();
        sdk.fails(api.delete_permission(&system.slug).await, 403, "system_permission");

        let twin = CreatePermissionParams::new(body(json!({ "slug": "posts:read", "name": "Twin" })));
        sdk.fails(api.create_permission(twin).await, 409, "permission_slug_conflict");
        sdk.ok(api.delete_permission("posts:write").await);
        sdk.missing(api.get_permission("posts:write").await);
        sdk.missing(api.delete_permission("posts:write").await);
    });
}

#[test]
fn a_role_of_the_environment_is_made_found_and_changed() {
    story(async |_, sdk| {
        let api = sdk.client.authorization();
        for slug in ["a", "b", "c"] {
            permission(sdk, slug).await;
        }
        let made = environment_role(sdk, json!({ "slug": "admin", "name": "Admin" })).await;
        assert_eq!((made.object.as_str(), made.type_), ("role", RoleType::EnvironmentRole));
        assert_eq!(slugs(&sdk.ok(api.list_environment_roles().await)), ["member", "admin"]);
        let change = UpdateEnvironmentRoleParams::new(body(json!({ "name": "Boss", "description": "All" })));
        assert_eq!(sdk.ok(api.update_environment_role("admin", change).await).name, "Boss");
        let set = SetEnvironmentRolePermissionsParams::new(body(json!({ "permissions": ["a", "b"] })));
        assert_eq!(sdk.ok(api.set_environment_role_permissions("admin", set).await).permissions, ["a", "b"]);
        let add = AddEnvironmentRolePermissionParams::new(body(json!({ "slug": "c" })));
        sdk.ok(api.add_environment_role_permission("admin", add).await);
        assert_eq!(sdk.ok(api.get_environment_role("admin").await).permissions, ["a", "b", "c"]);

        let twin = CreateEnvironmentRoleParams::new(body(json!({ "slug": "admin", "name": "Twin" })));
        sdk.fails(api.create_environment_role(twin).await, 409, "role_slug_conflict");
        sdk.missing(api.get_environment_role("nobody").await);
    });
}

#[test]
fn a_role_of_an_organization_is_made_found_changed_and_deleted() {
    story(async |t, sdk| {
        let api = sdk.client.authorization();
        let organization = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        for slug in ["a", "b"] {
            permission(sdk, slug).await;
        }
        let fields = json!({ "slug": "org-billing", "name": "Billing", "description": "Pays" });
        let params = CreateOrganizationRoleParams::new(body(fields.clone()));
        let made = sdk.ok(api.create_organization_role(&organization, params).await);
        assert_eq!((made.slug.as_str(), made.type_), ("org-billing", RoleType::OrganizationRole));
        assert_eq!(slugs(&sdk.ok(api.list_organization_roles(&organization).await)), ["member", "org-billing"]);
        let change = UpdateOrganizationRoleParams::new(body(json!({ "name": "Money" })));
        assert_eq!(sdk.ok(api.update_organization_role(&organization, "org-billing", change).await).name, "Money");
        let set = SetOrganizationRolePermissionsParams::new(body(json!({ "permissions": ["a"] })));
        sdk.ok(api.set_organization_role_permissions(&organization, "org-billing", set).await);
        let add = AddOrganizationRolePermissionParams::new(body(json!({ "slug": "b" })));
        let two = sdk.ok(api.add_organization_role_permission(&organization, "org-billing", add).await);
        assert_eq!(two.permissions, ["a", "b"]);
        let left = sdk.ok(api.remove_organization_role_permission(&organization, "org-billing", "a").await);
        assert_eq!(left.permissions, ["b"]);
        assert_eq!(sdk.ok(api.get_organization_role(&organization, "org-billing").await).permissions, ["b"]);

        let twin = CreateOrganizationRoleParams::new(body(fields));
        let twin = api.create_organization_role(&organization, twin).await;
        sdk.fails(twin, 409, "organization_role_slug_conflict");
        sdk.ok(api.delete_organization_role(&organization, "org-billing").await);
        sdk.missing(api.get_organization_role(&organization, "org-billing").await);
    });
}

#[test]
fn a_membership_may_do_what_its_roles_allow() {
    story(async |t, sdk| {
        let api = sdk.client.authorization();
        permission(sdk, "posts:write").await;
        environment_role(sdk, json!({ "slug": "editor", "name": "Editor" })).await;
        let set = SetEnvironmentRolePermissionsParams::new(body(json!({ "permissions": ["posts:write"] })));
        sdk.ok(api.set_environment_role_permissions("editor", set).await);
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let fields = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": "editor" });
        let membership = t.post("/user_management/organization_memberships", fields).await.created();
        let membership = membership["id"].as_str().unwrap();

        let on_root = |permission: &str, organization: &Value| {
            CheckParams::new(body(json!({ "permission_slug": permission, "resource_type_slug": "organization",
                "resource_external_id": organization["id"] })))
        };
        let check = async |permission: &str, organization: &Value| {
            api.check(membership, on_root(permission, organization)).await
        };
        assert!(sdk.ok(check("posts:write", &organization).await).authorized);
        assert!(!sdk.ok(check("posts:delete", &organization).await).authorized);
        sdk.missing(check("posts:write", &t.organization("Globex").await).await);
        sdk.missing(api.check("om_nobody", on_root("posts:write", &organization)).await);
        let by_id = json!({ "permission_slug": "posts:write", "resource_id": "authz_resource_nothing" });
        sdk.missing(api.check(membership, CheckParams::new(body(by_id))).await);
    });
}

#[test]
fn what_a_membership_reaches_and_who_reaches_a_resource_is_listed() {
    story(async |t, sdk| {
        let api = sdk.client.authorization();
        t.resource_type("project", &["organization"]).await;
        let fields = json!({ "slug": "project:read", "name": "Read", "resource_type_slug": "project" });
        sdk.ok(api.create_permission(CreatePermissionParams::new(body(fields))).await);
        environment_role(sdk, json!({ "slug": "reader", "name": "Reader" })).await;
        let set = SetEnvironmentRolePermissionsParams::new(body(json!({ "permissions": ["project:read"] })));
        sdk.ok(api.set_environment_role_permissions("reader", set).await);
        let (user, organization) = (t.user("ann@example.com").await, t.organization("Acme").await);
        let fields = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": "reader" });
        let membership = t.post("/user_management/organization_memberships", fields).await.created();
        let (membership, organization_id) = (membership["id"].as_str().unwrap(), organization["id"].as_str().unwrap());
        for name in ["first", "second/1"] {
            t.resource(&organization, "project", name, None).await;
        }

        let root = ParentResource::ByExternalId {
            parent_resource_type_slug: "organization".to_owned(),
            parent_resource_external_id: organization_id.to_owned(),
        };
        let mut params = ListResourcesForMembershipParams::new("project:read", root);
        params.limit = Some(1);
        let page = sdk.ok(api.list_resources_for_membership(membership, params.clone()).await);
        assert_eq!((page.object.as_str(), page.data.len()), ("list", 1));
        let found: Vec<_> =
            api.list_resources_for_membership_auto_paging(membership, params).try_collect().await.unwrap();
        let names: Vec<_> = found.iter().map(|resource| resource.external_id.as_str()).collect();
        assert_eq!(names, ["second/1", "first"]);
        let shape = (found[0].object.as_str(), found[0].resource_type_slug.as_str());
        assert_eq!(shape, ("authorization_resource", "project"));
        let below = ParentResource::ById { parent_resource_id: found[0].id.clone() };
        let nothing = ListResourcesForMembershipParams::new("project:read", below);
        assert!(sdk.ok(api.list_resources_for_membership(membership, nothing).await).data.is_empty());

        let mut params = ListMembershipsForResourceParams::new("project:read");
        assert!(sdk.ok(api.list_memberships_for_resource(&found[0].id, params.clone()).await).data.is_empty());
        params.assignment = Some(AuthorizationAssignment::Indirect);
        let who = sdk.ok(api.list_memberships_for_resource(&found[0].id, params).await);
        assert_eq!((who.data[0].id.as_str(), who.data[0].object.as_str()), (membership, "organization_membership"));
        let mut params = ListMembershipsForResourceByExternalIdParams::new("project:read");
        params.assignment = Some(AuthorizationAssignment::Indirect);
        let who = api.list_memberships_for_resource_by_external_id(organization_id, "project", "second/1", params);
        assert_eq!(sdk.ok(who.await).data[0].id, membership);

        let params = ListEffectivePermissionsParams::default();
        let held = sdk.ok(api.list_effective_permissions(membership, &found[0].id, params).await);
        assert_eq!((held.data.len(), held.data[0].slug.as_str()), (1, "project:read"));
        let params = ListEffectivePermissionsByExternalIdParams::default();
        let held = api.list_effective_permissions_by_external_id(membership, "project", "second/1", params.clone());
        assert_eq!(sdk.ok(held.await).data[0].slug, "project:read");
        sdk.missing(api.list_effective_permissions_by_external_id(membership, "project", "third", params).await);
    });
}
