//! The ids of what the generator makes: an id of this server tells when something was made, so they rise with numbers.

use std::fmt::{self, Display, Formatter};

use ulid::Ulid;

use super::dice::mix;

/// The first of January 2025; everything was made a millisecond after the thing before it.
const BEGINNING: u64 = 1_735_689_600_000;

/// Something of a kind, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(&'static str, u32);

impl Name {
    pub fn organization(number: u32) -> Self {
        Self("org", number)
    }

    pub fn user(number: u32) -> Self {
        Self("user", number)
    }

    pub fn membership(number: u32) -> Self {
        Self("om", number)
    }

    pub fn group(number: u32) -> Self {
        Self("group", number)
    }

    pub fn resource(number: u32) -> Self {
        Self("authz_resource", number)
    }

    pub fn assignment(number: u32) -> Self {
        Self("role_assignment", number)
    }

    pub fn group_assignment(number: u32) -> Self {
        Self("gra", number)
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.0, ulid(self.1))
    }
}

/// The id of a number, which is the same for all kinds.
pub fn ulid(number: u32) -> Ulid {
    let random = u128::from(mix(u64::from(number))) << 16 | u128::from(number & 0xffff);
    Ulid::from_parts(BEGINNING + u64::from(number), random)
}

/// When it was made, as PostgreSQL reads it.
pub fn moment(number: u32) -> impl Display {
    let millis = i64::try_from(BEGINNING + u64::from(number)).unwrap_or_default();
    chrono::DateTime::from_timestamp_millis(millis).unwrap_or_default().format("%Y-%m-%dT%H:%M:%S%.3fZ")
}
