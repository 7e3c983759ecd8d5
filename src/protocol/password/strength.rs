//! Which passwords are refused.
//!
//! WorkOS documents that passwords have a minimum length, that those of low complexity are refused, and that those
//! known from breaches are; not the numbers, and not the codes of the single faults. The numbers here are those of
//! NIST SP 800-63B, 3.1.1.2: at least 8 characters, at least 64 accepted, no rules about kinds of characters, and a
//! comparison with common passwords and with what is known about the user. Complexity is judged by zxcvbn, whose
//! dictionaries hold the 30 000 commonest passwords of known breaches; nothing is asked over the network.

use std::borrow::Cow;

use serde::Serialize;
use zxcvbn::Score;

/// In characters.
const MIN_CHARACTERS: usize = 8;
/// In bytes. Only there so that nobody sends megabytes; argon2 does not mind them.
const MAX_BYTES: usize = 1024;
/// "Safely unguessable: moderate protection from offline slow-hash scenario".
const MIN_SCORE: Score = Score::Three;
/// zxcvbn takes 2 ms for this many, and its time grows faster than the password. What is strong up to here does not
/// become weak by going on.
const JUDGED_CHARACTERS: usize = 64;
/// Parts of e-mail addresses and names that are looked for; shorter ones are in every other word by chance.
const MIN_INPUT_BYTES: usize = 3;
const MAX_INPUTS: usize = 32;

/// One reason to refuse a password, as it stands in `errors` of a `password_strength_error`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weakness {
    /// `password_too_short`, `password_too_long` or `password_too_weak`.
    pub code: &'static str,
    /// What to do better, for the person who chose it.
    pub message: Cow<'static, str>,
}

/// Judges a new password. `user_inputs` are what an attacker would try first: e-mail address, names, organization.
///
/// Answers with all reasons to refuse it. Existing passwords are not judged: a sign-in is not the place to learn that
/// the policy has changed.
pub fn strength(password: &str, user_inputs: &[&str]) -> Result<(), Vec<Weakness>> {
    if password.len() > MAX_BYTES {
        let message = format!("Password must be at most {MAX_BYTES} bytes long.");
        return Err(vec![Weakness { code: "password_too_long", message: message.into() }]);
    }
    let mut faults = Vec::new();
    if password.chars().count() < MIN_CHARACTERS {
        let message = format!("Password must be at least {MIN_CHARACTERS} characters long.");
        faults.push(Weakness { code: "password_too_short", message: message.into() });
    }
    let judged: String = password.chars().take(JUDGED_CHARACTERS).collect();
    let estimate = zxcvbn::zxcvbn(&judged, &parts(user_inputs));
    if estimate.score() < MIN_SCORE {
        faults.push(Weakness { code: "password_too_weak", message: advice(&estimate).into() });
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// The inputs whole and in their parts, so that `jane.doe@example.com` also stands for `jane.doe` and for `jane`.
fn parts<'a>(inputs: &[&'a str]) -> Vec<&'a str> {
    let pieces = |input: &&'a str| {
        let names = input.split('@').chain(input.split(|letter: char| !letter.is_alphanumeric()));
        std::iter::once(*input).chain(names).collect::<Vec<_>>()
    };
    let usable = |part: &&str| (MIN_INPUT_BYTES..=MAX_BYTES).contains(&part.len());
    inputs.iter().flat_map(pieces).filter(usable).take(MAX_INPUTS).collect()
}

fn advice(estimate: &zxcvbn::Entropy) -> String {
    let mut message = "Password is too easy to guess.".to_owned();
    if let Some(feedback) = estimate.feedback() {
        let warning = feedback.warning().map(|warning| warning.to_string());
        let hints = feedback.suggestions().iter().map(ToString::to_string);
        for sentence in warning.into_iter().chain(hints) {
            message.push(' ');
            message.push_str(&sentence);
        }
    }
    message
}
