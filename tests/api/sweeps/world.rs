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
    pub(super) organization: String,
    pub(super) user: String,
    pub(super) loner: String,
    pub(super) domain: String,
    pub(super) membership: String,
    pub(super) inactive: String,
    /// A group with two members, and one with the first of them.
    pub(super) groups: [String; 2],
    /// Who is in the first group only.
    pub(super) colleague: String,
    /// A key of the organization, and its value.
    pub(super) api_key: (String, String),
    pub(super) session: String,
    pub(super) endpoint: String,
    /// A resource of the organization, which calls it `p/1`.
    pub(super) resource: String,
    /// What the membership has on the organization.
    pub(super) role_assignment: String,
    /// What the first group has on the resource.
    pub(super) group_role_assignment: String,
    pub(super) config: Config,
    pub(super) own: Vec<String>,
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
        t.post("/authorization/roles", json!({ "slug": "lead", "name": "Lead", "resource_type_slug": "project" }))
            .await
            .created();
        let lead = json!({ "role_slug": "lead", "resource_id": resource });
        let assigned = format!("/authorization/organization_memberships/{membership}/role_assignments");
        own.push(id(&t.post(&assigned, lead.clone()).await.created()));
        let on_root = t.get(format!("{assigned}?resource_type_slug=organization")).await.ok();
        let role_assignment = id(&on_root["data"][0]);
        own.push(role_assignment.clone());
        let given = format!("/authorization/groups/{}/role_assignments", groups[0]);
        let group_role_assignment = id(&t.post(&given, lead).await.created());
        own.push(group_role_assignment.clone());
        own.push(id(&t.post(&given, json!({ "role_slug": "editor" })).await.created()));
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
            role_assignment,
            group_role_assignment,
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
        cases.extend(self.role_assignments());
        cases.extend(self.group_role_assignments());
        cases.extend(self.webhook_endpoints());
        cases.extend(self.applications());
        cases.extend(self.invitations());
        cases.extend(self.waitlists());
        cases.extend(self.feature_flags());
        cases.push(self.get("/events", "/events?events=organization.created,user.created"));
        cases
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
