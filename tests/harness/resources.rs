//! Types of resources and resources, made through the API, and whether what is derived from their places is right.

use serde_json::{Value, json};

use super::Test;

impl Test {
    /// A new type of resources, which only the operator can make.
    pub async fn resource_type(&self, slug: &str, parents: &[&str]) -> Value {
        let body = json!({ "slug": slug, "name": slug, "parents": parents });
        self.operator().post(self.resource_types(), body).await.created()
    }

    /// Where the operator finds the types of this environment.
    pub fn resource_types(&self) -> String {
        format!("/admin/v1/environments/{}/resource_types", self.environment.id)
    }

    /// A new resource of this organization below another one, or below the root.
    pub async fn resource(&self, organization: &Value, kind: &str, external_id: &str, parent: Option<&Value>) -> Value {
        let mut body = json!({ "organization_id": organization["id"], "resource_type_slug": kind,
            "external_id": external_id, "name": external_id });
        if let Some(parent) = parent {
            body["parent_resource_id"] = parent["id"].clone();
        }
        self.post("/authorization/resources", body).await.created()
    }

    /// The resource that an organization is.
    pub async fn root(&self, organization: &Value) -> Value {
        let id = organization["id"].as_str().unwrap();
        self.get(format!("/authorization/organizations/{id}/resources/organization/{id}")).await.ok()
    }
}

/// Asserts that everything that is derived from the parents of this environment's resources says what they say, and that
/// every resource but a root stands below the root of its own organization.
pub async fn closure_is_sound(t: &Test) {
    let faults: Vec<String> = sqlx::query_scalar(
        "with recursive own as (select * from resources where environment = $1),
         climb as (
             select key as descendant, key as ancestor, 0 as depth, type, parent from own
             union all
             select c.descendant, p.key, c.depth + 1, c.type, p.parent
             from climb c join resources p on p.key = c.parent and p.environment = $1 where c.depth < 64),
         kept as (
             select a.* from own join resource_ancestors a on a.descendant = own.key
             union
             select a.* from own join resource_ancestors a on a.ancestor = own.key)
         select format('%s above %s: kept %s, is %s', coalesce(k.ancestor, c.ancestor),
                       coalesce(k.descendant, c.descendant), (k.depth, k.type), (c.depth, c.type))
         from climb c full join kept k on k.descendant = c.descendant and k.ancestor = c.ancestor
         where (k.depth, k.type) is distinct from (c.depth, c.type)
         union all
         select format('%s is below no root', own.key) from own
         where not exists (
             select from climb c join own root on root.key = c.ancestor and root.parent is null
             where c.descendant = own.key and root.organization_id = own.organization_id)
         union all
         select format('%s is of another organization than its parent', own.key)
         from own join resources p on p.key = own.parent
         where (p.environment, p.organization_id) is distinct from (own.environment, own.organization_id)
         union all
         select format('%s is of a type that may not stand there', own.key)
         from own join resources p on p.key = own.parent
         where not exists (select from resource_type_parents a where a.type = own.type and a.parent = p.type)
         union all
         select format('assignment %s is on nothing', a.key)
         from role_assignments a
         where a.environment = $1 and not exists (
             select from own where own.key = a.resource and own.organization_id = a.organization_id)",
    )
    .bind(t.environment.key)
    .fetch_all(t.app.database().pool())
    .await
    .unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}
