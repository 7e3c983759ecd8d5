//! Keys of a seed: those that manage the environment, and those of its customers.

use serde_json::{Value, json};

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{ApiKeyId, OrganizationId, UserId};
use crate::kernel::read::{Read, Reader};
use crate::kernel::secret::Secret;

/// `apiKeys` has two forms. `{ sk_test_1: { environment: test } }` gives the values of management keys; a list describes
/// keys of customers.
///
/// The emulator lets the latter manage the environment too; this server does not, because whoever gives a customer a key
/// does not mean to hand over the environment.
#[derive(Debug, Default)]
pub struct ApiKeys {
    /// The values of management keys.
    pub management: Vec<Secret<String>>,
    /// Keys of customers.
    pub customers: Vec<ApiKey>,
}

impl ApiKeys {
    pub(in super::super) fn is_empty(&self) -> bool {
        self.management.is_empty() && self.customers.is_empty()
    }
}

impl Read for ApiKeys {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        json!({ "type": ["object", "array"] })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        match value {
            None | Some(Value::Null) => Some(Self::default()),
            // The keys of this mapping are secrets: no place may name one.
            Some(Value::Object(map)) => {
                let management = map.into_iter().map(|(value, _)| Secret::new(value)).collect();
                Some(Self { management, customers: Vec::new() })
            }
            Some(Value::Array(keys)) => {
                let customers = Vec::read(Some(Value::Array(keys)), at)?;
                Some(Self { management: Vec::new(), customers })
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
                at.fault("invalid_type", "must be a list of keys, or a mapping whose keys are the values of API keys")
            }
        }
    }
}

body! {
    /// A key of a customer.
    pub struct ApiKey {
        /// Its id, if it is pinned.
        id: Option<ApiKeyId>,
        /// What people call it.
        name: String,
        /// The organization, by its name.
        organization: Option<String>,
        /// The organization, by its id.
        organization_id: Option<OrganizationId>,
        /// The user, if it is one's.
        user_id: Option<UserId>,
        /// Its value.
        value: Option<Secret<String>>,
        /// The SHA-256 of its value in hexadecimal digits, where another server has told it.
        hash: Option<Secret<String>>,
        /// Enough of its value to recognise it, with its hash.
        obfuscated_value: Option<String>,
        /// The slugs of what it allows.
        permissions: Option<Vec<String>>,
        /// From when on it is not valid.
        expires_at: Option<Timestamp>,
        /// The emulator's word for live and test keys. It means nothing here.
        _environment as "environment": Option<String>;
        at: Place<ApiKey>
    }
}

impl Entry for ApiKey {
    const LATER: &'static [&'static str] = &[];
}
