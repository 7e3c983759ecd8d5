//! What happens to trees when several change them at once: nothing is lost, nothing turns in a circle, nothing is left.

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::harness::{Answer, Test, closure_is_sound, story};

const ALL: &str = "/authorization/resources";

fn path(resource: &Value) -> String {
    format!("{ALL}/{}", resource["id"].as_str().unwrap())
}

/// An organization with folders in folders.
async fn acme(t: &Test) -> Value {
    t.resource_type("folder", &["organization", "folder"]).await;
    t.organization("Acme").await
}

async fn make(t: &Test, organization: &Value, external_id: &str, parent: &Value) -> Answer {
    let body = json!({ "organization_id": organization["id"], "resource_type_slug": "folder",
        "external_id": external_id, "name": external_id, "parent_resource_id": parent["id"] });
    t.post(ALL, body).await
}

async fn put_below(t: &Test, resource: &Value, parent: &Value) -> Answer {
    t.patch(path(resource), json!({ "parent_resource_id": parent["id"] })).await
}

async fn cut(t: &Test, resource: &Value) -> Answer {
    t.delete(format!("{}?cascade_delete=true", path(resource))).await
}

/// How many rows there are about an organization's tree, or about its like.
async fn rows(t: &Test) -> (i64, i64) {
    sqlx::query_as(
        "select count(distinct r.key), count(a.ancestor)
         from resources r left join resource_ancestors a on a.descendant = r.key where r.environment = $1",
    )
    .bind(t.environment.key)
    .fetch_one(t.app.database().pool())
    .await
    .unwrap()
}

#[test]
fn of_moves_below_one_another_one_is_refused() {
    story(async |t| {
        let acme = acme(&t).await;
        let root = t.root(&acme).await;
        for round in 0..6 {
            let mut ring = Vec::new();
            for i in 0..4 {
                let top = t.resource(&acme, "folder", &format!("{round}-{i}"), None).await;
                t.resource(&acme, "folder", &format!("{round}-{i}-below"), Some(&top)).await;
                ring.push(top);
            }
            let moves = (0..4).map(|i| put_below(&t, &ring[i], &ring[(i + 1) % 4]));
            let answers = join_all(moves).await;
            let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
            assert_eq!(refused.len(), 1, "{refused:?}");
            assert_eq!(refused[0].body["code"], "resource_cycle");
            closure_is_sound(&t).await;
            for folder in &ring {
                put_below(&t, folder, &root).await.ok();
            }
        }
        closure_is_sound(&t).await;
    });
}

#[test]
fn what_is_made_below_a_moving_resource_moves_along() {
    story(async |t| {
        let acme = acme(&t).await;
        let [a, b] = ["a", "b"].map(|name| t.resource(&acme, "folder", name, None));
        let (a, b) = (a.await, b.await);
        let moving = t.resource(&acme, "folder", "moving", Some(&a)).await;
        let inner = t.resource(&acme, "folder", "inner", Some(&moving)).await;
        let moves = async {
            for parent in [&b, &a, &b, &a, &b] {
                put_below(&t, &moving, parent).await.ok();
            }
        };
        let names: Vec<_> = (0..12).map(|i| i.to_string()).collect();
        let creates = join_all(names.iter().map(|name| make(&t, &acme, name, &inner)));
        let ((), made) = tokio::join!(moves, creates);
        assert_eq!(made.into_iter().map(Answer::created).count(), 12);
        closure_is_sound(&t).await;
        assert_eq!(t.pages(&format!("{ALL}?parent_resource_id={}", inner["id"].as_str().unwrap())).await.len(), 12);
    });
}

#[test]
fn nothing_is_left_of_what_is_made_below_what_is_deleted() {
    story(async |t| {
        let acme = acme(&t).await;
        for round in 0..5 {
            let top = t.resource(&acme, "folder", &format!("top-{round}"), None).await;
            let inner = t.resource(&acme, "folder", &format!("inner-{round}"), Some(&top)).await;
            let names: Vec<_> = (0..8).map(|i| format!("{round}-{i}")).collect();
            let creates = join_all(names.iter().map(|name| make(&t, &acme, name, &inner)));
            let (made, gone) = tokio::join!(creates, cut(&t, &top));
            gone.no_content();
            for answer in made {
                if answer.status != 201 {
                    answer.missing();
                }
            }
            closure_is_sound(&t).await;
            assert_eq!(rows(&t).await, (1, 1));
        }
    });
}

#[test]
fn of_two_who_make_the_same_one_is_refused() {
    story(async |t| {
        let acme = acme(&t).await;
        let root = t.root(&acme).await;
        let mut statuses: Vec<_> =
            join_all((0..4).map(|_| make(&t, &acme, "one", &root))).await.iter().map(|it| it.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409]);
        assert_eq!(rows(&t).await, (2, 3));
    });
}

#[test]
fn a_deleted_organization_leaves_no_tree() {
    story(async |t| {
        t.resource_type("folder", &["organization", "folder"]).await;
        for _ in 0..4 {
            let acme = t.organization("Acme").await;
            let a = t.resource(&acme, "folder", "a", None).await;
            let b = t.resource(&acme, "folder", "b", None).await;
            t.resource(&acme, "folder", "c", Some(&b)).await;
            let names: Vec<_> = (0..6).map(|i| i.to_string()).collect();
            let creates = join_all(names.iter().map(|name| make(&t, &acme, name, &b)));
            let (made, moved, cut, gone) = tokio::join!(
                creates,
                put_below(&t, &b, &a),
                cut(&t, &a),
                t.delete(format!("/organizations/{}", acme["id"].as_str().unwrap())),
            );
            gone.accepted();
            for answer in made.into_iter().chain([moved, cut]) {
                if !answer.status.is_success() {
                    answer.missing();
                }
            }
            assert_eq!(rows(&t).await, (0, 0));
        }
    });
}

#[test]
fn an_edit_of_types_and_writes_of_resources_see_one_another() {
    story(async |t| {
        let acme = acme(&t).await;
        t.resource_type("file", &["organization", "folder"]).await;
        let (operator, one) = (t.operator(), format!("{}/file", t.resource_types()));
        for round in 0..5 {
            let folder = t.resource(&acme, "folder", &format!("folder-{round}"), None).await;
            let body = |i: usize| {
                json!({ "organization_id": acme["id"], "resource_type_slug": "file", "name": "X",
                    "external_id": format!("{round}-{i}"), "parent_resource_id": folder["id"] })
            };
            let creates = join_all((0..6).map(|i| t.post(ALL, body(i))));
            let (made, edited) = tokio::join!(creates, operator.patch(&one, json!({ "parents": ["organization"] })));
            for answer in &made {
                assert!([201, 409, 422].contains(&answer.status.as_u16()), "{}", answer.body);
            }
            if edited.status != 200 {
                edited.fails(409, "resource_type_parent_in_use");
                assert!(made.iter().any(|answer| answer.status == 201));
            }
            closure_is_sound(&t).await;
            cut(&t, &folder).await.no_content();
            operator.patch(&one, json!({ "parents": ["organization", "folder"] })).await.ok();
        }
    });
}

/// What one of several does to a tree.
#[derive(Debug, Clone)]
enum Step {
    Make(Index),
    Move(Index, Index),
    Cut(Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => any::<Index>().prop_map(Step::Make),
        4 => any::<(Index, Index)>().prop_map(|(what, whither)| Step::Move(what, whither)),
        1 => any::<Index>().prop_map(Step::Cut),
    ]
}

/// One of several: goes its steps, of which those may be refused whose ground another has taken away.
async fn walk(t: &Test, acme: &Value, name: usize, steps: &[Step]) {
    for (i, step) in steps.iter().enumerate() {
        let there = t.get(format!("{ALL}?limit=100&order=asc")).await.ok()["data"].take();
        let there = there.as_array().unwrap();
        let refused = match step {
            Step::Make(parent) => make(t, acme, &format!("{name}-{i}"), parent.get(there)).await,
            Step::Move(what, whither) => put_below(t, what.get(there), whither.get(there)).await,
            Step::Cut(what) => cut(t, what.get(there)).await,
        };
        if !refused.status.is_success() {
            let code = refused.body["code"].as_str().unwrap();
            let expected = ["entity_not_found", "resource_cycle", "organization_resource", "resources_too_deep"];
            assert!(expected.contains(&code), "{}: {}", refused.what, refused.body);
        }
    }
}

proptest! {
    #![proptest_config(Config { cases: 6, max_shrink_iters: 20, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_several_do_at_once_the_tree_stays_sound(
        walks in prop::collection::vec(prop::collection::vec(step(), 10..24), 4..7)
    ) {
        story(async |t| {
            let acme = acme(&t).await;
            join_all(walks.iter().enumerate().map(|(name, steps)| walk(&t, &acme, name, steps))).await;
            closure_is_sound(&t).await;
        });
    }
}
