//! Checks that are asked at the same time go to the database together, and still each is decided by itself.

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;
use vestibule::kernel::Result;
use vestibule::kernel::error::Kind;
use vestibule::kernel::id::OrganizationMembershipId;
use vestibule::model::resources::ResourceTarget;
use vestibule::store::authorization::Question;

use crate::harness::{Test, story, story_apart, until};

/// Statements of one environment that are under way at once.
const AT_ONCE: i64 = 6;

/// Memberships of as many organizations, every second of which may read.
async fn members(t: &Test, count: usize) -> Vec<Question> {
    t.post("/authorization/permissions", json!({ "slug": "docs:read", "name": "Read" })).await.created();
    t.post("/authorization/roles", json!({ "slug": "reader", "name": "Reader" })).await.created();
    t.put("/authorization/roles/reader/permissions", json!({ "permissions": ["docs:read"] })).await.ok();
    let mut questions = Vec::new();
    for i in 0..count {
        let organization = t.organization("Acme").await;
        let user = t.user(&format!("user-{i}@example.test")).await;
        let role = if i % 2 == 0 { "reader" } else { "member" };
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": role });
        let membership = t.post("/user_management/organization_memberships", body).await.created();
        questions.push(question(membership["id"].as_str().unwrap(), organization["id"].as_str().unwrap()));
    }
    questions
}

fn question(membership: &str, organization: &str) -> Question {
    Question {
        membership: OrganizationMembershipId::verbatim(membership),
        permission: "docs:read".to_owned(),
        target: ResourceTarget::External {
            resource_type_slug: "organization".to_owned(),
            external_id: organization.to_owned(),
        },
    }
}

async fn ask(t: &Test, question: &Question) -> Result<bool> {
    t.app.checks().check(t.environment.key, question.clone()).await
}

/// What stands in a connection's way: a lock on a table that every decision reads.
async fn stuck(pool: &PgPool) -> i64 {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[test]
fn many_checks_at_once_are_answered_each_for_itself() {
    story(async |t| {
        let mut questions = members(&t, 6).await;
        let foreign = questions[1].target.clone();
        questions.push(Question { target: foreign, ..questions[0].clone() });
        questions.push(question("om_nobody", "org_nothing"));
        let expected = ["true", "false", "true", "false", "true", "false", "resource", "membership"];
        let answers = join_all((0..800).map(|i| ask(&t, &questions[i % questions.len()]))).await;
        for (i, answer) in answers.into_iter().enumerate() {
            let answer = match answer {
                Ok(authorized) => authorized.to_string(),
                Err(error) if error.message().starts_with("Organization membership not found") => {
                    "membership".to_owned()
                }
                Err(error) => {
                    assert!(error.message().starts_with("Authorization resource not found"), "{error}");
                    "resource".to_owned()
                }
            };
            assert_eq!(answer, expected[i % expected.len()]);
        }
    });
}

#[test]
fn environments_asked_at_the_same_time_stay_apart() {
    story(async |t| {
        let questions = members(&t, 2).await;
        let neighbour = &t.neighbour().await;
        let (t, questions) = (&t, &questions);
        let ask_both = (0..100).map(|i| async move {
            if i % 2 == 0 { ask(t, &questions[0]).await } else { ask(neighbour, &questions[0]).await }
        });
        for (i, answer) in join_all(ask_both).await.into_iter().enumerate() {
            match answer {
                Ok(authorized) => assert!(i % 2 == 0 && authorized),
                Err(error) => assert!(i % 2 == 1 && error.kind() == Kind::Missing),
            }
        }
    });
}

/// The API refuses what PostgreSQL cannot compare. If it did not, the others would still be answered.
#[test]
fn a_question_that_cannot_be_asked_fails_alone() {
    story(async |t| {
        let mut questions = members(&t, 2).await;
        questions.push(Question { permission: "docs\0read".to_owned(), ..questions[0].clone() });
        let answers = join_all((0..90).map(|i| ask(&t, &questions[i % 3]))).await;
        for (i, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(authorized) => assert_eq!((i % 3 == 0, i % 3 == 2), (authorized, false)),
                Err(error) => assert_eq!((i % 3, error.kind()), (2, Kind::Internal)),
            }
        }
    });
}

#[test]
fn whoever_goes_away_keeps_nobody_waiting_and_an_environment_takes_six_connections() {
    story_apart(async |t| {
        let questions = members(&t, 2).await;
        let pool = t.app.database().pool().clone();
        let mut lock = pool.begin().await.unwrap();
        sqlx::query("lock table organization_memberships").execute(&mut *lock).await.unwrap();
        let checks: Vec<_> = (0..600)
            .map(|i| {
                let (t, question) = (t.clone(), questions[i % 2].clone());
                tokio::spawn(async move { ask(&t, &question).await })
            })
            .collect();
        until("as many statements wait as may", async || stuck(&pool).await == AT_ONCE).await;
        for check in checks.iter().step_by(3) {
            check.abort();
        }
        assert_eq!(stuck(&pool).await, AT_ONCE);
        lock.rollback().await.unwrap();
        for (i, check) in checks.into_iter().enumerate() {
            match check.await {
                Ok(answer) => assert_eq!(answer.unwrap(), i % 2 == 0),
                Err(aborted) => assert!(i % 3 == 0 && aborted.is_cancelled()),
            }
        }
        assert!(ask(&t, &questions[0]).await.unwrap());
    });
}

/// A check is decided by a statement that begins after it was asked: one that runs already does not count.
#[test]
fn a_check_that_waits_behind_others_sees_what_was_committed_before_it() {
    story_apart(async |t| {
        let questions = members(&t, 1).await;
        let pool = t.app.database().pool().clone();
        let mut lock = pool.begin().await.unwrap();
        sqlx::query("lock table organization_memberships").execute(&mut *lock).await.unwrap();
        let spawn = || {
            let (t, question) = (t.clone(), questions[0].clone());
            tokio::spawn(async move { ask(&t, &question).await })
        };
        let before = spawn();
        until("its statement waits", async || stuck(&pool).await == 1).await;
        t.put("/authorization/roles/reader/permissions", json!({ "permissions": [] })).await.ok();
        let after: Vec<_> = (0..50).map(|_| spawn()).collect();
        lock.rollback().await.unwrap();
        before.await.unwrap().unwrap();
        for check in after {
            assert!(!check.await.unwrap().unwrap());
        }
    });
}

#[test]
fn without_a_database_everybody_is_told_so() {
    story_apart(async |t| {
        let questions = members(&t, 1).await;
        t.app.database().close().await;
        let answers = join_all((0..200).map(|_| ask(&t, &questions[0]))).await;
        let kinds: HashSet<_> = answers.into_iter().map(|answer| format!("{:?}", answer.unwrap_err().kind())).collect();
        assert_eq!(kinds, HashSet::from([format!("{:?}", Kind::Unavailable(1))]));
    });
}
