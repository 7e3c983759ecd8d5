//! Sign-in: one endpoint, several grants, and two envelopes of errors.
//!
//! Which envelope a failure has depends on the failure and not on the grant, so the rules below decide it. What is
//! decided here is the rest: parameters that are missing, and what the other doors would say in words of their own.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::domain;
use crate::domain::access_tokens::Issuer;
use crate::domain::authentication::{Admitted, Entry, Origin};
use crate::domain::passwords;
use crate::http::extract::{Json, JsonOrForm};
use crate::http::routes::Access;
use crate::http::{App, Routes, Scope, client};
use crate::kernel::check::{Check, Faults, normal_email};
use crate::kernel::error::{Envelope, Kind};
use crate::kernel::id::OrganizationId;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::authentication::Method;
use crate::model::users::User;
use crate::protocol::jwt::SigningKey;
use crate::store;

const PASSWORD: &str = "password";
const REFRESH_TOKEN: &str = "refresh_token";
const ORGANIZATION_SELECTION: &str = "urn:workos:oauth:grant-type:organization-selection";

/// The grants that there are.
pub const GRANT_TYPES: [&str; 3] = [PASSWORD, REFRESH_TOKEN, ORGANIZATION_SELECTION];

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("authentication").access(Access::Public).post("/user_management/authenticate", authenticate)
}

body! {
    /// The parameters of all grants. Which of them must be there depends on the grant.
    struct AuthenticateBody {
        grant_type: Option<String>,
        client_id: Option<String>,
        client_secret: Option<Secret<String>>,
        email: Option<String>,
        password: Option<Secret<String>>,
        refresh_token: Option<Secret<String>>,
        pending_authentication_token: Option<Secret<String>>,
        organization_id: Option<String>,
        ip_address: Option<String>,
        user_agent: Option<String>,
    }
}

impl Check for AuthenticateBody {
    fn check(&self, faults: &mut Faults) {
        if let Some(email) = &self.email {
            faults.max("email", email, 254);
        }
    }
}

/// A grant with everything that it needs.
enum Grant {
    Password { secret: Secret<String>, email: String, password: Secret<String> },
    RefreshToken { secret: Option<Secret<String>>, token: Secret<String>, organization: Option<OrganizationId> },
    OrganizationSelection { secret: Secret<String>, token: Secret<String>, organization: OrganizationId },
}

impl Grant {
    fn of(body: &mut AuthenticateBody) -> Result<Self> {
        let secret = body.client_secret.take().filter(|secret| !secret.expose().is_empty());
        let organization = body.organization_id.take().filter(|id| !id.is_empty());
        let organization = organization.map(|id| OrganizationId::verbatim(&id));
        match given("grant_type", body.grant_type.take())?.as_str() {
            PASSWORD => Ok(Self::Password {
                secret: given("client_secret", secret)?,
                email: given("email", body.email.take())?,
                password: given("password", body.password.take())?,
            }),
            REFRESH_TOKEN => Ok(Self::RefreshToken {
                secret,
                token: given("refresh_token", body.refresh_token.take())?,
                organization,
            }),
            ORGANIZATION_SELECTION => Ok(Self::OrganizationSelection {
                secret: given("client_secret", secret)?,
                token: given("pending_authentication_token", body.pending_authentication_token.take())?,
                organization: given("organization_id", organization)?,
            }),
            other => Err(Error::oauth("invalid_request", format!("The grant type '{other}' is not supported."))),
        }
    }
}

fn given<T>(parameter: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::oauth("invalid_request", format!("Missing required parameter: {parameter}.")))
}

/// What the application says of where the user is. It is not checked by anything, and kept within bounds.
fn origin(body: &mut AuthenticateBody) -> Origin {
    let clip = |text: String, most: usize| text.chars().take(most).collect();
    Origin {
        ip_address: body.ip_address.take().map(|address| clip(address, 64)),
        user_agent: body.user_agent.take().map(|agent| clip(agent, 1024)),
    }
}

/// A success.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Authentication")]
struct Answer {
    user: User,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<OrganizationId>,
    access_token: String,
    refresh_token: String,
    authentication_method: Method,
}

impl From<Admitted> for Answer {
    fn from(Admitted { user, issued }: Admitted) -> Self {
        Self {
            user,
            organization_id: issued.organization_id,
            access_token: issued.access_token.expose().clone(),
            refresh_token: issued.refresh_token.expose().clone(),
            authentication_method: issued.method,
        }
    }
}

/// An answer that nobody on the way may keep.
type NotKept<T> = ([(HeaderName, &'static str); 1], T);

/// Nobody on the way may keep what is answered here: there are tokens in successes, and in some failures as well
/// (RFC 6749, 5.1).
async fn authenticate(
    State(app): State<App>,
    body: Result<JsonOrForm<AuthenticateBody>>,
) -> NotKept<Result<Json<Answer>>> {
    let entry = match body {
        Ok(JsonOrForm(body)) => enter(&app, body).await,
        Err(error) => Err(error),
    };
    let answer = match entry.map_err(in_its_words) {
        Ok(Entry::Admitted(admitted)) => Ok(Json(Answer::from(*admitted))),
        Ok(Entry::Held(error)) | Err(error) => Err(error),
    };
    ([(CACHE_CONTROL, "no-store")], answer)
}

async fn enter(app: &App, mut body: AuthenticateBody) -> Result<Entry> {
    let client_id = given("client_id", body.client_id.take())?;
    let origin = origin(&mut body);
    match Grant::of(&mut body)? {
        Grant::Password { secret, email, password } => {
            // Before anything is looked up, so that a flood of sign-ins costs the database nothing.
            app.hasher().admit()?;
            let scope = client::authenticate(app, &client_id, Some(&secret)).await?;
            by_password(&scope, &email, password, origin).await
        }
        Grant::RefreshToken { secret, token, organization } => {
            let scope = client::authenticate(app, &client_id, secret.as_ref()).await?;
            let key = scope.signing_key().await?;
            let issuer = issuer(&scope, &key);
            scope
                .write(async |tx| domain::authentication::by_refresh_token(tx, &issuer, &token, organization).await)
                .await
        }
        Grant::OrganizationSelection { secret, token, organization } => {
            let scope = client::authenticate(app, &client_id, Some(&secret)).await?;
            let key = scope.signing_key().await?;
            let issuer = issuer(&scope, &key);
            scope
                .write(async |tx| domain::authentication::by_organization(tx, &issuer, &token, organization).await)
                .await
        }
    }
}

/// How often a password is compared anew because its hash was replaced meanwhile: once for a sign-in at the same moment
/// that hashed it again, and once more for a change of the password.
const COMPARISONS: usize = 3;

/// The password is compared between reading the user and the transaction: no connection is held meanwhile.
async fn by_password(scope: &Scope, email: &str, password: Secret<String>, origin: Origin) -> Result<Entry> {
    let app = scope.app();
    app.limits().sign_in(&format!("{} {}", scope.environment.client_id, normal_email(email)))?;
    let key = scope.signing_key().await?;
    let issuer = issuer(scope, &key);
    for _ in 0..COMPARISONS {
        let known = store::users::find_credentials(&mut scope.read().await?, email).await?;
        let proof = passwords::prove(app.hasher(), known, password.clone()).await?;
        let origin = origin.clone();
        let entry = scope
            .write(async |tx| domain::authentication::by_password(tx, &issuer, email, origin, proof).await)
            .await?;
        if let Some(entry) = entry {
            return Ok(entry);
        }
    }
    Err(Error::unavailable("the password was changed each time that it was compared"))
}

fn issuer<'i>(scope: &'i Scope, key: &'i SigningKey) -> Issuer<'i> {
    let environment = &scope.environment;
    Issuer {
        url: scope.issuer(),
        client_id: &environment.client_id,
        settings: &environment.settings,
        key,
        keyring: scope.app().keyring(),
    }
}

/// What any door would say, in the words that this one is documented to use.
fn in_its_words(error: Error) -> Error {
    if let Kind::TooMany(seconds) = error.kind() {
        return Error::too_many("too_many_requests", error.message().to_owned(), seconds).in_envelope(Envelope::OAuth);
    }
    if error.code() == Some("invalid_request_body") {
        return Error::oauth("invalid_request", error.message().to_owned());
    }
    error
}
