//! Answers: the few forms that a success has.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::extract::Json;

/// 201 with the object.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

/// 200 with the one object of its kind. Nothing in the path names it, and still it may be missing.
#[derive(Debug)]
pub struct Existing<T>(pub T);

impl<T: Serialize> IntoResponse for Existing<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

/// 200 without a body, and so without a content type: SDKs would try to read one.
#[derive(Debug)]
pub struct Done;

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        StatusCode::OK.into_response()
    }
}

/// 202 without a body.
#[derive(Debug)]
pub struct Accepted;

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

/// 204.
#[derive(Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}
