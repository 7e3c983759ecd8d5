//! Ids: a prefix that tells the kind, and a ULID that tells the order.
//!
//! One generic [`Id`], one registry of kinds at the end of this file, one alias each. Ids are stored as text with
//! their prefix, so that a row is readable in psql and an id from elsewhere is kept as it is; nothing here may
//! therefore insist on a ULID when *reading* an id.

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::clock::{Clock, Timestamp};
use super::crypto::Random;
use super::schema;

/// What an id names. Implemented only by the registry below.
pub trait Kind: Send + Sync + 'static {
    /// The letters before the first digit of the ULID, without the underscore: `org`.
    const PREFIX: &'static str;
    /// The name that messages use: `Organization`.
    const NAME: &'static str;
    /// How many characters may come after the prefix.
    const LONGEST: usize = 64;
}

/// The id of one object of a kind: `org_01EHWNCE74X7JSDV0X3SZ3KJNY`.
pub struct Id<K: Kind>(Box<str>, PhantomData<fn() -> K>);

impl<K: Kind> Id<K> {
    /// Accepts an id as a client or a file writes it: the prefix, then letters, digits, `_` or `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(K::PREFIX)?.strip_prefix('_')?;
        let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        (plain && (1..=K::LONGEST).contains(&rest.len())).then(|| Self::verbatim(text))
    }

    /// Takes any text for an id, for look-ups in which a wrong id must simply not be found (paths).
    pub fn verbatim(text: &str) -> Self {
        Self(text.into(), PhantomData)
    }

    /// The moment at which this server made the id; None for an id that came from elsewhere.
    pub fn moment(&self) -> Option<Timestamp> {
        let (_, ulid) = self.0.rsplit_once('_')?;
        Ulid::from_string(ulid).ok().map(moment)
    }

    /// The id as it is stored and sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Kind> Eq for Id<K> {}

impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K: Kind> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// For values that we wrote ourselves (`json_agg`); input from outside goes through [`super::read`].
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::deserialize(deserializer)?, PhantomData))
    }
}

crate::inline_schema! { [K: Kind] Id<K>, schema::id::<K>() }

impl<K: Kind> sqlx::Type<sqlx::Postgres> for Id<K> {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <str as sqlx::Type<sqlx::Postgres>>::type_info()
    }

    fn compatible(ty: &sqlx::postgres::PgTypeInfo) -> bool {
        <str as sqlx::Type<sqlx::Postgres>>::compatible(ty)
    }
}

impl<K: Kind> sqlx::postgres::PgHasArrayType for Id<K> {
    fn array_type_info() -> sqlx::postgres::PgTypeInfo {
        <String as sqlx::postgres::PgHasArrayType>::array_type_info()
    }
}

impl<K: Kind> sqlx::Encode<'_, sqlx::Postgres> for Id<K> {
    fn encode_by_ref(
        &self,
        buffer: &mut sqlx::postgres::PgArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        <&str as sqlx::Encode<'_, sqlx::Postgres>>::encode_by_ref(&self.as_str(), buffer)
    }
}

impl<'r, K: Kind> sqlx::Decode<'r, sqlx::Postgres> for Id<K> {
    fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        let text = <&str as sqlx::Decode<'r, sqlx::Postgres>>::decode(value)?;
        Ok(Self::verbatim(text))
    }
}

/// The internal key of an environment: what its rows carry. It is only ever read from the database, so whoever has one
/// has been given it by a look-up that was allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct EnvironmentKey(i32);

impl EnvironmentKey {
    /// The key as a number, for statements that are given many of them at once.
    pub fn number(self) -> i32 {
        self.0
    }
}

/// Makes new ids: strictly rising within the process, whatever the clock does.
#[derive(Debug, Clone)]
pub struct Mint {
    clock: Clock,
    random: Random,
    last: Arc<Mutex<Ulid>>,
}

impl Mint {
    /// A mint that takes its time and its randomness from these.
    pub fn new(clock: Clock, random: Random) -> Self {
        Self { clock, random, last: Arc::new(Mutex::new(Ulid::nil())) }
    }

    /// A new id of this kind.
    pub fn id<K: Kind>(&self) -> Id<K> {
        Id(format!("{}_{}", K::PREFIX, self.ulid()).into(), PhantomData)
    }

    /// A new ULID, greater than every one before it.
    ///
    /// Within one millisecond, or while the clock stands behind an id already given, the last one is counted up:
    /// order matters more than the exact moment.
    pub fn ulid(&self) -> Ulid {
        let now = u64::try_from(self.clock.now().millis()).unwrap_or_default();
        let mut entropy = [0; 16];
        entropy[6..].copy_from_slice(&self.random.bytes::<10>());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Ulid::from_parts(now, u128::from_be_bytes(entropy));
        *last = if now > last.timestamp_ms() { fresh } else { last.increment().unwrap_or(fresh) };
        *last
    }
}

/// The moment that a ULID was made.
pub fn moment(ulid: Ulid) -> Timestamp {
    Timestamp::from_millis(i64::try_from(ulid.timestamp_ms()).unwrap_or(i64::MAX))
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $alias:ident $prefix:literal $name:literal $($longest:literal)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const NAME: &'static str = $name;
            $(const LONGEST: usize = $longest;)?
        }
        #[doc = concat!("The id of ", stringify!($kind), ": `", $prefix, "_...`.")]
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// A tenant of the server: everything below belongs to exactly one.
    EnvironmentKind EnvironmentId "environment" "Environment";
    /// The name by which an application's sign-in finds its environment.
    ClientKind ClientId "client" "Client";
    /// A key by which an application manages an environment.
    ManagementKeyKind ManagementKeyId "key" "API key";
    /// An entry of the event log.
    EventKind EventId "event" "Event";
    /// A customer of the application.
    OrganizationKind OrganizationId "org" "Organization";
    /// A domain of an organization.
    OrganizationDomainKind OrganizationDomainId "org_domain" "Organization domain";
    /// A person who signs in.
    UserKind UserId "user" "User";
    /// A user's place in an organization.
    OrganizationMembershipKind OrganizationMembershipId "om" "Organization membership";
    /// A group of an organization's memberships.
    GroupKind GroupId "group" "Group";
    /// A key that an application gives to its customers.
    ApiKeyKind ApiKeyId "api_key" "API Key";
    /// A role of the environment or of one organization.
    RoleKind RoleId "role" "Role";
    /// A permission.
    PermissionKind PermissionId "perm" "Permission";
    /// A node of an organization's resource tree.
    ResourceKind ResourceId "authz_resource" "Authorization resource";
    /// A role that a membership has on a resource. One that it has through a group is named by the ULID of the group's
    /// assignment and by the membership, one after the other.
    RoleAssignmentKind RoleAssignmentId "role_assignment" "Role assignment" 90;
    /// A role given to a group on a resource.
    GroupRoleAssignmentKind GroupRoleAssignmentId "gra" "Group role assignment";
    /// A signed-in user's session.
    SessionKind SessionId "session" "Session";
    /// A key that signs an environment's tokens. Its id is the `kid` of those tokens.
    SigningKeyKind SigningKeyId "signing_key" "Signing key";
    /// Where an application wants to be told of events.
    WebhookEndpointKind WebhookEndpointId "we" "Webhook endpoint";
    /// An event that is owed to an endpoint.
    WebhookDeliveryKind WebhookDeliveryId "webhook_delivery" "Webhook delivery";
    /// An address that sign-in may send people back to.
    RedirectUriKind RedirectUriId "redir" "Redirect URI";
    /// An origin whose pages may call the API from a browser.
    CorsOriginKind CorsOriginId "cors_origin" "CORS origin";
    /// A resource that tokens can be asked for.
    OauthResourceKind OauthResourceId "authkit_oauth_resource" "OAuth resource";
    /// A message in the outbox.
    MailKind MailId "mail" "Mail";
    /// An invitation to sign up or to join an organization.
    InvitationKind InvitationId "invitation" "Invitation";
    /// A list of those who wait to be let in.
    WaitlistKind WaitlistId "waitlist" "Waitlist";
    /// Somebody on such a list.
    WaitlistEntryKind WaitlistEntryId "wl_user" "Waitlist entry";
    /// A feature that some have and others have not.
    FeatureFlagKind FeatureFlagId "flag" "Feature flag";
    /// A rule of a feature flag.
    FlagRuleKind FlagRuleId "flag_rule" "Flag rule";
    /// A target of a feature flag or of one of its rules.
    FlagTargetKind FlagTargetId "flag_target" "Flag target";
}
