//! Resources, by their ids and by what the application calls them.

use futures_util::TryStreamExt as _;
use serde_json::json;
use workos::authorization::{
    CreateResourceParams, DeleteResourceByExternalIdParams, DeleteResourceParams, ListResourcesParams, Parent,
    UpdateResourceByExternalIdParams, UpdateResourceParams,
};

use crate::sdk::{body, story};

#[test]
fn a_resource_is_made_found_changed_moved_and_deleted() {
    story(async |t, sdk| {
        let api = sdk.client.authorization();
        t.resource_type("folder", &["organization", "folder"]).await;
        let acme = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        let fields = |external_id: &str| {
            json!({ "organization_id": acme, "resource_type_slug": "folder", "external_id": external_id, "name": "F",
                "description": "Papers" })
        };
        let top = sdk.ok(api.create_resource(CreateResourceParams::new(body(fields("a/b?c")))).await);
        assert_eq!(top.object, "authorization_resource");
        let mut below = fields("below");
        below["parent_resource_id"] = json!(top.id);
        let below = sdk.ok(api.create_resource(CreateResourceParams::new(body(below))).await);
        assert_eq!(below.parent_resource_id.as_ref(), Some(&top.id));
        let mut again = fields("again");
        again["parent_resource_type_slug"] = json!("folder");
        again["parent_resource_external_id"] = json!("a/b?c");
        sdk.ok(api.create_resource(CreateResourceParams::new(body(again))).await);
        let twin = api.create_resource(CreateResourceParams::new(body(fields("below")))).await;
        sdk.fails(twin, 409, "authorization_resource_external_id_conflict");

        assert_eq!(sdk.ok(api.get_resource(&below.id).await).name, "F");
        assert_eq!(sdk.ok(api.get_resource_by_external_id(&acme, "folder", "a/b?c").await).id, top.id);
        let root = sdk.ok(api.get_resource_by_external_id(&acme, "organization", &acme).await);
        assert_eq!(root.parent_resource_id, None);
        let change = UpdateResourceParams::new(body(json!({ "name": "G", "parent_resource_id": root.id })));
        let moved = sdk.ok(api.update_resource(&below.id, change).await);
        assert_eq!((moved.name.as_str(), moved.parent_resource_id.as_ref()), ("G", Some(&root.id)));
        let change = json!({ "parent_resource_type_slug": "folder", "parent_resource_external_id": "below" });
        let change = UpdateResourceByExternalIdParams::new(body(change));
        let moved = sdk.ok(api.update_resource_by_external_id(&acme, "folder", "a/b?c", change).await);
        assert_eq!(moved.parent_resource_id, Some(below.id.clone()));

        let plain = || DeleteResourceParams::default();
        sdk.fails(api.delete_resource(&below.id, plain()).await, 409, "resource_has_dependents");
        sdk.fails(api.delete_resource(&root.id, plain()).await, 403, "organization_resource");
        let cascade = DeleteResourceByExternalIdParams { cascade_delete: Some(true) };
        sdk.ok(api.delete_resource_by_external_id(&acme, "folder", "below", cascade).await);
        sdk.missing(api.get_resource(&top.id).await);
        sdk.missing(api.delete_resource(&below.id, plain()).await);
    });
}

#[test]
fn resources_are_listed() {
    story(async |t, sdk| {
        let api = sdk.client.authorization();
        t.resource_type("folder", &["organization"]).await;
        t.resource_type("file", &["folder"]).await;
        let acme = t.organization("Acme").await;
        let folder = t.resource(&acme, "folder", "f", None).await;
        for name in ["1", "2", "3"] {
            t.resource(&acme, "file", name, Some(&folder)).await;
        }
        let one = ListResourcesParams { limit: Some(1), ..Default::default() };
        let page = sdk.ok(api.list_resources(one.clone()).await);
        assert_eq!((page.object.as_str(), page.data[0].external_id.as_str()), ("list", "3"));
        assert_eq!(page.list_metadata.after.as_ref(), Some(&page.data[0].id));
        let all: Vec<_> = api.list_resources_auto_paging(one.clone()).try_collect().await.unwrap();
        let names: Vec<_> = all.iter().map(|resource| resource.external_id.as_str()).collect();
        assert_eq!(names, ["3", "2", "1", "f", acme["id"].as_str().unwrap()]);

        let parent_resource_id = folder["id"].as_str().unwrap().to_owned();
        let below = ListResourcesParams { parent: Some(Parent::ById { parent_resource_id }), ..one };
        let below: Vec<_> = api.list_resources_auto_paging(below).try_collect().await.unwrap();
        assert_eq!(below.len(), 3);
        let parent =
            Parent::ByExternalId { parent_resource_type_slug: "folder".to_owned(), parent_external_id: "f".to_owned() };
        let organization_id = acme["id"].as_str().map(str::to_owned);
        let named = ListResourcesParams { parent: Some(parent), organization_id, ..Default::default() };
        assert_eq!(sdk.ok(api.list_resources(named).await).data.len(), 3);
        let nowhere = ListResourcesParams { resource_external_id: Some("1".to_owned()), ..Default::default() };
        sdk.fails(api.list_resources(nowhere).await, 400, "missing_organization_id_or_resource_type_slug");
    });
}
