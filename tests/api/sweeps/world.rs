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

/// Ids of what was made.
pub struct World {
    organization: String,
    user: String,
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
        Self { organization, user, own }
    }

    /// How every route is called, in this world.
    pub fn cases(&self) -> Vec<Case> {
        let get = |template, path: String| self.case(Method::GET, template, path, None);
        let post = |template, path: String, body| self.case(Method::POST, template, path, Some(body));
        let put = |template, path: String, body| self.case(Method::PUT, template, path, Some(body));
        let delete = |template, path: String| self.case(Method::DELETE, template, path, None);
        let (organization, user) = (&self.organization, &self.user);
        vec![
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
            get("/events", "/events?events=organization.created,user.created".into()),
        ]
    }

    fn case(&self, method: Method, template: &'static str, path: String, body: Option<Value>) -> Case {
        Case { method, template, path, body, names_foreign: false, own: self.own.clone() }
    }
}
