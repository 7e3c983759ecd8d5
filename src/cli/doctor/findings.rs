//! What the checks found, and how it is shown.

use serde::Serialize;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should know.
    Warning,
    /// A server would not start, or not work.
    Failed,
}

/// What one check found.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    state: State,
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

/// What all of them found so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// This is as it should be.
    pub(super) fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.0.push(Finding { check, state: State::Ok, message: message.into(), advice: None });
    }

    /// This works, but somebody should know.
    pub(super) fn warning(&mut self, check: &'static str, message: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.0.push(Finding { check, state: State::Warning, message: message.into(), advice });
    }

    /// With this a server would not start, or not work.
    pub(super) fn failed(&mut self, check: &'static str, message: impl Into<String>, advice: impl Into<String>) {
        let advice = Some(advice.into());
        self.0.push(Finding { check, state: State::Failed, message: message.into(), advice });
    }

    /// Whether nothing failed.
    pub(super) fn is_well(&self) -> bool {
        self.0.iter().all(|finding| finding.state != State::Failed)
    }

    /// For people: a line each, what to do below it, and the sum at the end.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Finding { check, state, message, advice } in &self.0 {
            let state = match state {
                State::Ok => "ok",
                State::Warning => "warning",
                State::Failed => "FAILED",
            };
            text.push_str(&format!("{state:<8}{check:<16}{message}\n"));
            if let Some(advice) = advice {
                text.push_str(&format!("{:24}to do: {advice}\n", ""));
            }
        }
        let count = |state| self.0.iter().filter(|finding| finding.state == state).count();
        let (failed, warnings) = (count(State::Failed), count(State::Warning));
        text.push_str(&format!("{} checks, {failed} failed, {warnings} warnings\n", self.0.len()));
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> String {
        format!("{}\n", serde_json::json!({ "ok": self.is_well(), "findings": self.0 }))
    }
}
