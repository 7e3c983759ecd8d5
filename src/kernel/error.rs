//! The one error: what went wrong, in the terms of the API, without a transport.
//!
//! Built by constructor with a static code. `http::error` turns it into a status and an envelope; nothing below
//! that floor knows either. Internal causes travel as the source: logged once at the edge, never worded to a
//! client.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::id::{Id, Kind as IdKind};

/// What every function that can fail returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is; each door has one status for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The input has not the form that it must have.
    Invalid,
    /// A rule of the domain refuses it.
    Refused,
    /// Nobody, or somebody with a wrong key.
    Unauthenticated,
    /// Known, but not allowed to.
    Forbidden,
    /// There is no such thing, for this caller.
    Missing,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It contradicts something that exists.
    Conflict,
    /// The body is larger than the operator allows.
    TooLarge,
    /// The address is longer than any that is taken.
    AddressTooLong,
    /// There are more headers, or longer ones, than are taken.
    HeadTooLarge,
    /// The head or the body did not arrive in time.
    TooSlow,
    /// Too many requests: come back in that many seconds.
    TooMany(u32),
    /// The server cannot answer just now: come back in that many seconds.
    Unavailable(u32),
    /// Our fault.
    Internal,
}

/// Which of the API's two envelopes a failure is written in.
///
/// Sign-in speaks both on one endpoint, chosen by failure and not by grant, so the failure carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `{code, message}`.
    Message,
    /// `{error, error_description}`, of OAuth.
    OAuth,
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// Where it is: `domain_data[0].domain`. Faults of a value as a whole name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: Cow<'static, str>,
}

/// A failure.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    envelope: Envelope,
    code: Option<&'static str>,
    message: Cow<'static, str>,
    faults: Vec<FieldFault>,
    extra: Map<String, Value>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of this kind, without a code.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            envelope: Envelope::Message,
            code: None,
            message: message.into(),
            faults: Vec::new(),
            extra: Map::new(),
            source: None,
        }))
    }

    fn coded(kind: Kind, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::new(kind, message);
        error.0.code = Some(code);
        error
    }

    /// The input has these faults.
    pub fn invalid(faults: Vec<FieldFault>) -> Self {
        let mut error = Self::coded(Kind::Invalid, "invalid_request_parameters", "Validation failed.");
        error.0.faults = faults;
        error
    }

    /// One field of the input has this fault.
    pub fn field(field: impl Into<String>, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid(vec![FieldFault { field: Some(field.into()), code, message: message.into() }])
    }

    /// The input is well formed, but what it names cannot be used (422 with a code of its own).
    pub fn unprocessable(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::coded(Kind::Invalid, code, message)
    }

    /// A rule refuses it.
    pub fn refused(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::coded(Kind::Refused, code, message)
    }

    /// A failure in the envelope of OAuth.
    pub fn oauth(error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let mut error = Self::coded(Kind::Refused, error, description);
        error.0.envelope = Envelope::OAuth;
        error
    }

    /// It contradicts something that exists.
    pub fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::coded(Kind::Conflict, code, message)
    }

    /// Nobody, or somebody with a wrong key.
    pub fn unauthenticated() -> Self {
        Self::coded(Kind::Unauthenticated, "unauthorized", "Unauthorized")
    }

    /// Not allowed, for this reason.
    pub fn forbidden(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::coded(Kind::Forbidden, code, message)
    }

    /// There is no object with this id.
    pub fn missing<K: IdKind>(id: &Id<K>) -> Self {
        Self::missing_named(K::NAME, id.as_str())
    }

    /// There is no object of this name, for things that are not addressed by id.
    pub fn missing_named(what: &str, name: &str) -> Self {
        Self::coded(Kind::Missing, "entity_not_found", format!("{what} not found: '{name}'."))
    }

    /// Something failed that the caller can do nothing about.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::coded(Kind::Internal, "internal_server_error", "Internal server error.");
        error.0.source = Some(source.into());
        error
    }

    /// Something that the server needs is not there just now.
    pub fn unavailable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let mut error = Self::coded(
            Kind::Unavailable(1),
            "service_unavailable",
            "The service is temporarily unavailable. Try again shortly.",
        );
        error.0.source = Some(source.into());
        error
    }

    /// The same failure for one more of those whom it befell, when something was done for several together.
    pub fn shared(error: &Arc<Self>) -> Self {
        let mut own = Self::new(error.kind(), error.0.message.clone());
        own.0.envelope = error.0.envelope;
        own.0.code = error.0.code;
        own.0.faults.clone_from(&error.0.faults);
        own.0.extra.clone_from(&error.0.extra);
        own.0.source = Some(Arc::clone(error).into());
        own
    }

    /// Too many requests; come back in that many seconds.
    pub fn too_many(code: &'static str, message: impl Into<Cow<'static, str>>, seconds: u32) -> Self {
        Self::coded(Kind::TooMany(seconds), code, message)
    }

    /// Adds a key to the envelope, beside code and message.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(key.to_owned(), value.into());
        self
    }

    /// Says the same in another envelope.
    #[must_use]
    pub fn in_envelope(mut self, envelope: Envelope) -> Self {
        self.0.envelope = envelope;
        self
    }

    /// Adds faults that belong to the value as a whole.
    #[must_use]
    pub fn with_faults(mut self, faults: Vec<FieldFault>) -> Self {
        self.0.faults = faults;
        self
    }

    /// The same refusal as the fault of one field, where it names none. A failure that is not the input's fault stays what it
    /// is.
    #[must_use]
    pub fn of_field(self, field: impl Into<String>) -> Self {
        if matches!(self.kind(), Kind::Internal | Kind::Unavailable(_)) || !self.faults().is_empty() {
            return self;
        }
        Self::field(field, self.0.code.unwrap_or("refused"), self.0.message)
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Which envelope it wants.
    pub fn envelope(&self) -> Envelope {
        self.0.envelope
    }

    /// The code, for programs.
    pub fn code(&self) -> Option<&'static str> {
        self.0.code
    }

    /// The message, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The faults of fields.
    pub fn faults(&self) -> &[FieldFault] {
        &self.0.faults
    }

    /// The keys beside code and message.
    pub fn extra(&self) -> &Map<String, Value> {
        &self.0.extra
    }

    /// The cause, if it is of this type.
    pub fn source_as<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.source.as_ref()?.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for fault in &self.0.faults {
            write!(f, " {}: {}", fault.field.as_deref().unwrap_or("value"), fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source.as_ref() as _)
    }
}
