//! Every answer that a test gets is one that the documents describe: its status, its body, and no key besides.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use axum::http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use vestibule::app;
use vestibule::http::openapi::{Audience, describe};
use vestibule::http::routes::{Access, Route};

use super::Answer;

struct Contract {
    table: Vec<Route>,
    applications: Value,
    operator: Value,
    validators: Mutex<HashMap<String, &'static Validator>>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let table = app::routes().table().to_vec();
    let document = |audience| closed(describe(&table, audience, "http://vestibule.test"));
    let (applications, operator) = (document(Audience::Applications), document(Audience::Operator));
    Contract { table, applications, operator, validators: Mutex::default() }
});

/// The document, with every object closed that does not say itself what else it holds. The API may grow; a test is
/// told of a key that no type knows.
fn closed(mut document: Value) -> Value {
    for (name, schema) in document["components"]["schemas"].as_object_mut().unwrap() {
        if !name.ends_with("Error") && schema.get("additionalProperties").is_none() {
            schema["unevaluatedProperties"] = json!(false);
        }
    }
    document
}

/// Holds an answer against the description of the route that gave it. Paths without a route have none.
pub fn hold(method: &Method, path: &str, answer: &Answer) {
    let contract = &*CONTRACT;
    let Some(route) = contract.route(method, path) else { return };
    let document = if route.access == Access::Operator { &contract.operator } else { &contract.applications };
    let operation = &document["paths"][route.path][method.as_str().to_lowercase()];
    let mut response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{}: {} is not described: {}", answer.what, answer.status, answer.body);
    if let Some(reference) = response["$ref"].as_str() {
        response = document.pointer(&reference[1..]).unwrap();
    }
    let schema = &response["content"]["application/json"]["schema"];
    assert_eq!(schema.is_null(), answer.body.is_null(), "{}: {}", answer.what, answer.body);
    if !schema.is_null() {
        let faults: Vec<_> = contract.validator(document, route.access, schema).iter_errors(&answer.body).collect();
        let faults: Vec<_> = faults.iter().map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{} is not as described: {faults:#?}", answer.what);
    }
}

impl Contract {
    /// The route of a path, as the router finds it: plain segments come before parameters.
    fn route(&self, method: &Method, path: &str) -> Option<&Route> {
        let path = path.split('?').next().unwrap_or_default();
        let is_parameter = |segment: &str| segment.starts_with('{');
        let fits = |route: &&Route| {
            let (given, wanted) = (path.split('/'), route.path.split('/'));
            route.method == *method
                && given.clone().count() == wanted.clone().count()
                && given.zip(wanted).all(
                    |(given, wanted)| {
                        if is_parameter(wanted) { !given.is_empty() } else { given == wanted }
                    },
                )
        };
        let shape = |route: &&Route| route.path.split('/').map(is_parameter).collect::<Vec<_>>();
        self.table.iter().filter(fits).min_by_key(shape)
    }

    fn validator(&self, document: &Value, access: Access, schema: &Value) -> &'static Validator {
        let key = format!("{} {schema}", access == Access::Operator);
        let mut validators = self.validators.lock().unwrap();
        validators.entry(key).or_insert_with(|| {
            let mut whole = schema.clone();
            whole["components"] = document["components"].clone();
            let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&whole);
            Box::leak(Box::new(validator.unwrap()))
        })
    }
}
