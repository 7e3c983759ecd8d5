//! Users.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::metadata::Metadata;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::UserId;
use crate::kernel::schema;

/// A person who signs in. One environment knows an e-mail address once, whatever its case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "user")]
#[schemars(transform = schema::object::<Self>)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address, in the case in which it was given.
    pub email: String,
    /// Whether they are known to read mail sent there.
    pub email_verified: bool,
    /// Their first name.
    pub first_name: Option<String>,
    /// Their last name.
    pub last_name: Option<String>,
    /// Their full name. It is kept as it was given, and not made of the other two.
    pub name: Option<String>,
    /// Where a picture of them is.
    pub profile_picture_url: Option<String>,
    /// What the application calls them.
    pub external_id: Option<String>,
    /// What the application keeps on them.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// When they last signed in.
    pub last_sign_in_at: Option<Timestamp>,
    /// The language that they prefer.
    pub locale: Option<String>,
    /// When they were made.
    pub created_at: Timestamp,
    /// When they were last changed.
    pub updated_at: Timestamp,
}

crate::events! { User, |_| None;
    created = "user.created",
    updated = "user.updated",
    deleted = "user.deleted",
}

crate::words! {
    /// A provider that vouches for people, as identities name it. Sign-in spells `GitHubOAuth` with a capital H.
    pub enum IdentityProvider {
        /// Apple.
        Apple = "AppleOAuth",
        /// Bitbucket.
        Bitbucket = "BitbucketOAuth",
        /// Discord.
        Discord = "DiscordOAuth",
        /// GitHub.
        Github = "GithubOAuth",
        /// GitLab.
        GitLab = "GitLabOAuth",
        /// Google.
        Google = "GoogleOAuth",
        /// Grok.
        Grok = "GrokOAuth",
        /// X.
        X = "XOAuth",
        /// Intuit.
        Intuit = "IntuitOAuth",
        /// LinkedIn.
        LinkedIn = "LinkedInOAuth",
        /// Microsoft.
        Microsoft = "MicrosoftOAuth",
        /// Salesforce.
        Salesforce = "SalesforceOAuth",
        /// Slack.
        Slack = "SlackOAuth",
        /// The marketplace of Vercel.
        VercelMarketplace = "VercelMarketplaceOAuth",
        /// Vercel.
        Vercel = "VercelOAuth",
        /// Xero.
        Xero = "XeroOAuth",
    }
}

/// How a provider knows a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "type", rename = "OAuth")]
#[schemars(inline, transform = schema::typed::<Self>)]
pub struct Identity {
    /// What the provider calls them.
    pub idp_id: String,
    /// The provider.
    pub provider: IdentityProvider,
}
