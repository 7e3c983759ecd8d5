//! From a file to a [`Seed`]: YAML or JSON, then the fields, every fault noted with its place.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Failure;
use super::check;
use super::fault::line;
use super::place::is_warning;
use super::shape::{Environment, File, Identity};
use crate::domain::installation::Seeded;
use crate::kernel::check::Faults;
use crate::kernel::error::FieldFault;
use crate::kernel::read::{Encoding, Read as _, Reader};

/// So many nodes a file may have, however small it is.
const LEAST_NODES: usize = 250_000;
/// So many bytes all its texts may have together, likewise.
const LEAST_BYTES: usize = 64 << 20;

/// A seed file that was understood.
#[derive(Debug)]
pub struct Seed {
    /// Where it was read from.
    pub path: PathBuf,
    /// The environments that it describes.
    pub(super) environments: Vec<Environment>,
    /// What was left out of it, and why: a line each, for the operator.
    pub warnings: Vec<String>,
}

impl Seed {
    /// What it says about its first environment, for a server that has none yet.
    pub fn first(&self) -> Seeded {
        let Some(environment) = self.environments.first() else { return Seeded::default() };
        let Identity { id, name, api_key, client_id, settings: _, at: _ } = &environment.identity;
        Seeded {
            id: id.clone(),
            name: name.clone(),
            client_id: client_id.as_ref().map(ToString::to_string),
            api_key: api_key.clone(),
        }
    }
}

/// Reads a seed file: JSON if its name ends in `.json`, YAML otherwise.
///
/// # Errors
///
/// When it cannot be read, or says what cannot be: all faults together.
pub fn read(path: &Path) -> Result<Seed, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Unreadable(path.to_owned(), error))?;
    let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let value = if is_json { json(&text) } else { yaml(&text) };
    understand(path, value.map_err(|problem| Failure::Syntax(path.to_owned(), problem))?)
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))
}

/// YAML as its version 1.2 has it, so that `no` is a text. Lines of the file are never repeated in an error: they may
/// hold a password.
fn yaml(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    // Of a file as large as its operator made it; beyond that, only aliases could multiply what is in it.
    let (nodes, bytes) = (text.len().max(LEAST_NODES), text.len().max(LEAST_BYTES));
    let budget = serde_saphyr::budget! { max_events: 4 * nodes, max_nodes: nodes, max_total_scalar_bytes: bytes };
    let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false, budget: budget };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| match error.without_snippet() {
        // The key may be one that opens the environment.
        serde_saphyr::Error::DuplicateMappingKey { location, .. } => {
            format!("a key comes twice in one mapping, the second time in line {}", location.line())
        }
        error => format!("it is not YAML: {error}"),
    })
}

fn understand(path: &Path, value: Value) -> Result<Seed, Failure> {
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    if !value.is_object() {
        return Err(Failure::Syntax(path.to_owned(), "it must be a mapping at its top, such as `users:`".to_owned()));
    }
    let mut faults = Faults::default();
    let file = File::read(Some(value), &mut Reader::new(Encoding::File, &mut faults));
    let environments = file.map(File::into_environments).unwrap_or_default();
    for environment in &environments {
        check::environment(environment, &mut faults);
    }
    let found = faults.finish().err().map(|error| error.faults().to_vec()).unwrap_or_default();
    let (warnings, faults): (Vec<FieldFault>, Vec<FieldFault>) = found.into_iter().partition(is_warning);
    if !faults.is_empty() {
        return Err(Failure::Faults(path.to_owned(), faults));
    }
    Ok(Seed { path: path.to_owned(), environments, warnings: warnings.iter().map(line).collect() })
}
