//! The load program: how fast the server is, told as ratios.
//!
//! A rate alone says more about the machine than about the program. So each thing is measured against the least that
//! could do it, in turn, in the same run, on the same PostgreSQL with the same durable settings. `docs/performance.md`
//! has the results and what they mean.
//!
//! Options: `--quick` for a run of less than a minute, `--only TEXT` for the measurements whose name contains it,
//! `--json FILE`, `--server FILE` for another server than the one that was built beside it. It starts everything that it
//! needs, talks to 127.0.0.1 only, and ends by itself.

#![expect(clippy::print_stdout, reason = "it is a program that prints a table")]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the floor is plain axum, as others use it")]

#[path = "../common/mod.rs"]
mod common;
mod drive;
mod measures;
mod pgbench;
mod place;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use self::common::report::{self, Line};
use self::common::sample::Effort;
use self::common::{Fault, floor};
use self::measures::World;
use self::place::Place;

/// How much is measured.
#[derive(Debug)]
struct Plan {
    /// How often each side has its turn.
    rounds: usize,
    /// How long a turn is.
    time: Duration,
    /// Connections at once.
    clients: usize,
    only: Option<String>,
    json: Option<PathBuf>,
    server: PathBuf,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let mut plan = Self {
            rounds: 5,
            time: Duration::from_secs(3),
            clients: 16,
            only: None,
            json: None,
            server: common::server_beside()?,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => (plan.rounds, plan.time) = (2, Duration::from_secs(1)),
                "--only" => plan.only = Some(value()?),
                "--json" => plan.json = Some(value()?.into()),
                "--server" => plan.server = value()?.into(),
                other => return Err(format!("{other} is no option: --quick, --only, --json, --server").into()),
            }
        }
        Ok(plan)
    }

    fn effort(&self) -> Effort {
        Effort { clients: self.clients, time: self.time }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }
}

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == floor::ARGUMENT).is_some() {
        return floor::main(&arguments.next().ok_or("the floor needs a database")?);
    }
    let plan = Plan::read(arguments)?;
    common::require_server(&plan.server)?;
    // One thread: the cores are for what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let lines = runtime.block_on(run(&plan))?;
    println!("\n{}", report::table(&lines));
    if let Some(path) = &plan.json {
        std::fs::write(path, format!("{:#}\n", report::json(&lines)))?;
    }
    Ok(())
}

async fn run(plan: &Plan) -> Result<Vec<Line>, Fault> {
    let place = Place::begin(&plan.server).await?;
    let lines = measure(&place, plan).await;
    place.end().await?;
    lines
}

async fn measure(place: &Place, plan: &Plan) -> Result<Vec<Line>, Fault> {
    let world = World::make(place, plan).await?;
    let mut lines = Vec::new();
    if plan.wants("get") {
        lines.push(measures::get_organization(place, plan, &world).await?);
    }
    if plan.wants("check") {
        lines.push(measures::check_permission(place, plan, &world).await?);
    }
    if plan.wants("create") {
        lines.push(measures::create_organization(place, plan).await?);
    }
    if plan.wants("sign-in") {
        lines.push(measures::sign_in(place, plan).await?);
    }
    if plan.wants("flood") {
        lines.push(measures::flood(place, plan, &world).await?);
    }
    if plan.wants("events") {
        lines.push(measures::events(place, plan).await?);
    }
    if plan.wants("webhooks") {
        lines.push(measures::webhooks(place, plan).await?);
    }
    lines.push(measures::memory(place)?);
    Ok(lines)
}
