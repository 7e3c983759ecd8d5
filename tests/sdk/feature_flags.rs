//! Feature flags.

use futures_util::TryStreamExt as _;
use serde_json::json;
use workos::feature_flags::{ListFeatureFlagsParams, ListOrganizationFeatureFlagsParams, ListUserFeatureFlagsParams};
use workos::models::FlagList;

use crate::sdk::story;

fn slugs(list: &FlagList) -> Vec<&str> {
    list.data.iter().map(|flag| flag.slug.as_str()).collect()
}

#[test]
fn flags_are_listed_switched_and_given_to_organizations_and_users() {
    story(async |t, sdk| {
        let api = sdk.client.feature_flags();
        let owner = json!({ "email": "ann@example.test", "first_name": "Ann", "last_name": null });
        let full = json!({ "slug": "beta", "name": "Beta", "description": "New", "owner": owner, "tags": ["a", "b"] });
        t.flag(full).await;
        t.flag(json!({ "slug": "plain", "name": "Plain", "enabled": true, "default_value": true })).await;
        let (organization, user) = (t.organization("Acme").await, t.user("ann@example.test").await);
        let (organization, user) = (organization["id"].as_str().unwrap(), user["id"].as_str().unwrap());

        let flag = sdk.ok(api.get_feature_flag("beta").await);
        assert_eq!((flag.enabled, flag.default_value, flag.tags.len()), (false, false, 2));
        assert_eq!(flag.owner.unwrap().first_name.as_deref(), Some("Ann"));
        sdk.missing(api.get_feature_flag("nothing").await);
        assert!(sdk.ok(api.enable_feature_flag("beta").await).enabled);
        let one = ListFeatureFlagsParams { limit: Some(1), ..Default::default() };
        assert_eq!(slugs(&sdk.ok(api.list_feature_flags(one.clone()).await)), ["plain"]);
        let all: Vec<_> = api.list_feature_flags_auto_paging(one).try_collect().await.unwrap();
        assert_eq!(all.len(), 2);

        sdk.ok(api.add_flag_target(organization, "beta").await);
        sdk.ok(api.add_flag_target(user, "beta").await);
        sdk.fails(api.add_flag_target("conn_1", "beta").await, 400, "invalid_resource_id_format");
        sdk.missing(api.add_flag_target("org_nobody", "beta").await);
        let of_organization = ListOrganizationFeatureFlagsParams::default();
        let list = sdk.ok(api.list_organization_feature_flags(organization, of_organization).await);
        assert_eq!(slugs(&list), ["plain", "beta"]);
        let list = sdk.ok(api.list_user_feature_flags(user, ListUserFeatureFlagsParams::default()).await);
        assert_eq!(slugs(&list), ["plain", "beta"]);
        sdk.ok(api.remove_flag_target(organization, "beta").await);
        sdk.missing(api.remove_flag_target(organization, "beta").await);

        assert!(!sdk.ok(api.disable_feature_flag("beta").await).enabled);
        let list = sdk.ok(api.list_user_feature_flags(user, ListUserFeatureFlagsParams::default()).await);
        assert_eq!(slugs(&list), ["plain"]);
    });
}

#[test]
fn the_log_of_a_flag_is_understood() {
    story(async |t, _| {
        let flags = format!("/admin/v1/environments/{}/feature_flags", t.environment.id);
        let (user, operator) = (t.user("ann@example.test").await, t.operator());
        t.flag(json!({ "slug": "beta", "name": "Beta", "enabled": true, "description": "Old" })).await;
        let owner = json!({ "email": "ann@example.test", "first_name": null, "last_name": null });
        let change =
            json!({ "name": "Gamma", "description": null, "tags": ["x"], "default_value": true, "owner": owner });
        operator.patch(format!("{flags}/beta"), change).await.ok();
        operator.patch(format!("{flags}/beta"), json!({ "owner": null, "enabled": false })).await.ok();
        let target = json!({ "target_type": "user", "target_id": user["id"] });
        operator.post(format!("{flags}/beta/targets"), target).await.created();
        let conditions = json!([{ "target_type": "user", "values": [user["id"]] }]);
        operator.post(format!("{flags}/beta/rules"), json!({ "conditions": conditions })).await.created();
        operator.delete(format!("{flags}/beta")).await.no_content();
    });
}
