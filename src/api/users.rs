//! Users.

use serde_json::{Map, Value};

use crate::body;
use crate::domain;
use crate::domain::passwords::{self, Hashed};
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, Done, Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{OrganizationId, UserId, UserKind};
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::kernel::read::{Read, ReadFields, Reader};
use crate::kernel::schema::Fields;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::metadata;
use crate::model::users::{Identity, User};
use crate::protocol::password::{SaltPosition, Scheme};
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("users")
        .get("/user_management/users", list)
        .post("/user_management/users", create)
        .get("/user_management/users/external_id/{external_id}", find_by_external_id)
        .get("/user_management/users/{id}", find)
        .put("/user_management/users/{id}", update)
        .delete("/user_management/users/{id}", delete)
        .get("/user_management/users/{id}/identities", list_identities)
}

body! {
    struct ListQuery {
        email: Option<String>,
        organization_id: Option<OrganizationId>,
        organization: Option<OrganizationId>;
        page: Page<UserKind>
    }
}

impl Check for ListQuery {}

/// A password, in the clear or as a hash, but not as both.
#[derive(Debug)]
struct PasswordFields {
    password: Option<Secret<String>>,
    hash: Option<Secret<String>>,
    hash_type: Option<Scheme>,
    salt_position: Option<SaltPosition>,
}

impl ReadFields for PasswordFields {
    fn describe(fields: &mut Fields) {
        fields.add::<Option<Secret<String>>>("password");
        fields.add::<Option<Secret<String>>>("password_hash");
        fields.add::<Option<Scheme>>("password_hash_type");
        fields.add::<Option<SaltPosition>>("password_salt_position");
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let password = Read::read(map.remove("password"), &mut at.field("password"));
        let hash = Read::read(map.remove("password_hash"), &mut at.field("password_hash"));
        let hash_type = Read::read(map.remove("password_hash_type"), &mut at.field("password_hash_type"));
        let salt_position = Read::read(map.remove("password_salt_position"), &mut at.field("password_salt_position"));
        Some(Self { password: password?, hash: hash?, hash_type: hash_type?, salt_position: salt_position? })
    }
}

impl PasswordFields {
    /// A hash and its type come together. Which of them must not come at all has codes of its own, told later.
    fn check(&self, faults: &mut Faults) {
        match (&self.password, &self.hash, self.hash_type) {
            (None, Some(_), None) => {
                faults.add("password_hash_type", "required", "password_hash_type is required with password_hash.");
            }
            (None, None, Some(_)) => {
                faults.add("password_hash", "required", "password_hash is required with password_hash_type.");
            }
            (None, Some(_), Some(scheme)) if scheme != Scheme::Ssha256 && self.salt_position.is_some() => {
                let message = "password_salt_position can only come with the password_hash_type ssha256.";
                faults.add("password_salt_position", "invalid_value", message);
            }
            (Some(_), _, _) | (None, None, None) | (None, Some(_), Some(_)) => {}
        }
    }

    /// The password, if there is one.
    fn given(self) -> Result<Given> {
        let refused = |code, message| Err(Error::refused(code, message));
        match self {
            Self { password: Some(_), hash: Some(_), .. } => {
                refused("password_and_password_hash_provided", "Provide either password or password_hash, not both.")
            }
            Self { password: Some(_), hash_type: Some(_), .. } => refused(
                "password_and_password_hash_type_provided",
                "password_hash_type belongs to password_hash and cannot come with password.",
            ),
            Self { hash: None, salt_position: Some(_), .. } => refused(
                "password_salt_position_requires_password_hash",
                "password_salt_position can only come with password_hash.",
            ),
            Self { hash: Some(hash), hash_type: Some(scheme), salt_position, .. } => {
                passwords::import(scheme, &hash, salt_position).map(Given::Imported)
            }
            Self { password: Some(password), .. } => Ok(Given::InTheClear(password)),
            Self { .. } => Ok(Given::Nothing),
        }
    }
}

/// A password as it was given.
enum Given {
    Nothing,
    InTheClear(Secret<String>),
    Imported(Hashed),
}

body! {
    struct CreateBody {
        email: String,
        first_name: Option<String>,
        last_name: Option<String>,
        name: Option<String>,
        email_verified: Option<bool>,
        metadata: metadata::Change,
        external_id: Option<String>;
        password: PasswordFields
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.email("email", &self.email);
        check_names(faults, [self.first_name.as_ref(), self.last_name.as_ref(), self.name.as_ref()]);
        if let Some(external_id) = &self.external_id {
            faults.external_id("external_id", external_id);
        }
        self.password.check(faults);
    }
}

body! {
    struct UpdateBody {
        email: Option<String>,
        first_name: Patch<String>,
        last_name: Patch<String>,
        name: Patch<String>,
        email_verified: Option<bool>,
        metadata: metadata::Change,
        external_id: Patch<String>,
        locale: Patch<String>;
        password: PasswordFields
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        check_names(faults, [self.first_name.as_value(), self.last_name.as_value(), self.name.as_value()]);
        if let Some(external_id) = self.external_id.as_value() {
            faults.external_id("external_id", external_id);
        }
        self.password.check(faults);
    }
}

/// First name, last name, name: as long as anybody's, and no longer, since tokens carry them.
fn check_names(faults: &mut Faults, names: [Option<&String>; 3]) {
    for (field, name) in ["first_name", "last_name", "name"].into_iter().zip(names) {
        if let Some(name) = name {
            faults.max(field, name, 255);
        }
    }
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<User>>> {
    let organization = query.organization_id.or(query.organization);
    let filter = store::users::Filter { email: query.email, organization };
    store::users::list(&mut scope.read().await?, &filter, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<User>> {
    let CreateBody { email, first_name, last_name, name, email_verified, metadata, external_id, password } = body;
    let about = [Some(&email), first_name.as_ref(), last_name.as_ref(), name.as_ref()];
    let password = hashed(&scope, password.given()?, &about.map(text)).await?;
    let input = domain::users::Create {
        id: None,
        email,
        email_verified: email_verified.unwrap_or(false),
        first_name,
        last_name,
        name,
        external_id,
        metadata,
        password,
    };
    scope.write(async |tx| domain::users::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(id): Path<UserId>) -> Result<Json<User>> {
    store::users::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn find_by_external_id(scope: Scope, Path(external_id): Path<String>) -> Result<Json<User>> {
    let found = store::users::find_by_external_id(&mut scope.read().await?, &external_id).await?;
    found.map(Json).ok_or_else(|| Error::missing_named("User", &external_id))
}

async fn update(scope: Scope, Path(id): Path<UserId>, Json(body): Json<UpdateBody>) -> Result<Json<User>> {
    let UpdateBody { email, first_name, last_name, name, email_verified, metadata, external_id, locale, password } =
        body;
    let password = match password.given()? {
        Given::Nothing => None,
        Given::Imported(hashed) => Some(hashed),
        Given::InTheClear(password) => {
            let user = store::users::get(&mut scope.read().await?, &id).await?;
            let new = [email.as_ref(), first_name.as_value(), last_name.as_value(), name.as_value()];
            let old = [Some(&user.email), user.first_name.as_ref(), user.last_name.as_ref(), user.name.as_ref()];
            hashed(&scope, Given::InTheClear(password), &[new.map(text), old.map(text)].concat()).await?
        }
    };
    let input = domain::users::Update {
        email,
        email_verified,
        first_name,
        last_name,
        name,
        external_id,
        metadata,
        locale,
        password,
    };
    scope.write(async |tx| domain::users::update(tx, &id, input).await).await.map(Json)
}

fn text(value: Option<&String>) -> &str {
    value.map(String::as_str).unwrap_or_default()
}

/// Judges and hashes a password; one that is hashed already is taken as it is. No connection may be held while it waits for its turn.
async fn hashed(scope: &Scope, password: Given, about: &[&str]) -> Result<Option<Hashed>> {
    match password {
        Given::Nothing => Ok(None),
        Given::Imported(hashed) => Ok(Some(hashed)),
        Given::InTheClear(password) => passwords::hash(scope.app().hasher(), password, about).await.map(Some),
    }
}

async fn delete(scope: Scope, Path(id): Path<UserId>) -> Result<Done> {
    scope.write(async |tx| domain::users::delete(tx, &id).await).await.map(|()| Done)
}

async fn list_identities(scope: Scope, Path(id): Path<UserId>) -> Result<Json<Vec<Identity>>> {
    let mut db = scope.read().await?;
    let user = store::users::get(&mut db, &id).await?;
    store::users::list_identities(&mut db, &user.id).await.map(Json)
}
