//! The queue: nobody stands before another, servers share it, and what one leaves undone another takes up.

use std::collections::BTreeSet;

use serde_json::json;
use tokio::sync::watch;
use vestibule::db::Tx;
use vestibule::kernel::event::Event;
use vestibule::worker::{upkeep, webhooks};

use crate::harness::{Receiver, Reply, Test, story_apart, until};

const CREATED: &[&str] = &["organization.created"];

/// Announces organizations of these numbers, much faster than by making them.
async fn announce(t: &Test, numbers: std::ops::Range<usize>) {
    let emit = async |tx: &mut Tx| {
        for number in numbers {
            tx.emit(Event::new("organization.created", None, &json!({ "name": number.to_string() })))?;
        }
        Ok(())
    };
    t.app.database().write(t.environment.key, emit).await.unwrap();
}

/// The names that a receiver was told of, how often, in order.
fn names(receiver: &Receiver) -> Vec<usize> {
    let received = receiver.received();
    let mut names: Vec<usize> =
        received.iter().map(|one| one.json()["data"]["name"].as_str().unwrap().parse().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_slow_and_a_dead_receiver_delay_nobody() {
    story_apart(async |t| {
        let (slow, quick) = (Receiver::start().await, Receiver::start().await);
        slow.reply(Reply::Hang);
        let dead = Receiver::start().await.url();
        t.endpoint(&slow.url(), CREATED).await;
        t.endpoint(&dead, CREATED).await;
        // Their backlog is larger than all that may be under way.
        announce(&t, 0..3000).await;
        t.settle().await;
        let (stop, stopping) = watch::channel(false);
        let worker = webhooks::start(t.app.clone(), stopping);
        until("the slow one is at work", async || slow.count() > 0).await;
        t.endpoint(&quick.url(), CREATED).await;
        announce(&t, 3000..3200).await;
        until("the quick one has all", async || quick.count() >= 200).await;
        assert!(slow.count() <= 8, "only so many at once: {}", slow.count());
        assert_eq!(names(&quick), (3000..3200).collect::<Vec<_>>(), "once each");
        worker.abort();
        drop(stop);
    });
}

#[test]
fn two_servers_deliver_once_each() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        let twin = t.twin().await;
        let (stop, stopping) = watch::channel(false);
        let workers = [&t, &twin].map(|server| webhooks::start(server.app.clone(), stopping.clone()));
        for step in 0..10 {
            let server = if step % 2 == 0 { &t } else { &twin };
            announce(server, step * 50..(step + 1) * 50).await;
        }
        receiver.wait_for(500).await;
        until("nothing is pending", async || {
            t.deliveries().await.iter().all(|delivery| delivery["status"] == "delivered")
        })
        .await;
        stop.send(true).unwrap();
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(names(&receiver), (0..500).collect::<Vec<_>>());
    });
}

#[test]
fn what_a_killed_server_had_taken_is_taken_up_after_its_lease() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        receiver.reply(Reply::Hang);
        t.endpoint(&receiver.url(), CREATED).await;
        let twin = t.twin().await;
        let (_stop, stopping) = watch::channel(false);
        let doomed = webhooks::start(t.app.clone(), stopping);
        announce(&t, 0..3).await;
        receiver.wait_for(3).await;
        doomed.abort();
        assert!(doomed.await.unwrap_err().is_cancelled());
        receiver.reply(Reply::status(200));
        twin.deliver().await;
        assert_eq!(receiver.count(), 3, "the lease still runs");
        t.app.database().clock.advance(webhooks::deliver::LEASE_SECONDS + 1);
        twin.deliver().await;
        assert_eq!(names(&receiver), [0, 0, 1, 1, 2, 2]);
        let deliveries = t.deliveries().await;
        assert!(deliveries.iter().all(|one| one["status"] == "delivered" && one["attempts"] == 2));
    });
}

#[test]
fn an_event_that_commits_late_is_delivered_too() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        t.endpoint(&receiver.url(), CREATED).await;
        let held = t.app.database().write(t.environment.key, async |tx| {
            // It has its place in the log before the next one, and is committed after it was looked at.
            tx.emit(Event::new("organization.created", None, &json!({ "name": "1" })))?;
            announce(&t, 2..3).await;
            webhooks::round(&t.app).await;
            Ok(())
        });
        held.await.unwrap();
        t.deliver().await;
        assert_eq!(names(&receiver), [1, 2]);
    });
}

#[test]
fn very_many_events_are_read_in_batches_and_none_is_lost() {
    story_apart(async |t| {
        let receivers = [Receiver::start().await, Receiver::start().await];
        for receiver in &receivers {
            t.endpoint(&receiver.url(), CREATED).await;
        }
        announce(&t, 0..1500).await;
        announce(&t, 1500..2501).await;
        t.settle().await;
        let twin = t.twin().await;
        tokio::join!(webhooks::round(&t.app), webhooks::round(&twin.app));
        t.deliver().await;
        for receiver in &receivers {
            assert_eq!(names(receiver), (0..2501).collect::<Vec<_>>());
        }
    });
}

#[test]
fn what_came_to_its_end_long_ago_is_forgotten() {
    story_apart(async |t| {
        let receiver = Receiver::start().await;
        let endpoint = t.endpoint(&receiver.url(), CREATED).await;
        announce(&t, 0..2).await;
        t.deliver().await;
        t.app.database().clock.advance(29 * 86_400);
        receiver.reply(Reply::status(500));
        announce(&t, 2..3).await;
        t.deliver().await;
        upkeep::round(&t.app).await;
        assert_eq!(t.deliveries().await.len(), 3);
        t.app.database().clock.advance(2 * 86_400);
        upkeep::round(&t.app).await;
        let left = t.deliveries().await;
        assert_eq!((left.len(), &left[0]["status"]), (1, &json!("pending")));
        // It waits for an endpoint that stays disabled, until the log has lost what it would send.
        let path = format!("/webhook_endpoints/{}", endpoint["id"].as_str().unwrap());
        t.patch(&path, json!({ "status": "disabled" })).await.ok();
        t.app.database().clock.advance(31 * 86_400);
        upkeep::round(&t.app).await;
        assert_eq!(t.deliveries().await[0]["status"], "dead");
        let attempts: BTreeSet<i64> = sqlx::query_scalar("select count(*) from webhook_attempts")
            .fetch_all(t.app.database().pool())
            .await
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(attempts, BTreeSet::from([1]));
    });
}
