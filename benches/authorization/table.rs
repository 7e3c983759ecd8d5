//! What came of it: a table of figures, and one of ratios with the bars that they are held against.

use serde_json::{Value, json};

use super::Plan;
use super::common::report::{Aim, Line, median};
use super::measures::{CHECK, FLOOR, NARROW, Results, SAME, WHO, WHO_MANY, WIDE};
use super::peers::{MISSING, UNREST};

pub const OURS: &str = "vestibule";
/// Connections with which ratios are told.
const CLIENTS: usize = 8;
/// In each way in which their answers are fresh, and in each in which they come from a cache.
const FRESH: [&str; 5] = ["OpenFGA", "OpenFGA, ten at most", "SpiceDB", UNREST, "SpiceDB as it comes"];
const CACHED: [&str; 3] = ["OpenFGA with caches", "SpiceDB with caches", "SpiceDB as it comes, with caches"];

/// All figures as Markdown: answers a second, and the milliseconds within which half of them and 99 of 100 came. What an
/// answer cost the processor, in the program and in PostgreSQL, is that with 8 connections on the largest forest.
pub fn figures(results: &Results, labels: &[String], clients: &[usize]) -> String {
    let columns: Vec<_> =
        labels.iter().flat_map(|label| clients.iter().map(move |&clients| (label, clients))).collect();
    let mut text = String::from("| measured | of |");
    for (label, clients) in &columns {
        text.push_str(&format!(" {label}: {clients} |"));
    }
    text.push_str(" processor, us |\n|---|---|");
    text.push_str(&"---|".repeat(columns.len() + 1));
    let mut rows: Vec<(&'static str, &'static str)> = Vec::new();
    for key in &results.order {
        if !rows.contains(&(key.what, key.side)) {
            rows.push((key.what, key.side));
        }
    }
    for (what, side) in rows {
        text.push_str(&format!("\n| {what} | {side} |"));
        let mut spent = String::new();
        for &(label, clients) in &columns {
            let Some(cell) = results.find(what, side, label, clients) else {
                text.push_str(" not asked |");
                continue;
            };
            let faults = match (cell.wrong, cell.short) {
                (0, 0) => String::new(),
                (wrong, 0) => format!(" ({wrong} wrong)"),
                (0, short) => format!(" ({short} cut off)"),
                (wrong, short) => format!(" ({wrong} wrong, {short} cut off)"),
            };
            let [p50, p99] = [500, 990].map(|per_mille| cell.within(per_mille));
            text.push_str(&format!(" {:.0} / {p50:.2} / {p99:.2}{faults} |", cell.rate()));
            if spent.is_empty() || clients == CLIENTS {
                spent = cell.spent.each();
            }
        }
        text.push_str(&format!(" {spent} |"));
    }
    let missing = MISSING.iter().filter(|(_, peer, _)| results.order.iter().any(|key| key.side == *peer));
    for (what, peer, why) in missing {
        text.push_str(&format!("\n| {what} | {peer} | {why} |"));
        text.push_str(&" |".repeat(columns.len()));
    }
    text.push('\n');
    text
}

/// The ratios, each with its bar.
pub fn ratios(results: &Results, plan: &Plan, labels: &[String]) -> Vec<Line> {
    let mut lines = Vec::new();
    for label in labels {
        lines.extend(of_itself(results, label));
        for peer in FRESH {
            lines.extend(of_fresh(results, label, peer));
        }
        for peer in CACHED {
            lines.extend(of_cached(results, plan, label, peer));
        }
    }
    if let [first, .., last] = labels
        && let Some(small) = results.find(CHECK, OURS, first, CLIENTS)
        && let Some(large) = results.find(CHECK, OURS, last, CLIENTS)
    {
        let [small, large] = [small, large].map(|cell| cell.within(990));
        let name = format!("check, p99, {last}");
        lines.push(Line::new(name, large, "ms").against(first, small, large / small, Aim::AtMost(1.3)));
    }
    for stale in &results.stale {
        let name = format!("old answers after {} revocations, {}, {}", stale.asked, stale.side, stale.label);
        let line = Line::new(name, f64::from(stale.old), "").note(format!("to {:.1} s", stale.longest.as_secs_f64()));
        lines.push(if stale.side == OURS {
            line.against("none", 0.0, f64::from(stale.old), Aim::AtMost(0.0))
        } else {
            line
        });
    }
    lines
}

/// Held against the floor, and lists against a check.
fn of_itself(results: &Results, label: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for clients in [CLIENTS, 64] {
        if let Some(floor) = results.find(FLOOR, "floor", label, clients)
            && let Some(check) = results.find(CHECK, OURS, label, clients)
        {
            let ratio = median(check.rates.iter().zip(&floor.rates).map(|(check, floor)| check / floor).collect());
            let line = Line::new(format!("check, {label}, {clients} connections"), check.rate(), "/s");
            let line = match &check.all {
                Some(all) => line.latency(all),
                None => line,
            };
            lines.push(line.against(FLOOR, floor.rate(), ratio, Aim::AtLeast(0.8)));
        }
    }
    for what in [NARROW, WIDE, WHO, WHO_MANY] {
        if let Some(list) = results.find(what, OURS, label, CLIENTS)
            && let Some(check) = results.find(CHECK, OURS, label, CLIENTS)
        {
            let ratio = median(check.rates.iter().zip(&list.rates).map(|(check, list)| check / list).collect());
            let line = Line::new(format!("{what}, {label}: checks in its time"), ratio, "");
            lines.push(line.against("a check", 1.0, ratio, Aim::AtMost(3.0)));
        }
    }
    lines
}

fn of_fresh(results: &Results, label: &str, peer: &'static str) -> Vec<Line> {
    let mut lines = Vec::new();
    for what in [CHECK, NARROW, WIDE, WHO, WHO_MANY] {
        if let Some(theirs) = results.find(what, peer, label, CLIENTS)
            && let Some(ours) = results.find(what, OURS, label, CLIENTS)
        {
            let (rate, other) = (ours.rate(), theirs.rate());
            let line = Line::new(format!("{what}, {label}"), rate, "/s");
            lines.push(line.against(peer, other, rate / other, Aim::AtLeast(30.0)));
            if what == CHECK {
                let [ours, theirs] = [ours, theirs].map(|cell| cell.within(990));
                let line = Line::new(format!("{what}, {label}, p99"), ours, "ms");
                lines.push(line.against(peer, theirs, ours / theirs, Aim::AtMost(0.05)));
            }
        }
    }
    lines
}

/// The best of each, with any number of connections.
fn of_cached(results: &Results, plan: &Plan, label: &str, peer: &'static str) -> Option<Line> {
    let best = |what, side| {
        let rates = plan.clients.iter().filter_map(|&clients| results.find(what, side, label, clients));
        rates.map(super::measures::Cell::rate).max_by(f64::total_cmp)
    };
    let ours = best(CHECK, OURS)?;
    let (theirs, line) =
        (best(SAME, peer)?, Line::new(format!("check, fresh and never the same, {label}"), ours, "/s"));
    Some(line.against(format!("{peer}, 500 again and again"), theirs, ours / theirs, Aim::AtLeast(1.0)))
}

/// All figures, for programs.
pub fn json(results: &Results, lines: &[Line]) -> Value {
    let cells = results.order.iter().filter_map(|key| {
        let cell = results.cells.get(key)?;
        let [p50, p99, p999] = [500, 990, 999].map(|per_mille| cell.within(per_mille));
        Some(json!({
            "what": key.what, "of": key.side, "resources": key.label, "connections": key.clients,
            "rates": cell.rates, "latency_ms": { "p50": p50, "p99": p99, "p999": p999 },
            "wrong": cell.wrong, "cut_off": cell.short, "processor_us": cell.spent.each(),
        }))
    });
    json!({ "figures": cells.collect::<Vec<_>>(), "ratios": super::common::report::json(lines) })
}
