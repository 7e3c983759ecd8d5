//! Access tokens: what they say about a session, at the moment at which they are made.
//!
//! How they are signed is `protocol::jwt`, which key signs is `http::signing`. Applications verify them without asking
//! us, so nothing here can be taken back: that is why they live for minutes, and why every refresh reads the roles,
//! permissions and feature flags again.

use serde::Serialize;

use crate::db::Tx;
use crate::kernel::crypto::Keyring;
use crate::kernel::id::{OrganizationId, SessionId, UserId};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::authentication::Standing;
use crate::model::environments::Settings;
use crate::model::sessions::Stored;
use crate::protocol::jwt::SigningKey;
use crate::store;

/// Who makes tokens: an environment with the key that signs for it.
#[derive(Debug)]
pub struct Issuer<'i> {
    /// What stands in `iss`. Clients find the key set by it.
    pub url: String,
    /// The client that the tokens are for.
    pub client_id: &'i str,
    /// The environment's settings, which say how long things last.
    pub settings: &'i Settings,
    /// What signs.
    pub key: &'i SigningKey,
    /// What seals tokens that must be given out once more.
    pub keyring: &'i Keyring,
}

/// The claims, named as applications know them. There is no `aud`: verifiers of user sessions expect none.
#[derive(Serialize)]
struct Claims<'c> {
    iss: &'c str,
    sub: &'c UserId,
    sid: &'c SessionId,
    #[serde(flatten)]
    membership: Option<InOrganization<'c>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    feature_flags: Vec<String>,
    client_id: &'c str,
    auth_time: i64,
    jti: String,
    iat: i64,
    exp: i64,
}

/// What a token says about the organization that it speaks for.
#[derive(Serialize)]
struct InOrganization<'c> {
    org_id: &'c OrganizationId,
    role: Option<&'c str>,
    roles: &'c [String],
    permissions: &'c [String],
}

/// Makes a token for a session, with the user's standing in the session's organization if it has one, and with the
/// feature flags that are on for them there. It does not outlive the session.
pub async fn sign(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    session: &Stored,
    standing: Option<&Standing>,
) -> Result<Secret<String>> {
    let organization = session.organization_id.as_ref();
    let feature_flags = store::feature_flags::list_slugs(tx, &session.user_id, organization).await?;
    let lifetime = i64::from(issuer.settings.access_token_seconds);
    let now = tx.now();
    let claims = Claims {
        iss: &issuer.url,
        sub: &session.user_id,
        sid: &session.id,
        membership: organization.zip(standing).map(|(org_id, Standing { roles, permissions })| InOrganization {
            org_id,
            role: roles.first().map(String::as_str),
            roles,
            permissions,
        }),
        feature_flags,
        client_id: issuer.client_id,
        auth_time: session.authenticated_at.seconds(),
        jti: tx.ulid().to_string(),
        // Cut, never rounded: verifiers refuse a token that was made in the future, be it by half a second.
        iat: now.seconds(),
        exp: now.plus_seconds(lifetime).min(session.expires_at).seconds(),
    };
    issuer.key.sign(&claims).map(Secret::new).map_err(Error::internal)
}
