//! What is measured, of this server and of the peers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Plan;
use super::common::Fault;
use super::common::client::{Connection, request};
use super::common::cpu::{Cpu, Spent};
use super::common::report::median;
use super::common::sample::{Effort, Sample};
use super::drive::{Outcome, Round, Script, beside, drive, once};
use super::expect::{Answer, Question};
use super::ours::Begin;
use super::place::{Place, Site};
use super::questions::{Check, Discovery, Revocable, Who};
use super::scripts::{Beside, Creation, Moves};
use super::side::Side;

pub const FLOOR: &str = "axum and one select";
pub const CHECK: &str = "check, half denied";
pub const ALLOWED: &str = "check, allowed";
pub const REFUSED: &str = "check, denied";
pub const LOW: &str = "check, deep";
pub const SAME: &str = "check, 500 again and again";
pub const BESIDE: &str = "check beside 1 % revocations";
pub const NARROW: &str = "discovery, first page, few";
pub const WIDE: &str = "discovery, first page, many";
pub const DEEP: &str = "discovery, deep page";
pub const WHO: &str = "who can, first page, few";
pub const WHO_MANY: &str = "who can, first page, many";
pub const DIRECT: &str = "who can, direct";
pub const EFFECTIVE: &str = "effective permissions";
pub const CREATE: &str = "create";
pub const MOVE: &str = "move of 1,000";

/// How long caches are filled before they are measured. Those of OpenFGA hold for ten seconds.
const WARM: Duration = Duration::from_secs(3);
/// Revocations that are followed by a question at once.
const REVOCATIONS: usize = 500;
/// How long an old answer is asked for again, and how long several of them are in all.
const STALE: Duration = Duration::from_secs(15);
const FOLLOWED: Duration = Duration::from_secs(10);
/// How often something is written where questions are asked beside writes.
const PACE: Duration = Duration::from_millis(100);

/// What was measured of what, on which forest, with how many connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pub what: &'static str,
    pub side: &'static str,
    pub label: String,
    pub clients: usize,
}

/// The turns of one measurement.
#[derive(Debug, Default)]
pub struct Cell {
    /// Answers a second, in each turn.
    pub rates: Vec<f64>,
    /// All answers.
    pub all: Option<Sample>,
    pub spent: Spent,
    pub wrong: u32,
    pub short: u32,
}

impl Cell {
    pub fn rate(&self) -> f64 {
        median(self.rates.clone())
    }

    pub fn within(&self, per_mille: usize) -> f64 {
        self.all.as_ref().map_or(f64::NAN, |all| all.within(per_mille))
    }
}

/// Old answers after revocations that were acknowledged.
#[derive(Debug)]
pub struct Stale {
    pub side: &'static str,
    pub label: String,
    pub asked: u32,
    pub old: u32,
    /// How long the longest was given of those that were followed.
    pub longest: Duration,
}

/// Everything that was found out.
#[derive(Debug, Default)]
pub struct Results {
    /// In the order of their first turns.
    pub order: Vec<Key>,
    pub cells: HashMap<Key, Cell>,
    pub stale: Vec<Stale>,
    /// The first wrong answer of each measurement.
    pub examples: Vec<(Key, String)>,
}

impl Results {
    pub fn find(&self, what: &'static str, side: &'static str, label: &str, clients: usize) -> Option<&Cell> {
        self.cells.get(&Key { what, side, label: label.to_owned(), clients })
    }

    fn add(&mut self, key: Key, outcome: Outcome, cpu: Cpu) {
        if !self.cells.contains_key(&key) {
            self.order.push(key.clone());
        }
        let cell = self.cells.entry(key.clone()).or_default();
        cell.spent.add(outcome.sample.answers(), cpu);
        cell.rates.push(outcome.sample.rate);
        cell.wrong += outcome.wrong;
        cell.short += outcome.short;
        cell.all = Some(match cell.all.take() {
            Some(all) => all.and(outcome.sample),
            None => outcome.sample,
        });
        if let Some(example) = outcome.example
            && self.examples.iter().all(|(known, _)| *known != key)
        {
            self.examples.push((key, example));
        }
    }
}

/// Whom to ask, and for whose processor time.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    address: std::net::SocketAddr,
    process: u32,
}

impl Target {
    pub fn of(side: &dyn Side) -> Self {
        Self { name: side.name(), address: side.address(), process: side.process() }
    }
}

/// A run.
pub struct Run<'r> {
    pub plan: &'r Plan,
    pub place: &'r Place,
    pub postmaster: u32,
    pub results: Results,
}

/// What is asked of one side.
pub struct Program {
    pub target: Target,
    /// What it is called, with how many connections it is asked, and how.
    pub scripts: Vec<(&'static str, Vec<usize>, Arc<dyn Script>)>,
    /// What is written meanwhile, now and then.
    pub writes: Option<Arc<dyn Script>>,
}

impl Run<'_> {
    /// This server and its floor on all forests in turn, as often as the plan has rounds.
    pub async fn ours(&mut self, sites: &[Site]) -> Result<(), Fault> {
        let programs: Vec<_> = sites.iter().map(|site| (site, self.program(site))).collect();
        let floor = Program {
            target: Target { name: "floor", address: self.place.floor_address, process: self.place.floor.id() },
            scripts: vec![(FLOOR, self.plan.clients.clone(), Arc::new(Round(floor_rows())))],
            writes: None,
        };
        for (_, (program, _)) in &programs {
            self.warm(program).await?;
        }
        for _ in 0..self.plan.rounds {
            for &clients in &self.plan.clients {
                for (site, (program, _)) in &programs {
                    self.turn(&floor, &site.label, clients).await?;
                    self.turn(program, &site.label, clients).await?;
                }
            }
        }
        for (site, (_, creation)) in &programs {
            self.count_created(site, creation).await?;
        }
        for site in sites {
            self.revocations(&*site.ours, site).await?;
        }
        Ok(())
    }

    fn program(&self, site: &Site) -> (Program, Arc<Creation>) {
        let (ours, asked) = (&site.ours, &site.questions);
        let checks = |checks: &[Check]| checks.iter().map(|check| ours.check(check)).collect();
        let round = |questions: Vec<Question>| -> Arc<dyn Script> { Arc::new(Round(questions)) };
        let pages = |of: &[Discovery], begin| round(of.iter().map(|it| ours.page(it, begin)).collect());
        let who = |of: &[Who]| round(of.iter().map(|it| ours.who(it)).collect());
        let deep = asked.narrow.iter().chain(&asked.wide).map(|it| ours.page(it, Begin::Deep)).collect();
        let beside = Beside::new(&**ours, checks(&asked.checks), &asked.revocable);
        let (place, run) = (site.truth.forest.building_site.0, std::process::id());
        let creation = Arc::new(Creation::new(Arc::clone(ours) as Arc<dyn Side>, place, run));
        let moves = Moves::new(&**ours, &site.truth.forest.movers);
        let all = &self.plan.clients;
        // As many moves at once as there are trees with something to move.
        let moving = all.iter().copied().filter(|&clients| clients <= site.truth.forest.movers.len()).collect();
        let effective = asked.effective.iter().map(|it| ours.effective(it)).collect();
        let scripts = vec![
            (CHECK, all.clone(), round(checks(&asked.checks))),
            (ALLOWED, all.clone(), round(checks(&asked.hits))),
            (REFUSED, all.clone(), round(checks(&asked.misses))),
            (LOW, all.clone(), round(checks(&asked.deep))),
            (BESIDE, all.clone(), Arc::new(beside) as Arc<dyn Script>),
            (NARROW, all.clone(), pages(&asked.narrow, Begin::First)),
            (WIDE, all.clone(), pages(&asked.wide, Begin::First)),
            (DEEP, all.clone(), round(deep)),
            (WHO, all.clone(), who(&asked.few)),
            (WHO_MANY, all.clone(), who(&asked.many)),
            (DIRECT, all.clone(), who(&asked.direct)),
            (EFFECTIVE, all.clone(), round(effective)),
            (CREATE, all.clone(), Arc::clone(&creation) as Arc<dyn Script>),
            (MOVE, moving, Arc::new(moves) as Arc<dyn Script>),
        ];
        (Program { target: Target::of(&**ours), scripts, writes: None }, creation)
    }

    /// Asks everything that changes nothing for a while: memory and plans are to be as they are in operation, and caches
    /// full.
    pub async fn warm(&self, program: &Program) -> Result<(), Fault> {
        for (what, _, script) in &program.scripts {
            if [CREATE, MOVE, BESIDE].contains(what) || !self.plan.wants(what) {
                continue;
            }
            let time = if *what == SAME { WARM } else { self.plan.time };
            drive(program.target.address, Effort { clients: 8, time }, Arc::clone(script)).await?;
        }
        Ok(())
    }

    /// One turn of everything that is asked with so many connections.
    pub async fn turn(&mut self, program: &Program, label: &str, clients: usize) -> Result<(), Fault> {
        let Target { name, address, process } = program.target;
        for (what, with, script) in &program.scripts {
            if !with.contains(&clients) || !self.plan.wants(what) {
                continue;
            }
            let effort = Effort { clients, time: self.plan.time };
            let begun = Cpu::now(process, self.postmaster)?;
            let driven = drive(address, effort, Arc::clone(script));
            let outcome = match &program.writes {
                Some(writes) => beside(driven, address, &**writes, PACE).await?,
                None => driven.await?,
            };
            let spent = Cpu::now(process, self.postmaster)?.since(begun);
            // The cores had nothing to do, or were others': then a rate says little.
            let unused = [spent.idle, spent.stolen].map(|it| it.as_secs_f64());
            let Outcome { sample, wrong, .. } = &outcome;
            println!(
                "{label} {name} {what} {clients}: {:.0} /s, {wrong} wrong, {:.1} s idle, {:.1} s stolen",
                sample.rate, unused[0], unused[1],
            );
            let key = Key { what, side: name, label: label.to_owned(), clients };
            self.results.add(key, outcome, spent);
        }
        Ok(())
    }

    /// What was created must be there, each with its place in the tree: itself, the workspace, the root.
    async fn count_created(&mut self, site: &Site, creation: &Creation) -> Result<(), Fault> {
        let counted: (i64, i64) = sqlx::query_as(
            "select count(distinct r.key), count(*) from resources r join resource_ancestors a on a.descendant = r.key
             where r.parent = $1 and r.external_id like $2",
        )
        .bind(i64::from(site.truth.forest.building_site.0) + 1)
        .bind(format!("new-{}-%", std::process::id()))
        .fetch_one(&site.pool)
        .await?;
        let made = i64::from(creation.made());
        if counted == (made, made * 3) {
            return Ok(());
        }
        let key = Key { what: CREATE, side: "vestibule", label: site.label.clone(), clients: 0 };
        let text = format!("{made} documents were made: there are {}, with {} ancestors", counted.0, counted.1);
        self.results.examples.push((key, text));
        Ok(())
    }

    /// Asks, takes the role away, and asks again at once: the first question fills a cache where there is one.
    pub async fn revocations(&mut self, side: &dyn Side, site: &Site) -> Result<(), Fault> {
        if !self.plan.wants("stale") {
            return Ok(());
        }
        let mut connection = Connection::open(side.address()).await?;
        let mut stale =
            Stale { side: side.name(), label: site.label.clone(), asked: 0, old: 0, longest: Duration::ZERO };
        let mut followed = Duration::ZERO;
        for revocable in site.questions.revocable.iter().cycle().take(REVOCATIONS) {
            let Revocable { member, resource, .. } = *revocable;
            let denied = side.check(&Check { member, resource, allowed: false });
            let was_allowed = !once(&mut connection, &denied).await?;
            once(&mut connection, &side.revoke(revocable)).await?;
            let revoked = Instant::now();
            let is_old = !once(&mut connection, &denied).await?;
            // A cache may still hold the denial of the time before.
            if was_allowed {
                stale.asked += 1;
                stale.old += u32::from(is_old);
            }
            if was_allowed && is_old && followed < FOLLOWED {
                while !once(&mut connection, &denied).await? && revoked.elapsed() < STALE {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                followed += revoked.elapsed();
                stale.longest = stale.longest.max(revoked.elapsed());
            }
            once(&mut connection, &side.grant(revocable)).await?;
        }
        println!("{} {}: {} of {} answers were old", stale.label, stale.side, stale.old, stale.asked);
        self.results.stale.push(stale);
        Ok(())
    }
}

fn floor_rows() -> Vec<Question> {
    let row = |row: u32| request("GET", &format!("/rows/org_{row:026}"), "", None);
    (0..10_000).map(|it| Question { request: row(it), status: 200, answer: Answer::Any }).collect()
}
