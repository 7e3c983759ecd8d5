//! `vestibule keys`: the management keys of an environment, from the terminal.
//!
//! It works beside a running server, which obeys at its next request. The value of a new key goes to standard output
//! and nothing else does, so that a script can take it: `KEY=$(vestibule keys create --name ci)`.

use std::io::Write as _;

use super::{Keys, Outcome, database, logging};
use crate::db::{Database, System};
use crate::domain;
use crate::kernel::Error;
use crate::kernel::config::Config;
use crate::kernel::id::{EnvironmentId, ManagementKeyId};
use crate::model::environments::{Environment, ManagementKey};
use crate::store;

pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Creates, lists or revokes keys.
///
/// # Errors
///
/// When the database cannot be reached, or there is no such environment or key.
pub async fn run(config: Config, arguments: Keys) -> Outcome {
    logging::start(&config)?;
    let opened = database::open_beside(&config).await?;
    let answered = answer(&opened.database, arguments).await;
    let closed = opened.close().await;
    print(&answered?)?;
    closed
}

/// Does what was asked and says what is to be printed.
async fn answer(database: &Database, arguments: Keys) -> Result<String, Fault> {
    database::prepare(database).await?;
    match arguments {
        Keys::Create { environment, name } => create(database, environment.as_deref(), &name).await,
        Keys::List { environment } => {
            let mut system = database.system().await?;
            let environment = choose(&mut system, environment.as_deref()).await?;
            let keys = store::system::management_keys::list_all(&mut system, environment.key).await?;
            Ok(table(&keys))
        }
        Keys::Revoke { environment, key } => revoke(database, environment.as_deref(), &key).await,
    }
}

async fn create(database: &Database, environment: Option<&str>, name: &str) -> Result<String, Fault> {
    if name.trim().is_empty() || name.chars().count() > 255 {
        return Err("--name must have 1 to 255 characters".into());
    }
    let environment = choose(&mut database.system().await?, environment).await?;
    let make = async |system: &mut System| domain::environments::create_key(system, &environment, name, None).await;
    let (_, value) = database.write_system(make).await?;
    Ok(format!("{}\n", value.expose()))
}

async fn revoke(database: &Database, environment: Option<&str>, key: &str) -> Result<String, Fault> {
    let environment = choose(&mut database.system().await?, environment).await?;
    let id = ManagementKeyId::verbatim(key);
    let remove = async |system: &mut System| domain::environments::delete_key(system, &environment, &id).await;
    database.write_system(remove).await?;
    Ok(format!("revoked {id} of the environment '{}'\n", environment.name))
}

/// The environment of this id or name; the only one, if nothing is said.
pub(super) async fn choose(system: &mut System, wanted: Option<&str>) -> Result<Environment, Fault> {
    let Some(wanted) = wanted else {
        let mut found = store::system::environments::list_first(system, 2).await?;
        return match (found.pop(), found.pop()) {
            (Some(environment), None) => Ok(environment),
            (Some(_), Some(_)) => Err("there are several environments: say which with --environment".into()),
            (None, _) => Err("there is no environment yet: start the server once, or apply a seed file".into()),
        };
    };
    let id = EnvironmentId::verbatim(wanted);
    if let Some(environment) = store::system::environments::find(system, &id).await? {
        return Ok(environment);
    }
    let mut named = store::system::environments::list_by_name(system, wanted).await?;
    match (named.pop(), named.pop()) {
        (Some(environment), None) => Ok(environment),
        (Some(_), Some(_)) => Err(format!("several environments are called '{wanted}': give the id").into()),
        (None, _) => Err(Error::missing(&id).into()),
    }
}

fn table(keys: &[ManagementKey]) -> String {
    let row = |key: &ManagementKey| {
        [key.id.to_string(), key.name.clone(), key.obfuscated_value.clone(), key.created_at.to_string()]
    };
    columns(["ID", "NAME", "KEY", "CREATED"], keys.iter().map(row))
}

/// Rows in columns, the heading first.
pub(super) fn columns<const N: usize>(heading: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

pub(super) fn print(text: &str) -> Outcome {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
