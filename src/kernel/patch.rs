//! Three states of a field in an update: not mentioned, cleared, set.

/// A field of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Not in the body: leave it.
    #[default]
    Absent,
    /// `null`: clear it.
    Null,
    /// A value: set it.
    Value(T),
}

impl<T> Patch<T> {
    /// What a nullable field becomes.
    pub fn or(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Absent => current,
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }

    /// The value, if one is set: for creation, where absent and null are the same.
    pub fn into_option(self) -> Option<T> {
        self.or(None)
    }

    /// The same patch of another type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(change(value)),
        }
    }

    /// The value by reference, if one is set.
    pub fn as_value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }
}
