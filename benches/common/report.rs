//! The table, for people, and the same as JSON.

use serde_json::{Value, json};

use super::sample::Sample;

/// What a ratio is to be.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    AtLeast(f64),
    AtMost(f64),
}

/// One thing that was measured.
#[derive(Debug)]
pub struct Line {
    what: String,
    result: f64,
    unit: &'static str,
    latency: Option<[f64; 3]>,
    against: Option<(String, f64, f64, Aim)>,
    note: String,
}

impl Line {
    pub fn new(what: impl Into<String>, result: f64, unit: &'static str) -> Self {
        Self { what: what.into(), result, unit, latency: None, against: None, note: String::new() }
    }

    /// How long the answers took.
    pub fn latency(mut self, sample: &Sample) -> Self {
        self.latency = Some([500, 990, 999].map(|per_mille| sample.within(per_mille)));
        self
    }

    /// What it is held against, what that did, and the ratio.
    pub fn against(mut self, name: impl Into<String>, result: f64, ratio: f64, aim: Aim) -> Self {
        self.against = Some((name.into(), result, ratio, aim));
        self
    }

    pub fn note(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    fn cells(&self) -> [String; 7] {
        let latency = self.latency.map(|it| it.map(|latency| format!("{latency:.2}")).join(" / "));
        let (against, ratio, aim) = match &self.against {
            None => Default::default(),
            Some((name, result, ratio, aim)) => {
                let (result, ratio) = (*result, *ratio);
                let aim = match aim {
                    Aim::AtLeast(aim) => format!(">= {aim} {}", if ratio >= *aim { "met" } else { "missed" }),
                    Aim::AtMost(aim) => format!("<= {aim} {}", if ratio <= *aim { "met" } else { "missed" }),
                };
                (format!("{name}: {}", number(result)), format!("{ratio:.2}"), aim)
            }
        };
        let result = format!("{} {}", number(self.result), self.unit);
        [self.what.clone(), result, latency.unwrap_or_default(), against, ratio, aim, self.note.clone()]
    }

    fn json(&self) -> Value {
        let mut line = json!({ "what": self.what, "result": self.result, "unit": self.unit });
        if let Some([p50, p99, p999]) = self.latency {
            line["latency_ms"] = json!({ "p50": p50, "p99": p99, "p999": p999 });
        }
        if let Some((name, result, ratio, aim)) = &self.against {
            let (bound, aim) = match aim {
                Aim::AtLeast(aim) => ("at_least", aim),
                Aim::AtMost(aim) => ("at_most", aim),
            };
            line["against"] = json!({ "what": name, "result": result, "ratio": ratio, "aim": { bound: aim } });
        }
        if !self.note.is_empty() {
            line["note"] = json!(self.note);
        }
        line
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// The median: one round that something else disturbed does not count.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

/// As Markdown, its columns in line.
pub fn table(lines: &[Line]) -> String {
    let heading = ["measured", "result", "p50 / p99 / p99.9 ms", "against", "ratio", "aim", "note"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(heading).chain(lines.iter().map(Line::cells)).collect();
    let widths: Vec<_> =
        (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    let line = |row: &[String; 7]| -> String {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("| {cell:width$} "));
        cells.chain(["|\n".to_owned()]).collect()
    };
    let rule = widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))).chain(["|\n".to_owned()]);
    let (heading, rows) = rows.split_at(1);
    heading.iter().map(line).chain(rule).chain(rows.iter().map(line)).collect()
}

/// For programs.
pub fn json(lines: &[Line]) -> Value {
    lines.iter().map(Line::json).collect()
}
