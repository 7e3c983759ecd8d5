//! What input and answers look like, for the documents that describe the API (JSON Schema 2020-12).
//!
//! Nothing here is written by hand for one family: [`body!`](crate::body) tells the form of what is read, and answers
//! derive `JsonSchema`, which follows serde. What a `Check` refuses besides is not told. `http::describe` makes
//! operations of it.

use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::id::Kind;
use super::read::Read;

/// One field of an object that is read.
#[derive(Debug)]
pub struct Field {
    /// Its key.
    pub key: &'static str,
    /// What a value of it looks like.
    pub schema: Value,
    /// Whether it may be absent, or null where the input can say so.
    pub optional: bool,
}

/// The fields of an object that is read.
#[derive(Debug, Default)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// Adds a field of this type.
    pub fn add<T: Read>(&mut self, key: &'static str) {
        self.0.push(Field { key, schema: T::schema(), optional: T::OPTIONAL });
    }

    /// Adds a field that may be left out, of which more is known than its type.
    pub fn add_optional(&mut self, key: &'static str, schema: Value) {
        self.0.push(Field { key, schema, optional: true });
    }

    /// Adds the fields of another object.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The object as JSON writes it.
    pub fn object(self) -> Value {
        let required: Vec<_> = self.0.iter().filter(|field| !field.optional).map(|field| field.key).collect();
        let property = |field: Field| {
            let schema = if field.optional { nullable(field.schema) } else { field.schema };
            (field.key.to_owned(), schema)
        };
        let properties: Map<_, _> = self.0.into_iter().map(property).collect();
        let mut object = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            object["required"] = json!(required);
        }
        object
    }
}

impl IntoIterator for Fields {
    type Item = Field;
    type IntoIter = std::vec::IntoIter<Field>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What an item of this type looks like: as a value does, or null where the type takes it.
pub fn item<T: Read>() -> Value {
    if T::OPTIONAL { nullable(T::schema()) } else { T::schema() }
}

/// The same, or null.
pub fn nullable(mut schema: Value) -> Value {
    if let Some(kind) = schema.get("type").and_then(Value::as_str) {
        schema["type"] = json!([kind, "null"]);
        if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
            words.push(Value::Null);
        }
    }
    // What names no type, or several, takes null already.
    schema
}

/// The words of a closed vocabulary.
pub fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

/// An id of this kind.
pub fn id<K: Kind>() -> Value {
    let pattern = format!("^{}_[A-Za-z0-9_-]{{1,{}}}$", K::PREFIX, K::LONGEST);
    json!({ "type": "string", "pattern": pattern })
}

/// A moment.
pub fn timestamp() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// Makes a type's answers say `JsonSchema` by one of the functions above, in place and without a name.
#[macro_export]
macro_rules! inline_schema {
    ([$($generics:tt)*] $type:ty, $schema:expr) => {
        impl<$($generics)*> schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                std::any::type_name::<Self>().into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::Schema::try_from($schema).unwrap_or_default()
            }
        }
    };
}

/// Adds the key that `#[serde(tag = "object", rename = "...")]` writes, which the derive of a struct passes over:
/// `#[schemars(transform = object::<Self>)]`.
pub fn object<T: JsonSchema>(schema: &mut Schema) {
    tag(schema, "object", &T::schema_name());
}

/// The same where the documents know the type by another name than the wire does:
/// `#[schemars(rename = "Operated", transform = schema::object_named("thing"))]`.
pub fn object_named(name: &str) -> impl FnMut(&mut Schema) {
    move |schema| tag(schema, "object", name)
}

/// The same for `#[serde(tag = "type", rename = "...")]`.
pub fn typed<T: JsonSchema>(schema: &mut Schema) {
    tag(schema, "type", &T::schema_name());
}

fn tag(schema: &mut Schema, key: &str, name: &str) {
    let object = schema.ensure_object();
    if let Value::Object(properties) = object.entry("properties").or_insert_with(|| json!({})) {
        properties.insert(key.to_owned(), json!({ "type": "string", "const": name }));
    }
    if let Value::Array(required) = object.entry("required").or_insert_with(|| json!([])) {
        required.insert(0, key.into());
    }
}
