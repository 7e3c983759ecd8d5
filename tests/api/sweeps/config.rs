//! How the routes of configuration, invitations and waitlists are called.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Case, World};
use crate::harness::Test;

/// Ids of what was made.
pub struct Config {
    redirect_uri: String,
    oauth_resource: String,
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl Config {
    /// Makes it, through the API; the ids of all of it are added to the list.
    pub async fn make(t: &Test, own: &mut Vec<String>) -> Self {
        let mut make = async |path: &str, body: Value| {
            let made = id(&t.post(path, body).await.created());
            own.push(made.clone());
            made
        };
        make("/user_management/redirect_uris", json!({ "uri": "https://app.example.com/1" })).await;
        let redirect_uri = make("/user_management/redirect_uris", json!({ "uri": "https://app.example.com/2" })).await;
        for n in 1..=2 {
            make("/user_management/cors_origins", json!({ "origin": format!("https://app{n}.example.com") })).await;
        }
        let resources = "/user_management/authkit_oauth_resources";
        make(resources, json!({ "uri": "https://mcp.example.com/1" })).await;
        let oauth_resource = make(resources, json!({ "uri": "https://mcp.example.com/2" })).await;
        t.put("/user_management/jwt_template", json!({ "content": "{\"a\": 1}" })).await.ok();
        Self { redirect_uri, oauth_resource }
    }
}

impl World {
    /// What applications are configured with.
    pub fn applications(&self) -> Vec<Case> {
        let (redirects, origins) = ("/user_management/redirect_uris", "/user_management/cors_origins");
        let (resources, template) = ("/user_management/authkit_oauth_resources", "/user_management/jwt_template");
        let Config { redirect_uri, oauth_resource, .. } = &self.config;
        vec![
            self.get(redirects, redirects),
            self.send(Method::POST, redirects, redirects, json!({ "uri": "https://app.example.com/3" })),
            self.delete("/user_management/redirect_uris/{id}", &format!("{redirects}/{redirect_uri}")),
            self.get(origins, origins),
            self.send(Method::POST, origins, origins, json!({ "origin": "https://app3.example.com" })),
            self.get(resources, resources),
            self.send(Method::POST, resources, resources, json!({ "uri": "https://mcp.example.com/3" })),
            self.delete("/user_management/authkit_oauth_resources/{id}", &format!("{resources}/{oauth_resource}")),
            Case { names_foreign: true, ..self.get(template, template) },
            self.send(Method::PUT, template, template, json!({ "content": "{\"a\": 2}" })),
        ]
    }
}
