//! Templates of access tokens.

use serde_json::{Value, json};

use crate::harness::story;

const TEMPLATE: &str = "/user_management/jwt_template";

#[test]
fn a_template_is_kept_as_it_was_given() {
    story(async |t| {
        t.get(TEMPLATE).await.missing();
        let content = r#"{ "tier": {{ organization.metadata.tier || user.metadata.tier || 'free' }},
                           "name": "{{ user.first_name }} {{ user.last_name }}", "om": "{{organization_membership.id}}" }"#;
        let set = t.put(TEMPLATE, json!({ "content": content })).await.ok();
        assert_eq!((&set["object"], &set["content"]), (&json!("jwt_template"), &json!(content)));
        assert_eq!(t.get(TEMPLATE).await.ok(), set);
        t.advance(60);
        assert_eq!(t.put(TEMPLATE, json!({ "content": content })).await.ok(), set);

        let changed = t.put(TEMPLATE, json!({ "content": r#"{"a": 1}"# })).await.ok();
        assert_eq!(changed["created_at"], set["created_at"]);
        assert!(changed["updated_at"].as_str() > set["updated_at"].as_str());
        t.neighbour().await.get(TEMPLATE).await.missing();

        let admin = format!("/admin/v1/environments/{}/jwt_template", t.environment.id);
        t.operator().delete(&admin).await.no_content();
        t.operator().delete(&admin).await.missing();
        t.get(TEMPLATE).await.missing();
    });
}

#[test]
fn a_template_that_could_not_be_rendered_is_refused() {
    story(async |t| {
        let long = format!(r#"{{"a": "{}"}}"#, "a".repeat(8192));
        for content in [
            "  ",
            "[]",
            "1",
            "{}",
            r#"{"a": }"#,
            r#"{"a": 1"#,
            r#"{"a": {{ user.id }"#,
            r#"{"a": {{ user.id "#,
            r#"{"a": {{ }} }"#,
            r#"{"a": {{ user.id | user.email }} }"#,
            r#"{"a": {{ user.id || }} }"#,
            r#"{"a": {{ 'open }} }"#,
            r#"{"a": {{ user..id }} }"#,
            r#"{"a": {{ user. }} }"#,
            r#"{"a": {{ session.id }} }"#,
            r#"{"a": {{ users.id }} }"#,
            r#"{"a": {{ user.id() }} }"#,
            r#"{ {{ user.id }}: 1 }"#,
            r#"{"sub": "me"}"#,
            r#"{"\u0073ub": "me"}"#,
            r#"{"exp": 1}"#,
            &long,
        ] {
            t.put(TEMPLATE, json!({ "content": content })).await.invalid(&["content"]);
        }
        t.put(TEMPLATE, Value::Null).await.invalid(&["content"]);
        t.get(TEMPLATE).await.missing();
    });
}

#[test]
fn a_template_may_say_what_it_likes_otherwise() {
    story(async |t| {
        for content in [
            r#"{"a": "\"{{ user.id }}\" }}", "b": {"c": [{{ user.metadata }}, {{user.id||'it\'s }} ||'}}]}}"#,
            r#"{"aud": "api", "role": {{ organization_membership.role }}, "org_id": {{ organization.id }}}"#,
            r#"{"nested": {"sub": 1, "x-y": {{ user.metadata.x-y }}}}"#,
        ] {
            t.put(TEMPLATE, json!({ "content": content })).await.ok();
        }
    });
}
