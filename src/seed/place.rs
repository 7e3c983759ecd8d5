//! Where the entries of a seed stand in their file, and the keys that nothing has read.
//!
//! A key that belongs to a family which this server does not have yet, or which sends mail, is left out with a warning, so
//! that a file written for the emulator works as it is; so is one that nobody knows, because it is probably a typing
//! mistake and silence would hide it.

use std::marker::PhantomData;

use serde_json::{Map, Value};

use crate::kernel::config::fault::nearest;
use crate::kernel::error::FieldFault;
use crate::kernel::read::{Read, ReadFields, Reader};
use crate::kernel::schema::Fields;

/// The code of a key that nobody knows.
const UNKNOWN: &str = "unknown_key";
/// The code of a key that is known and left out.
pub(super) const LATER: &str = "not_supported";

/// Whether the file can be applied in spite of this fault.
pub(super) fn is_warning(fault: &FieldFault) -> bool {
    [UNKNOWN, LATER].contains(&fault.code)
}

/// A mapping of the file.
pub trait Entry: Read {
    /// The keys that the format has and this server does not.
    const LATER: &'static [&'static str];
    /// The keys that the server has and a seed leaves out, because they would send mail.
    const MAILED: &'static [&'static str] = &[];
}

/// Where an entry stands in the file. Reading it notes every key that the entry has left over.
#[derive(Debug)]
pub struct Place<E>(String, PhantomData<fn() -> E>);

impl<E> Place<E> {
    /// This place.
    pub fn at(place: &str) -> Self {
        Self(place.to_owned(), PhantomData)
    }

    /// The place of the entry itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The place of one of its fields.
    pub fn field(&self, name: &str) -> String {
        if self.0.is_empty() { name.to_owned() } else { format!("{}.{name}", self.0) }
    }
}

impl<E: Entry> ReadFields for Place<E> {
    /// It only notes where the entry stands.
    fn describe(_: &mut Fields) {}

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        note_rest::<E>(map, &[], at);
        Some(Self::at(at.place()))
    }
}

/// Notes the keys that nothing has read. One that says nothing (`[]`, `false`) is not missed.
pub(super) fn note_rest<E: Entry>(map: &mut Map<String, Value>, others: &[&'static str], at: &mut Reader<'_>) {
    let known = || E::FIELDS.iter().chain(E::LATER).chain(E::MAILED).chain(others).copied();
    for (key, value) in std::mem::take(map) {
        let silent = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
        };
        // Wrong indentation makes an API key a field.
        let mut field = at.field(if key.starts_with("sk_") { "sk_..." } else { &key });
        let _: Option<()> = match nearest(&key, known()) {
            _ if silent && E::LATER.iter().chain(E::MAILED).any(|&left_out| left_out == key) => None,
            _ if E::LATER.contains(&key.as_str()) => {
                field.fault(LATER, "is not supported by this version and was left out")
            }
            _ if E::MAILED.contains(&key.as_str()) => {
                field.fault(LATER, "was left out: a seed sends no mail (make them through the API)")
            }
            Some(meant) => field.fault(UNKNOWN, &format!("is unknown and was left out (did you mean '{meant}'?)")),
            None => field.fault(UNKNOWN, "is unknown and was left out"),
        };
    }
}
