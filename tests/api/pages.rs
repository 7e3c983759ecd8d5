//! Pages of random lists, held against a list that is kept in memory and cut naively.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;
use serde_json::Value;

use crate::harness::{Test, story};

/// What happens to the list, or is asked of it.
#[derive(Debug, Clone)]
enum Step {
    /// That many organizations are made at once.
    Insert(usize),
    /// One of those that are there goes.
    Delete(Index),
    /// One page, between cursors that may name what is deleted.
    Ask(Question),
    /// All pages, one after the other, while the list changes.
    Walk { limit: usize, order: Order, forward: bool, changes: Vec<Change> },
}

/// What happens between two pages of a walk.
#[derive(Debug, Clone)]
enum Change {
    Insert,
    Delete(Index),
}

#[derive(Debug, Clone)]
struct Question {
    limit: Option<usize>,
    order: Order,
    before: Option<Index>,
    after: Option<Index>,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Unsaid,
    Asc,
    Desc,
    Normal,
}

impl Order {
    fn query(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Asc => "&order=asc",
            Self::Desc => "&order=desc",
            Self::Normal => "&order=normal",
        }
    }

    /// The names of the cursors to what stands earlier in the list, and later.
    fn cursors(self) -> (&'static str, &'static str) {
        match self {
            Self::Unsaid | Self::Asc | Self::Desc => ("before", "after"),
            Self::Normal => ("after", "before"),
        }
    }
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Unsaid), Just(Order::Asc), Just(Order::Desc), Just(Order::Normal)]
}

/// Small ones, where pages have neighbours, and those at the bound.
fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1..=7_usize, 1 => 8..=99_usize, 1 => Just(100_usize)]
}

fn cursor() -> impl Strategy<Value = Option<Index>> {
    prop_oneof![Just(None), any::<Index>().prop_map(Some)]
}

fn step() -> impl Strategy<Value = Step> {
    let question = (prop::option::of(limit()), order(), cursor(), cursor())
        .prop_map(|(limit, order, before, after)| Step::Ask(Question { limit, order, before, after }));
    let change = prop_oneof![Just(Change::Insert), any::<Index>().prop_map(Change::Delete)];
    let walk = (limit(), order(), any::<bool>(), prop::collection::vec(change, 0..12))
        .prop_map(|(limit, order, forward, changes)| Step::Walk { limit, order, forward, changes });
    prop_oneof![
        2 => (1..14_usize).prop_map(Step::Insert),
        1 => any::<Index>().prop_map(Step::Delete),
        5 => question,
        2 => walk,
    ]
}

/// A page as it was answered.
struct Page {
    ids: Vec<String>,
    metadata: Value,
}

/// The list of an environment, and what it should be.
struct Lists {
    t: Test,
    /// Every id that ever was, and whether it still is.
    known: BTreeMap<String, bool>,
}

impl Lists {
    async fn insert(&mut self, count: usize) {
        let made = (0..count).map(|_| self.t.organization("Acme"));
        for organization in futures_util::future::join_all(made).await {
            self.known.insert(organization["id"].as_str().unwrap().to_owned(), true);
        }
    }

    async fn delete(&mut self, which: Index) {
        let present = self.present(Order::Asc);
        if !present.is_empty() {
            let id = which.get(&present);
            self.t.delete(format!("/organizations/{id}")).await.accepted();
            self.known.insert(id.clone(), false);
        }
    }

    /// What is there, in the order in which the list shows it.
    fn present(&self, order: Order) -> Vec<String> {
        let ids = self.known.iter().filter(|(_, present)| **present).map(|(id, _)| id.clone());
        match order {
            Order::Asc => ids.collect(),
            Order::Unsaid | Order::Desc | Order::Normal => ids.rev().collect(),
        }
    }

    async fn page(&self, order: Order, rest: &str) -> Page {
        let mut page = self.t.get(format!("/organizations?{rest}{}", order.query())).await.ok();
        let rows = page["data"].as_array().unwrap();
        let ids = rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        Page { ids, metadata: page["list_metadata"].take() }
    }

    async fn ask(&self, question: &Question) {
        let named: Vec<_> = self.known.keys().collect();
        let name = |cursor: &Option<Index>| cursor.filter(|_| !named.is_empty()).map(|it| (*it.get(&named)).clone());
        let (before, after) = (name(&question.before), name(&question.after));
        let mut query = String::new();
        for (key, value) in [("before", &before), ("after", &after)] {
            query.extend(value.iter().map(|value| format!("&{key}={value}")));
        }
        query.extend(question.limit.map(|limit| format!("&limit={limit}")));
        let page = self.page(question.order, &query).await;

        let (earlier, later) = question.order.cursors();
        let (start, end) = if earlier == "before" { (after, before) } else { (before, after) };
        let all = self.present(question.order);
        let (ids, around) = cut(&all, question, (start.as_deref(), end.as_deref()));
        assert_eq!(page.ids, ids, "{query}");
        // No cursor, nothing there; and without cursors in the question, nothing there, no cursor.
        for (name, id, is_more) in [(earlier, page.ids.first(), around.0), (later, page.ids.last(), around.1)] {
            let cursor = page.metadata[name].as_str();
            assert!(cursor.is_some() || !is_more || page.ids.is_empty(), "{query}: {name} is missing");
            assert!(cursor.is_none() || cursor == id.map(String::as_str), "{query}: {name} is another");
            if start.is_none() && end.is_none() {
                assert_eq!(cursor.is_some(), is_more, "{query}: {name}");
            }
        }
    }

    /// Walks over all pages in one direction, and back over what was left behind. What was there all the time came
    /// exactly once, in its place; nothing came twice.
    async fn walk(&mut self, limit: usize, order: Order, forward: bool, changes: &[Change]) {
        let (earlier, later) = order.cursors();
        let onward = if forward { later } else { earlier };
        // Backwards, it begins behind everything: a cursor to what is deleted is as good as any.
        let mut cursor = if forward { String::new() } else { self.behind_all(order, earlier) };
        let mut steady: BTreeSet<_> = self.present(order).into_iter().collect();
        let (mut walked, mut changes) = (Vec::new(), changes.iter());
        loop {
            let page = self.page(order, &format!("limit={limit}{cursor}")).await;
            assert!(page.ids.len() <= limit);
            if forward {
                walked.extend(page.ids);
            } else {
                walked.splice(0..0, page.ids);
            }
            let Some(next) = page.metadata[onward].as_str() else { break };
            cursor = format!("&{onward}={next}");
            match changes.next() {
                Some(Change::Insert) => self.insert(1).await,
                Some(Change::Delete(which)) => self.delete(*which).await,
                None => {}
            }
            steady.retain(|id| self.known[id]);
        }
        let mut sorted = walked.clone();
        sorted.sort();
        if !matches!(order, Order::Asc) {
            sorted.reverse();
        }
        assert_eq!(walked, sorted, "in order");
        let came: BTreeSet<_> = walked.iter().cloned().collect();
        assert_eq!(came.len(), walked.len(), "nothing twice");
        assert!(steady.is_subset(&came), "nothing is left out");
    }

    /// A cursor behind the end of the list.
    fn behind_all(&self, order: Order, earlier: &str) -> String {
        match order {
            Order::Asc => format!("&{earlier}=org_7ZZZZZZZZZZZZZZZZZZZZZZZZZ"),
            Order::Unsaid | Order::Desc | Order::Normal => format!("&{earlier}=org_00000000000000000000000000"),
        }
    }
}

/// The page between two cursors of what the list shows: its end if only that is given, its beginning otherwise; and
/// whether there is more before it and after it.
fn cut(all: &[String], question: &Question, (start, end): (Option<&str>, Option<&str>)) -> (Vec<String>, (bool, bool)) {
    let ascending = matches!(question.order, Order::Asc);
    let follows = |id: &str, other: &str| if ascending { id > other } else { id < other };
    let between = |id: &&String| start.is_none_or(|start| follows(id, start)) && end.is_none_or(|end| follows(end, id));
    let mut ids: Vec<_> = all.iter().filter(between).cloned().collect();
    let limit = question.limit.unwrap_or(10);
    if start.is_none() && end.is_some() {
        ids.drain(..ids.len().saturating_sub(limit));
    }
    ids.truncate(limit);
    let edge = |id: Option<&String>, other: Option<&String>| id.is_some() && id != other;
    let around = (edge(ids.first(), all.first()), edge(ids.last(), all.last()));
    (ids, around)
}

proptest! {
    #![proptest_config(Config { cases: 40, max_shrink_iters: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_page_of_any_list_is_what_cutting_the_list_gives(steps in prop::collection::vec(step(), 1..14)) {
        story(async |t| {
            let mut lists = Lists { t, known: BTreeMap::new() };
            for step in steps {
                match step {
                    Step::Insert(count) => lists.insert(count).await,
                    Step::Delete(which) => lists.delete(which).await,
                    Step::Ask(question) => lists.ask(&question).await,
                    Step::Walk { limit, order, forward, changes } => lists.walk(limit, order, forward, &changes).await,
                }
            }
        });
    }
}

/// More than the largest page holds, in every order, forwards and backwards.
#[test]
fn the_largest_pages_join_without_a_gap() {
    story(async |t| {
        let mut lists = Lists { t, known: BTreeMap::new() };
        lists.insert(230).await;
        for order in [Order::Unsaid, Order::Asc, Order::Desc, Order::Normal] {
            for forward in [true, false] {
                lists.walk(100, order, forward, &[]).await;
            }
        }
        for limit in [0, 101] {
            let answer = lists.t.get(format!("/organizations?limit={limit}")).await;
            answer.invalid(&["limit"]);
        }
    });
}
