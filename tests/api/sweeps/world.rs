//! A small world with two or more of everything, and how each route is called in it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::Test;

/// A call of a route.
pub struct Case {
    pub method: Method,
    /// The path as it is declared.
    pub template: &'static str,
    /// The path as it is called.
    pub path: String,
    pub body: Option<Value>,
    /// Whether the body names what belongs to the environment, so that a stranger finds nothing.
    pub names_foreign: bool,
    /// The ids of everything in the world.
    pub own: Vec<String>,
}

impl Case {
    /// The path with another part of the query.
    pub fn with(&self, query: &str) -> String {
        format!("{}{}{query}", self.path, if self.path.contains('?') { '&' } else { '?' })
    }
}

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// Ids of what was made.
pub struct World {
    organization: String,
    user: String,
    membership: String,
    inactive_membership: String,
    own: Vec<String>,
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl World {
    /// Makes it, through the API.
    pub async fn make(t: &Test) -> Self {
        let mut own = Vec::new();
        for name in ["First", "Second"] {
            let body = json!({ "name": name, "external_id": format!("organization-{name}") });
            own.push(id(&t.post("/organizations", body).await.created()));
        }
        let organization = own[0].clone();
        for name in ["first", "second"] {
            let body = json!({ "email": format!("{name}@example.test"), "external_id": format!("user-{name}"),
                "password": "correct horse battery staple" });
            own.push(id(&t.post("/user_management/users", body).await.created()));
        }
        let user = own[2].clone();
        t.post("/authorization/roles", json!({ "slug": "manager", "name": "Manager" })).await.created();
        for slug in ["docs:read", "docs:write"] {
            let body = json!({ "slug": slug, "name": slug });
            t.post("/authorization/permissions", body).await.created();
        }
        let roles = format!("/authorization/organizations/{organization}/roles");
        t.post(&roles, json!({ "slug": "org-manager", "name": "Manager" })).await.created();
        t.put(format!("{roles}/org-manager/permissions"), json!({ "permissions": ["docs:read"] })).await.ok();
        for (user, organization) in [(2, 0), (3, 0), (2, 1)] {
            let body = json!({ "user_id": own[user], "organization_id": own[organization] });
            own.push(id(&t.post(MEMBERSHIPS, body).await.created()));
        }
        let (membership, inactive_membership) = (own[4].clone(), own[6].clone());
        t.put(format!("{MEMBERSHIPS}/{inactive_membership}/deactivate"), json!({})).await.ok();
        Self { organization, user, membership, inactive_membership, own }
    }

    /// How every route is called, in this world.
    pub fn cases(&self) -> Vec<Case> {
        let get = |template, path: String| self.case(Method::GET, template, path, None);
        let post = |template, path: String, body| self.case(Method::POST, template, path, Some(body));
        let put = |template, path: String, body| self.case(Method::PUT, template, path, Some(body));
        let delete = |template, path: String| self.case(Method::DELETE, template, path, None);
        let (organization, user, membership) = (&self.organization, &self.user, &self.membership);
        let mut cases = vec![
            get("/organizations", "/organizations".into()),
            post("/organizations", "/organizations".into(), json!({ "name": "Third" })),
            get("/organizations/external_id/{external_id}", "/organizations/external_id/organization-First".into()),
            get("/organizations/{id}", format!("/organizations/{organization}")),
            put("/organizations/{id}", format!("/organizations/{organization}"), json!({ "name": "Changed" })),
            delete("/organizations/{id}", format!("/organizations/{organization}")),
            get("/user_management/users", "/user_management/users".into()),
            post("/user_management/users", "/user_management/users".into(), json!({ "email": "third@example.test" })),
            get(
                "/user_management/users/external_id/{external_id}",
                "/user_management/users/external_id/user-first".into(),
            ),
            get("/user_management/users/{id}", format!("/user_management/users/{user}")),
            put(
                "/user_management/users/{id}",
                format!("/user_management/users/{user}"),
                json!({ "first_name": "Changed" }),
            ),
            delete("/user_management/users/{id}", format!("/user_management/users/{user}")),
            get("/user_management/users/{id}/identities", format!("/user_management/users/{user}/identities")),
            get(MEMBERSHIPS, format!("{MEMBERSHIPS}?organization_id={organization}")),
            Case {
                names_foreign: true,
                ..post(
                    MEMBERSHIPS,
                    MEMBERSHIPS.into(),
                    json!({ "user_id": self.own[3], "organization_id": self.own[1] }),
                )
            },
            get("/user_management/organization_memberships/{id}", format!("{MEMBERSHIPS}/{membership}")),
            put(
                "/user_management/organization_memberships/{id}",
                format!("{MEMBERSHIPS}/{membership}"),
                json!({ "role_slug": "manager" }),
            ),
            delete("/user_management/organization_memberships/{id}", format!("{MEMBERSHIPS}/{membership}")),
            put(
                "/user_management/organization_memberships/{id}/deactivate",
                format!("{MEMBERSHIPS}/{membership}/deactivate"),
                json!({}),
            ),
            put(
                "/user_management/organization_memberships/{id}/reactivate",
                format!("{MEMBERSHIPS}/{}/reactivate", self.inactive_membership),
                json!({}),
            ),
            get("/events", "/events?events=organization.created,user.created".into()),
        ];
        cases.extend(self.cases_of_permissions());
        cases.extend(self.cases_of_roles());
        cases
    }

    fn cases_of_permissions(&self) -> Vec<Case> {
        let (all, one) = ("/authorization/permissions", "/authorization/permissions/{slug}");
        let (path, membership) = (|| "/authorization/permissions/docs:read".to_owned(), &self.membership);
        vec![
            self.case(Method::GET, all, all.into(), None),
            self.case(Method::POST, all, all.into(), Some(json!({ "slug": "docs:share", "name": "Share" }))),
            self.case(Method::GET, one, path(), None),
            self.case(Method::PATCH, one, path(), Some(json!({ "name": "Changed" }))),
            self.case(Method::DELETE, one, path(), None),
            self.case(
                Method::POST,
                "/authorization/organization_memberships/{organization_membership_id}/check",
                format!("/authorization/organization_memberships/{membership}/check"),
                Some(json!({ "permission_slug": "docs:read", "resource_type_slug": "organization",
                    "resource_external_id": "organization-First" })),
            ),
        ]
    }

    fn cases_of_roles(&self) -> Vec<Case> {
        let all = "/authorization/roles";
        let (all_of, older) =
            ("/authorization/organizations/{organization_id}/roles", "/organizations/{organization_id}/roles");
        let path_of = || all_of.replace("{organization_id}", &self.organization);
        let mut cases = vec![
            self.case(Method::GET, all, all.into(), None),
            self.case(Method::POST, all, all.into(), Some(json!({ "slug": "guest", "name": "Guest" }))),
            self.case(Method::GET, all_of, path_of(), None),
            self.case(Method::POST, all_of, path_of(), Some(json!({ "name": "Guest" }))),
            self.case(Method::GET, older, older.replace("{organization_id}", &self.organization), None),
        ];
        let of_environment = (
            "/authorization/roles/{slug}",
            "/authorization/roles/{slug}/permissions",
            "/authorization/roles/manager".into(),
        );
        let of_organization = (
            "/authorization/organizations/{organization_id}/roles/{slug}",
            "/authorization/organizations/{organization_id}/roles/{slug}/permissions",
            format!("{}/org-manager", path_of()),
        );
        for (one, permissions, path) in [of_environment, of_organization.clone()] {
            let (set, add) = (json!({ "permissions": ["docs:write"] }), json!({ "slug": "docs:write" }));
            cases.push(self.case(Method::GET, one, path.clone(), None));
            cases.push(self.case(Method::PATCH, one, path.clone(), Some(json!({ "name": "Changed" }))));
            cases.push(self.case(Method::PUT, permissions, format!("{path}/permissions"), Some(set)));
            cases.push(self.case(Method::POST, permissions, format!("{path}/permissions"), Some(add)));
        }
        let (one, _, path) = of_organization;
        cases.push(self.case(
            Method::DELETE,
            "/authorization/organizations/{organization_id}/roles/{slug}/permissions/{permission}",
            format!("{path}/permissions/docs:read"),
            None,
        ));
        cases.push(self.case(Method::DELETE, one, path, None));
        cases
    }

    fn case(&self, method: Method, template: &'static str, path: String, body: Option<Value>) -> Case {
        Case { method, template, path, body, names_foreign: false, own: self.own.clone() }
    }
}
