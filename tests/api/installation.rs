//! The first start of a server and those that follow.

use vestibule::db::System;
use vestibule::domain::installation::{self, Made, Wishes};
use vestibule::kernel::Result;
use vestibule::kernel::secret::Secret;
use vestibule::store;

use crate::harness::{Test, story_apart};

const KEY: &str = "sk_chosen_by_the_operator_1";

async fn start(t: &Test, api_key: Option<&str>) -> Result<Made> {
    let wishes = Wishes { api_key: api_key.map(Secret::from), ..Wishes::default() };
    let prepare = async |system: &mut System| installation::prepare(system, t.app.keyring(), wishes).await;
    t.app.database().write_system(prepare).await.map(|(_, made)| made)
}

#[test]
fn what_the_operator_chose_is_not_printed_and_what_was_made_is_made_once() {
    story_apart(async |t| {
        let made = start(&t, Some(KEY)).await.unwrap();
        assert!(made.api_key.is_none() && made.client_id.is_some() && made.admin_token.is_some());
        t.with_key(KEY).get("/organizations").await.ok();
        let made = start(&t, Some(KEY)).await.unwrap();
        assert!(made.api_key.is_none() && made.client_id.is_none() && made.admin_token.is_none());
        start(&t, Some("sk_another_one_of_the_operator")).await.unwrap();
        t.with_key("sk_another_one_of_the_operator").get("/organizations").await.ok();
    });
}

#[test]
fn no_environment_inherits_the_key_of_one_that_was_deleted() {
    story_apart(async |t| {
        start(&t, Some(KEY)).await.unwrap();
        let mut system = t.app.database().system().await.unwrap();
        let first = store::system::environments::find_first(&mut system).await.unwrap().unwrap();
        drop(system);
        t.operator().delete(format!("/admin/v1/environments/{}", first.id)).await.no_content();
        assert_eq!(start(&t, Some(KEY)).await.unwrap_err().code(), Some("first_environment_deleted"));
        t.with_key(KEY).get("/organizations").await.fails(401, "unauthorized");
        let made = start(&t, None).await.unwrap();
        assert!(made.api_key.is_none() && made.client_id.is_none());
    });
}

#[test]
fn a_key_of_another_environment_is_not_the_first_ones() {
    story_apart(async |t| {
        start(&t, None).await.unwrap();
        assert_eq!(start(&t, Some(&t.key)).await.unwrap_err().code(), Some("api_key_already_exists"));
    });
}
