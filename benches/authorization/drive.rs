//! Closed loops: so many clients, each of which sends its next question when the last one was answered, and holds the
//! answer against the truth.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::common::Fault;
use super::common::client::Connection;
use super::common::sample::{Effort, Sample};
use super::expect::{Question, Verdict};

/// What is asked: question number `n` of client `c`.
pub trait Script: Send + Sync {
    fn question(&self, client: usize, number: usize) -> Cow<'_, Question>;

    /// Whether its time counts; the others belong to what goes on beside.
    fn counts(&self, _number: usize) -> bool {
        true
    }

    /// Whether a client may end before this question: what it changed is to be as it was.
    fn may_end(&self, _number: usize) -> bool {
        true
    }
}

/// One after another and again from the first. Clients begin far from one another, wherever the next one is put: who
/// goes a few questions behind another is answered from what was found for that one.
pub struct Round(pub Vec<Question>);

/// Of a thousand: the golden section.
const APART: usize = 618;

impl Script for Round {
    fn question(&self, client: usize, number: usize) -> Cow<'_, Question> {
        let all = self.0.len();
        Cow::Borrowed(&self.0[(client * APART * all / 1000 + number) % all])
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub sample: Sample,
    /// Answers that were not the truth, and what the first of them said.
    pub wrong: u32,
    pub example: Option<String>,
    /// Lists that were cut off before they had to be.
    pub short: u32,
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    answers: u32,
    wrong: u32,
    example: Option<String>,
    short: u32,
}

/// Asks as fast as it is answered.
pub async fn drive(address: SocketAddr, effort: Effort, script: Arc<dyn Script>) -> Result<Outcome, Fault> {
    let begin = Instant::now() + effort.time / 10;
    let end = begin + effort.time;
    let mut clients = JoinSet::new();
    for client in 0..effort.clients {
        clients.spawn(ask(address, client, Arc::clone(&script), (begin, end)));
    }
    let mut all = Seen::default();
    while let Some(client) = clients.join_next().await {
        let mut seen = client??;
        all.latencies.append(&mut seen.latencies);
        all.answers += seen.answers;
        all.wrong += seen.wrong;
        all.short += seen.short;
        all.example = all.example.or(seen.example);
    }
    let sample = Sample::new(all.latencies, effort.time, all.answers);
    Ok(Outcome { sample, wrong: all.wrong, example: all.example, short: all.short })
}

async fn ask(
    address: SocketAddr,
    client: usize,
    script: Arc<dyn Script>,
    (begin, end): (Instant, Instant),
) -> Result<Seen, Fault> {
    let mut connection = Connection::open(address).await?;
    let mut seen = Seen::default();
    for number in 0.. {
        let sent = Instant::now();
        if sent >= end && script.may_end(number) {
            break;
        }
        let question = script.question(client, number);
        let sent = Instant::now();
        let answer = connection.send(&question.request).await?;
        let answered = Instant::now();
        match question.judge(&answer) {
            Verdict::Right => {}
            Verdict::Short => seen.short += 1,
            Verdict::Wrong(fault) => {
                seen.wrong += 1;
                let [asked, said] = [&question.request[..], answer.body].map(String::from_utf8_lossy);
                seen.example.get_or_insert_with(|| format!("{fault}\n{asked}\n{said}"));
            }
        }
        seen.answers += 1;
        // By when it came: a slow server would lose what it was sent before and answers after.
        if script.counts(number) && answered >= begin && answered <= end {
            seen.latencies.push(answered - sent);
        }
    }
    Ok(seen)
}

/// Does something while a script is asked at this pace by one more client, whose answers do not count.
pub async fn beside<T>(
    work: impl Future<Output = Result<T, Fault>>,
    address: SocketAddr,
    script: &dyn Script,
    pace: Duration,
) -> Result<T, Fault> {
    tokio::select! {
        outcome = work => outcome,
        Err(fault) = keep_asking(address, script, pace) => Err(fault),
    }
}

async fn keep_asking(address: SocketAddr, script: &dyn Script, pace: Duration) -> Result<Infallible, Fault> {
    let mut connection = Connection::open(address).await?;
    let mut ticks = tokio::time::interval(pace);
    let mut number = 0;
    loop {
        ticks.tick().await;
        once(&mut connection, &script.question(0, number)).await?;
        number += 1;
    }
}

/// Asks once; whether it is answered as it must be.
pub async fn once(connection: &mut Connection, question: &Question) -> Result<bool, Fault> {
    let answer = connection.send(&question.request).await?;
    if answer.status != question.status {
        return Err(format!("answered {}: {}", answer.status, String::from_utf8_lossy(answer.body)).into());
    }
    Ok(matches!(question.judge(&answer), Verdict::Right))
}
