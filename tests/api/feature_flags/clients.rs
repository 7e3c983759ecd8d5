//! What clients are told of feature flags: by the payload that they poll, and by tokens.

use serde_json::{Value, json};

use super::{enabled, id, of_organization, of_user, rule, set_target};
use crate::harness::story;

#[test]
fn what_clients_poll_is_in_the_form_that_they_read() {
    story(async |t| {
        let (acme, ann) = (t.organization("Acme").await, t.user("ann@example.test").await);
        let (acme, ann) = (id(&acme), id(&ann));
        assert_eq!(t.get("/sdk/feature-flags").await.ok(), json!({}));
        assert_eq!(t.get("/sdk/feature-flags?payload_version=2").await.ok(), json!({ "version": 2, "flags": {} }));
        let flag = enabled(&t, "beta").await;
        t.flag(json!({ "slug": "plain", "name": "Plain", "default_value": true })).await;
        set_target(&t, "beta", "organization", acme, true).await;
        set_target(&t, "beta", "user", ann, false).await;
        set_target(&t, "beta", "plan", "pro", true).await;
        let single = rule(&t, "beta", true, &[("plan", &["pro", "team"])]).await;
        let several = rule(&t, "beta", true, &[("plan", &["max"]), ("organization", &[acme])]).await;

        let plain = json!({
            "slug": "plain", "enabled": false, "default_value": true,
            "targets": { "users": [], "organizations": [], "custom_targets": [] }
        });
        let beta = json!({
            "slug": "beta", "enabled": true, "default_value": false,
            "targets": {
                "users": [{ "id": ann, "enabled": false }],
                "organizations": [{ "id": acme, "enabled": true }],
                "custom_targets": [
                    { "type": "plan", "id": "pro", "enabled": true }, { "type": "plan", "id": "team", "enabled": true }
                ]
            }
        });
        let first = json!({ "beta": beta, "plain": plain });
        assert_eq!(t.get("/sdk/feature-flags").await.ok(), first);
        assert_eq!(t.get("/sdk/feature-flags?payload_version=1").await.ok(), first);

        let rule = |id: &str, value: bool, conditions: &[(&str, &[&str])]| {
            let one_of = |(kind, values): &(&str, &[&str])| json!({ "target_type": kind, "operator": "one_of", "values": values });
            let conditions: Vec<_> = conditions.iter().map(one_of).collect();
            json!({ "id": id, "kind": "conditions", "value": value, "conditions": conditions })
        };
        let own = |suffix: &str| format!("{}_{suffix}", id(&flag));
        let second = json!({ "version": 2, "flags": {
            "beta": {
                "slug": "beta", "enabled": true, "default_value": false, "off_value": false,
                "rules": [
                    rule(&own("user_false"), false, &[("user", &[ann])]),
                    rule(&own("organization_true"), true, &[("organization", &[acme])]),
                    rule(&own("plan_true"), true, &[("plan", &["pro"])]),
                    rule(id(&single), true, &[("plan", &["pro", "team"])]),
                    rule(id(&several), true, &[("plan", &["max"]), ("organization", &[acme])]),
                ]
            },
            "plain": { "slug": "plain", "enabled": false, "default_value": true, "off_value": false, "rules": [] }
        } });
        assert_eq!(t.get("/sdk/feature-flags?payload_version=2").await.ok(), second);
        assert_eq!(t.neighbour().await.get("/sdk/feature-flags").await.ok(), json!({}));
    });
}

/// What a client of the second form makes of a flag.
fn evaluate(flag: &Value, user: Option<&str>, organization: Option<&str>) -> bool {
    if flag["enabled"] == false {
        return flag["off_value"].as_bool().unwrap();
    }
    let met = |condition: &Value| {
        let id = match condition["target_type"].as_str().unwrap() {
            "user" => user,
            "organization" => organization,
            _ => None,
        };
        condition["values"].as_array().unwrap().iter().any(|value| value.as_str() == id && id.is_some())
    };
    let rule = flag["rules"].as_array().unwrap().iter().find(|rule| {
        let conditions = rule["conditions"].as_array().unwrap();
        !conditions.is_empty() && conditions.iter().all(met)
    });
    rule.map_or(&flag["default_value"], |rule| &rule["value"]).as_bool().unwrap()
}

#[test]
fn the_server_and_a_client_that_evaluates_for_itself_agree() {
    story(async |t| {
        let (a, b) = (t.organization("A").await, t.organization("B").await);
        let (ann, bob) = (t.user("ann@example.test").await, t.person("bob@example.test").await);
        let (a, b, ann, bob) = (id(&a), id(&b), id(&ann), id(&bob));
        let mut token = t.sign_in("bob@example.test").await["refresh_token"].clone();
        let mut number = 0;
        for default_value in [false, true] {
            for user in [None, Some(false), Some(true)] {
                for organization in [None, Some(false), Some(true)] {
                    for value in [None, Some(false), Some(true)] {
                        number += 1;
                        let slug = format!("flag-{number}");
                        let body = json!({
                            "slug": slug, "name": slug, "enabled": number % 9 != 0, "default_value": default_value
                        });
                        t.flag(body).await;
                        if let Some(value) = user {
                            set_target(&t, &slug, "user", ann, value).await;
                        }
                        if let Some(value) = organization {
                            set_target(&t, &slug, "organization", a, value).await;
                        }
                        if let Some(value) = value {
                            rule(&t, &slug, !value, &[("user", &[bob]), ("organization", &[b])]).await;
                            rule(&t, &slug, value, &[("organization", &[a, b])]).await;
                            rule(&t, &slug, !value, &[("plan", &["pro"])]).await;
                            rule(&t, &slug, value, &[("user", &[bob])]).await;
                        }
                    }
                }
            }
        }
        let payload = t.get("/sdk/feature-flags?payload_version=2").await.ok();
        let client = |contexts: &[(Option<&str>, Option<&str>)]| {
            let flags = payload["flags"].as_object().unwrap().iter();
            let on = flags.filter(|(_, flag)| contexts.iter().any(|&(user, org)| evaluate(flag, user, org)));
            let mut slugs: Vec<_> = on.map(|(slug, _)| slug.clone()).collect();
            slugs.sort_unstable();
            slugs
        };
        let sorted = |mut slugs: Vec<String>| {
            slugs.sort_unstable();
            slugs
        };
        for organization in [a, b] {
            assert_eq!(sorted(of_organization(&t, organization).await), client(&[(None, Some(organization))]));
        }
        for user in [ann, bob] {
            assert_eq!(sorted(of_user(&t, user).await), client(&[(Some(user), None)]));
            for organization in [a, b] {
                let joins = json!({ "user_id": user, "organization_id": organization });
                t.post("/user_management/organization_memberships", joins).await.created();
            }
            let contexts = [(Some(user), None), (Some(user), Some(a)), (Some(user), Some(b))];
            assert_eq!(sorted(of_user(&t, user).await), client(&contexts));
        }
        // The same for the claim of a token.
        for organization in [a, b] {
            let answer = t.refresh_into(&token, &json!(organization)).await.ok();
            token = answer["refresh_token"].clone();
            let claims = t.claims(&answer["access_token"]).await;
            let claimed: Vec<_> =
                claims["feature_flags"].as_array().unwrap().iter().map(|slug| slug.as_str().unwrap()).collect();
            assert_eq!(claimed, client(&[(Some(bob), Some(organization))]));
        }
    });
}

#[test]
fn a_token_names_the_flags_that_are_on_and_a_refreshed_one_those_that_are_on_then() {
    story(async |t| {
        let ann = t.person("ann@example.test").await;
        enabled(&t, "beta").await;
        let answer = t.sign_in("ann@example.test").await;
        assert_eq!(t.claims(&answer["access_token"]).await.get("feature_flags"), None);
        t.post(format!("/feature-flags/beta/targets/{}", id(&ann)), json!({})).await.no_content();
        let answer = t.refresh(&answer["refresh_token"]).await.ok();
        assert_eq!(t.claims(&answer["access_token"]).await["feature_flags"], json!(["beta"]));
    });
}
