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

macro_rules! catalogue {
    ($($name:literal => $type:ident),* $(,)?) => {
        /// The names that have a type below.
        const TYPED: &[&str] = &[$($name),*];

        /// Reads an event into the type of its name, whole.
        fn assert_understood(event: Value) {
            match event["event"].as_str().unwrap() {
                $($name => read::<models::$type>(event),)*
                other => panic!("no type for {other}: add it to the catalogue"),
            }
        }
    };
}

catalogue! {
    "authentication.password_failed" => AuthenticationPasswordFailed,
    "authentication.password_succeeded" => AuthenticationPasswordSucceeded,
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
    let models = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model")).unwrap();
    // The catalogue of webhooks names what others will emit.
    let models = models.map(|file| file.unwrap().path()).filter(|path| !path.ends_with("webhook_events.rs"));
    let texts = models.map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| literals(&text)).filter(|literal| is_name(literal)).collect()
}

fn literals(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn is_name(literal: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    literal.split_once('.').is_some_and(|(kind, verb)| word(kind) && word(verb))
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
    let typed: BTreeSet<_> = TYPED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(names, typed);
    for name in names {
        let known = CreateWebhookEndpointEvents::from(name.as_str());
        assert!(!matches!(known, CreateWebhookEndpointEvents::Unknown(_)), "{name}");
        assert!(webhook_events::is_known(&name), "no endpoint can be told of {name}");
    }
}
