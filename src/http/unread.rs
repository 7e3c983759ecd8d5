//! What came from a client and is no request: how it is answered, in the envelope and with an id like everything else.
//!
//! The listener notices it (`http/line.rs`, [`super::serve`]) and sends a request in its place through the router, which
//! says what it stands for. So the answer comes from behind the edge, which logs and counts it.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::kernel::Error;
use crate::kernel::error::Kind;

/// Why something could not be read as a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is no HTTP.
    Malformed,
    /// Its address is longer than any that we take.
    AddressTooLong,
    /// It has more headers, or longer ones, than we take.
    HeadTooLarge,
    /// Its head did not arrive in time.
    TooSlow,
}

impl Unread {
    fn error(self) -> Error {
        match self {
            Self::Malformed => Error::refused("invalid_request", "The request is not valid HTTP."),
            Self::AddressTooLong => {
                Error::new(Kind::AddressTooLong, "The address of the request is longer than 64 KiB.")
            }
            Self::HeadTooLarge => {
                Error::new(Kind::HeadTooLarge, "The request has more than 100 headers, or a head of more than 400 KiB.")
            }
            Self::TooSlow => Error::new(Kind::TooSlow, "The head of the request did not arrive in time."),
        }
    }
}

/// Answers requests that stand for what could not be read, and lets all others pass.
pub async fn answer(request: Request, next: Next) -> Response {
    match request.extensions().get::<Unread>() {
        Some(unread) => unread.error().into_response(),
        None => next.run(request).await,
    }
}
