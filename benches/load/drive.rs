//! Closed loops: so many clients, each of which sends its next request when the last one was answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::common::Fault;
use super::common::client::Connection;
use super::common::sample::{Effort, Sample};

/// What a loop sends: the bytes of request number `n` of client `c`, and the status that is an answer to it.
pub trait Script: Clone + Send + Sync + 'static {
    const STATUS: u16;

    fn request(&self, client: usize, number: usize) -> Vec<u8>;
}

/// The same request each time, answered with 200.
#[derive(Clone)]
pub struct Same(pub Vec<u8>);

impl Script for Same {
    const STATUS: u16 = 200;

    fn request(&self, _: usize, _: usize) -> Vec<u8> {
        self.0.clone()
    }
}

/// Drives a script as fast as it is answered.
pub async fn flat_out(address: SocketAddr, effort: Effort, script: impl Script) -> Result<Sample, Fault> {
    drive(address, effort, script, None).await
}

/// Drives a script at a pace that leaves the server time: each client sends once in so long.
pub async fn paced(address: SocketAddr, effort: Effort, script: impl Script, pace: Duration) -> Result<Sample, Fault> {
    drive(address, effort, script, Some(pace)).await
}

async fn drive<S: Script>(
    address: SocketAddr,
    effort: Effort,
    script: S,
    pace: Option<Duration>,
) -> Result<Sample, Fault> {
    let begin = Instant::now() + effort.time / 10;
    let end = begin + effort.time;
    let mut clients = JoinSet::new();
    for client in 0..effort.clients {
        let script = script.clone();
        clients.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut ticks = pace.map(tokio::time::interval);
            ticks.iter_mut().for_each(|ticks| ticks.set_missed_tick_behavior(MissedTickBehavior::Delay));
            let (mut latencies, mut answers) = (Vec::new(), 0);
            for number in 0.. {
                if let Some(ticks) = &mut ticks {
                    ticks.tick().await;
                }
                let request = script.request(client, number);
                let sent = Instant::now();
                if sent >= end {
                    break;
                }
                let answer = connection.send(&request).await?;
                if answer.status != S::STATUS {
                    return Err(format!("answered {}: {}", answer.status, answer.json()).into());
                }
                let answered = Instant::now();
                answers += 1;
                if sent >= begin && answered <= end {
                    latencies.push(answered - sent);
                }
            }
            Ok::<_, Fault>((latencies, answers))
        });
    }
    let (mut latencies, mut answers) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (mut some, more) = client??;
        latencies.append(&mut some);
        answers += more;
    }
    Ok(Sample::new(latencies, effort.time, answers))
}
