//! Signing in, as an application's server does it, and reading the tokens as a stranger can.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use vestibule::kernel::crypto::{Keyring, MasterKey, Random};
use vestibule::kernel::secret::Secret;
use vestibule::model::environments::Settings;
use vestibule::store;

use super::{Answer, Test};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery staple";
/// The grant that chooses an organization.
pub const SELECTION: &str = "urn:workos:oauth:grant-type:organization-selection";

impl Test {
    /// A server under the master key of this letter. Two of the same letter are two servers of one installation.
    pub async fn server(letter: &str) -> Self {
        let key = MasterKey::from_text(&Secret::new(letter.repeat(64))).unwrap();
        Self::with(|parts| parts.keyring = Keyring::new(key, Vec::new(), Random::new())).await
    }

    /// A user of this address who has the password of everybody.
    pub async fn person(&self, email: &str) -> Value {
        self.post("/user_management/users", json!({ "email": email, "password": PASSWORD })).await.created()
    }

    /// Makes a user a member of an organization.
    pub async fn membership(&self, user: &Value, organization: &Value) -> Value {
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"] });
        self.post("/user_management/organization_memberships", body).await.created()
    }

    /// A grant of this client, with its secret and without a bearer token.
    pub async fn grant(&self, grant_type: &str, parameters: Value) -> Answer {
        let mut body = json!({
            "grant_type": grant_type, "client_id": self.environment.client_id, "client_secret": self.key,
        });
        body.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        self.with_key("").post("/user_management/authenticate", body).await
    }

    /// An attempt with the password of everybody.
    pub async fn try_sign_in(&self, email: &str) -> Answer {
        self.grant("password", json!({ "email": email, "password": PASSWORD })).await
    }

    /// Signs in with the password of everybody.
    pub async fn sign_in(&self, email: &str) -> Value {
        self.try_sign_in(email).await.ok()
    }

    /// A refresh by a public client.
    pub async fn refresh(&self, token: &Value) -> Answer {
        self.refresh_into(token, &Value::Null).await
    }

    /// A refresh by a public client, into an organization.
    pub async fn refresh_into(&self, token: &Value, organization: &Value) -> Answer {
        let body = json!({ "grant_type": "refresh_token", "client_id": self.environment.client_id,
            "refresh_token": token, "organization_id": organization });
        self.with_key("").post("/user_management/authenticate", body).await
    }

    /// The published keys.
    pub async fn keys(&self) -> Value {
        self.with_key("").get(format!("/sso/jwks/{}", self.environment.client_id)).await.ok()
    }

    /// What an access token says, verified by the published keys.
    pub async fn claims(&self, token: &Value) -> Value {
        let token = token.as_str().unwrap();
        let set: JwkSet = serde_json::from_value(self.keys().await).unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("JWT")));
        let key = set.find(&header.kid.unwrap()).expect("the key is published");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.leeway = 0;
        validation.set_issuer(&[format!("http://vestibule.test/user_management/{}", self.environment.client_id)]);
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
    }

    /// Sets what the operator may set of this environment.
    pub async fn settings(&self, settings: Value) {
        let path = format!("/admin/v1/environments/{}/settings", self.environment.id);
        self.operator().patch(path, settings).await.ok();
    }

    /// What the operator has set of this environment.
    pub async fn get_settings(&self) -> Settings {
        let mut system = self.app.database().system().await.unwrap();
        store::system::environments::get(&mut system, &self.environment.id).await.unwrap().settings
    }

    /// Moves the server's clock.
    pub fn advance(&self, seconds: i64) {
        self.app.database().clock.advance(seconds);
    }
}
