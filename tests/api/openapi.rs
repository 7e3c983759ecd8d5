//! The documents of the API: that they are served, and that they say every route and every type.

use std::collections::{BTreeSet, HashSet};

use axum::http::{HeaderMap, Method};
use serde_json::{Value, json};
use vestibule::app;
use vestibule::http::openapi::{Audience, describe};
use vestibule::http::routes::Access;

use crate::harness::{Answer, contract, story};

fn documents() -> [(Audience, Value); 2] {
    let table = app::routes().table().to_vec();
    [Audience::Applications, Audience::Operator].map(|audience| (audience, describe(&table, audience, "http://x.test")))
}

/// `GET /organizations` with its description, of all operations.
fn operations(document: &Value) -> Vec<(String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let one = |path: &str, (method, operation): (&String, &Value)| {
        (format!("{} {path}", method.to_uppercase()), operation.clone())
    };
    paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |entry| one(path, entry))).collect()
}

/// Every value in it, itself included.
fn values(value: &Value) -> Vec<&Value> {
    let inner: Vec<_> = match value {
        Value::Object(object) => object.values().flat_map(values).collect(),
        Value::Array(items) => items.iter().flat_map(values).collect(),
        _ => Vec::new(),
    };
    [value].into_iter().chain(inner).collect()
}

#[test]
fn every_route_is_in_the_document_of_those_who_may_call_it() {
    for (audience, document) in documents() {
        let of_operator = audience == Audience::Operator;
        let declared: BTreeSet<_> = app::routes()
            .table()
            .iter()
            .filter(|route| (route.access == Access::Operator) == of_operator)
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        let described: BTreeSet<_> = operations(&document).into_iter().map(|(name, _)| name).collect();
        assert_eq!(described, declared);
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_the_caller_that_its_route_says() {
    for (_, document) in documents() {
        let operations = operations(&document);
        let names: HashSet<_> = operations.iter().map(|(_, operation)| operation["operationId"].as_str()).collect();
        assert_eq!(names.len(), operations.len());
        for (name, operation) in operations {
            let id = operation["operationId"].as_str().unwrap();
            assert!(
                id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b)) && id.contains('.'),
                "{name}: {id}"
            );
            let route =
                app::routes().table().iter().find(|r| format!("{} {}", r.method, r.path) == name).unwrap().clone();
            let scheme = operation["security"][0].as_object().and_then(|scheme| scheme.keys().next().cloned());
            let wanted = match route.access {
                Access::Key => Some("key".to_owned()),
                Access::Operator => Some("operator".to_owned()),
                Access::Public => None,
            };
            assert_eq!(scheme, wanted, "{name}");
        }
    }
}

#[test]
fn every_parameter_of_a_path_is_described() {
    for (_, document) in documents() {
        for (name, operation) in operations(&document) {
            let described: Vec<_> =
                operation["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "path").collect();
            let described: Vec<_> = described.iter().map(|p| p["name"].as_str().unwrap()).collect();
            let in_template: Vec<_> = name.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
            assert_eq!(described, in_template, "{name}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_no_two_types_have_one_name() {
    for (_, document) in documents() {
        for value in values(&document) {
            if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
            }
        }
        let names = document["components"]["schemas"].as_object().unwrap().keys();
        let numbered: Vec<_> = names.filter(|name| name.ends_with(|c: char| c.is_ascii_digit())).collect();
        assert!(numbered.is_empty(), "name them apart with #[schemars(rename = \"...\")]: {numbered:?}");
    }
}

#[test]
fn the_documents_are_served_to_those_they_are_for() {
    story(async |t| {
        let api = t.with_key("").get("/openapi.json").await.ok();
        assert_eq!(api["servers"][0]["url"], "http://vestibule.test");
        assert!(
            api["paths"]["/organizations"]["post"].is_object() && api["paths"].get("/admin/v1/openapi.json").is_none()
        );
        t.get("/admin/v1/openapi.json").await.fails(401, "unauthorized");
        let admin = t.operator().get("/admin/v1/openapi.json").await.ok();
        assert!(
            admin["paths"]["/admin/v1/environments"]["post"].is_object()
                && admin["paths"].get("/organizations").is_none()
        );
        for document in [api, admin] {
            assert!(document.to_string().len() < 1 << 20);
        }
    });
}

#[test]
fn a_body_is_described_by_its_fields() {
    let [(_, document), _] = documents();
    let body = &document["paths"]["/organizations/{id}"]["put"]["requestBody"]["content"]["application/json"]["schema"];
    let fields: Vec<_> = body["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "allow_profiles_outside_organization",
        "domain_data",
        "domains",
        "external_id",
        "metadata",
        "name",
        "stripe_customer_id",
    ];
    assert_eq!(fields, wanted);
    assert_eq!((body.get("required"), &body["type"]), (None, &json!(["object", "null"])));
    assert_eq!(body["properties"]["name"]["type"], json!(["string", "null"]));
    let domain = &body["properties"]["domain_data"]["items"];
    assert_eq!(domain["required"], json!(["domain", "state"]));
    assert_eq!(domain["properties"]["state"]["enum"], json!(["pending", "verified"]));
}

#[test]
fn an_answer_is_described_with_what_serde_adds() {
    let [(_, document), _] = documents();
    let organization = &document["components"]["schemas"]["Organization"];
    assert_eq!(organization["properties"]["object"]["const"], "organization");
    let required: Vec<_> = organization["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        required.contains(&"object") && required.contains(&"external_id") && !required.contains(&"stripe_customer_id")
    );
    assert_eq!(
        document["components"]["schemas"]["OrganizationList"]["properties"]["data"]["items"]["$ref"],
        "#/components/schemas/Organization"
    );
}

/// What holds every answer of every test against the documents (`harness/contract.rs`) can itself fail.
#[test]
fn a_test_is_told_of_an_answer_that_is_not_described() {
    let page = json!({ "object": "list", "data": [], "list_metadata": { "before": null, "after": null } });
    let more = |key: &str, value: Value| {
        let mut page = page.clone();
        page[key] = value;
        page
    };
    let is_described = |status: u16, body: Value| {
        let answer =
            Answer { what: "a test".to_owned(), status: status.try_into().unwrap(), headers: HeaderMap::new(), body };
        std::panic::catch_unwind(|| contract::hold(&Method::GET, "/organizations?limit=1", &answer)).is_ok()
    };
    assert!(is_described(200, page.clone()));
    assert!(is_described(422, json!({ "message": "m", "code": "c", "errors": [{ "code": "c", "message": "m" }] })));
    assert!(!is_described(201, page.clone()), "a status that is not described");
    assert!(!is_described(200, Value::Null), "no body");
    assert!(!is_described(200, more("colour", json!("blue"))), "a key that no type has");
    assert!(!is_described(200, more("data", json!([{ "object": "organization" }]))), "an object that lacks keys");
    assert!(!is_described(409, json!({ "code": "c" })), "no message");
}
