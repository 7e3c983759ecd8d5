//! The events that the server can emit, each with the type that the SDK reads it into.
//!
//! The list of events reads them into an envelope whose payload has no type; an application takes that on to the type
//! of the name, as is done here.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use futures_util::TryStreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vestibule::model::webhook_events;
use workos::enums::{CreateWebhookEndpointEvents, PaginationOrder};
use workos::events::ListEventsParams;
use workos::models::{self, EventSchema};

use crate::harness::Test;
use crate::sdk::{self, Sdk};

/// What newer SDKs know and this one has no types for. Their clients are held against these in `tests/clients`.
const NEWER: &[&str] = &[
    "feature_flags.flag.created",
    "feature_flags.flag.deleted",
    "feature_flags.flag.updated",
    "feature_flags.flag_rule.created",
    "feature_flags.flag_rule.deleted",
    "feature_flags.flag_rule.updated",
    "feature_flags.flag_target.created",
    "feature_flags.flag_target.deleted",
];

macro_rules! catalogue {
    ($($name:literal => $type:ident),* $(,)?) => {
        /// The names that have a type below.
        const TYPED: &[&str] = &[$($name),*];

        /// Reads an event into the type of its name, whole.
        fn assert_understood(event: Value) {
            match event["event"].as_str().unwrap() {
                newer if NEWER.contains(&newer) => {}
                $($name => read::<models::$type>(event),)*
                other => panic!("no type for {other}: add it to the catalogue"),
            }
        }
    };
}

catalogue! {
    "api_key.created" => ApiKeyCreated,
    "api_key.updated" => ApiKeyUpdated,
    "api_key.revoked" => ApiKeyRevoked,
    "authentication.password_failed" => AuthenticationPasswordFailed,
    "authentication.password_succeeded" => AuthenticationPasswordSucceeded,
    "flag.created" => FlagCreated,
    "flag.updated" => FlagUpdated,
    "flag.deleted" => FlagDeleted,
    "flag.rule_updated" => FlagRuleUpdated,
    "group.created" => GroupCreated,
    "group.updated" => GroupUpdated,
    "group.deleted" => GroupDeleted,
    "group.member_added" => GroupMemberAdded,
    "group.member_removed" => GroupMemberRemoved,
    "invitation.accepted" => InvitationAccepted,
    "invitation.created" => InvitationCreated,
    "invitation.resent" => InvitationResent,
    "invitation.revoked" => InvitationRevoked,
    "organization.created" => OrganizationCreated,
    "organization.updated" => OrganizationUpdated,
    "organization.deleted" => OrganizationDeleted,
    "organization_domain.created" => OrganizationDomainCreated,
    "organization_domain.updated" => OrganizationDomainUpdated,
    "organization_domain.deleted" => OrganizationDomainDeleted,
    "organization_domain.verified" => OrganizationDomainVerified,
    "organization_domain.verification_failed" => OrganizationDomainVerificationFailed,
    "organization_membership.created" => OrganizationMembershipCreated,
    "organization_membership.updated" => OrganizationMembershipUpdated,
    "organization_membership.deleted" => OrganizationMembershipDeleted,
    "organization_role.created" => OrganizationRoleCreated,
    "organization_role.updated" => OrganizationRoleUpdated,
    "organization_role.deleted" => OrganizationRoleDeleted,
    "permission.created" => PermissionCreated,
    "permission.updated" => PermissionUpdated,
    "permission.deleted" => PermissionDeleted,
    "role.created" => RoleCreated,
    "role.updated" => RoleUpdated,
    "role.deleted" => RoleDeleted,
    "session.created" => SessionCreated,
    "session.revoked" => SessionRevoked,
    "user.created" => UserCreated,
    "user.updated" => UserUpdated,
    "user.deleted" => UserDeleted,
    "waitlist_user.approved" => WaitlistUserApproved,
    "waitlist_user.created" => WaitlistUserCreated,
    "waitlist_user.denied" => WaitlistUserDenied,
}

fn read<T: Debug + DeserializeOwned + Serialize>(event: Value) {
    let typed = T::deserialize(&event).unwrap_or_else(|error| panic!("{error}: {event}"));
    sdk::assert_understood(event, &typed);
}

/// The names that the source declares: models alone name events, and no other of their words has a dot.
pub fn names() -> BTreeSet<String> {
    let mut texts = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model"), &mut texts);
    texts.iter().flat_map(|text| literals(text)).filter(|literal| is_name(literal)).collect()
}

/// The texts of the files in a folder, however deep.
fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, texts);
        } else if !path.ends_with("webhook_events.rs") {
            // (The catalogue of webhooks names what others will emit.)
            texts.push(std::fs::read_to_string(path).unwrap());
        }
    }
}

fn literals(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn is_name(literal: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    literal.contains('.') && literal.split('.').all(word)
}

/// Every event of the environment so far, oldest first, as the SDK lists it.
async fn log(t: &Test, sdk: &Sdk) -> Vec<EventSchema> {
    t.settle().await;
    let mut params = ListEventsParams::new(names().into_iter().collect());
    params.order = Some(PaginationOrder::Asc);
    params.limit = Some(100);
    sdk.client.events().list_events_auto_paging(params).try_collect().await.unwrap()
}

/// Asserts that the SDK is shown every event of the environment so far, and understands it.
pub async fn assert_all_understood(t: &Test, sdk: &Sdk) {
    let events = log(t, sdk).await;
    let mut listed: Vec<_> = events.iter().map(|event| event.event.clone()).collect();
    let mut happened = t.all_events().await;
    listed.sort_unstable();
    happened.sort_unstable();
    assert_eq!(listed, happened, "an event that no model names");
    for event in events {
        assert_understood(serde_json::to_value(event).unwrap());
    }
}

#[test]
fn every_event_of_the_source_has_a_type_and_is_known_to_the_sdk() {
    let names = names();
    let listed: BTreeSet<_> = TYPED.iter().chain(NEWER).map(|&name| name.to_owned()).collect();
    assert_eq!(names, listed);
    for name in names.iter().filter(|name| !NEWER.contains(&name.as_str())) {
        let known = CreateWebhookEndpointEvents::from(name.as_str());
        assert!(!matches!(known, CreateWebhookEndpointEvents::Unknown(_)), "{name}");
        assert!(webhook_events::is_known(name), "no endpoint can be told of {name}");
    }
}
