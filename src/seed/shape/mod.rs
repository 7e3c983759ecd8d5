//! What a seed file may say: its keys, as they are read.
//!
//! The keys are those of the emulator's seed file, top-level ones in camelCase and fields in snake_case, as it has
//! them. What happens to keys that are not among them is in [`super::place`]; what the values must be, beyond their
//! form, is in [`super::check`].

mod api_keys;
mod applications;
mod feature_flags;
mod groups;
mod resource_types;
mod resources;
mod role_assignments;
mod waitlists;
mod webhook_endpoints;

use std::marker::PhantomData;

use serde_json::{Map, Value};

use super::place::{Entry, Place, note_rest};
use crate::body;
use crate::kernel::id::{
    ClientId, EnvironmentId, OrganizationDomainId, OrganizationId, OrganizationMembershipId, PermissionId, RoleId,
    UserId,
};
use crate::kernel::patch::Patch;
use crate::kernel::read::{Body, Read, ReadFields, Reader};
use crate::kernel::schema::Fields;
use crate::kernel::secret::Secret;
use crate::model::metadata;
use crate::model::organization_memberships::Status;
use crate::model::roles::RoleType;
use crate::protocol::password::{SaltPosition, Scheme};
use crate::words;

pub use self::api_keys::{ApiKey, ApiKeys};
pub use self::applications::{CorsOrigin, JwtTemplate, OauthResource, RedirectUri};
pub use self::feature_flags::{FeatureFlag, FlagCondition, FlagRule};
pub use self::groups::Group;
pub use self::resource_types::ResourceType;
pub use self::resources::Resource;
pub use self::role_assignments::{GroupRole, MembershipRole};
pub use self::waitlists::{Waitlist, WaitlistEntry};
pub use self::webhook_endpoints::WebhookEndpoint;

/// An environment of the file, and what it holds.
#[derive(Debug)]
pub struct Environment {
    /// How it is told from others.
    pub identity: Identity,
    /// What it holds.
    pub families: Families,
    /// What stands before the places of its families: nothing, or `environments[1].`.
    pub prefix: String,
}

body! {
    /// Which environment it is.
    #[derive(Default)]
    pub struct Identity {
        /// Its id.
        id: Option<EnvironmentId>,
        /// What people call it.
        name: Option<String>,
        /// A key to it.
        api_key as "apiKey": Option<Secret<String>>,
        /// The id by which applications name it.
        client_id as "clientId": Option<ClientId>,
        /// What the operator may set in it.
        settings: Option<Settings>;
        at: Place<Identity>
    }
}

impl Entry for Identity {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// Settings of an environment. Those that are not named stay.
    pub struct Settings {
        /// Whether a membership may have several roles of the organization.
        multiple_roles: Option<bool>,
        /// How long an access token is valid, in seconds.
        access_token_seconds: Option<i64>,
        /// How long a session lasts at most, in seconds.
        session_seconds: Option<i64>,
        /// After how many seconds without a refresh a session ends; null is never.
        session_idle_seconds: Patch<i64>,
        /// Where people accept invitations; null is nowhere.
        invitation_url: Patch<String>,
        /// For how many days an invitation can be accepted.
        invitation_days: Option<i64>,
        /// Whether who joins a waitlist is sent a mail.
        waitlist_confirmation_mail: Option<bool>;
        at: Place<Settings>
    }
}

impl Entry for Settings {
    const LATER: &'static [&'static str] = &[];
}

/// Where an environment would stand that the file does not describe.
impl Default for Place<Identity> {
    fn default() -> Self {
        Self::at("environment")
    }
}

body! {
    /// One of several environments, with its families beside its name.
    pub struct Nested {
        id: Option<EnvironmentId>,
        name: Option<String>,
        api_key as "apiKey": Option<Secret<String>>,
        client_id as "clientId": Option<ClientId>,
        settings: Option<Settings>;
        content: Content<Nested>
    }
}

impl Entry for Nested {
    const LATER: &'static [&'static str] = LATER_FAMILIES;
    const MAILED: &'static [&'static str] = MAILED_FAMILIES;
}

body! {
    /// The whole file.
    pub struct File {
        /// The environment that the families at the top belong to.
        environment: Option<Identity>,
        /// Others, each with its own.
        environments: Option<Vec<Nested>>;
        content: Content<File>
    }
}

impl Entry for File {
    const LATER: &'static [&'static str] = LATER_FAMILIES;
    const MAILED: &'static [&'static str] = MAILED_FAMILIES;
}

/// The families that the format has and this server does not, the emulator's and ours.
const LATER_FAMILIES: &[&str] =
    &["connectApplications", "connectedAccounts", "connections", "directories", "errorHooks", "pipeConnections"];

/// The families that this server has and a seed leaves out, because making them is to send mail: a file that is applied
/// anywhere, at each start, must write to nobody.
const MAILED_FAMILIES: &[&str] = &["invitations"];

impl File {
    /// The environments in the order of the file. What stands at the top is one of them, unless there is nothing.
    pub(super) fn into_environments(self) -> Vec<Environment> {
        let Self { environment, environments, content } = self;
        let top = (environment.is_some() || environments.is_none() || !content.families.is_empty()).then(|| {
            let identity = environment.unwrap_or_default();
            Environment { identity, families: content.families, prefix: String::new() }
        });
        let nested = environments.unwrap_or_default().into_iter().map(|nested| {
            let Nested { id, name, api_key, client_id, settings, content } = nested;
            let prefix = format!("{}.", content.place);
            let identity = Identity { id, name, api_key, client_id, settings, at: Place::at(&content.place) };
            Environment { identity, families: content.families, prefix }
        });
        top.into_iter().chain(nested).collect()
    }
}

/// The families of an environment, beside what else its mapping says.
#[derive(Debug)]
pub struct Content<E> {
    families: Families,
    place: String,
    entry: PhantomData<fn() -> E>,
}

impl<E: Entry> ReadFields for Content<E> {
    fn describe(fields: &mut Fields) {
        fields.extend(Families::fields());
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let taken = Families::FIELDS.iter().filter_map(|&key| Some((key.to_owned(), map.remove(key)?))).collect();
        let families = Families::read(Some(Value::Object(taken)), at);
        note_rest::<E>(map, Families::FIELDS, at);
        Some(Self { families: families?, place: at.place().to_owned(), entry: PhantomData })
    }
}

body! {
    /// What an environment holds.
    pub struct Families {
        /// Its management keys.
        api_keys as "apiKeys": ApiKeys,
        /// The origins that browsers may ask from.
        cors_origins as "corsOrigins": Option<Vec<CorsOrigin>>,
        /// Its feature flags.
        feature_flags as "featureFlags": Option<Vec<FeatureFlag>>,
        /// The template of its access tokens.
        jwt_template as "jwtTemplate": Option<JwtTemplate>,
        /// The resources that tokens may be for.
        oauth_resources as "oauthResources": Option<Vec<OauthResource>>,
        /// Its organizations, with what is inside them.
        organizations: Option<Vec<Organization>>,
        /// Its permissions.
        permissions: Option<Vec<Permission>>,
        /// The addresses that people may be sent back to.
        redirect_uris as "redirectUris": Option<Vec<RedirectUri>>,
        /// Its types of resources.
        resource_types as "resourceTypes": Option<Vec<ResourceType>>,
        /// Its roles, and those of its organizations.
        roles: Option<Vec<Role>>,
        /// Its users.
        users: Option<Vec<User>>,
        /// Its waitlists: it has one.
        waitlists: Option<Vec<Waitlist>>,
        /// Its webhook endpoints.
        webhook_endpoints as "webhookEndpoints": Option<Vec<WebhookEndpoint>>,
    }
}

impl Families {
    fn is_empty(&self) -> bool {
        let Self {
            api_keys,
            cors_origins,
            feature_flags,
            jwt_template,
            oauth_resources,
            organizations,
            permissions,
            redirect_uris,
            resource_types,
            roles,
            users,
            waitlists,
            webhook_endpoints,
        } = self;
        api_keys.is_empty()
            && cors_origins.is_none()
            && feature_flags.is_none()
            && jwt_template.is_none()
            && oauth_resources.is_none()
            && organizations.is_none()
            && permissions.is_none()
            && redirect_uris.is_none()
            && resource_types.is_none()
            && roles.is_none()
            && users.is_none()
            && waitlists.is_none()
            && webhook_endpoints.is_none()
    }
}

body! {
    /// An organization.
    pub struct Organization {
        /// Its id, if it is pinned.
        id: Option<OrganizationId>,
        /// What people call it. The file knows it by that.
        name: String,
        /// What the application calls it.
        external_id: Option<String>,
        /// What Stripe calls it.
        stripe_customer_id: Option<String>,
        /// Pairs to be set; others stay.
        metadata: metadata::Change,
        /// Whether people of other domains may sign in through its connections.
        allow_profiles_outside_organization: Option<bool>,
        /// The slugs of all its roles and of the environment's, highest first, if it has an order of its own.
        role_order: Option<Vec<String>>,
        /// The slug of its default role, if it has one of its own.
        default_role: Option<String>,
        /// Domains that it has, beside others.
        domains: Option<Vec<Domain>>,
        /// Who takes part in it, beside others.
        memberships: Option<Vec<Membership>>,
        /// Its groups.
        groups: Option<Vec<Group>>,
        /// Resources in its tree, beside others.
        resources: Option<Vec<Resource>>;
        at: Place<Organization>
    }
}

impl Entry for Organization {
    const LATER: &'static [&'static str] = &["entitlements"];
}

words! {
    /// Whether a domain is vouched for.
    pub enum DomainState {
        /// It waits for its TXT record.
        Pending = "pending",
        /// It is.
        Verified = "verified",
    }
}

body! {
    /// A domain of an organization.
    pub struct Domain {
        /// Its id, if it is pinned.
        id: Option<OrganizationDomainId>,
        /// The domain.
        domain: String,
        /// Whether it is vouched for; it is not unless this says so.
        state: Option<DomainState>,
        /// What the TXT record says before its token, if it is published already.
        verification_prefix: Option<String>,
        /// What the TXT record must hold, if it is published already.
        verification_token: Option<String>;
        at: Place<Domain>
    }
}

impl Entry for Domain {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// A user's place in an organization.
    pub struct Membership {
        /// Its id, if it is pinned.
        id: Option<OrganizationMembershipId>,
        /// The user, by their address.
        email: String,
        /// The slug of the role.
        role: Option<String>,
        /// The slugs of several, where the environment lets a membership have them.
        roles: Option<Vec<String>>,
        /// Whether the user takes part: they do unless this says otherwise.
        status: Option<Status>,
        /// Roles that it has on resources, beside others.
        role_assignments: Option<Vec<MembershipRole>>;
        at: Place<Membership>
    }
}

impl Entry for Membership {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// A permission.
    pub struct Permission {
        /// Its id, if it is pinned.
        id: Option<PermissionId>,
        /// The name that programs use.
        slug: String,
        /// The name that people use.
        name: String,
        /// What it allows.
        description: Option<String>,
        /// The type of resources that it concerns, as the API says it.
        resource_type_slug: Option<String>,
        /// The same in short.
        resource_type: Option<String>;
        at: Place<Permission>
    }
}

impl Entry for Permission {
    const LATER: &'static [&'static str] = &[];
}

impl Permission {
    /// The slug of its type of resources, whichever way the file says it.
    pub fn resource_type(&self) -> Option<&str> {
        self.resource_type_slug.as_deref().or(self.resource_type.as_deref())
    }
}

body! {
    /// A role.
    pub struct Role {
        /// Its id, if it is pinned.
        id: Option<RoleId>,
        /// The name that programs use.
        slug: String,
        /// The name that people use.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Whose role it is.
        role_type as "type": Option<RoleType>,
        /// The organization, if it belongs to one.
        organization_id: Option<OrganizationId>,
        /// The type of resources that it is given on, as the API says it.
        resource_type_slug: Option<String>,
        /// The same in short.
        resource_type: Option<String>,
        /// Whether members have it who were given none.
        is_default_role: Option<bool>,
        /// Its place among the roles that say one, the lowest number first.
        priority: Option<i64>,
        /// The slugs of its permissions, all of them.
        permissions: Option<Vec<String>>;
        at: Place<Role>
    }
}

impl Entry for Role {
    const LATER: &'static [&'static str] = &[];
}

impl Role {
    /// The slug of its type of resources, whichever way the file says it.
    pub fn resource_type(&self) -> Option<&str> {
        self.resource_type_slug.as_deref().or(self.resource_type.as_deref())
    }
}

body! {
    /// A user.
    pub struct User {
        /// Their id, if it is pinned.
        id: Option<UserId>,
        /// Their e-mail address. The file knows them by that.
        email: String,
        /// Whether somebody vouches for the address.
        email_verified: Option<bool>,
        /// Their first name.
        first_name: Option<String>,
        /// Their last name.
        last_name: Option<String>,
        /// Their full name.
        name: Option<String>,
        /// What the application calls them.
        external_id: Option<String>,
        /// The language that they prefer.
        locale: Option<String>,
        /// Pairs to be set; others stay.
        metadata: metadata::Change,
        /// The password that they sign in with. It need not be a strong one.
        password: Option<Secret<String>>,
        /// A hash of their password that another system made, for a user who has no password yet.
        password_hash: Option<Secret<String>>,
        /// What made it.
        password_hash_type: Option<Scheme>,
        /// Where the salt stood in it.
        password_salt_position: Option<SaltPosition>;
        at: Place<User>
    }
}

impl Entry for User {
    const LATER: &'static [&'static str] = &["impersonator", "oauth_idp_id", "oauth_provider", "totp"];
}
