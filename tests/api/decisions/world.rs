//! An organization with types, resources, roles, memberships and groups of short names, made through the API, and every
//! question that can be asked about it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::Test;

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// The type of the root, which is there from the start, and its name in a world.
pub const ROOT: &str = "organization";

/// An organization. Its things go by the names that they were made with; the root of its tree is `organization`.
pub struct World {
    pub t: Test,
    pub organization: Value,
    /// Resources by name, with their ids.
    pub resources: BTreeMap<String, String>,
    /// The types of resources, by the names of the resources.
    pub types: BTreeMap<String, String>,
    /// Memberships by name, with their ids.
    pub members: BTreeMap<String, String>,
    /// Groups by name, with their ids.
    pub groups: BTreeMap<String, String>,
    /// Assignments by subject, role and resource, with their ids.
    pub assignments: BTreeMap<(String, String, String), String>,
}

pub fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

impl World {
    pub async fn new(t: Test) -> Self {
        let organization = t.organization("Acme").await;
        let root = id(&t.root(&organization).await);
        let name = || ROOT.to_owned();
        Self {
            t,
            organization,
            resources: BTreeMap::from([(name(), root)]),
            types: BTreeMap::from([(name(), name())]),
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            assignments: BTreeMap::new(),
        }
    }

    pub async fn permission(&self, slug: &str, kind: &str) {
        let body = json!({ "slug": slug, "name": slug, "resource_type_slug": kind });
        self.t.post("/authorization/permissions", body).await.created();
    }

    pub async fn role(&self, slug: &str, kind: &str, permissions: &[&str]) {
        let body = json!({ "slug": slug, "name": slug, "resource_type_slug": kind });
        self.t.post("/authorization/roles", body).await.created();
        self.set_permissions(slug, permissions).await;
    }

    pub async fn set_permissions(&self, role: &str, permissions: &[&str]) {
        let path = format!("/authorization/roles/{role}/permissions");
        self.t.put(path, json!({ "permissions": permissions })).await.ok();
    }

    pub async fn resource(&mut self, name: &str, kind: &str, parent: &str) {
        let parent = json!({ "id": self.resources[parent] });
        let made = self.t.resource(&self.organization, kind, name, Some(&parent)).await;
        self.resources.insert(name.to_owned(), id(&made));
        self.types.insert(name.to_owned(), kind.to_owned());
    }

    pub async fn move_below(&self, name: &str, parent: &str) {
        let path = format!("/authorization/resources/{}", self.resources[name]);
        self.t.patch(path, json!({ "parent_resource_id": self.resources[parent] })).await.ok();
    }

    /// Deletes a resource and all below it, which the caller names.
    pub async fn delete(&mut self, name: &str, all: &BTreeSet<String>) {
        let path = format!("/authorization/resources/{}?cascade_delete=true", self.resources[name]);
        self.t.delete(path).await.no_content();
        self.resources.retain(|name, _| !all.contains(name));
        self.types.retain(|name, _| !all.contains(name));
        self.assignments.retain(|(_, _, resource), _| !all.contains(resource));
    }

    /// A membership, which has the role `member` in the organization.
    pub async fn member(&mut self, name: &str) {
        let user = self.t.user(&format!("{name}@example.test")).await;
        let body = json!({ "user_id": user["id"], "organization_id": self.organization["id"] });
        let made = self.t.post(MEMBERSHIPS, body).await.created();
        self.members.insert(name.to_owned(), id(&made));
    }

    pub async fn set_active(&self, member: &str, active: bool) {
        let verb = if active { "reactivate" } else { "deactivate" };
        self.t.put(format!("{MEMBERSHIPS}/{}/{verb}", self.members[member]), json!({})).await.ok();
    }

    pub async fn group(&mut self, name: &str) {
        let path = format!("/organizations/{}/groups", id(&self.organization));
        let made = self.t.post(path, json!({ "name": name })).await.created();
        self.groups.insert(name.to_owned(), id(&made));
    }

    pub async fn join(&self, member: &str, group: &str) {
        let body = json!({ "organization_membership_id": self.members[member] });
        self.t.post(self.members_of(group), body).await.ok();
    }

    pub async fn leave(&self, member: &str, group: &str) {
        self.t.delete(format!("{}/{}", self.members_of(group), self.members[member])).await.no_content();
    }

    fn members_of(&self, group: &str) -> String {
        format!("/organizations/{}/groups/{}/organization-memberships", id(&self.organization), self.groups[group])
    }

    /// Where the assignments of a membership or of a group are.
    fn assignments_of(&self, subject: &str) -> String {
        match self.groups.get(subject) {
            Some(group) => format!("/authorization/groups/{group}/role_assignments"),
            None => {
                format!("/authorization/organization_memberships/{}/role_assignments", self.members[subject])
            }
        }
    }

    pub async fn assign(&mut self, subject: &str, role: &str, resource: &str) {
        let body = json!({ "role_slug": role, "resource_id": self.resources[resource] });
        let made = self.t.post(self.assignments_of(subject), body).await.created();
        self.assignments.insert((subject.to_owned(), role.to_owned(), resource.to_owned()), id(&made));
    }

    pub async fn revoke(&mut self, subject: &str, role: &str, resource: &str) {
        let key = (subject.to_owned(), role.to_owned(), resource.to_owned());
        let id = self.assignments.remove(&key).unwrap();
        self.t.delete(format!("{}/{id}", self.assignments_of(subject))).await.no_content();
    }

    pub async fn may(&self, member: &str, permission: &str, resource: &str) -> bool {
        let path = format!("/authorization/organization_memberships/{}/check", self.members[member]);
        let body = json!({ "permission_slug": permission, "resource_id": self.resources[resource] });
        self.t.post(path, body).await.ok()["authorized"].as_bool().unwrap()
    }

    /// What may be done of all this, in one request of the operator.
    pub async fn may_all(&self, questions: &[(&str, &str, &str)]) -> Vec<bool> {
        let check = |(member, permission, resource): &(&str, &str, &str)| {
            json!({ "organization_membership_id": self.members[*member], "permission_slug": permission,
                "resource_id": self.resources[*resource] })
        };
        let path = format!("/admin/v1/environments/{}/authorization/check", self.t.environment.id);
        let body = json!({ "checks": questions.iter().map(check).collect::<Vec<_>>() });
        let answer = self.t.operator().post(path, body).await.ok();
        let result = |result: &Value| {
            assert_eq!(result["error"], Value::Null);
            result["authorized"].as_bool().unwrap()
        };
        answer["data"].as_array().unwrap().iter().map(result).collect()
    }

    pub async fn explain(&self, member: &str, permission: &str, resource: &str) -> Value {
        let (member, resource) = (&self.members[member], &self.resources[resource]);
        let path = format!("/admin/v1/environments/{}/authorization/explain", self.t.environment.id);
        let path = format!("{path}?membership={member}&permission={permission}&resource={resource}");
        self.t.operator().get(path).await.ok()
    }

    /// The path of discovery, for a query to go on.
    pub fn resources_of(&self, member: &str, permission: &str, parent: &str) -> String {
        format!(
            "/authorization/organization_memberships/{}/resources?permission_slug={permission}&parent_resource_id={}",
            self.members[member], self.resources[parent]
        )
    }

    /// The path of who can.
    pub fn members_with(&self, permission: &str, resource: &str, assignment: &str) -> String {
        format!(
            "/authorization/resources/{}/organization_memberships?permission_slug={permission}&assignment={assignment}",
            self.resources[resource]
        )
    }

    /// The path of effective permissions.
    pub fn permissions_of(&self, member: &str, resource: &str) -> String {
        let (member, resource) = (&self.members[member], &self.resources[resource]);
        format!("/authorization/organization_memberships/{member}/resources/{resource}/permissions?")
    }

    /// The names of the resources on all pages of a list, in its order.
    pub async fn names(&self, path: &str, limit: usize, order: &str) -> Vec<String> {
        self.walk(path, limit, order, |row| self.resource_name(row)).await
    }

    pub async fn member_names(&self, path: &str, limit: usize, order: &str) -> Vec<String> {
        let name = |row: &Value| row["user"]["email"].as_str().unwrap().split('@').next().unwrap().to_owned();
        self.walk(path, limit, order, name).await
    }

    pub async fn slugs(&self, path: &str, limit: usize, order: &str) -> Vec<String> {
        self.walk(path, limit, order, |row| row["slug"].as_str().unwrap().to_owned()).await
    }

    fn resource_name(&self, row: &Value) -> String {
        let id = row["id"].as_str().unwrap();
        self.resources.iter().find(|(_, other)| *other == id).map(|(name, _)| name.clone()).unwrap()
    }

    /// Reads a list from its beginning to its end in pages of that size.
    async fn walk(&self, path: &str, limit: usize, order: &str, name: impl Fn(&Value) -> String) -> Vec<String> {
        let forward = if order == "normal" { "before" } else { "after" };
        let (mut names, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.t.get(format!("{path}&limit={limit}&order={order}{cursor}")).await.ok();
            let rows = page["data"].as_array().unwrap();
            assert!(rows.len() <= limit);
            names.extend(rows.iter().map(&name));
            match page["list_metadata"][forward].as_str() {
                Some(next) => {
                    assert_eq!(rows.len(), limit, "a page that is not the last is full");
                    cursor = format!("&{forward}={next}");
                }
                None => return names,
            }
        }
    }
}
