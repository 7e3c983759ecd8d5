//! How the routes of roles, permissions, resources and decisions are called.

use axum::http::Method;
use serde_json::json;

use super::world::{Case, World};

impl World {
    pub(super) fn permissions(&self) -> Vec<Case> {
        let (all, one) = ("/authorization/permissions", "/authorization/permissions/read");
        let template = "/authorization/permissions/{slug}";
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, json!({ "slug": "new", "name": "New" })),
            self.get(template, one),
            self.send(Method::PATCH, template, one, json!({ "name": "Changed" })),
            self.delete(template, one),
        ]
    }

    pub(super) fn environment_roles(&self) -> Vec<Case> {
        let (all, one) = ("/authorization/roles", "/authorization/roles/editor");
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, json!({ "slug": "new", "name": "New" })),
            self.get("/authorization/roles/{slug}", one),
            self.send(Method::PATCH, "/authorization/roles/{slug}", one, json!({ "name": "Changed" })),
            self.send(
                Method::POST,
                "/authorization/roles/{slug}/permissions",
                &format!("{one}/permissions"),
                json!({ "slug": "write" }),
            ),
            self.send(
                Method::PUT,
                "/authorization/roles/{slug}/permissions",
                &format!("{one}/permissions"),
                json!({ "permissions": [] }),
            ),
        ]
    }

    pub(super) fn organization_roles(&self) -> Vec<Case> {
        let all = format!("/authorization/organizations/{}/roles", self.organization);
        let (one, unused) = (format!("{all}/org-editor"), format!("{all}/org-unused"));
        let roles = "/authorization/organizations/{organization_id}/roles";
        let role = "/authorization/organizations/{organization_id}/roles/{slug}";
        let permissions = "/authorization/organizations/{organization_id}/roles/{slug}/permissions";
        let permission = "/authorization/organizations/{organization_id}/roles/{slug}/permissions/{permission}";
        let older = format!("/organizations/{}/roles", self.organization);
        vec![
            self.get("/organizations/{organization_id}/roles", &older),
            self.get(roles, &all),
            self.send(Method::POST, roles, &all, json!({ "slug": "org-new", "name": "New" })),
            self.get(role, &one),
            self.send(Method::PATCH, role, &one, json!({ "name": "Changed" })),
            self.delete(role, &unused),
            self.send(Method::POST, permissions, &format!("{one}/permissions"), json!({ "slug": "write" })),
            self.send(Method::PUT, permissions, &format!("{one}/permissions"), json!({ "permissions": [] })),
            self.delete(permission, &format!("{one}/permissions/read")),
        ]
    }

    pub(super) fn resources(&self) -> Vec<Case> {
        let (all, one) = ("/authorization/resources", "/authorization/resources/{resource_id}");
        let named = "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}";
        let by_id = format!("{all}/{}", self.resource);
        let by_name = format!("/authorization/organizations/{}/resources/project/p%2F1", self.organization);
        let new = json!({ "organization_id": self.organization, "resource_type_slug": "project", "external_id": "p/3",
            "name": "Third" });
        let renaming = json!({ "name": "Changed" });
        vec![
            self.get(all, all),
            Case { names_foreign: true, ..self.send(Method::POST, all, all, new) },
            self.get(one, &by_id),
            self.send(Method::PATCH, one, &by_id, renaming.clone()),
            self.delete(one, &format!("{by_id}?cascade_delete=true")),
            self.get(named, &by_name),
            self.send(Method::PATCH, named, &by_name, renaming),
            self.delete(named, &format!("{by_name}?cascade_delete=true")),
        ]
    }

    pub(super) fn role_assignments(&self) -> Vec<Case> {
        let of = format!("/authorization/organization_memberships/{}/role_assignments", self.membership);
        let all = "/authorization/organization_memberships/{organization_membership_id}/role_assignments";
        let one = "/authorization/organization_memberships/{organization_membership_id}/role_assignments/{role_assignment_id}";
        let on_resource = format!("/authorization/resources/{}/role_assignments", self.resource);
        let by_name = "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}/role_assignments";
        let lead = json!({ "role_slug": "lead", "resource_external_id": "p/2", "resource_type_slug": "project" });
        let editor = json!({ "role_slug": "editor", "resource_external_id": self.organization,
            "resource_type_slug": "organization" });
        vec![
            self.get(all, &of),
            self.send(Method::POST, all, &of, lead),
            self.send(Method::DELETE, all, &of, editor),
            self.delete(one, &format!("{of}/{}", self.role_assignment)),
            self.get("/authorization/resources/{resource_id}/role_assignments", &on_resource),
            self.get(
                by_name,
                &format!("/authorization/organizations/{}/resources/project/p%2F1/role_assignments", self.organization),
            ),
        ]
    }

    pub(super) fn group_role_assignments(&self) -> Vec<Case> {
        let of = format!("/authorization/groups/{}/role_assignments", self.groups[0]);
        let all = "/authorization/groups/{group_id}/role_assignments";
        let one = "/authorization/groups/{group_id}/role_assignments/{role_assignment_id}";
        let given = format!("{of}/{}", self.group_role_assignment);
        let lead = json!({ "role_slug": "lead", "resource_external_id": "p/2", "resource_type_slug": "project" });
        vec![
            self.get(all, &of),
            self.send(Method::POST, all, &of, lead.clone()),
            self.send(Method::PUT, all, &of, json!({ "role_assignments": [lead] })),
            self.send(Method::PATCH, all, &of, json!({ "add": [lead] })),
            self.send(Method::DELETE, all, &of, json!({ "role_slug": "editor" })),
            self.get(one, &given),
            self.delete(one, &given),
        ]
    }

    pub(super) fn decisions(&self) -> Vec<Case> {
        let question = json!({ "permission_slug": "read", "resource_external_id": self.organization,
            "resource_type_slug": "organization" });
        let (of_member, of_resource) = (
            format!("/authorization/organization_memberships/{}", self.membership),
            format!("/authorization/resources/{}/organization_memberships", self.resource),
        );
        let named = format!("/authorization/organizations/{}/resources/project/p%2F1", self.organization);
        let root = format!("parent_resource_external_id={}&parent_resource_type_slug=organization", self.organization);
        let who = "permission_slug=project:read&assignment=indirect";
        vec![
            self.send(
                Method::POST,
                "/authorization/organization_memberships/{organization_membership_id}/check",
                &format!("{of_member}/check"),
                question,
            ),
            self.get(
                "/authorization/organization_memberships/{organization_membership_id}/resources",
                &format!("{of_member}/resources?permission_slug=project:read&{root}"),
            ),
            self.get(
                "/authorization/organization_memberships/{organization_membership_id}/resources/{resource_id}/permissions",
                &format!("{of_member}/resources/{}/permissions", self.resource),
            ),
            self.get(
                "/authorization/organization_memberships/{organization_membership_id}/resources/{resource_type_slug}/{external_id}/permissions",
                &format!("{of_member}/resources/project/p%2F1/permissions"),
            ),
            self.get(
                "/authorization/resources/{resource_id}/organization_memberships/{organization_membership_id}/permissions",
                &format!("{of_resource}/{}/permissions", self.membership),
            ),
            self.get(
                "/authorization/resources/{resource_id}/organization_memberships",
                &format!("{of_resource}?{who}"),
            ),
            self.get(
                "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}/organization_memberships",
                &format!("{named}/organization_memberships?{who}"),
            ),
        ]
    }
}
