//! Users, their passwords and their identities.

use sqlx::FromRow;

use crate::db::{Db, OnConstraint};
use crate::kernel::check::normal_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::error::FieldFault;
use crate::kernel::id::{OrganizationId, UserId, UserKind};
use crate::kernel::page::{List, Page};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::users::{Identity, User};
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "u.id, u.email, u.email_verified, u.first_name, u.last_name, u.name, u.profile_picture_url, u.external_id,
         u.metadata, u.last_sign_in_at, u.locale, u.created_at, u.updated_at"
    };
}

/// Which users a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// The one of this address, in any case.
    pub email: Option<String>,
    /// Those who have a membership in this organization, whatever its status.
    pub organization: Option<OrganizationId>,
}

/// A user as sign-in needs them.
#[derive(Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash of their password, if they have one.
    pub password: Option<Secret<String>>,
}

#[derive(FromRow)]
struct CredentialsRow {
    #[sqlx(flatten)]
    user: User,
    hash: Option<String>,
}

/// The user, if there is one of this id.
pub async fn find(db: &mut Db, id: &UserId) -> Result<Option<User>> {
    db.query(sql!("select ", columns!(), " from users u where u.environment = $1 and u.id = $2")).bind(id).find().await
}

/// The user that must be there.
pub async fn get(db: &mut Db, id: &UserId) -> Result<User> {
    find(db, id).await?.ok_or_else(|| Error::missing(id))
}

/// The user that the application calls by this name.
pub async fn find_by_external_id(db: &mut Db, external_id: &str) -> Result<Option<User>> {
    db.query(sql!("select ", columns!(), " from users u where u.environment = $1 and u.external_id = $2"))
        .bind(external_id)
        .find()
        .await
}

/// The user of this address, in any case.
pub async fn find_by_email(db: &mut Db, email: &str) -> Result<Option<User>> {
    db.query(sql!("select ", columns!(), " from users u where u.environment = $1 and u.email_normal = $2"))
        .bind(normal_email(email))
        .find()
        .await
}

/// The user of this address, in any case, with the hash of their password.
pub async fn find_credentials(db: &mut Db, email: &str) -> Result<Option<Credentials>> {
    let row: Option<CredentialsRow> = db
        .query(sql!(
            "select ",
            columns!(),
            ", p.hash
             from users u left join user_passwords p on p.environment = u.environment and p.user_id = u.id
             where u.environment = $1 and u.email_normal = $2"
        ))
        .bind(normal_email(email))
        .find()
        .await?;
    Ok(row.map(|row| Credentials { user: row.user, password: row.hash.map(Secret::new) }))
}

/// The user, held against other changes until the transaction ends.
pub async fn lock(db: &mut Db, id: &UserId) -> Result<User> {
    db.query(sql!("select ", columns!(), " from users u where u.environment = $1 and u.id = $2 for update of u"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// The user, held against other changes, if this still is the hash of their password.
///
/// The password's row is locked as well, which makes PostgreSQL look at it anew after it has waited for the user's.
pub async fn lock_with_password(db: &mut Db, id: &UserId, hash: &str) -> Result<Option<User>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from users u join user_passwords p on p.environment = u.environment and p.user_id = u.id
          where u.environment = $1 and u.id = $2 and p.hash = $3 for update of u, p"
    ))
    .bind(id)
    .bind(hash)
    .find()
    .await
}

/// The stored passwords of those of the users who have one.
pub async fn list_passwords(db: &mut Db, users: &[&UserId]) -> Result<Vec<(UserId, Secret<String>)>> {
    let found: Vec<(UserId, String)> = db
        .query(sql!("select user_id, hash from user_passwords where environment = $1 and user_id = any($2)"))
        .bind(users)
        .all()
        .await?;
    Ok(found.into_iter().map(|(user, hash)| (user, Secret::new(hash))).collect())
}

/// A page of users.
pub async fn list(db: &mut Db, filter: &Filter, page: &Page<UserKind>) -> Result<List<User>> {
    let email = filter.email.as_deref().map(normal_email);
    let Some(organization) = &filter.organization else {
        return db
            .page(
                page_sql!(
                    "select ",
                    columns!(),
                    " from users u where u.environment = $1 and ($5::text is null or u.email_normal = $5)";
                    "u.id"
                ),
                page,
            )
            .bind(email)
            .list(|user: &User| user.id.as_str())
            .await;
    };
    // Read from the memberships, so that a small organization in a large environment is a short walk.
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from organization_memberships m join users u on u.environment = m.environment and u.id = m.user_id
             where m.environment = $1 and m.organization_id = $6 and ($5::text is null or u.email_normal = $5)";
            "m.user_id"
        ),
        page,
    )
    .bind(email)
    .bind(organization)
    .list(|user: &User| user.id.as_str())
    .await
}

/// The identities of a user, oldest first.
pub async fn list_identities(db: &mut Db, id: &UserId) -> Result<Vec<Identity>> {
    db.query(sql!(
        "select idp_id, provider from user_identities
         where environment = $1 and user_id = $2 order by created_at, provider, idp_id"
    ))
    .bind(id)
    .all()
    .await
}

/// Writes a new user.
pub async fn insert(db: &mut Db, user: &User) -> Result<()> {
    db.query(sql!(
        "insert into users (environment, id, email, email_normal, email_verified, first_name, last_name, name,
                            profile_picture_url, external_id, metadata, locale, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
    ))
    .bind(&user.id)
    .bind(&user.email)
    .bind(normal_email(&user.email))
    .bind(user.email_verified)
    .bind(user.first_name.as_deref())
    .bind(user.last_name.as_deref())
    .bind(user.name.as_deref())
    .bind(user.profile_picture_url.as_deref())
    .bind(user.external_id.as_deref())
    .bind(sqlx::types::Json(&user.metadata))
    .bind(user.locale.as_deref())
    .bind(user.created_at)
    .bind(user.updated_at)
    .later(|done| {
        done.on_constraint("users_pkey", || {
            Error::conflict("user_already_exists", "A user with this id already exists.")
        })
        .on_constraint("users_email_key", || creation_error("email", "email_not_available", EMAIL_TAKEN))
        .on_constraint("users_external_id_key", || {
            creation_error("external_id", "external_id_already_used", EXTERNAL_ID_TAKEN)
        })
    })
    .await
}

/// Writes a new user of whom nothing but the address is known; whether the address was free.
pub async fn insert_bare(db: &mut Db, user: &User) -> Result<bool> {
    let rows = db
        .query(sql!(
            "insert into users (environment, id, email, email_normal, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6)
             on conflict on constraint users_email_key do nothing"
        ))
        .bind(&user.id)
        .bind(&user.email)
        .bind(normal_email(&user.email))
        .bind(user.created_at)
        .bind(user.updated_at)
        .run()
        .await?;
    Ok(rows > 0)
}

/// Writes a changed user.
pub async fn update(db: &mut Db, user: &User) -> Result<()> {
    db.query(sql!(
        "update users
         set email = $3, email_normal = $4, email_verified = $5, first_name = $6, last_name = $7, name = $8,
             profile_picture_url = $9, external_id = $10, metadata = $11, locale = $12, updated_at = $13
         where environment = $1 and id = $2"
    ))
    .bind(&user.id)
    .bind(&user.email)
    .bind(normal_email(&user.email))
    .bind(user.email_verified)
    .bind(user.first_name.as_deref())
    .bind(user.last_name.as_deref())
    .bind(user.name.as_deref())
    .bind(user.profile_picture_url.as_deref())
    .bind(user.external_id.as_deref())
    .bind(sqlx::types::Json(&user.metadata))
    .bind(user.locale.as_deref())
    .bind(user.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("users_email_key", || Error::refused("email_not_available", EMAIL_TAKEN))
    .on_constraint("users_external_id_key", || Error::refused("external_id_already_used", EXTERNAL_ID_TAKEN))
}

const EMAIL_TAKEN: &str = "A user with this email already exists.";
const EXTERNAL_ID_TAKEN: &str = "A user with this external_id already exists.";

/// What is taken already is told in another way at creation than at an update.
fn creation_error(field: &str, code: &'static str, message: &'static str) -> Error {
    let fault = FieldFault { field: Some(field.to_owned()), code, message: message.into() };
    Error::refused("user_creation_error", format!("Could not create user. {message}")).with_faults(vec![fault])
}

/// Makes this the hash of the user's password, whether they had one or not.
pub async fn set_password(db: &mut Db, id: &UserId, hash: &str, at: Timestamp) -> Result<()> {
    db.query(sql!(
        "insert into user_passwords (environment, user_id, hash, updated_at) values ($1, $2, $3, $4)
         on conflict on constraint user_passwords_pkey
         do update set hash = excluded.hash, updated_at = excluded.updated_at"
    ))
    .bind(id)
    .bind(hash)
    .bind(at)
    .run()
    .await
    .map(drop)
}

/// Puts another hash of the same password in the place of this one; whether it still was the one.
///
/// For hashes made anew at sign-in: a password that was changed meanwhile must not come back.
pub async fn replace_password(db: &mut Db, id: &UserId, old: &str, new: &str) -> Result<bool> {
    let rows = db
        .query(sql!("update user_passwords set hash = $4 where environment = $1 and user_id = $2 and hash = $3"))
        .bind(id)
        .bind(old)
        .bind(new)
        .run()
        .await?;
    Ok(rows > 0)
}

/// Removes the user with everything that hangs on them.
pub async fn delete(db: &mut Db, id: &UserId) -> Result<()> {
    db.query(sql!("delete from users where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
