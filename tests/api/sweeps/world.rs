//! A small world with two or more of everything, and how each route is called in it.

use axum::http::Method;
use serde_json::{Value, json};

use super::config::Config;
use crate::harness::{PASSWORD, Test};

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
    /// Whether the world must be one whose user has signed in.
    pub needs_session: bool,
    /// The ids of everything in the world.
    pub own: Vec<String>,
}

impl Case {
    /// The path with another part of the query.
    pub fn with(&self, query: &str) -> String {
        format!("{}{}{query}", self.path, if self.path.contains('?') { '&' } else { '?' })
    }
}

/// Ids of what was made.
pub struct World {
    organization: String,
    user: String,
    loner: String,
    domain: String,
    membership: String,
    inactive: String,
    /// A group with two members, and one with the first of them.
    groups: [String; 2],
    /// Who is in the first group only.
    colleague: String,
    /// A key of the organization, and its value.
    api_key: (String, String),
    session: String,
    endpoint: String,
    /// A resource of the organization, which calls it `p/1`.
    resource: String,
    pub(super) config: Config,
    own: Vec<String>,
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl World {
    /// Makes it, through the API.
    pub async fn make(t: &Test) -> Self {
        let mut own = Vec::new();
        let mut make = async |path: &str, body: Value| {
            let made = id(&t.post(path, body).await.created());
            own.push(made.clone());
            made
        };
        let organization = make("/organizations", json!({ "name": "First", "external_id": "organization-1" })).await;
        let second = make("/organizations", json!({ "name": "Second" })).await;
        let claim = json!({ "organization_id": organization, "domain": "first.example.test" });
        let domain = make("/organization_domains", claim).await;
        // One that is not being looked for, so that to begin anew is a change.
        sqlx::query("update organization_domains set state = 'failed' where id = $1")
            .bind(&domain)
            .execute(t.app.database().pool())
            .await
            .unwrap();
        let with =
            |name: &str| json!({ "email": format!("{name}@example.test"), "external_id": format!("user-{name}") });
        let user = make("/user_management/users", with("first")).await;
        let loner = make("/user_management/users", with("second")).await;
        for slug in ["read", "write"] {
            make("/authorization/permissions", json!({ "slug": slug, "name": slug })).await;
        }
        let hook =
            |name: &str| json!({ "endpoint_url": format!("https://{name}.example.test"), "events": ["user.created"] });
        let endpoint = make("/webhook_endpoints", hook("first")).await;
        make("/webhook_endpoints", hook("second")).await;
        let roles = format!("/authorization/organizations/{organization}/roles");
        for (path, slug) in [("/authorization/roles", "editor"), (&roles, "org-editor"), (&roles, "org-unused")] {
            make(path, json!({ "slug": slug, "name": slug })).await;
            t.post(format!("{path}/{slug}/permissions"), json!({ "slug": "read" })).await.ok();
        }
        let joins =
            |organization: &str| json!({ "user_id": user, "organization_id": organization, "role_slug": "editor" });
        let membership = make("/user_management/organization_memberships", joins(&organization)).await;
        let inactive = make("/user_management/organization_memberships", joins(&second)).await;
        t.put(format!("/user_management/organization_memberships/{inactive}/deactivate"), json!({})).await.ok();
        let member = make("/user_management/users", with("member")).await;
        let join = json!({ "user_id": member, "organization_id": organization });
        let colleague = make("/user_management/organization_memberships", join).await;
        let all = format!("/organizations/{organization}/groups");
        let groups = [make(&all, json!({ "name": "Both" })).await, make(&all, json!({ "name": "One" })).await];
        for (group, joining) in [(0, &membership), (0, &colleague), (1, &membership)] {
            let path = format!("{all}/{}/organization-memberships", groups[group]);
            t.post(path, json!({ "organization_membership_id": joining })).await.ok();
        }
        let keys = format!("/organizations/{organization}/api_keys");
        let of_user = format!("/user_management/users/{user}/api_keys");
        make(&keys, json!({ "name": "first" })).await;
        for name in ["first", "second"] {
            make(&of_user, json!({ "name": name, "organization_id": organization })).await;
        }
        let made = t.post(&keys, json!({ "name": "second", "permissions": ["read"] })).await.created();
        let api_key = (id(&made), made["value"].as_str().unwrap().to_owned());
        own.push(api_key.0.clone());
        for (slug, enabled) in [("beta", true), ("dark", true), ("off", false)] {
            let body = json!({ "slug": slug, "name": slug, "enabled": enabled });
            own.push(id(&t.flag(body).await));
            for target in [&organization, &user] {
                t.post(format!("/feature-flags/{slug}/targets/{target}"), json!({})).await.no_content();
            }
        }
        t.resource_type("project", &["organization"]).await;
        let permission = json!({ "slug": "project:read", "name": "Read", "resource_type_slug": "project" });
        own.push(id(&t.post("/authorization/permissions", permission).await.created()));
        for role in ["editor", "member"] {
            let path = format!("/authorization/roles/{role}/permissions");
            t.post(path, json!({ "slug": "project:read" })).await.ok();
        }
        let of = json!({ "id": organization });
        let resource = id(&t.resource(&of, "project", "p/1", None).await);
        own.push(resource.clone());
        own.push(id(&t.resource(&of, "project", "p/2", None).await));
        let config = Config::make(t, &organization, &mut own).await;
        Self {
            organization,
            user,
            loner,
            domain,
            membership,
            inactive,
            groups,
            colleague,
            api_key,
            session: String::new(),
            endpoint,
            resource,
            config,
            own,
        }
    }

    /// Makes it, and has its user sign in twice. Apart, because a first sign-in makes the environment's signing key.
    pub async fn signed_in(t: &Test) -> Self {
        let mut world = Self::make(t).await;
        t.put(format!("/user_management/users/{}", world.user), json!({ "password": PASSWORD })).await.ok();
        for _ in 0..2 {
            t.sign_in("first@example.test").await;
        }
        let sessions = t.get(format!("/user_management/users/{}/sessions", world.user)).await.ok();
        world.session = id(&sessions["data"][0]);
        world
    }

    /// How every route is called, in this world.
    pub fn cases(&self) -> Vec<Case> {
        let mut cases = self.organizations();
        cases.extend(self.domains());
        cases.extend(self.users());
        cases.extend(self.memberships());
        cases.extend(self.groups());
        cases.extend(self.group_members());
        cases.extend(self.api_keys());
        cases.extend(self.sessions());
        cases.extend(self.permissions());
        cases.extend(self.environment_roles());
        cases.extend(self.resources());
        cases.extend(self.decisions());
        cases.extend(self.organization_roles());
        cases.extend(self.webhook_endpoints());
        cases.extend(self.applications());
        cases.extend(self.invitations());
        cases.extend(self.waitlists());
        cases.extend(self.feature_flags());
        cases.push(self.get("/events", "/events?events=organization.created,user.created"));
        cases
    }

    fn organizations(&self) -> Vec<Case> {
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

    fn domains(&self) -> Vec<Case> {
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

    fn users(&self) -> Vec<Case> {
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

    fn memberships(&self) -> Vec<Case> {
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

    fn groups(&self) -> Vec<Case> {
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

    fn group_members(&self) -> Vec<Case> {
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

    fn api_keys(&self) -> Vec<Case> {
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

    fn sessions(&self) -> Vec<Case> {
        let (all, revoke) = ("/user_management/users/{id}/sessions", "/user_management/sessions/revoke");
        vec![
            self.get(all, &format!("/user_management/users/{}/sessions", self.user)),
            Case {
                names_foreign: true,
                ..self.send(Method::POST, revoke, revoke, json!({ "session_id": self.session }))
            },
        ]
    }

    fn permissions(&self) -> Vec<Case> {
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

    fn environment_roles(&self) -> Vec<Case> {
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

    fn organization_roles(&self) -> Vec<Case> {
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

    fn resources(&self) -> Vec<Case> {
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
            self.delete(one, &by_id),
            self.get(named, &by_name),
            self.send(Method::PATCH, named, &by_name, renaming),
            self.delete(named, &by_name),
        ]
    }

    fn decisions(&self) -> Vec<Case> {
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

    fn webhook_endpoints(&self) -> Vec<Case> {
        let (all, one) = ("/webhook_endpoints", format!("/webhook_endpoints/{}", self.endpoint));
        let third = json!({ "endpoint_url": "https://third.example.test", "events": ["user.created"] });
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, third),
            self.send(Method::PATCH, "/webhook_endpoints/{id}", &one, json!({ "status": "disabled" })),
            self.delete("/webhook_endpoints/{id}", &one),
        ]
    }

    fn feature_flags(&self) -> Vec<Case> {
        let target = "/feature-flags/{slug}/targets/{resource_id}";
        vec![
            self.get("/feature-flags", "/feature-flags"),
            self.get("/feature-flags/{slug}", "/feature-flags/beta"),
            self.send(Method::PUT, "/feature-flags/{slug}/enable", "/feature-flags/off/enable", json!({})),
            self.send(Method::PUT, "/feature-flags/{slug}/disable", "/feature-flags/beta/disable", json!({})),
            self.send(Method::POST, target, &format!("/feature-flags/beta/targets/{}", self.loner), json!({})),
            self.delete(target, &format!("/feature-flags/beta/targets/{}", self.user)),
            self.get(
                "/organizations/{organization_id}/feature-flags",
                &format!("/organizations/{}/feature-flags", self.organization),
            ),
            self.get(
                "/user_management/users/{user_id}/feature-flags",
                &format!("/user_management/users/{}/feature-flags", self.user),
            ),
            self.get("/sdk/feature-flags", "/sdk/feature-flags?payload_version=2"),
        ]
    }

    pub(super) fn get(&self, template: &'static str, path: &str) -> Case {
        self.case(Method::GET, template, path, None)
    }

    pub(super) fn delete(&self, template: &'static str, path: &str) -> Case {
        self.case(Method::DELETE, template, path, None)
    }

    pub(super) fn send(&self, method: Method, template: &'static str, path: &str, body: Value) -> Case {
        self.case(method, template, path, Some(body))
    }

    fn case(&self, method: Method, template: &'static str, path: &str, body: Option<Value>) -> Case {
        Case {
            method,
            template,
            path: path.to_owned(),
            body,
            names_foreign: false,
            needs_session: template.contains("sessions"),
            own: self.own.clone(),
        }
    }
}
