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
use workos::enums::{CreateWebhookEndpointEvents, PaginationOrder};
use workos::events::ListEventsParams;
use workos::models::{self, EventSchema};

use crate::sdk::{self, Sdk};

macro_rules! catalogue {
    ($($name:literal => $type:ident),* $(,)?) => {
        /// The names that have a type below.
        const TYPED: &[&str] = &[$($name),*];

        /// Reads an event into the type of its name, whole.
        pub fn assert_understood(event: &Value) {
            match event["event"].as_str().unwrap() {
                $($name => read::<models::$type>(event),)*
                other => panic!("no type for {other}: add it to the catalogue"),
            }
        }
    };
}

catalogue! {
    "organization.created" => OrganizationCreated,
    "organization.updated" => OrganizationUpdated,
    "organization.deleted" => OrganizationDeleted,
    "organization_domain.created" => OrganizationDomainCreated,
    "organization_domain.updated" => OrganizationDomainUpdated,
    "organization_domain.deleted" => OrganizationDomainDeleted,
    "organization_domain.verified" => OrganizationDomainVerified,
}

fn read<T: Debug + DeserializeOwned + Serialize>(event: &Value) {
    let typed: T = serde_json::from_value(event.clone()).unwrap_or_else(|error| panic!("{error}: {event}"));
    sdk::assert_understood(event, &typed);
}

/// The names that the source declares, with `events!` or one by one.
pub fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(declared(&std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    names
}

fn declared(text: &str) -> impl Iterator<Item = String> {
    let blocks = text.split("crate::events! {").skip(1).map(|block| block.split("\n}").next().unwrap());
    let calls = text.split("Event::new(").skip(1).map(|call| call.split(',').next().unwrap());
    let code = |line: &&str| !line.trim_start().starts_with("//");
    let lines = blocks.chain(calls).flat_map(str::lines).filter(code);
    let literals = lines.flat_map(|line| line.split('"').skip(1).step_by(2));
    literals.filter(|literal| literal.contains('.')).map(str::to_owned)
}

/// Every event of the environment so far, oldest first.
pub async fn log(sdk: &Sdk) -> Vec<EventSchema> {
    let mut params = ListEventsParams::new(names().into_iter().collect());
    params.order = Some(PaginationOrder::Asc);
    params.limit = Some(100);
    sdk.client.events().list_events_auto_paging(params).try_collect().await.unwrap()
}

/// Asserts that the SDK understands every event of the environment so far.
pub async fn assert_all_understood(sdk: &Sdk) {
    for event in log(sdk).await {
        assert_understood(&serde_json::to_value(event).unwrap());
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
    }
}
