//! The OpenAPI documents: the API's own, and the operator's, both made from the table of routes.
//!
//! A document is made when it is first asked for and kept. What it says of a route is what the types of its handler say
//! ([`super::describe`]); nothing is added by hand but the words that every route shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::auth::Operator;
use super::describe::{Answer, Operation};
use super::error;
use super::routes::{Access, Route, Routes};
use super::state::App;
use crate::kernel::error::Envelope;
use crate::kernel::{Error, Result, schema};

/// The routes of the documents.
pub fn routes() -> Routes {
    let public = Routes::family("openapi").access(Access::Public).get("/openapi.json", api);
    public.merge(Routes::family("openapi").access(Access::Operator).get("/admin/v1/openapi.json", admin))
}

async fn api(State(app): State<App>) -> Result<Document> {
    document(&app, Audience::Applications)
}

async fn admin(operator: Operator) -> Result<Document> {
    document(operator.app(), Audience::Operator)
}

fn document(app: &App, audience: Audience) -> Result<Document> {
    let documents =
        app.documents().ok_or_else(|| Error::internal("the application was given no routes to describe"))?;
    Ok(documents.of(audience, app.public_url()))
}

/// Whom a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Applications, and everybody.
    Applications,
    /// The operator.
    Operator,
}

impl Audience {
    fn reads_of(self, route: &Route) -> bool {
        (route.access == Access::Operator) == (self == Self::Operator)
    }
}

/// A document as it is answered.
#[derive(Debug, Clone)]
struct Document(Bytes);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))], self.0).into_response()
    }
}

impl Answer for Document {
    fn describe(operation: &mut Operation<'_>) {
        operation.succeeds::<Map<String, Value>>(StatusCode::OK);
    }
}

/// The documents of an application.
#[derive(Debug)]
pub struct Documents {
    table: Vec<Route>,
    applications: OnceLock<Bytes>,
    operator: OnceLock<Bytes>,
}

impl Documents {
    /// Documents of these routes.
    pub fn new(table: Vec<Route>) -> Self {
        Self { table, applications: OnceLock::new(), operator: OnceLock::new() }
    }

    fn of(&self, audience: Audience, server: &str) -> Document {
        let kept = match audience {
            Audience::Applications => &self.applications,
            Audience::Operator => &self.operator,
        };
        let make = || Bytes::from(describe(&self.table, audience, server).to_string());
        Document(kept.get_or_init(make).clone())
    }
}

/// Makes the document of the routes that are for this audience, at this origin.
pub fn describe(table: &[Route], audience: Audience, server: &str) -> Value {
    let mut schemas = generator();
    let mut paths = BTreeMap::<_, Map<_, _>>::new();
    let mut responses = BTreeMap::new();
    let mut names = BTreeSet::new();
    for route in table.iter().filter(|route| audience.reads_of(route)) {
        let name = operation_id(route.handler, &mut names);
        let operation = Operation::of(&route.method, route.describe, &mut schemas);
        let described = operation_object(route, &name, operation, &mut responses);
        paths.entry(route.path).or_default().insert(route.method.as_str().to_lowercase(), described);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": info(audience),
        "servers": [{ "url": server }],
        "paths": paths,
        "components": {
            "schemas": components(&mut schemas),
            "responses": responses,
            "securitySchemes": security(audience),
        },
    });
    rename(&mut document);
    document
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.with(|settings| settings.definitions_path = "/components/schemas".into()).into_generator()
}

fn info(audience: Audience) -> Value {
    let (title, callers) = match audience {
        Audience::Applications => ("Vestibule", "Applications show a management key of their environment"),
        Audience::Operator => ("Vestibule, for its operator", "The operator shows the token of the server"),
    };
    let description = format!(
        "{callers} as a bearer token. Every answer has an `X-Request-ID`. Unknown fields are ignored; an empty body is \
         an empty object. Lists are paged by `before` and `after`, which take the cursors of `list_metadata`."
    );
    let license = json!({ "name": "Apache License 2.0", "identifier": env!("CARGO_PKG_LICENSE") });
    json!({
        "title": title, "version": env!("CARGO_PKG_VERSION"), "description": description, "license": license,
    })
}

fn security(audience: Audience) -> Value {
    match audience {
        Audience::Applications => {
            json!({ "key": { "type": "http", "scheme": "bearer", "description": "A management key: `sk_...`." } })
        }
        Audience::Operator => {
            json!({ "operator": { "type": "http", "scheme": "bearer", "description": "The operator's token." } })
        }
    }
}

/// The module and the name of the handler, `organizations.find`; numbered where a handler serves several routes.
fn operation_id(handler: &str, taken: &mut BTreeSet<String>) -> String {
    let name = handler.split("::").skip(2).collect::<Vec<_>>().join(".");
    let mut unique = name.clone();
    let mut number = 1;
    while !taken.insert(unique.clone()) {
        number += 1;
        unique = format!("{name}.{number}");
    }
    unique
}

/// `organization_memberships`, `find_by_external_id`: "Organization memberships: find by external id".
fn summary(family: &str, operation_id: &str) -> String {
    let name = operation_id.split('.').rfind(|part| part.parse::<u32>().is_err()).unwrap_or_default();
    let (family, name) = (family.replace('_', " "), name.replace('_', " "));
    let (first, rest) = family.split_at_checked(1).unwrap_or_default();
    format!("{}{rest}: {name}", first.to_uppercase())
}

fn operation_object(
    route: &Route,
    name: &str,
    operation: Operation<'_>,
    shared: &mut BTreeMap<String, Value>,
) -> Value {
    let (status, schema) = operation.success;
    let mut success = json!({ "description": status.canonical_reason().unwrap_or_default() });
    if let Some(schema) = schema {
        success["content"] = json!({ "application/json": { "schema": schema } });
    }
    let mut responses = Map::from_iter([(status.as_str().to_owned(), success)]);
    for status in operation.failures {
        let name = failure_name(status, operation.envelope);
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        shared.entry(name).or_insert_with(|| failure(status, operation.envelope));
        responses.insert(status.as_str().to_owned(), reference);
    }
    let in_path = parameter_names(route.path)
        .zip(operation.segments)
        .map(|(name, schema)| json!({ "name": name, "in": "path", "required": true, "schema": schema }));
    let in_query = operation
        .query
        .into_iter()
        .map(|field| json!({ "name": field.key, "in": "query", "required": !field.optional, "schema": field.schema }));
    let parameters: Vec<_> = in_path.chain(in_query).collect();
    let security: Vec<_> = operation.security.map(|scheme| json!({ scheme: [] })).into_iter().collect();
    let mut object = json!({
        "operationId": name,
        "summary": summary(route.family, name),
        "tags": [route.family],
        "security": security,
        "parameters": parameters,
        "responses": responses,
    });
    if !operation.body_types.is_empty() {
        object["requestBody"] = request_body(operation.body_types, &operation.body);
    }
    object
}

/// An empty body, or null in its place, is an empty object.
fn request_body(types: &[&str], schema: &Value) -> Value {
    let required = schema.get("required").is_some();
    let content = |kind: &&str| {
        let nullable = !required && *kind == "application/json";
        let schema = if nullable { schema::nullable(schema.clone()) } else { schema.clone() };
        ((*kind).to_owned(), json!({ "schema": schema }))
    };
    let content: Map<_, _> = types.iter().map(content).collect();
    json!({ "required": required, "content": content })
}

/// The names of the parameters in a template.
fn parameter_names(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// `NotFound`; `OAuthNotFound` where both envelopes are spoken.
fn failure_name(status: StatusCode, envelope: Envelope) -> String {
    let reason = status.canonical_reason().unwrap_or_default().replace(' ', "");
    match envelope {
        Envelope::Message => reason,
        Envelope::OAuth => format!("OAuth{reason}"),
    }
}

fn failure(status: StatusCode, envelope: Envelope) -> Value {
    let error = json!({ "$ref": "#/components/schemas/Error" });
    let schema = match envelope {
        Envelope::Message => error,
        Envelope::OAuth => json!({ "anyOf": [{ "$ref": "#/components/schemas/OAuthError" }, error] }),
    };
    let mut response = json!({
        "description": status.canonical_reason().unwrap_or_default(),
        "content": { "application/json": { "schema": schema } },
    });
    if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        let seconds = json!({ "type": "integer", "minimum": 0 });
        response["headers"] =
            json!({ "Retry-After": { "description": "Seconds to wait.", "required": true, "schema": seconds } });
    }
    response
}

fn components(schemas: &mut SchemaGenerator) -> Map<String, Value> {
    let mut components = schemas.take_definitions(true);
    components.insert("Error".to_owned(), error::schema(Envelope::Message));
    components.insert("OAuthError".to_owned(), error::schema(Envelope::OAuth));
    components
}

const SCHEMAS: &str = "#/components/schemas/";

/// Gives the schemas the names of types. They come as serde spells them, which for most is how the wire does:
/// `organization_domain` becomes `OrganizationDomain`.
fn rename(document: &mut Value) {
    if let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") {
        *schemas = std::mem::take(schemas).into_iter().map(|(name, schema)| (pascal(&name), schema)).collect();
    }
    rename_references(document);
}

fn rename_references(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(SCHEMAS)
            {
                *reference = format!("{SCHEMAS}{}", pascal(name));
            }
            object.values_mut().for_each(rename_references);
        }
        Value::Array(items) => items.iter_mut().for_each(rename_references),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        format!("{}{rest}", first.to_uppercase())
    };
    name.split('_').map(word).collect()
}
