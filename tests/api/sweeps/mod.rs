//! Sweeps: what is true of every route, held against the table of routes itself.
//!
//! A new route fails here until [`world`] says how it is called. What the sweeps may pass over stands in
//! `exceptions.txt`, a file that is only to shrink.

mod authorization;
mod config;
mod people;
mod world;

use std::collections::HashSet;

use axum::http::Method;
use serde_json::Value;
use vestibule::app;
use vestibule::http::routes::{Access, Route};

use self::world::{Case, World};
use crate::harness::{Test, story};

/// The exceptions of a kind: `silent POST /path`.
fn exceptions(kind: &str) -> HashSet<String> {
    let lines = include_str!("exceptions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' ')).map(str::to_owned).collect()
}

fn name(method: &Method, template: &str) -> String {
    format!("{method} {template}")
}

fn routes(access: Access) -> Vec<Route> {
    app::routes().table().iter().filter(|route| route.access == access).cloned().collect()
}

/// A path of this template with something in place of its parameters.
fn sample(template: &str) -> String {
    template
        .split('/')
        .map(|segment| if segment.starts_with('{') { "x" } else { segment })
        .collect::<Vec<_>>()
        .join("/")
}

#[test]
fn no_route_but_the_public_ones_answers_a_stranger() {
    story(async |t| {
        for route in [routes(Access::Key), routes(Access::Operator)].concat() {
            for key in ["", "sk_not_a_key_of_anybody"] {
                let body = (route.method != Method::GET).then(|| serde_json::json!({}));
                t.with_key(key).send(route.method.clone(), &sample(route.path), body).await.fails(401, "unauthorized");
            }
        }
        for route in routes(Access::Operator) {
            t.send(route.method, &sample(route.path), None).await.fails(401, "unauthorized");
        }
        for route in routes(Access::Key) {
            t.operator().send(route.method, &sample(route.path), None).await.fails(401, "unauthorized");
        }
    });
}

#[test]
fn every_route_has_a_case() {
    story(async |t| {
        let cases = World::make(&t).await.cases();
        let called: HashSet<_> = cases.iter().map(|case| name(&case.method, case.template)).collect();
        let declared: HashSet<_> = routes(Access::Key).iter().map(|route| name(&route.method, route.path)).collect();
        let excepted = exceptions("uncalled");
        let missing: Vec<_> = declared.difference(&called).filter(|route| !excepted.contains(*route)).collect();
        assert!(missing.is_empty(), "no case in sweeps/world.rs calls {missing:#?}");
        let gone: Vec<_> = called.difference(&declared).chain(excepted.difference(&declared)).collect();
        assert!(gone.is_empty(), "there is no such route any more: {gone:#?}");
        let needless: Vec<_> = excepted.intersection(&called).collect();
        assert!(needless.is_empty(), "these are called, so exceptions.txt need not name them: {needless:#?}");
    });
}

#[test]
fn what_belongs_to_one_environment_is_not_there_for_another() {
    story(async |t| {
        let stranger = t.neighbour().await;
        for case in World::signed_in(&t).await.cases() {
            let answer = stranger.send(case.method.clone(), &case.path, case.body.clone()).await;
            if case.template.contains('{') || case.names_foreign {
                assert_eq!(answer.status.as_u16(), 404, "{}: {}", answer.what, answer.body);
            } else if case.method == Method::GET {
                let shown = answer.ok().to_string();
                let strange = case.own.iter().any(|id| shown.contains(id));
                assert!(!strange, "{} shows what belongs to another environment", case.path);
            }
        }
    });
}

#[test]
fn every_mutation_announces_itself() {
    story(async |t| {
        let silent = exceptions("silent");
        let cases = World::make(&t).await.cases();
        for (i, case) in cases.iter().enumerate().filter(|(_, case)| case.method != Method::GET) {
            // A world of its own for each, because the one before may have been deleted.
            let t = t.neighbour().await;
            let world = if case.needs_session { World::signed_in(&t).await } else { World::make(&t).await };
            let Case { method, template, path, body, .. } = world.cases().swap_remove(i);
            let before = t.all_events().await.len();
            let answer = t.send(method.clone(), &path, body).await;
            assert!(answer.status.is_success(), "{}: {} {}", answer.what, answer.status, answer.body);
            let announced = t.all_events().await.len() > before;
            assert_ne!(
                announced,
                silent.contains(&name(&method, template)),
                "{} {path}: announced={announced}",
                answer.what
            );
        }
    });
}

#[test]
fn every_list_pages_both_ways() {
    story(async |t| {
        let whole = exceptions("whole");
        let world = World::signed_in(&t).await;
        t.settle().await;
        for case in world.cases() {
            if case.method != Method::GET {
                continue;
            }
            let list = t.get(case.with("limit=100")).await.ok();
            // Some lists that are answered whole have cursors, which name nothing.
            let cursors =
                |list: &Value| ["before", "after"].iter().any(|cursor| list["list_metadata"][cursor].is_string());
            let is_paged = cursors(&t.get(case.with("limit=1")).await.ok());
            let is_list = list["object"] == "list" || list.is_array();
            if !is_list {
                continue;
            }
            let route = name(&case.method, case.template);
            assert_ne!(is_paged, whole.contains(&route), "{route}: paged={is_paged}");
            if is_paged {
                pages_both_ways(&t, &case, list["data"].as_array().unwrap()).await;
            }
        }
    });
}

async fn pages_both_ways(t: &Test, case: &Case, all: &[Value]) {
    assert!(all.len() >= 2, "{}: the world needs at least two rows here, not {}", case.path, all.len());
    let mut forward = Vec::new();
    let mut page = t.get(case.with("limit=1")).await.ok();
    loop {
        assert!(page["data"].as_array().unwrap().len() == 1, "{}: {page}", case.path);
        forward.push(page["data"][0].clone());
        let Some(after) = page["list_metadata"]["after"].as_str() else { break };
        page = t.get(case.with(&format!("limit=1&after={after}"))).await.ok();
    }
    assert_eq!(forward, all, "{} forwards", case.path);
    let mut backward = vec![forward.last().unwrap().clone()];
    while let Some(before) = page["list_metadata"]["before"].as_str() {
        page = t.get(case.with(&format!("limit=1&before={before}"))).await.ok();
        backward.push(page["data"][0].clone());
    }
    backward.reverse();
    assert_eq!(backward, all, "{} backwards", case.path);
}
