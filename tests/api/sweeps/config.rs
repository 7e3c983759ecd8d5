//! How the routes of configuration, webhooks, feature flags, invitations and waitlists are called.

use axum::http::Method;
use serde_json::{Value, json};

use super::world::{Case, World};
use crate::harness::Test;

/// Ids of what was made.
pub struct Config {
    redirect_uri: String,
    oauth_resource: String,
    invitation: String,
    token: String,
    waitlist: String,
    entry: String,
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl Config {
    /// Makes it, through the API; the ids of all of it are added to the list.
    pub async fn make(t: &Test, organization: &str, own: &mut Vec<String>) -> Self {
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
        let invitations = "/user_management/invitations";
        make(invitations, json!({ "email": "one@invited.test" })).await;
        let body = json!({ "email": "two@invited.test", "organization_id": organization });
        let invitation = make(invitations, body).await;
        let token = t.get(format!("{invitations}/{invitation}")).await.ok()["token"].as_str().unwrap().to_owned();
        let entries = "/user_management/waitlists/default/entries";
        make(entries, json!({ "email": "one@waiting.test" })).await;
        let entry = make(entries, json!({ "email": "two@waiting.test" })).await;
        let waitlist = id(&t.get("/user_management/waitlists/default").await.ok());
        own.push(waitlist.clone());
        Self { redirect_uri, oauth_resource, invitation, token, waitlist, entry }
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

    /// Invitations.
    pub fn invitations(&self) -> Vec<Case> {
        let (all, template) = ("/user_management/invitations", "/user_management/invitations/{id}");
        let Config { invitation, token, .. } = &self.config;
        let one = format!("{all}/{invitation}");
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, json!({ "email": "three@invited.test" })),
            self.get("/user_management/invitations/by_token/{token}", &format!("{all}/by_token/{token}")),
            self.get(template, &one),
            self.send(Method::POST, "/user_management/invitations/{id}/accept", &format!("{one}/accept"), json!({})),
            self.send(Method::POST, "/user_management/invitations/{id}/resend", &format!("{one}/resend"), json!({})),
            self.send(Method::POST, "/user_management/invitations/{id}/revoke", &format!("{one}/revoke"), json!({})),
        ]
    }

    /// Waitlists.
    pub fn waitlists(&self) -> Vec<Case> {
        let all = "/user_management/waitlists";
        let Config { waitlist, entry, .. } = &self.config;
        let one = format!("{all}/{waitlist}");
        let (entries, entry) = (format!("{one}/entries"), format!("/user_management/waitlist_entries/{entry}"));
        vec![
            self.get(all, all),
            self.get("/user_management/waitlists/{id}", &one),
            self.get("/user_management/waitlists/{id}/entries", &entries),
            self.send(
                Method::POST,
                "/user_management/waitlists/{id}/entries",
                &entries,
                json!({ "email": "three@waiting.test" }),
            ),
            self.send(
                Method::POST,
                "/user_management/waitlist_entries/{id}/approve",
                &format!("{entry}/approve"),
                json!({}),
            ),
            self.send(Method::POST, "/user_management/waitlist_entries/{id}/deny", &format!("{entry}/deny"), json!({})),
            self.delete("/user_management/waitlist_entries/{id}", &entry),
        ]
    }

    pub(super) fn webhook_endpoints(&self) -> Vec<Case> {
        let (all, one) = ("/webhook_endpoints", format!("/webhook_endpoints/{}", self.endpoint));
        let third = json!({ "endpoint_url": "https://third.example.test", "events": ["user.created"] });
        vec![
            self.get(all, all),
            self.send(Method::POST, all, all, third),
            self.send(Method::PATCH, "/webhook_endpoints/{id}", &one, json!({ "status": "disabled" })),
            self.delete("/webhook_endpoints/{id}", &one),
        ]
    }

    pub(super) fn feature_flags(&self) -> Vec<Case> {
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
}
