//! Users: made, changed and deleted with what belongs to them.

use super::passwords::Hashed;
use super::{feature_flags, organization_memberships, sessions};
use crate::db::Tx;
use crate::kernel::check::{is_email, normal_email};
use crate::kernel::id::UserId;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::locales;
use crate::model::metadata::{self, Metadata};
use crate::model::users::User;
use crate::store;

/// What a new user is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Their id, where a seed pins it.
    pub id: Option<UserId>,
    /// Their e-mail address.
    pub email: String,
    /// Whether somebody vouches for the address.
    pub email_verified: bool,
    /// Their first name.
    pub first_name: Option<String>,
    /// Their last name.
    pub last_name: Option<String>,
    /// Their full name.
    pub name: Option<String>,
    /// What the application calls them.
    pub external_id: Option<String>,
    /// What the application keeps on them.
    pub metadata: metadata::Change,
    /// The password that they sign in with.
    pub password: Option<Hashed>,
}

/// What an update of a user changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new address.
    pub email: Option<String>,
    /// Whether somebody vouches for the address.
    pub email_verified: Option<bool>,
    /// Their first name.
    pub first_name: Patch<String>,
    /// Their last name.
    pub last_name: Patch<String>,
    /// Their full name.
    pub name: Patch<String>,
    /// What the application calls them.
    pub external_id: Patch<String>,
    /// A change of their metadata.
    pub metadata: metadata::Change,
    /// The language that they prefer.
    pub locale: Patch<String>,
    /// A new password.
    pub password: Option<Hashed>,
}

/// The user of this address, or a new one of whom nothing else is known. Of two who ask at once, one makes it.
pub async fn find_or_create(tx: &mut Tx, email: &str) -> Result<User> {
    let email = address(email).ok_or_else(|| Error::field("email", "invalid_email", NO_ADDRESS))?;
    if let Some(user) = store::users::find_by_email(tx, &email).await? {
        return Ok(user);
    }
    let user = bare(tx, email);
    if store::users::insert_bare(tx, &user).await? {
        tx.emit(user.created())?;
        return Ok(user);
    }
    let other = store::users::find_by_email(tx, &user.email).await?;
    other.ok_or_else(|| Error::unavailable("the user was deleted while they were invited"))
}

fn bare(tx: &Tx, email: String) -> User {
    User {
        id: tx.mint(),
        email,
        email_verified: false,
        first_name: None,
        last_name: None,
        name: None,
        profile_picture_url: None,
        external_id: None,
        metadata: Metadata::default(),
        last_sign_in_at: None,
        locale: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

/// Makes a user. That the address is free is decided by the database, so that of two at once one wins.
pub async fn create(tx: &mut Tx, input: Create) -> Result<User> {
    let Create { id, email, email_verified, first_name, last_name, name, external_id, metadata, password } = input;
    let email = address(&email).ok_or_else(|| Error::field("email", "invalid_email", NO_ADDRESS))?;
    let mut user = User {
        email_verified,
        first_name,
        last_name,
        name,
        external_id,
        metadata: Metadata::default().changed(&metadata)?,
        ..bare(tx, email)
    };
    if let Some(id) = id {
        user.id = id;
    }
    store::users::insert(tx, &user).await?;
    if let Some(password) = password {
        let now = tx.now();
        store::users::set_password(tx, &user.id, password.expose(), now).await?;
    }
    tx.emit(user.created())?;
    Ok(user)
}

/// Changes a user. A change that changes nothing is no event and leaves `updated_at` alone; a new password is always a
/// change, although the user does not show it, and ends the sessions that were begun before.
pub async fn update(tx: &mut Tx, id: &UserId, input: Update) -> Result<User> {
    let current = store::users::lock(tx, id).await?;
    let (mut user, password) = changed(current.clone(), input)?;
    if user == current && password.is_none() {
        return Ok(user);
    }
    user.updated_at = tx.now();
    store::users::update(tx, &user).await?;
    if let Some(password) = &password {
        store::users::set_password(tx, id, password.expose(), user.updated_at).await?;
    }
    tx.emit(user.updated())?;
    if password.is_some() {
        sessions::revoke_all_of_user(tx, id).await?;
    }
    Ok(user)
}

fn changed(mut user: User, input: Update) -> Result<(User, Option<Hashed>)> {
    let Update { email, email_verified, first_name, last_name, name, external_id, metadata, locale, password } = input;
    if let Some(email) = email {
        let email = address(&email).ok_or_else(|| Error::refused("invalid_email", NO_ADDRESS))?;
        // What was shown for the old address says nothing about another one.
        user.email_verified &= normal_email(&email) == normal_email(&user.email);
        user.email = email;
    }
    if let Some(verified) = email_verified {
        user.email_verified = verified;
    }
    user.first_name = first_name.or(user.first_name);
    user.last_name = last_name.or(user.last_name);
    user.name = name.or(user.name);
    user.external_id = external_id.or(user.external_id);
    user.metadata = user.metadata.changed(&metadata)?;
    user.locale = match locale {
        Patch::Absent => user.locale,
        Patch::Null => None,
        Patch::Value(tag) => Some(language(&tag)?.to_owned()),
    };
    Ok((user, password))
}

const NO_ADDRESS: &str = "email must be an email address.";

/// The address as it is kept: trimmed, in its own case.
fn address(email: &str) -> Option<String> {
    let email = email.trim();
    is_email(email).then(|| email.to_owned())
}

fn language(tag: &str) -> Result<&'static str> {
    locales::canonical(tag)
        .ok_or_else(|| Error::refused("invalid_locale", format!("'{tag}' is not a supported locale.")))
}

/// Deletes a user and everything that belongs to them.
///
/// What announces itself goes first, each by its own rule; the rest goes with the row. The lock on the user keeps new
/// memberships and sessions from coming in between.
pub async fn delete(tx: &mut Tx, id: &UserId) -> Result<()> {
    let user = store::users::lock(tx, id).await?;
    organization_memberships::delete_all_of_user(tx, id).await?;
    feature_flags::targets::delete_all_of_user(tx, id).await?;
    store::users::delete(tx, id).await?;
    tx.emit(user.deleted())
}
