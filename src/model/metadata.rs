//! Metadata: what an application keeps of its own on our objects.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::kernel::patch::Patch;
use crate::kernel::read::{Read, Reader};
use crate::kernel::{Error, Result};

/// Up to 50 pairs of text: keys of 1-40 ASCII characters, values of at most 600 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Metadata(BTreeMap<String, String>);

/// A change of metadata, as it was sent. Faults are a refusal of their own (`invalid_metadata`), not field faults,
/// so it is judged only when it is [applied](Metadata::changed).
#[derive(Debug, Clone, Default)]
pub struct Change(Patch<Value>);

impl Read for Change {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": { "type": ["string", "null"] } })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        Patch::read(value, at).map(Self)
    }
}

impl From<Metadata> for Change {
    fn from(metadata: Metadata) -> Self {
        Self(Patch::Value(metadata.0.into_iter().map(|(key, value)| (key, Value::from(value))).collect()))
    }
}

impl Metadata {
    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These pairs with the change merged in: a value sets its key, null removes it; null for the whole clears all.
    pub fn changed(&self, change: &Change) -> Result<Self> {
        let pairs = match &change.0 {
            Patch::Absent => return Ok(self.clone()),
            Patch::Null => return Ok(Self::default()),
            Patch::Value(Value::Object(pairs)) => pairs,
            // How PHP writes an empty map.
            Patch::Value(Value::Array(items)) if items.is_empty() => return Ok(self.clone()),
            Patch::Value(_) => return Err(refusal("metadata must be an object.")),
        };
        let mut merged = self.0.clone();
        for (key, value) in pairs {
            match value {
                Value::Null => drop(merged.remove(key)),
                Value::String(text) => drop(merged.insert(checked_key(key)?, checked_value(key, text)?)),
                _ => return Err(refusal(format!("metadata.{key} must be a string."))),
            }
        }
        if merged.len() > 50 { Err(refusal("metadata may have at most 50 keys.")) } else { Ok(Self(merged)) }
    }
}

fn refusal(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::refused("invalid_metadata", message)
}

fn checked_key(key: &str) -> Result<String> {
    let plain = key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if key.is_empty() || key.len() > 40 || !plain {
        return Err(refusal("A key of metadata must be 1 to 40 printable ASCII characters."));
    }
    Ok(key.to_owned())
}

fn checked_value(key: &str, text: &str) -> Result<String> {
    if text.chars().count() > 600 || text.contains('\0') {
        return Err(refusal(format!("metadata.{key} must have at most 600 characters, none of them NUL.")));
    }
    Ok(text.to_owned())
}
