//! Users, and the hashes of their passwords where secrets are asked for.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use super::{Secrets, each_page};
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::UserId;
use crate::model::metadata::Metadata;
use crate::model::users;
use crate::protocol::password::{self, SaltPosition, Scheme};
use crate::store;
use crate::store::users::Filter;

#[derive(Serialize)]
struct User<'u> {
    id: &'u UserId,
    email: &'u str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'u str>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'u Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'u str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash_type: Option<Scheme>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_salt_position: Option<SaltPosition>,
}

pub(super) async fn write(db: &mut Db, secrets: Secrets<'_>, out: &mut Writer<impl Write>) -> Result<()> {
    let list = async |db: &mut Db, page: &_| store::users::list(db, &Filter::default(), page).await;
    each_page(db, list, async |db, users: Vec<users::User>| {
        let ids: Vec<_> = users.iter().map(|user| &user.id).collect();
        let passwords = match secrets {
            Secrets::Hidden => Vec::new(),
            Secrets::Shown(_) => store::users::list_passwords(db, &ids).await?,
        };
        for user in &users {
            let stored = passwords.iter().find(|(owner, _)| *owner == user.id).map(|(_, hash)| hash.expose().as_str());
            out.entry("users", &one(user, stored))?;
        }
        Ok(())
    })
    .await
}

fn one<'u>(user: &'u users::User, stored: Option<&'u str>) -> User<'u> {
    let exported = stored.map(password::export);
    User {
        id: &user.id,
        email: &user.email,
        email_verified: user.email_verified,
        first_name: user.first_name.as_deref(),
        last_name: user.last_name.as_deref(),
        name: user.name.as_deref(),
        external_id: user.external_id.as_deref(),
        locale: user.locale.as_deref(),
        metadata: &user.metadata,
        password_hash: exported.map(|(_, hash, _)| hash),
        password_hash_type: exported.map(|(scheme, _, _)| scheme),
        password_salt_position: exported.and_then(|(_, _, position)| position),
    }
}
