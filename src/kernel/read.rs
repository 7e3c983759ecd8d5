//! Reading input: from the values that a client sent to the types that the house works with.
//!
//! Serde stops at the first fault; a form filled in wrongly in three places deserves one answer. So bodies and
//! queries are declared with [`body!`](crate::body), which reads field by field and notes every fault with its
//! place. Unknown fields are ignored, as clients newer than this server need.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::check::Faults;
use super::clock::Timestamp;
use super::id::{Id, Kind};
use super::patch::Patch;
use super::schema::{self, Fields};
use super::secret::Secret;

/// How the input was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JSON: numbers are numbers.
    Json,
    /// A query or a form: everything is text, and lists may be joined by commas.
    Text,
    /// JSON that the operator has written down: lists are as long as they like.
    File,
}

/// Where reading stands.
#[derive(Debug)]
pub struct Reader<'f> {
    encoding: Encoding,
    place: String,
    faults: &'f mut Faults,
}

impl<'f> Reader<'f> {
    /// Starts at the top of the input.
    pub fn new(encoding: Encoding, faults: &'f mut Faults) -> Self {
        Self { encoding, place: String::new(), faults }
    }

    /// The reader of a field of this one.
    pub fn field(&mut self, name: &str) -> Reader<'_> {
        let place = if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) };
        Reader { encoding: self.encoding, place, faults: self.faults }
    }

    /// Where this is: `users[2].email`; nothing at the top.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn item(&mut self, index: usize) -> Reader<'_> {
        let place = format!("{}[{index}]", self.place);
        Reader { encoding: self.encoding, place, faults: self.faults }
    }

    /// Notes a fault here. Returns None, so that it can end a reading.
    pub fn fault<T>(&mut self, code: &'static str, what: &str) -> Option<T> {
        let place = if self.place.is_empty() { "body" } else { &self.place };
        self.faults.add(place, code, format!("{place} {what}."));
        None
    }

    fn required<T>(&mut self) -> Option<T> {
        self.fault("required", "is required")
    }

    /// The object here; at the top, nothing at all and null count as an empty one, as the SDKs send them.
    pub fn object(&mut self, value: Option<Value>) -> Option<Map<String, Value>> {
        match value {
            Some(Value::Object(map)) => Some(map),
            None | Some(Value::Null) if self.place.is_empty() => Some(Map::new()),
            None | Some(Value::Null) => self.required(),
            Some(_) => self.fault("invalid_type", "must be an object"),
        }
    }
}

/// A type that can be read from input.
pub trait Read: Sized {
    /// The names of its fields, if it has any: for telling somebody who wrote another one which they meant.
    const FIELDS: &'static [&'static str] = &[];

    /// Whether it may be absent or null.
    const OPTIONAL: bool = false;

    /// What a value of it looks like, null apart.
    fn schema() -> Value;

    /// Reads the value, absent or not; None after noting what is wrong with it.
    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self>;
}

impl Read for Value {
    fn schema() -> Value {
        json!({})
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        value.or_else(|| at.required())
    }
}

impl Read for String {
    fn schema() -> Value {
        json!({ "type": "string" })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        match value {
            // PostgreSQL cannot store NUL, and nothing that a person types contains it.
            Some(Value::String(text)) if text.contains('\0') => at.fault("invalid_format", "must not contain NUL"),
            Some(Value::String(text)) => Some(text),
            None | Some(Value::Null) => at.required(),
            Some(_) => at.fault("invalid_type", "must be a string"),
        }
    }
}

impl Read for Secret<String> {
    fn schema() -> Value {
        json!({ "type": "string", "format": "password" })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        String::read(value, at).map(Secret::new)
    }
}

impl Read for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        match (value, at.encoding) {
            (Some(Value::Bool(flag)), _) => Some(flag),
            (Some(Value::String(text)), Encoding::Text) => match text.as_str() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => at.fault("invalid_type", "must be true or false"),
            },
            (None | Some(Value::Null), _) => at.required(),
            (Some(_), _) => at.fault("invalid_type", "must be a boolean"),
        }
    }
}

impl Read for i64 {
    fn schema() -> Value {
        json!({ "type": "integer", "format": "int64" })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        let number = match (&value, at.encoding) {
            (Some(Value::Number(number)), _) => number.as_i64(),
            (Some(Value::String(text)), Encoding::Text) => text.trim().parse().ok(),
            (None | Some(Value::Null), _) => return at.required(),
            (Some(_), _) => None,
        };
        number.or_else(|| at.fault("invalid_type", "must be an integer"))
    }
}

impl Read for Timestamp {
    fn schema() -> Value {
        schema::timestamp()
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        let text = String::read(value, at)?;
        Self::parse(&text).or_else(|| at.fault("invalid_format", "must be an ISO 8601 date-time"))
    }
}

impl<K: Kind> Read for Id<K> {
    fn schema() -> Value {
        schema::id::<K>()
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        let text = String::read(value, at)?;
        Self::parse(&text).or_else(|| at.fault("invalid_id", &format!("must be an id that begins with {}_", K::PREFIX)))
    }
}

impl<T: Read> Read for Option<T> {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        match value {
            None | Some(Value::Null) => Some(None),
            present => T::read(present, at).map(Some),
        }
    }
}

impl<T: Read> Read for Patch<T> {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        match value {
            None => Some(Self::Absent),
            Some(Value::Null) => Some(Self::Null),
            present => T::read(present, at).map(Self::Value),
        }
    }
}

/// No list of the API is meant to be longer.
const MOST_ITEMS: usize = 1000;

impl<T: Read> Read for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": schema::item::<T>(), "maxItems": MOST_ITEMS })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        let items = match (value, at.encoding) {
            (Some(Value::Array(items)), Encoding::Json | Encoding::File) => items,
            // The SDKs write lists in five ways; the extractor has gathered the keys, the commas are undone here.
            (Some(Value::Array(items)), Encoding::Text) => items.iter().flat_map(split).collect(),
            (Some(Value::String(text)), Encoding::Text) => split(&Value::String(text)).collect(),
            (None | Some(Value::Null), _) => return at.required(),
            (Some(_), _) => return at.fault("invalid_type", "must be an array"),
        };
        if items.len() > MOST_ITEMS && at.encoding != Encoding::File {
            return at.fault("too_long", &format!("must have at most {MOST_ITEMS} items"));
        }
        // Every item is read, so that every fault is found.
        let read: Vec<_> =
            items.into_iter().enumerate().map(|(i, item)| T::read(Some(item), &mut at.item(i))).collect();
        read.into_iter().collect()
    }
}

fn split(value: &Value) -> impl Iterator<Item = Value> + use<> {
    let parts: Vec<_> =
        value.as_str().unwrap_or_default().split(',').filter(|part| !part.is_empty()).map(Value::from).collect();
    parts.into_iter()
}

impl<T: Read> Read for BTreeMap<String, T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": schema::item::<T>() })
    }

    fn read(value: Option<Value>, at: &mut Reader<'_>) -> Option<Self> {
        let Some(Value::Object(map)) = value else {
            return if value.is_none_or(|v| v.is_null()) {
                at.required()
            } else {
                at.fault("invalid_type", "must be an object")
            };
        };
        let read: Vec<_> = map.into_iter().map(|(k, v)| T::read(Some(v), &mut at.field(&k)).map(|v| (k, v))).collect();
        read.into_iter().collect()
    }
}

/// Several fields of an object that belong together and are read from it as one (a page of a list).
pub trait ReadFields: Sized {
    /// Tells which fields those are.
    fn describe(fields: &mut Fields);

    /// Takes its fields out of the object.
    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self>;
}

/// Two such groups in one object.
impl<A: ReadFields, B: ReadFields> ReadFields for (A, B) {
    fn describe(fields: &mut Fields) {
        A::describe(fields);
        B::describe(fields);
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        // Both are read, so that every fault is found.
        let (a, b) = (A::read_fields(map, at), B::read_fields(map, at));
        Some((a?, b?))
    }
}

/// An object of named fields, as [`body!`](crate::body) declares them.
pub trait Body: Read {
    /// Its fields, those of its group included.
    fn fields() -> Fields;
}

/// Declares a body or query: a struct whose fields are read from the input by their names.
///
/// `Option<T>` may be absent or null, [`Patch<T>`] tells the two apart, everything else is required. A field that
/// needs another key says `name as "key"`; after a semicolon stands what is read from several keys at once.
#[macro_export]
macro_rules! body {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field:ident $(as $key:literal)? : $type:ty),* $(,)?
        $(; $group:ident : $group_type:ty)?
    }) => {
        $(#[$meta])*
        #[derive(Debug)]
        $vis struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            $(pub $group: $group_type,)?
        }

        impl $crate::kernel::read::Body for $name {
            fn fields() -> $crate::kernel::schema::Fields {
                let mut fields = $crate::kernel::schema::Fields::default();
                $(fields.add::<$type>($crate::body!(@key $field $($key)?));)*
                $(<$group_type as $crate::kernel::read::ReadFields>::describe(&mut fields);)?
                fields
            }
        }

        impl $crate::kernel::read::Read for $name {
            const FIELDS: &'static [&'static str] = &[$($crate::body!(@key $field $($key)?)),*];

            fn schema() -> serde_json::Value {
                <Self as $crate::kernel::read::Body>::fields().object()
            }

            fn read(
                value: Option<serde_json::Value>,
                at: &mut $crate::kernel::read::Reader<'_>,
            ) -> Option<Self> {
                let mut map = at.object(value)?;
                $(
                    let key = $crate::body!(@key $field $($key)?);
                    let $field = <$type as $crate::kernel::read::Read>::read(map.remove(key), &mut at.field(key));
                )*
                $(let $group = <$group_type as $crate::kernel::read::ReadFields>::read_fields(&mut map, at);)?
                Some(Self { $($field: $field?,)* $($group: $group?,)? })
            }
        }
    };
    (@key $field:ident $key:literal) => { $key };
    (@key $field:ident) => { stringify!($field) };
}

/// Declares a closed set of words: an enum that is read from, written to and stored as its words.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// The word as it is sent and stored.
            $vis fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The word of this spelling, if there is one.
            $vis fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <str as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(ty: &sqlx::postgres::PgTypeInfo) -> bool {
                <str as sqlx::Type<sqlx::Postgres>>::compatible(ty)
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <&str as sqlx::Encode<'_, sqlx::Postgres>>::encode_by_ref(&self.as_str(), buffer)
            }
        }

        impl<'r> sqlx::Decode<'r, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                let word = <&str as sqlx::Decode<'r, sqlx::Postgres>>::decode(value)?;
                Self::from_word(word).ok_or_else(|| format!("{word} is no {}", stringify!($name)).into())
            }
        }

        impl sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <String as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        $crate::inline_schema! { [] $name, $crate::kernel::schema::words(&[$($word),*]) }

        impl $crate::kernel::read::Read for $name {
            fn schema() -> serde_json::Value {
                $crate::kernel::schema::words(&[$($word),*])
            }

            fn read(
                value: Option<serde_json::Value>,
                at: &mut $crate::kernel::read::Reader<'_>,
            ) -> Option<Self> {
                let text = <String as $crate::kernel::read::Read>::read(value, at)?;
                Self::from_word(&text)
                    .or_else(|| at.fault("invalid_value", concat!("must be one of:" $(, " ", $word)*)))
            }
        }
    };
}
