//! Rules of feature flags: in which order they are tried, and what is told of their changes.

use serde_json::{Value, json};

use super::{EVENTS, enabled, flags, id, of_organization, of_user, rule, set_target};
use crate::harness::{Test, story};

#[test]
fn rules_are_tried_in_their_order_after_the_targets() {
    story(async |t| {
        enabled(&t, "beta").await;
        let (acme, ann, bob) =
            (t.organization("Acme").await, t.user("ann@example.test").await, t.user("bob@example.test").await);
        let (acme, ann, bob) = (id(&acme), id(&ann), id(&bob));
        let first = rule(&t, "beta", false, &[("user", &[bob])]).await;
        let second = rule(&t, "beta", true, &[("user", &[ann, bob, ann])]).await;
        assert_eq!((&first["position"], &first["target_type"]), (&json!(0), &json!("user")));
        assert_eq!((&second["position"], &second["object"]), (&json!(1), &json!("flag_rule")));
        let mut both = vec![ann, bob];
        both.sort_unstable();
        assert_eq!(second["conditions"], json!([{ "target_type": "user", "operator": "one_of", "values": both }]));
        assert_eq!((of_user(&t, ann).await, of_user(&t, bob).await), (vec!["beta".to_owned()], vec![]));

        // The other way round.
        let (operator, rules) = (t.operator(), format!("{}/beta/rules", flags(&t)));
        let path = format!("{rules}/{}", id(&second));
        assert_eq!(operator.patch(&path, json!({ "position": 0 })).await.ok()["position"], 0);
        assert_eq!(of_user(&t, bob).await, ["beta"]);
        let listed = operator.get(&rules).await.ok();
        let order: Vec<_> = listed["data"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(order, [id(&second), id(&first)]);

        // A target of the flag itself comes before all rules.
        let target = set_target(&t, "beta", "user", bob, false).await;
        assert_eq!(of_user(&t, bob).await, [""; 0]);
        operator.delete(format!("{}/beta/targets/{}", flags(&t), id(&target))).await.no_content();
        operator.delete(format!("{}/beta/targets/{}", flags(&t), id(&target))).await.missing();

        // All conditions must be met: somebody alone is in no organization.
        let conditions = json!([
            { "target_type": "user", "values": [bob] }, { "target_type": "organization", "values": [acme] }
        ]);
        let changed = operator.patch(&path, json!({ "conditions": conditions })).await.ok();
        assert_eq!(changed["target_type"], Value::Null);
        assert_eq!(of_user(&t, bob).await, [""; 0]);
        operator.delete(format!("{rules}/{}", id(&first))).await.no_content();
        let joins = json!({ "user_id": bob, "organization_id": acme });
        t.post("/user_management/organization_memberships", joins).await.created();
        assert_eq!((of_user(&t, bob).await, of_user(&t, ann).await), (vec!["beta".to_owned()], vec![]));
        assert_eq!(of_organization(&t, acme).await, [""; 0]);
        operator.patch(&path, json!({ "value": false })).await.ok();
        assert_eq!(of_user(&t, bob).await, [""; 0]);
        operator.delete(format!("{rules}/{}", id(&first))).await.missing();
        operator.patch(format!("{rules}/{}", id(&first)), json!({})).await.missing();
    });
}

#[test]
fn changes_of_rules_are_announced_with_what_moved() {
    story(async |t| {
        enabled(&t, "beta").await;
        let one = rule(&t, "beta", true, &[("plan", &["pro", "team"])]).await;
        let two = rule(&t, "beta", false, &[("plan", &["free"])]).await;
        let (operator, rules) = (t.operator(), format!("{}/beta/rules", flags(&t)));
        t.app.database().clock.advance(1);
        let change = json!({ "conditions": [{ "target_type": "plan", "values": ["team", "max"] }], "value": true });
        let changed = operator.patch(format!("{rules}/{}", id(&one)), change.clone()).await.ok();
        assert_ne!(changed["updated_at"], one["updated_at"]);
        t.app.database().clock.advance(1);
        assert_eq!(operator.patch(format!("{rules}/{}", id(&one)), change).await.ok(), changed);
        operator.patch(format!("{rules}/{}", id(&two)), json!({ "value": true })).await.ok();
        operator.delete(format!("{rules}/{}", id(&one))).await.no_content();

        let events = t.events(EVENTS).await;
        let told: Vec<_> = events[2..]
            .iter()
            .map(|event| {
                let data = &event["data"];
                let what = data["target_id"].as_str().or_else(|| data["position"].as_i64().map(|_| id(data)));
                (event["event"].as_str().unwrap().trim_start_matches("feature_flags."), what)
            })
            .collect();
        let (one, two) = (Some(id(&one)), Some(id(&two)));
        let (made, changed, gone) = ("flag_rule.created", "flag_rule.updated", "flag_rule.deleted");
        let (added, removed, audience) = ("flag_target.created", "flag_target.deleted", ("flag.rule_updated", None));
        assert_eq!(
            told,
            [
                [(made, one), (added, Some("pro")), (added, Some("team")), audience].as_slice(),
                &[(made, two), (added, Some("free")), audience],
                &[(removed, Some("pro")), (added, Some("max")), (changed, one), audience],
                &[(changed, two), audience],
                &[(removed, Some("team")), (removed, Some("max")), (gone, one), (changed, two), audience],
            ]
            .concat()
        );
        let last = &events[events.len() - 2]["data"];
        assert_eq!((&last["position"], last.get("conditions")), (&json!(0), None));
        let value = events.iter().find(|event| event["context"]["previous_attributes"]["data"]["value"] == false);
        assert_eq!(value.map(|event| id(&event["data"])), two);
    });
}

#[test]
fn rules_made_at_once_stand_one_after_another() {
    story(async |t| {
        enabled(&t, "beta").await;
        let make = |plan: &'static str| rule_named(&t, plan);
        let (a, b, c) = tokio::join!(make("a"), make("b"), make("c"));
        let mut positions = [&a, &b, &c].map(|rule| rule["position"].as_i64().unwrap());
        positions.sort_unstable();
        assert_eq!(positions, [0, 1, 2]);
    });
}

async fn rule_named(t: &Test, plan: &str) -> Value {
    rule(t, "beta", true, &[("plan", &[plan])]).await
}
