//! Sign-in: what it answers, and what the log says about attempts.

use serde::Serialize;
use sqlx::FromRow;

use super::sessions::AuthMethod;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, UserId};

/// The words of sign-in, and which of the coarser words of sessions each belongs to.
macro_rules! methods {
    ($($(#[$meta:meta])* $method:ident = $word:literal => $auth_method:ident),* $(,)?) => {
        crate::words! {
            /// How a user signed in. Further steps (a second factor, the choice of an organization) do not change it.
            pub enum Method { $($(#[$meta])* $method = $word),* }
        }

        impl Method {
            /// The word that sessions use for it.
            pub fn auth_method(self) -> AuthMethod {
                match self { $(Self::$method => AuthMethod::$auth_method,)* }
            }
        }
    };
}

methods! {
    /// By a connection of the organization.
    Sso = "SSO" => Sso,
    /// By a password.
    Password = "Password" => Password,
    /// By a passkey.
    Passkey = "Passkey" => Passkey,
    /// By an account at Apple.
    Apple = "AppleOAuth" => OAuth,
    /// By an account at Bitbucket.
    Bitbucket = "BitbucketOAuth" => OAuth,
    /// By a token of another application.
    CrossApp = "CrossAppAuth" => CrossAppAuth,
    /// By an account at Discord.
    Discord = "DiscordOAuth" => OAuth,
    /// By the application's own sign-in.
    External = "ExternalAuth" => ExternalAuth,
    /// By an account at GitHub.
    GitHub = "GitHubOAuth" => OAuth,
    /// By an account at GitLab.
    GitLab = "GitLabOAuth" => OAuth,
    /// By an account at Google.
    Google = "GoogleOAuth" => OAuth,
    /// By an account at Grok.
    Grok = "GrokOAuth" => OAuth,
    /// By an account at X.
    X = "XOAuth" => OAuth,
    /// By an account at Intuit.
    Intuit = "IntuitOAuth" => OAuth,
    /// By an account at LinkedIn.
    LinkedIn = "LinkedInOAuth" => OAuth,
    /// By an account at Microsoft.
    Microsoft = "MicrosoftOAuth" => OAuth,
    /// By an account at Salesforce.
    Salesforce = "SalesforceOAuth" => OAuth,
    /// By an account at Slack.
    Slack = "SlackOAuth" => OAuth,
    /// By an account at Vercel's marketplace.
    VercelMarketplace = "VercelMarketplaceOAuth" => OAuth,
    /// By an account at Vercel.
    Vercel = "VercelOAuth" => OAuth,
    /// By an account at Xero.
    Xero = "XeroOAuth" => OAuth,
    /// By a code sent to the address.
    MagicAuth = "MagicAuth" => MagicCode,
    /// By somebody who acts for the user.
    Impersonation = "Impersonation" => Impersonation,
    /// It was brought along from another system.
    MigratedSession = "MigratedSession" => MigratedSession,
}

crate::words! {
    /// How an attempt ended.
    pub enum Outcome {
        /// The user is who it claims to be.
        Succeeded = "succeeded",
        /// It could not be shown.
        Failed = "failed",
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The code that the application was answered.
    pub code: String,
    /// The message that the application was answered.
    pub message: String,
}

/// An attempt to sign in by password, for the log.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename = "password")]
pub struct PasswordAttempt {
    /// How it ended.
    pub status: Outcome,
    /// The address that the application named.
    pub ip_address: Option<String>,
    /// The program that the application named.
    pub user_agent: Option<String>,
    /// Whose password it would have been; null if nobody has the address.
    pub user_id: Option<UserId>,
    /// The address that was tried.
    pub email: String,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
}

crate::events! { PasswordAttempt, |_| None;
    succeeded = "authentication.password_succeeded",
    failed = "authentication.password_failed",
}

crate::words! {
    /// What a sign-in waits for after the user has proved who it is.
    pub enum Step {
        /// For the choice of one of the user's organizations.
        OrganizationSelection = "organization_selection",
    }
}

/// A user who has proved who they are and has no session yet.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Pending {
    /// Who it is.
    pub user_id: UserId,
    /// The client that they sign in to.
    pub client_id: String,
    /// How they proved it.
    pub method: Method,
    /// The address that the application named.
    pub ip_address: Option<String>,
    /// The program that the application named.
    pub user_agent: Option<String>,
    /// When they proved it.
    pub authenticated_at: Timestamp,
}

/// What an active member is in an organization, as access tokens tell it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Standing {
    /// The slugs of their roles there, the highest first.
    pub roles: Vec<String>,
    /// The slugs of the permissions that those roles have, each once.
    pub permissions: Vec<String>,
}

/// An organization that a user may choose to sign in to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct Choice {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
}
