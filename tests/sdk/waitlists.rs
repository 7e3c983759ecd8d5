//! Waitlists.

use serde_json::{Value, json};
use workos::enums::{UserManagementWaitlistsState, WaitlistEntryState};
use workos::models::WaitlistEntry;
use workos::user_management::{CreateWaitlistEntryParams, ListWaitlistEntriesParams};

use crate::sdk::{Sdk, body, story};

async fn join(sdk: &Sdk, fields: Value) -> WaitlistEntry {
    let params = CreateWaitlistEntryParams::new(body(fields));
    sdk.ok(sdk.client.user_management().create_waitlist_entry("default", params).await)
}

#[test]
fn somebody_waits_and_is_denied_approved_and_forgotten() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        let fields = json!({ "email": "ann@example.com", "additional_fields": { "company": "Acme" }, "send_confirmation_email": true });
        let entry = join(sdk, fields).await;
        assert_eq!((entry.object.as_str(), entry.state.clone()), ("waitlist_entry", WaitlistEntryState::Pending));
        let other = join(sdk, json!({ "email": "ben@example.com" })).await;

        let lists = sdk.ok(api.list_waitlists().await);
        assert_eq!(Some(&lists.data[0].id), entry.waitlist_id.as_ref());
        assert_eq!(sdk.ok(api.get_waitlist("default").await).id, lists.data[0].id);
        let state = Some(UserManagementWaitlistsState::Pending);
        let params = ListWaitlistEntriesParams { state, ..Default::default() };
        assert_eq!(sdk.ok(api.list_waitlist_entries("default", params).await).data.len(), 2);

        assert_eq!(sdk.ok(api.create_waitlist_entry_deny(&entry.id).await).state, WaitlistEntryState::Denied);
        sdk.fails(api.create_waitlist_entry_deny(&entry.id).await, 422, "invalid_state");
        let approved = sdk.ok(api.create_waitlist_entry_approve(&entry.id).await);
        assert!(approved.approved_at.is_some());
        sdk.fails(api.create_waitlist_entry_approve(&entry.id).await, 422, "invalid_state");
        sdk.ok(api.delete_waitlist_entry(&other.id).await);
        sdk.missing(api.delete_waitlist_entry(&other.id).await);
    });
}
