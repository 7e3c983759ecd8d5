//! This server.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::common::client::request;
use super::common::server::{KEY, Server};
use super::expect::{Answer, Question};
use super::forest::{DOCUMENT, KINDS, Mover};
use super::names::Name;
use super::questions::{Check, Discovery, Effective, Revocable, Who};
use super::side::Side;
use super::truth::{READ_DOCUMENT, role, slug};

/// Items of a page.
pub const PAGE: usize = 10;

pub struct Ours {
    pub server: Server,
    /// The organization that is built in.
    pub organization: u32,
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    First,
    /// Behind the middle of everything.
    Deep,
}

impl Ours {
    /// A page of a discovery, oldest first.
    pub fn page(&self, discovery: &Discovery, begin: Begin) -> Question {
        let (membership, parent) = (Name::membership(discovery.member), Name::resource(discovery.parent));
        let permission = slug(READ_DOCUMENT);
        let path = format!("/authorization/organization_memberships/{membership}/resources");
        let mut path = format!("{path}?permission_slug={permission}&parent_resource_id={parent}&order=asc");
        let mut found = &discovery.found[..];
        if matches!(begin, Begin::Deep) {
            let (before, after) = found.split_at(found.len() / 2);
            path.push_str(&format!("&after={}", Name::resource(before[before.len() - 1])));
            found = after;
        }
        let ids = found.iter().take(PAGE).map(|&it| Name::resource(it).to_string()).collect();
        get(&path, Answer::Ids { name: "id", prefix: "authz_resource_", ids })
    }

    pub fn effective(&self, effective: &Effective) -> Question {
        let (membership, resource) = (Name::membership(effective.member), Name::resource(effective.resource));
        let path = format!("/authorization/organization_memberships/{membership}/resources/{resource}/permissions");
        // Those of a page of a hundred, which is all of them; made in the order of their numbers.
        let held = (0..3 * KINDS.len()).filter(|bit| effective.permissions >> bit & 1 == 1);
        let ids = held.filter_map(|bit| u8::try_from(bit).ok()).map(slug).collect();
        get(&format!("{path}?limit=100&order=asc"), Answer::Ids { name: "slug", prefix: "", ids })
    }
}

impl Side for Ours {
    fn name(&self) -> &'static str {
        "vestibule"
    }

    fn address(&self) -> SocketAddr {
        self.server.address
    }

    fn process(&self) -> u32 {
        self.server.running.id()
    }

    fn check(&self, check: &Check) -> Question {
        let path = format!("/authorization/organization_memberships/{}/check", Name::membership(check.member));
        let body = json!({
            "permission_slug": slug(READ_DOCUMENT), "resource_id": Name::resource(check.resource).to_string(),
        });
        let answer = Answer::Says("authorized", if check.allowed { "true" } else { "false" });
        Question { request: request("POST", &path, KEY, Some(&body)), status: 200, answer }
    }

    fn discovery(&self, discovery: &Discovery) -> Question {
        self.page(discovery, Begin::First)
    }

    fn who(&self, who: &Who) -> Question {
        let path = format!("/authorization/resources/{}/organization_memberships", Name::resource(who.resource));
        let assignment = if who.direct { "direct" } else { "indirect" };
        let path = format!("{path}?permission_slug={}&assignment={assignment}&order=asc", slug(READ_DOCUMENT));
        let ids = who.found.iter().take(PAGE).map(|&it| Name::membership(it).to_string()).collect();
        get(&path, Answer::Ids { name: "id", prefix: "om_", ids })
    }

    fn revoke(&self, revocable: &Revocable) -> Question {
        assignment("DELETE", revocable, 204)
    }

    fn grant(&self, revocable: &Revocable) -> Question {
        assignment("POST", revocable, 201)
    }

    fn create(&self, site: u32, name: &str) -> Question {
        let body = json!({
            "organization_id": Name::organization(self.organization).to_string(),
            "resource_type_slug": KINDS[DOCUMENT as usize], "external_id": name,
            "name": name, "parent_resource_id": Name::resource(site).to_string(),
        });
        let request = request("POST", "/authorization/resources", KEY, Some(&body));
        Question { request, status: 201, answer: Answer::Any }
    }

    fn relocate(&self, mover: &Mover, away: bool) -> Question {
        let path = format!("/authorization/resources/{}", Name::resource(mover.top));
        let home = Name::resource(mover.homes[usize::from(away)]).to_string();
        let body = json!({ "parent_resource_id": home });
        let answer = Answer::Any;
        Question { request: request("PATCH", &path, KEY, Some(&body)), status: 200, answer }
    }
}

fn get(path: &str, answer: Answer) -> Question {
    Question { request: request("GET", path, KEY, None), status: 200, answer }
}

fn assignment(method: &str, revocable: &Revocable, status: u16) -> Question {
    let membership = Name::membership(revocable.member);
    let path = format!("/authorization/organization_memberships/{membership}/role_assignments");
    let body: Value = json!({
        "role_slug": role(DOCUMENT, revocable.level), "resource_id": Name::resource(revocable.resource).to_string(),
    });
    Question { request: request(method, &path, KEY, Some(&body)), status, answer: Answer::Any }
}
