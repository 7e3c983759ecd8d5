//! Faults of input, collected, so that one answer names all of them.
//!
//! [`super::read`] finds the faults of form (missing, wrong type); [`Check`] adds those of content (too long, not
//! an address). Rules that need the database are not here: they are the domain's.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::error::{Error, FieldFault, Result};

/// The faults found so far; of very many, the first.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldFault>);

/// An answer names at most that many faults, so that a wrong request cannot ask for a huge one.
const MOST: usize = 100;

impl Faults {
    /// Notes a fault of a field.
    pub fn add(&mut self, field: impl Into<String>, code: &'static str, message: impl Into<Cow<'static, str>>) {
        if self.0.len() < MOST {
            self.0.push(FieldFault { field: Some(field.into()), code, message: message.into() });
        }
    }

    /// Ok if there are none.
    pub fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::invalid(self.0)) }
    }

    /// The field must hold something other than white space.
    pub fn not_blank(&mut self, field: &str, value: &str) {
        if value.trim().is_empty() {
            self.add(field, "required", format!("{field} must not be empty."));
        }
    }

    /// The field may have at most that many characters.
    pub fn max(&mut self, field: &str, value: &str, characters: usize) {
        if value.chars().count() > characters {
            self.add(field, "too_long", format!("{field} must have at most {characters} characters."));
        }
    }

    /// The field must lie within these bounds.
    pub fn between(&mut self, field: &str, value: i64, bounds: &RangeInclusive<i64>) {
        if !bounds.contains(&value) {
            let (low, high) = (bounds.start(), bounds.end());
            self.add(field, "invalid_value", format!("{field} must be between {low} and {high}."));
        }
    }

    /// The list may have at most that many items.
    pub fn most(&mut self, field: &str, items: usize, most: usize) {
        if items > most {
            self.add(field, "too_long", format!("{field} must have at most {most} items."));
        }
    }

    /// What people call a role or a permission, and what they say of it: 1-48 and at most 150 characters.
    pub fn described(&mut self, name: Option<&str>, description: Option<&str>) {
        if let Some(name) = name {
            self.not_blank("name", name);
            self.max("name", name, 48);
        }
        if let Some(description) = description {
            self.max("description", description, 150);
        }
    }

    /// An external id: 1-128 characters of ASCII.
    pub fn external_id(&mut self, field: &str, value: &str) {
        if value.is_empty() || value.len() > 128 || !value.is_ascii() {
            self.add(field, "invalid_format", format!("{field} must be 1 to 128 ASCII characters."));
        }
    }

    /// A slug: 1-48 lower-case letters, digits and these other characters.
    pub fn slug(&mut self, field: &str, value: &str, others: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c);
        if value.is_empty() || value.len() > 48 || !value.chars().all(allowed) {
            self.add(
                field,
                "invalid_format",
                format!("{field} must be 1 to 48 characters: lower-case letters, digits and any of '{others}'."),
            );
        }
    }

    /// An e-mail address, by form only: one `@` with something before it and a name after it, no spaces.
    pub fn email(&mut self, field: &str, value: &str) {
        if !is_email(value.trim()) {
            self.add(field, "invalid_email", format!("{field} must be an email address."));
        }
    }
}

/// Whether this has the form of an e-mail address that could be delivered to.
///
/// Deliberately wider than any grammar: what matters is that nothing here can split a header, a log line or a
/// comparison, and that both sides of the `@` are there.
pub fn is_email(value: &str) -> bool {
    let Some((local, domain)) = value.rsplit_once('@') else { return false };
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ',' | ';');
    !local.is_empty()
        && local.len() <= 64
        && value.len() <= 254
        && !local.contains('@')
        && value.chars().all(plain)
        && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
}

/// The form in which e-mail addresses are compared: trimmed and in lower case, as everybody reads them, although RFC
/// 5321 would let a host tell `Ann` from `ann`.
pub fn normal_email(value: &str) -> String {
    value.trim().to_lowercase()
}

/// The rules of a body or query that need nothing but itself.
pub trait Check {
    /// Adds the faults of content. The default has none to add.
    fn check(&self, _faults: &mut Faults) {}
}
