//! Writing an environment down as a seed, which [`apply`](super::apply()) makes again elsewhere with the same ids.
//!
//! All of it is read in one snapshot, page by page, and written as it is read, so that neither the size of the
//! environment nor what others change meanwhile matters. What is in it comes in the order of ids, resources and the roles on
//! them in that of their making, and times of making and change are left out: an export of what was applied from an export
//! is the same text.
//!
//! Secrets are written only where somebody asks for them. The keys of the file are [`super::shape`]'s.

mod api_keys;
mod applications;
mod environment;
mod feature_flags;
mod organizations;
mod resources;
mod role_assignments;
mod roles;
mod users;
mod waitlists;
mod webhook_endpoints;
mod writer;

use std::io::Write;

use crate::db::{Database, Db};
use crate::kernel::crypto::Keyring;
use crate::kernel::id::Kind;
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;

use self::writer::Writer;

/// Whether what opens something is written too: hashes of passwords and keys, and what signs webhooks.
#[derive(Debug, Clone, Copy)]
pub enum Secrets<'s> {
    /// They are not.
    Hidden,
    /// They are, opened with these keys. The file must be kept like the database itself.
    Shown(&'s Keyring),
}

/// Writes an environment as a seed, in YAML.
///
/// # Errors
///
/// When the database cannot be read, or the writer fails.
pub async fn export(
    database: &Database,
    environment: &Environment,
    secrets: Secrets<'_>,
    out: impl Write + Send,
) -> Result<()> {
    let mut db = database.snapshot(environment.key).await?;
    let mut out = Writer::new(out);
    environment::write(environment, &mut out)?;
    roles::write(&mut db, &mut out).await?;
    users::write(&mut db, secrets, &mut out).await?;
    organizations::write(&mut db, &mut out).await?;
    feature_flags::write(&mut db, &mut out).await?;
    api_keys::write(&mut db, secrets, database.clock.now(), &mut out).await?;
    applications::write(&mut db, &mut out).await?;
    waitlists::write(&mut db, &mut out).await?;
    webhook_endpoints::write(&mut db, secrets, database.clock.now(), &mut out).await?;
    out.finish()
}

/// All rows of a list, a page at a time.
async fn each_page<T, K: Kind>(
    db: &mut Db,
    list: impl AsyncFn(&mut Db, &Page<K>) -> Result<List<T>>,
    mut take: impl AsyncFnMut(&mut Db, Vec<T>) -> Result<()>,
) -> Result<()> {
    let mut next = Some(Page::from_start());
    while let Some(page) = next {
        let answer = list(db, &page).await?;
        next = page.next(&answer);
        take(db, answer.data).await?;
    }
    Ok(())
}

/// A value that the format leaves out where it is what it would be anyway.
fn unless<T: PartialEq>(value: T, usual: &T) -> Option<T> {
    (value != *usual).then_some(value)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal(error)
}
