//! How fast decisions are, beside OpenFGA and SpiceDB on the same tree.
//!
//! A generator makes organizations with trees of resources, members, groups and grants, always the same; all servers
//! get them, on one PostgreSQL, and are asked the same questions over HTTP. Every answer is held against the truth, so
//! what is fast and wrong fails. `docs/performance.md` has the results and what they mean.
//!
//! Options: `--resources 10k,1m` (sizes; `10m` takes ten minutes and 25 GB of disk to load), `--quick`, `--peers
//! openfga=FILE,spicedb=FILE` (`openfga` alone builds it by `go install`), `--only TEXT|TEXT`, `--keep FOLDER` (what was
//! loaded is there the next time), `--json FILE`,
//! `--server FILE`. It talks to 127.0.0.1 only, and ends by itself.

#![expect(clippy::print_stdout, reason = "it is a program that prints tables")]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "the floor is plain axum, as others use it")]

#[path = "../common/mod.rs"]
mod common;
mod dice;
mod drive;
mod expect;
mod forest;
mod load;
mod measures;
mod names;
mod openfga;
mod ours;
mod peers;
mod place;
mod questions;
mod scripts;
mod side;
mod spicedb;
mod table;
mod truth;

use std::path::PathBuf;
use std::time::Duration;

use self::common::{Fault, floor, folder_for, report};
use self::measures::{Results, Run};
use self::place::{Place, Site};

/// How much is measured.
#[derive(Debug)]
pub struct Plan {
    /// About how many resources each forest has.
    sizes: Vec<u32>,
    /// How often each side has its turn.
    rounds: usize,
    /// How long a turn is.
    time: Duration,
    /// Connections at once, in turn.
    clients: Vec<usize>,
    only: Option<String>,
    json: Option<PathBuf>,
    server: PathBuf,
    keep: Option<PathBuf>,
    openfga: Option<PathBuf>,
    spicedb: Option<PathBuf>,
}

impl Plan {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Fault> {
        let mut plan = Self {
            sizes: vec![10_000, 1_000_000],
            rounds: 3,
            time: Duration::from_secs(3),
            clients: vec![1, 8, 64],
            only: None,
            json: None,
            server: common::server_beside()?,
            keep: None,
            openfga: None,
            spicedb: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => (plan.rounds, plan.time) = (1, Duration::from_secs(1)),
                "--resources" => plan.sizes = value()?.split(',').map(size).collect::<Result<_, _>>()?,
                "--peers" => plan.read_peers(&value()?)?,
                "--only" => plan.only = Some(value()?),
                "--json" => plan.json = Some(value()?.into()),
                "--server" => plan.server = value()?.into(),
                "--keep" => plan.keep = Some(value()?.into()),
                other => {
                    let known = "--resources, --quick, --peers, --only, --keep, --json, --server";
                    return Err(format!("{other} is no option: {known}").into());
                }
            }
        }
        Ok(plan)
    }

    fn read_peers(&mut self, text: &str) -> Result<(), Fault> {
        for peer in text.split(',') {
            match peer.split_once('=').unwrap_or((peer, "")) {
                ("openfga", "") => self.openfga = Some(openfga::build(&folder_for("openfga")?)?),
                ("openfga", program) => self.openfga = Some(program.into()),
                ("spicedb", program) if !program.is_empty() => self.spicedb = Some(program.into()),
                _ => return Err(format!("{peer} is no peer: openfga, openfga=FILE, spicedb=FILE").into()),
            }
        }
        Ok(())
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.split('|').any(|part| name.contains(part)))
    }
}

/// `10k`, `1m`, or a number.
fn size(text: &str) -> Result<u32, Fault> {
    let (digits, unit) = match text.trim_end_matches(['k', 'm']) {
        digits if text.ends_with('k') => (digits, 1_000),
        digits if text.ends_with('m') => (digits, 1_000_000),
        digits => (digits, 1),
    };
    let size = digits.parse::<u32>()?.checked_mul(unit).ok_or("that is too large")?;
    // Below that, the parts of the forest that measurements need do not fit in.
    if size < 10_000 { Err("a forest has at least 10k resources".into()) } else { Ok(size) }
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
    runtime.block_on(run(&plan))
}

async fn run(plan: &Plan) -> Result<(), Fault> {
    let place = Place::begin(plan).await?;
    let outcome = compare(&place, plan).await;
    place.end().await?;
    outcome
}

async fn compare(place: &Place, plan: &Plan) -> Result<(), Fault> {
    let mut sites = Vec::new();
    for &size in &plan.sizes {
        sites.push(Site::begin(place, plan, size).await?);
    }
    let labels: Vec<_> = sites.iter().map(|site| site.label.clone()).collect();
    let mut run = Run { plan, place, postmaster: place.postmaster()?, results: Results::default() };
    run.ours(&sites).await?;
    run.peers(&sites).await?;
    let results = run.results;
    let lines = table::ratios(&results, plan, &labels);
    println!("\nAnswers a second / p50 / p99 in milliseconds, by resources and connections:\n");
    println!("{}\n{}", table::figures(&results, &labels, &plan.clients), report::table(&lines));
    if plan.openfga.is_none() {
        println!("OpenFGA was left out: --peers openfga=FILE, or --peers openfga to build it.");
    }
    if plan.spicedb.is_none() {
        println!("SpiceDB was left out: --peers spicedb=FILE.");
    }
    if let Some(path) = &plan.json {
        std::fs::write(path, format!("{:#}\n", table::json(&results, &lines)))?;
    }
    for (key, example) in &results.examples {
        println!("wrong: {} of {}, {}, {} connections: {example}\n", key.what, key.side, key.label, key.clients);
    }
    // What a peer says wrongly while roles are taken away is a result.
    let is_found = |key: &measures::Key| key.what == measures::BESIDE && key.side != table::OURS;
    if results.examples.iter().all(|(key, _)| is_found(key)) { Ok(()) } else { Err("there were wrong answers".into()) }
}
