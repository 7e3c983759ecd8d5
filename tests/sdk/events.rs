//! The event log, read as an application reads it: page after page, from a cursor that it keeps.

use serde_json::json;
use workos::enums::PaginationOrder;
use workos::events::ListEventsParams;
use workos::models::EventSchema;
use workos::organizations::CreateOrganizationParams;

use crate::sdk::{Sdk, body, story};

async fn organization(sdk: &Sdk, name: &str) -> String {
    let params = CreateOrganizationParams::new(body(json!({ "name": name })));
    sdk.ok(sdk.client.organizations().create_organization(params).await).id
}

fn created() -> ListEventsParams {
    ListEventsParams { order: None, ..ListEventsParams::new(vec!["organization.created".to_owned()]) }
}

fn names(events: &[EventSchema]) -> Vec<&str> {
    events.iter().map(|event| event.data["name"].as_str().unwrap()).collect()
}

#[test]
fn a_consumer_goes_on_where_it_stopped() {
    story(async |_, sdk| {
        for name in ["a", "b", "c"] {
            organization(sdk, name).await;
        }
        let events = sdk.client.events();
        let first = sdk.ok(events.list_events(ListEventsParams { limit: Some(2), ..created() }).await);
        assert_eq!((first.object.as_str(), names(&first.data)), ("list", vec!["a", "b"]));
        assert_eq!(first.data[0].object, "event");
        assert!(first.data[0].id.starts_with("event_"));

        let after = first.list_metadata.after.clone();
        assert_eq!(after.as_ref(), Some(&first.data[1].id));
        let second = sdk.ok(events.list_events(ListEventsParams { after, ..created() }).await);
        assert_eq!((names(&second.data), second.list_metadata.after), (vec!["c"], None));

        // Nothing is new; then something is.
        let after = Some(second.data[0].id.clone());
        let none = sdk.ok(events.list_events(ListEventsParams { after: after.clone(), ..created() }).await);
        assert!(none.data.is_empty() && none.list_metadata.after.is_none());
        organization(sdk, "d").await;
        let more = sdk.ok(events.list_events(ListEventsParams { after, ..created() }).await);
        assert_eq!(names(&more.data), ["d"]);
    });
}

#[test]
fn events_are_chosen_by_organization_and_time() {
    story(async |_, sdk| {
        let a = organization(sdk, "a").await;
        organization(sdk, "b").await;
        let events = sdk.client.events();
        let of_a = sdk.ok(events.list_events(ListEventsParams { organization_id: Some(a), ..created() }).await);
        assert_eq!(names(&of_a.data), ["a"]);

        let ordered = ListEventsParams { order: Some(PaginationOrder::Desc), ..created() };
        assert_eq!(names(&sdk.ok(events.list_events(ordered).await).data), ["b", "a"]);

        let past = Some("2020-01-01T00:00:00.000Z".to_owned());
        let until = ListEventsParams { range_end: past.clone(), ..created() };
        assert!(sdk.ok(events.list_events(until).await).data.is_empty());
        let since = ListEventsParams { range_start: past, ..created() };
        assert_eq!(sdk.ok(events.list_events(since).await).data.len(), 2);
    });
}

#[test]
fn a_list_of_no_names_is_refused() {
    story(async |_, sdk| {
        let nothing = sdk.client.events().list_events(ListEventsParams::new(Vec::new())).await;
        sdk.fails(nothing, 422, "invalid_request_parameters");
    });
}
