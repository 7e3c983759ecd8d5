//! What is wrong with a seed, with the place in the file: `users[2].email`.

use std::fmt;
use std::path::PathBuf;

use crate::kernel::Error;
use crate::kernel::error::{FieldFault, Kind};

/// Why a seed was not applied. Nothing of the environment that it is about was changed.
#[derive(Debug)]
pub enum Failure {
    /// The file cannot be opened.
    Unreadable(PathBuf, std::io::Error),
    /// It is neither YAML nor JSON.
    Syntax(PathBuf, String),
    /// It says what cannot be.
    Faults(PathBuf, Vec<FieldFault>),
    /// The server failed, not the file.
    Server(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, _) => write!(f, "the seed file {} cannot be read", path.display()),
            Self::Syntax(path, problem) => write!(f, "the seed file {} cannot be read: {problem}", path.display()),
            Self::Faults(path, faults) => {
                write!(f, "the seed file {} cannot be applied:", path.display())?;
                faults.iter().try_for_each(|fault| write!(f, "\n  {}", line(fault)))
            }
            Self::Server(error) => write!(f, "the seed could not be applied: {error}"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Server(error) => std::error::Error::source(error),
            Self::Syntax(..) | Self::Faults(..) => None,
        }
    }
}

/// A fault in one line, the place once and in front: messages mostly begin with the field that they are about.
pub(super) fn line(fault: &FieldFault) -> String {
    let place = fault.field.as_deref().unwrap_or("file");
    let name = place.rsplit('.').next().unwrap_or(place);
    let rest = fault.message.strip_prefix(place).or_else(|| fault.message.strip_prefix(name));
    match rest {
        Some(rest) if rest.starts_with(' ') => format!("{place}{rest}"),
        Some(_) | None => format!("{place}: {}", fault.message),
    }
}

impl Failure {
    /// A failure while the seed was applied: by the file's fault, or by the server's.
    pub(super) fn of(path: PathBuf, error: Error) -> Self {
        match error.kind() {
            Kind::Internal | Kind::Unavailable(_) | Kind::TooMany(_) => Self::Server(error),
            Kind::Invalid
            | Kind::Refused
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::Missing
            | Kind::MethodNotAllowed
            | Kind::Conflict
            | Kind::TooLarge
            | Kind::AddressTooLong
            | Kind::HeadTooLarge
            | Kind::TooSlow => match error.faults() {
                [] => Self::Faults(
                    path,
                    vec![FieldFault { field: None, code: "refused", message: error.message().to_owned().into() }],
                ),
                faults => Self::Faults(path, faults.to_vec()),
            },
        }
    }
}

/// What is there, or nothing: for the look-ups that only know how to fail.
pub(super) fn found<T>(outcome: Result<T, Error>) -> Result<Option<T>, Error> {
    match outcome {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == Kind::Missing => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a refusal of the domain its place in the file.
pub(super) trait At {
    /// Fields that the refusal names are fields of this place; one that names none is about the place itself.
    fn within(self, place: &str) -> Self;

    /// The refusal is about this place, whatever field it names.
    fn at(self, place: &str) -> Self;
}

impl<T> At for Result<T, Error> {
    fn within(self, place: &str) -> Self {
        self.map_err(|error| {
            placed(error, |field| match field {
                Some(field) => format!("{place}.{field}"),
                None => place.to_owned(),
            })
        })
    }

    fn at(self, place: &str) -> Self {
        self.map_err(|error| placed(error, |_| place.to_owned()))
    }
}

fn placed(error: Error, place: impl Fn(Option<&str>) -> String) -> Error {
    if matches!(error.kind(), Kind::Internal | Kind::Unavailable(_)) {
        return error;
    }
    let fault = |field: Option<&str>, code, message| FieldFault { field: Some(place(field)), code, message };
    let faults: Vec<_> =
        error.faults().iter().map(|found| fault(found.field.as_deref(), found.code, found.message.clone())).collect();
    if faults.is_empty() {
        let code = error.code().unwrap_or("refused");
        return Error::invalid(vec![fault(None, code, error.message().to_owned().into())]);
    }
    Error::invalid(faults)
}
