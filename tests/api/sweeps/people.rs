//! How the routes of organizations, users and what they belong to are called.

use axum::http::Method;
use serde_json::json;

use super::world::{Case, World};

impl World {
    pub(super) fn organizations(&self) -> Vec<Case> {
        let one = format!("/organizations/{}", self.organization);
        vec![
            self.get("/organizations", "/organizations"),
            self.send(Method::POST, "/organizations", "/organizations", json!({ "name": "Third" })),
            self.get("/organizations/external_id/{external_id}", "/organizations/external_id/organization-1"),
            self.get("/organizations/{id}", &one),
            self.send(Method::PUT, "/organizations/{id}", &one, json!({ "name": "Changed" })),
            self.delete("/organizations/{id}", &one),
        ]
    }

    pub(super) fn domains(&self) -> Vec<Case> {
        let (all, one) = ("/organization_domains", format!("/organization_domains/{}", self.domain));
        let (older, verify) = ("/organization-domains", "/organization_domains/{id}/verify");
        let claim = json!({ "organization_id": self.organization, "domain": "second.example.test" });
        let verify_older = format!("{older}/{}/verify", self.domain);
        vec![
            Case { names_foreign: true, ..self.send(Method::POST, all, all, claim.clone()) },
            Case { names_foreign: true, ..self.send(Method::POST, older, older, claim) },
            self.get("/organization_domains/{id}", &one),
            self.delete("/organization_domains/{id}", &one),
            self.send(Method::POST, verify, &format!("{one}/verify"), json!({})),
            self.send(Method::POST, "/organization-domains/{id}/verify", &verify_older, json!({})),
        ]
    }

    pub(super) fn users(&self) -> Vec<Case> {
        let (all, one) = ("/user_management/users", format!("/user_management/users/{}", self.user));
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, json!({ "email": "third@example.test" })),
            self.get(
                "/user_management/users/external_id/{external_id}",
                "/user_management/users/external_id/user-first",
            ),
            self.get("/user_management/users/{id}", &one),
            self.send(Method::PUT, "/user_management/users/{id}", &one, json!({ "first_name": "Changed" })),
            self.delete("/user_management/users/{id}", &one),
            self.get("/user_management/users/{id}/identities", &format!("{one}/identities")),
        ]
    }

    pub(super) fn memberships(&self) -> Vec<Case> {
        let all = "/user_management/organization_memberships";
        let one = format!("{all}/{}", self.membership);
        let join = json!({ "user_id": self.loner, "organization_id": self.organization });
        vec![
            self.get(all, &format!("{all}?user_id={}&statuses=active,inactive", self.user)),
            Case { names_foreign: true, ..self.send(Method::POST, all, all, join) },
            self.get("/user_management/organization_memberships/{id}", &one),
            self.send(
                Method::PUT,
                "/user_management/organization_memberships/{id}",
                &one,
                json!({ "role_slug": "org-editor" }),
            ),
            self.delete("/user_management/organization_memberships/{id}", &one),
            self.send(
                Method::PUT,
                "/user_management/organization_memberships/{id}/deactivate",
                &format!("{one}/deactivate"),
                json!({}),
            ),
            self.send(
                Method::PUT,
                "/user_management/organization_memberships/{id}/reactivate",
                &format!("{all}/{}/reactivate", self.inactive),
                json!({}),
            ),
        ]
    }

    pub(super) fn groups(&self) -> Vec<Case> {
        let all = format!("/organizations/{}/groups", self.organization);
        let one = format!("{all}/{}", self.groups[0]);
        let (groups, group) =
            ("/organizations/{organization_id}/groups", "/organizations/{organization_id}/groups/{group_id}");
        vec![
            self.get(groups, &all),
            self.send(Method::POST, groups, &all, json!({ "name": "Third" })),
            self.get(group, &one),
            self.send(Method::PATCH, group, &one, json!({ "name": "Changed" })),
            self.delete(group, &one),
        ]
    }

    pub(super) fn group_members(&self) -> Vec<Case> {
        let members = "/organizations/{organization_id}/groups/{group_id}/organization-memberships";
        let member =
            "/organizations/{organization_id}/groups/{group_id}/organization-memberships/{organization_membership_id}";
        let [both, one] = &self.groups;
        let of = |group: &str| format!("/organizations/{}/groups/{group}/organization-memberships", self.organization);
        let groups = "/user_management/organization_memberships/{id}/groups";
        vec![
            self.get(members, &of(both)),
            self.send(Method::POST, members, &of(one), json!({ "organization_membership_id": self.colleague })),
            self.send(Method::PATCH, members, &of(one), json!({ "remove": [self.membership] })),
            self.delete(member, &format!("{}/{}", of(both), self.colleague)),
            self.get(groups, &format!("/user_management/organization_memberships/{}/groups", self.membership)),
        ]
    }

    pub(super) fn api_keys(&self) -> Vec<Case> {
        let of_organization = format!("/organizations/{}/api_keys", self.organization);
        let of_user = format!("/user_management/users/{}/api_keys", self.user);
        let (organization, user) =
            ("/organizations/{organization_id}/api_keys", "/user_management/users/{id}/api_keys");
        let (id, value) = &self.api_key;
        let named = json!({ "name": "Third", "organization_id": self.organization });
        vec![
            self.get(organization, &of_organization),
            self.send(Method::POST, organization, &of_organization, named.clone()),
            self.get(user, &of_user),
            self.send(Method::POST, user, &of_user, named),
            self.send(Method::POST, "/api_keys/validations", "/api_keys/validations", json!({ "value": value })),
            self.send(Method::POST, "/api_keys/{id}/expire", &format!("/api_keys/{id}/expire"), json!({})),
            self.delete("/api_keys/{id}", &format!("/api_keys/{id}")),
        ]
    }

    pub(super) fn sessions(&self) -> Vec<Case> {
        let (all, revoke) = ("/user_management/users/{id}/sessions", "/user_management/sessions/revoke");
        vec![
            self.get(all, &format!("/user_management/users/{}/sessions", self.user)),
            Case {
                names_foreign: true,
                ..self.send(Method::POST, revoke, revoke, json!({ "session_id": self.session }))
            },
        ]
    }
}
