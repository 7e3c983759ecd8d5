//! Users of a seed, with their passwords.

use tokio::task::JoinSet;

use super::Report;
use super::environments;
use super::fault::At as _;
use super::shape;
use crate::db::{Database, Db, Tx};
use crate::domain::passwords::{self, Hashed};
use crate::domain::users::{self, Create, Update};
use crate::kernel::patch::Patch;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::users::User;
use crate::protocol::password::{Hasher, Verdict};
use crate::store;

/// How many passwords are handed to the hasher at once: enough to keep its threads busy, few enough that its queue has
/// room for people who sign in meanwhile.
const AT_ONCE: usize = 8;

/// Hashes the passwords that are new, one for each user of the file. None where the file says none, or where the user
/// has that password already.
///
/// How strong they are is not judged: the author of a seed knows what they write.
pub(super) async fn hash_passwords(
    database: &Database,
    hasher: &Hasher,
    entry: &shape::Environment,
) -> Result<Vec<Option<Hashed>>> {
    let entries = entry.families.users.as_deref().unwrap_or_default();
    let environment = environments::find(&mut database.system().await?, entry).await?;
    let mut hashed = Vec::with_capacity(entries.len());
    hashed.resize_with(entries.len(), || None);
    for (chunk, entries) in entries.chunks(AT_ONCE).enumerate() {
        let mut work = JoinSet::new();
        for (i, user) in entries.iter().enumerate() {
            if user.password.is_none() && user.password_hash.is_none() {
                continue;
            }
            let stored = match &environment {
                Some(environment) => stored_hash(&mut database.read(environment.key).await?, user).await?,
                None => None,
            };
            let Some(password) = user.password.clone() else {
                hashed[chunk * AT_ONCE + i] = import(user, stored.as_ref())?;
                continue;
            };
            let hasher = hasher.clone();
            work.spawn(async move { (i, hash(&hasher, password, stored).await) });
        }
        while let Some(done) = work.join_next().await {
            let (i, outcome) = done.map_err(Error::internal)?;
            hashed[chunk * AT_ONCE + i] = outcome?;
        }
    }
    Ok(hashed)
}

async fn stored_hash(db: &mut Db, entry: &shape::User) -> Result<Option<Secret<String>>> {
    let Some(user) = find(db, entry).await? else { return Ok(None) };
    let credentials = store::users::find_credentials(db, &user.email).await?;
    Ok(credentials.and_then(|credentials| credentials.password))
}

/// A hash is only for a user who has no password yet: the first sign-in replaces it by one of ours, and the file would
/// bring it back each time.
fn import(entry: &shape::User, stored: Option<&Secret<String>>) -> Result<Option<Hashed>> {
    let (Some(hash), Some(scheme), None) = (&entry.password_hash, entry.password_hash_type, stored) else {
        return Ok(None);
    };
    passwords::import(scheme, hash, entry.password_salt_position).map(Some)
}

async fn hash(hasher: &Hasher, password: Secret<String>, stored: Option<Secret<String>>) -> Result<Option<Hashed>> {
    if let Some(stored) = stored
        && hasher.verify(password.clone(), stored.expose().clone()).await? != Verdict::Wrong
    {
        return Ok(None);
    }
    passwords::hash_as_it_is(hasher, password).await.map(Some)
}

/// The user that the file means: the one of its id, or else of its address.
async fn find(db: &mut Db, entry: &shape::User) -> Result<Option<User>> {
    match &entry.id {
        Some(id) => store::users::find(db, id).await,
        None => store::users::find_by_email(db, &entry.email).await,
    }
}

/// Makes or changes the users.
pub(super) async fn settle(
    tx: &mut Tx,
    entries: &[shape::User],
    passwords: Vec<Option<Hashed>>,
    report: &mut Report,
) -> Result<()> {
    for (entry, password) in entries.iter().zip(passwords) {
        match find(tx, entry).await? {
            Some(current) => {
                let has_password = password.is_some();
                let input = update(entry, password);
                let changed = users::update(tx, &current.id, input).await.within(entry.at.as_str())?;
                report.updated(has_password || changed != current, "user", changed.email);
            }
            None => {
                let made = users::create(tx, create(entry, password)).await.within(entry.at.as_str())?;
                if let Some(locale) = entry.locale.clone() {
                    let input = Update { locale: Patch::Value(locale), ..Update::default() };
                    users::update(tx, &made.id, input).await.at(&entry.at.field("locale"))?;
                }
                report.created("user", made.email);
            }
        }
    }
    Ok(())
}

fn create(entry: &shape::User, password: Option<Hashed>) -> Create {
    Create {
        id: entry.id.clone(),
        email: entry.email.clone(),
        email_verified: entry.email_verified.unwrap_or(false),
        first_name: entry.first_name.clone(),
        last_name: entry.last_name.clone(),
        name: entry.name.clone(),
        external_id: entry.external_id.clone(),
        metadata: entry.metadata.clone(),
        password,
    }
}

/// What the file says, and nothing else.
fn update(entry: &shape::User, password: Option<Hashed>) -> Update {
    let set = |value: &Option<String>| value.clone().map_or(Patch::Absent, Patch::Value);
    Update {
        email: Some(entry.email.clone()),
        email_verified: entry.email_verified,
        first_name: set(&entry.first_name),
        last_name: set(&entry.last_name),
        name: set(&entry.name),
        external_id: set(&entry.external_id),
        metadata: entry.metadata.clone(),
        locale: set(&entry.locale),
        password,
    }
}
