//! What applying a seed changed, or would change.

use std::fmt;

/// Whether something was made or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It was not there.
    Create,
    /// It was there, and otherwise.
    Update,
}

/// One change: `create organization 'Acme'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether it was made or changed.
    pub verb: Verb,
    /// What it is: `organization`.
    pub what: &'static str,
    /// The name by which the operator knows it.
    pub name: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Create => "create",
            Verb::Update => "update",
        };
        write!(f, "{verb} {} '{}'", self.what, self.name)
    }
}

/// What was changed so far, in its order.
///
/// The names in it are e-mail addresses, among others: it is for the operator at the terminal, not for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The changes.
    pub changes: Vec<Change>,
    /// What the file leaves open, and how it was taken: a line each.
    pub warnings: Vec<String>,
}

impl Report {
    pub(super) fn created(&mut self, what: &'static str, name: impl Into<String>) {
        self.changes.push(Change { verb: Verb::Create, what, name: name.into() });
    }

    pub(super) fn warn(&mut self, place: &str, what: &str) {
        self.warnings.push(format!("{place}: {what}"));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.warnings.extend(other.warnings);
    }

    /// Notes an update, if it was one.
    pub(super) fn updated(&mut self, changed: bool, what: &'static str, name: impl Into<String>) {
        if changed {
            self.changes.push(Change { verb: Verb::Update, what, name: name.into() });
        }
    }
}
