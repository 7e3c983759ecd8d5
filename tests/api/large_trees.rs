//! Deletion of very many resources, in several transactions: none holds much, and each leaves a sound tree.

use std::ops::ControlFlow;

use serde_json::{Value, json};
use vestibule::domain::{organizations, resource_types, resources};
use vestibule::kernel::id::{OrganizationId, ResourceId};
use vestibule::model::resources::{ResourceAddress, ResourceTarget};
use vestibule::store::resources::tree::MOST_REMOVED;

use crate::harness::{Test, closure_is_sound, story};

/// Half as many again as one transaction removes, in folders: `top`, a tenth of the others below it, the rest below those.
async fn plant(t: &Test, organization: &Value) -> usize {
    t.resource_type("folder", &["organization", "folder"]).await;
    let many = usize::try_from(MOST_REMOVED).unwrap() * 3 / 2;
    let above = |i: usize| match i {
        0 => None,
        _ if i <= many / 10 => Some(named("top")),
        _ => Some(named(&format!("f{}", 1 + i % (many / 10)))),
    };
    let names: Vec<_> = (0..many).map(|i| if i == 0 { "top".to_owned() } else { format!("f{i}") }).collect();
    let parents: Vec<_> = (0..many).map(above).collect();
    let wanted: Vec<_> = names
        .iter()
        .zip(&parents)
        .map(|(name, parent)| resources::many::Wanted {
            at: name,
            id: None,
            resource_type_slug: "folder",
            external_id: name,
            name,
            description: None,
            parent: parent.as_ref(),
        })
        .collect();
    let id = OrganizationId::verbatim(organization["id"].as_str().unwrap());
    let write = async |tx: &mut _| resources::many::settle(tx, &id, &wanted).await;
    t.app.database().write(t.environment.key, write).await.unwrap();
    many
}

fn named(external_id: &str) -> ResourceTarget {
    ResourceTarget::External { resource_type_slug: "folder".to_owned(), external_id: external_id.to_owned() }
}

/// How many resources this environment has, roots included.
async fn count(t: &Test) -> usize {
    let count: i64 = sqlx::query_scalar("select count(*) from resources where environment = $1")
        .bind(t.environment.key)
        .fetch_one(t.app.database().pool())
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

#[test]
fn a_resource_goes_with_very_many_below_it() {
    story(async |t| {
        let acme = t.organization("Acme").await;
        let many = plant(&t, &acme).await;
        closure_is_sound(&t).await;
        let beside = t.resource(&acme, "folder", "beside", None).await;
        let path = format!("/authorization/organizations/{}/resources/folder", acme["id"].as_str().unwrap());
        let top = t.get(format!("{path}/top")).await.ok();
        let body = json!({ "slug": "keeper", "name": "Keeper", "resource_type_slug": "folder" });
        t.post("/authorization/roles", body).await.created();
        let group = format!("/organizations/{}/groups", acme["id"].as_str().unwrap());
        let group = t.post(group, json!({ "name": "Crew" })).await.created();
        let roles = format!("/authorization/groups/{}/role_assignments", group["id"].as_str().unwrap());
        for name in ["top", "f1", "f7000", "beside"] {
            let body = json!({ "role_slug": "keeper", "resource_type_slug": "folder", "resource_external_id": name });
            t.post(&roles, body).await.created();
        }
        let top = format!("/authorization/resources/{}", top["id"].as_str().unwrap());
        t.delete(&top).await.fails(409, "resource_has_dependents");
        assert_eq!(count(&t).await, many + 2);

        let address = ResourceAddress::Id(ResourceId::verbatim(top.rsplit('/').next().unwrap()));
        let once = async |tx: &mut _| resources::delete(tx, &address, true).await;
        let begun = t.app.database().write(t.environment.key, once).await.unwrap();
        assert_eq!(begun, ControlFlow::Continue(()));
        assert_eq!(count(&t).await, many + 2 - usize::try_from(MOST_REMOVED).unwrap());
        closure_is_sound(&t).await;
        t.get(&top).await.ok();
        t.get(format!("{path}/f7000")).await.missing();

        t.delete(format!("{top}?cascade_delete=true")).await.no_content();
        t.get(&top).await.missing();
        assert_eq!(count(&t).await, 2);
        closure_is_sound(&t).await;
        let left = t.get(&roles).await.ok();
        assert_eq!((left["data"].as_array().unwrap().len(), &left["data"][0]["resource"]["id"]), (1, &beside["id"]));
    });
}

#[test]
fn an_organization_goes_with_very_many_resources() {
    story(async |t| {
        let acme = t.organization("Acme").await;
        let other = t.organization("Other").await;
        let many = plant(&t, &acme).await;
        let path = format!("/organizations/{}", acme["id"].as_str().unwrap());
        let id = OrganizationId::verbatim(acme["id"].as_str().unwrap());
        let once = async |tx: &mut _| organizations::delete(tx, &id).await;
        let begun = t.app.database().write(t.environment.key, once).await.unwrap();
        assert_eq!(begun, ControlFlow::Continue(()));
        assert_eq!(count(&t).await, many + 2 - usize::try_from(MOST_REMOVED).unwrap());
        closure_is_sound(&t).await;
        assert_eq!(t.get(&path).await.ok(), acme);
        assert_eq!(t.events(&["organization.deleted"]).await.len(), 0);

        assert_eq!(t.delete(&path).await.status, 202);
        t.get(&path).await.missing();
        assert_eq!(count(&t).await, 1);
        assert_eq!(t.events(&["organization.deleted"]).await.len(), 1);
        t.root(&other).await;
    });
}

#[test]
fn a_type_goes_with_very_many_resources() {
    story(async |t| {
        let acme = t.organization("Acme").await;
        let many = plant(&t, &acme).await;
        let path = format!("{}/folder", t.resource_types());
        let once = async |tx: &mut _| resource_types::delete(tx, "folder").await;
        let begun = t.app.database().write(t.environment.key, once).await.unwrap();
        assert_eq!(begun, ControlFlow::Continue(()));
        assert_eq!(count(&t).await, many + 1 - usize::try_from(MOST_REMOVED).unwrap());
        closure_is_sound(&t).await;

        // Whoever makes a role of it meanwhile keeps what is left.
        let body = json!({ "slug": "keeper", "name": "Keeper", "resource_type_slug": "folder" });
        t.post("/authorization/roles", body).await.created();
        t.operator().delete(&path).await.fails(409, "resource_type_in_use");
        let role = format!("/admin/v1/environments/{}/roles/keeper", t.environment.id);
        t.operator().delete(role).await.no_content();
        t.operator().delete(&path).await.no_content();
        t.operator().get(&path).await.missing();
        assert_eq!(count(&t).await, 1);
    });
}
