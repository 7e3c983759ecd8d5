//! How a route describes itself: by the types of what its handler takes and of what it answers.
//!
//! [`Routes`](super::routes::Routes) accepts only handlers that are [`Described`], which is every function of
//! [`Input`]s that answers with an [`Answer`]. So no route is without a description, and none can differ from what the
//! program does. `http::openapi` makes the documents of it.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::header::{HeaderMap, HeaderName};
use axum::http::{Method, StatusCode};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use super::auth::{Operator, Scope};
use super::extract::{Json, JsonOrForm, JsonOrQuery, Path, Query, Segment};
use super::respond::{Accepted, Created, Done, Existing, NoContent};
use super::state::App;
use crate::kernel::Error;
use crate::kernel::error::Envelope;
use crate::kernel::read::{Body, Read};
use crate::kernel::schema::Field;

/// A description in the making.
#[derive(Debug)]
pub struct Operation<'d> {
    schemas: &'d mut SchemaGenerator,
    /// The name of the security scheme by which callers show who they are, if they must.
    pub security: Option<&'static str>,
    /// The envelope of its failures, where it is not that of the API alone.
    pub envelope: Envelope,
    /// What its failures may be.
    pub failures: BTreeSet<StatusCode>,
    /// What the parameters of the path look like, in their order.
    pub segments: Vec<Value>,
    /// What may stand in the query.
    pub query: Vec<Field>,
    /// The types that the body may be written in.
    pub body_types: &'static [&'static str],
    /// What the body looks like.
    pub body: Value,
    /// The status of a success, and what its body looks like if it has one.
    pub success: (StatusCode, Option<Value>),
}

impl<'d> Operation<'d> {
    /// Describes a route. The schemas that it refers to are added to these.
    pub fn of(method: &Method, describe: fn(&mut Operation<'_>), schemas: &'d mut SchemaGenerator) -> Self {
        let mut operation = Self {
            schemas,
            security: None,
            envelope: Envelope::Message,
            failures: BTreeSet::from([StatusCode::INTERNAL_SERVER_ERROR]),
            segments: Vec::new(),
            query: Vec::new(),
            body_types: &[],
            body: Value::Null,
            success: (StatusCode::OK, None),
        };
        describe(&mut operation);
        if method != Method::GET {
            operation.may_fail(&[
                StatusCode::BAD_REQUEST,
                StatusCode::FORBIDDEN,
                StatusCode::NOT_FOUND,
                StatusCode::CONFLICT,
                StatusCode::UNPROCESSABLE_ENTITY,
            ]);
        }
        operation
    }

    /// It may fail in these ways.
    pub fn may_fail(&mut self, statuses: &[StatusCode]) {
        self.failures.extend(statuses);
    }

    /// It succeeds with this status and an object of this type.
    pub fn succeeds<T: JsonSchema>(&mut self, status: StatusCode) {
        self.success = (status, Some(self.schemas.subschema_for::<T>().to_value()));
    }
}

/// A handler whose types describe it. `T` is the same as axum's: it only tells the implementations apart.
pub trait Described<T> {
    /// Writes the description.
    fn describe(operation: &mut Operation<'_>);
}

/// Something that a handler takes.
pub trait Input {
    /// Adds what taking it asks of the caller, and how it can fail.
    fn describe(operation: &mut Operation<'_>);
}

/// Something that a handler answers with.
pub trait Answer {
    /// Adds the success that it is.
    fn describe(operation: &mut Operation<'_>);
}

macro_rules! described {
    ($($input:ident)*) => {
        impl<F, Answering, A, Kind, $($input),*> Described<(Kind, $($input),*)> for F
        where
            F: FnOnce($($input),*) -> Answering,
            Answering: Future<Output = A>,
            A: Answer,
            $($input: Input,)*
        {
            fn describe(operation: &mut Operation<'_>) {
                $($input::describe(operation);)*
                A::describe(operation);
            }
        }
    };
}

impl<F, Answering, A> Described<((),)> for F
where
    F: FnOnce() -> Answering,
    Answering: Future<Output = A>,
    A: Answer,
{
    fn describe(operation: &mut Operation<'_>) {
        A::describe(operation);
    }
}

described!(T1);
described!(T1 T2);
described!(T1 T2 T3);
described!(T1 T2 T3 T4);
described!(T1 T2 T3 T4 T5);
described!(T1 T2 T3 T4 T5 T6);

impl Input for Scope {
    fn describe(operation: &mut Operation<'_>) {
        operation.security = Some("key");
        operation.may_fail(&[StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE]);
    }
}

impl Input for Operator {
    fn describe(operation: &mut Operation<'_>) {
        operation.security = Some("operator");
        operation.may_fail(&[StatusCode::UNAUTHORIZED, StatusCode::SERVICE_UNAVAILABLE]);
    }
}

impl Input for State<App> {
    fn describe(operation: &mut Operation<'_>) {
        operation.may_fail(&[StatusCode::SERVICE_UNAVAILABLE]);
    }
}

impl Input for HeaderMap {
    fn describe(_: &mut Operation<'_>) {}
}

impl<T: Input> Input for Result<T, Error> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: Read> Input for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.may_fail(&[
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
        operation.body = T::schema();
        operation.body_types = &["application/json"];
    }
}

/// Taken by the endpoints that applications call in the name of a client: these answer in both envelopes, and count
/// attempts.
impl<T: Read> Input for JsonOrForm<T> {
    fn describe(operation: &mut Operation<'_>) {
        <Json<T> as Input>::describe(operation);
        operation.body_types = &["application/json", "application/x-www-form-urlencoded"];
        operation.envelope = Envelope::OAuth;
        operation.may_fail(&[StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS]);
    }
}

/// The body alone is described: it is how the operation is meant to be called.
impl<T: Read> Input for JsonOrQuery<T> {
    fn describe(operation: &mut Operation<'_>) {
        <Json<T> as Input>::describe(operation);
    }
}

impl<T: Body> Input for Query<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.may_fail(&[
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
            StatusCode::URI_TOO_LONG,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
        operation.query.extend(T::fields());
    }
}

macro_rules! path {
    ($type:ty: $($segment:ident)*) => {
        impl<$($segment: Segment),*> Input for Path<$type> {
            fn describe(operation: &mut Operation<'_>) {
                operation.may_fail(&[StatusCode::NOT_FOUND]);
                operation.segments.extend([$($segment::schema()),*]);
            }
        }
    };
}

path!(A: A);
path!((A, B): A B);
path!((A, B, C): A B C);

impl<T: Answer> Answer for Result<T, Error> {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

/// An answer with headers.
impl<T: Answer, const N: usize> Answer for ([(HeaderName, &'static str); N], T) {
    fn describe(operation: &mut Operation<'_>) {
        T::describe(operation);
    }
}

impl<T: JsonSchema> Answer for Json<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.succeeds::<T>(StatusCode::OK);
    }
}

impl<T: JsonSchema> Answer for Existing<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.succeeds::<T>(StatusCode::OK);
        operation.may_fail(&[StatusCode::NOT_FOUND]);
    }
}

impl<T: JsonSchema> Answer for Created<T> {
    fn describe(operation: &mut Operation<'_>) {
        operation.succeeds::<T>(StatusCode::CREATED);
    }
}

impl Answer for Done {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = (StatusCode::OK, None);
    }
}

impl Answer for Accepted {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = (StatusCode::ACCEPTED, None);
    }
}

impl Answer for NoContent {
    fn describe(operation: &mut Operation<'_>) {
        operation.success = (StatusCode::NO_CONTENT, None);
    }
}
