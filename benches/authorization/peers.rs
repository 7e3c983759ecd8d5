//! What the peers are asked: all of what this server is asked that there is such a question for.

use std::sync::Arc;

use super::common::Fault;
use super::drive::{Round, Script};
use super::expect::Question;
use super::measures::{
    ALLOWED, BESIDE, CHECK, CREATE, DEEP, DIRECT, EFFECTIVE, LOW, MOVE, NARROW, Program, REFUSED, Run, SAME, Target,
    WHO, WHO_MANY, WIDE,
};
use super::place::Site;
use super::questions::{Check, Discovery, Who};
use super::scripts::{Beside, Creation, Moves};
use super::side::Side;
use super::{openfga, spicedb};

/// Questions that a cache has seen before, where they are the same again and again.
const HOT: usize = 500;
/// With so many connections a peer is asked what is not a check: the bars are told for these.
const CLIENTS: usize = 8;

/// The name of a peer that is written to meanwhile.
pub const UNREST: &str = "SpiceDB beside ten writes a second";

/// What is asked of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The same few checks: what a cache likes best.
    Same,
    Checks,
    /// Checks of each kind, and beside revocations: answers must be fresh.
    Kinds,
    Lists,
    Writes,
    Revocations,
    /// No question: something is written all the time beside the others.
    Unrest,
}

const FRESH: &[Part] = &[Part::Checks, Part::Kinds, Part::Lists, Part::Writes, Part::Revocations];
const CACHES: &[Part] = &[Part::Same, Part::Checks, Part::Lists, Part::Revocations];

/// What there is no such question for, and why.
pub const MISSING: [(&str, &str, &str); 8] = [
    (DEEP, "OpenFGA", "it has no pages"),
    (DEEP, "SpiceDB", "it goes on behind a page that it gave, and from nowhere else"),
    (DIRECT, "OpenFGA", "it tells who may, not by which role"),
    (DIRECT, "SpiceDB", "it tells who may, not by which role"),
    (EFFECTIVE, "OpenFGA", "it takes a check for each permission"),
    (EFFECTIVE, "SpiceDB", "it takes a check for each permission"),
    (BESIDE, "OpenFGA with caches", "it would be wrong: see its old answers"),
    (BESIDE, "SpiceDB with caches", "it would be wrong: see its old answers"),
];

impl Run<'_> {
    /// Every peer on every forest, in each way in which it can be configured: fresh first, then with its caches.
    pub async fn peers(&mut self, sites: &[Site]) -> Result<(), Fault> {
        use openfga::Mode as Fga;
        use spicedb::Mode as Spice;
        for site in sites {
            if let Some(program) = &self.plan.openfga {
                for (mode, parts) in [(Fga::Plain, FRESH), (Fga::Caches, CACHES), (Fga::Ten, &[Part::Lists])] {
                    self.peer(Arc::new(site.openfga(program, mode).await?), site, parts).await?;
                }
            }
            if let Some(program) = &self.plan.spicedb {
                let plain: &[Part] = &[Part::Checks, Part::Lists];
                let plain_caches: &[Part] = &[Part::Same, Part::Checks];
                // It keeps answers until something is written, whatever that is: who is fresh and never written to is
                // asked what it knows.
                let unrest: &[Part] = &[Part::Checks, Part::Lists, Part::Unrest];
                let modes = [
                    (Spice::FRESH, FRESH),
                    (Spice::FRESH, unrest),
                    (Spice::CACHES, CACHES),
                    (Spice::PLAIN, plain),
                    (Spice::PLAIN_CACHES, plain_caches),
                ];
                for (mode, parts) in modes {
                    self.peer(Arc::new(site.spicedb(program, mode).await?), site, parts).await?;
                }
            }
        }
        Ok(())
    }

    async fn peer(&mut self, side: Arc<dyn Side>, site: &Site, parts: &[Part]) -> Result<(), Fault> {
        let mut scripts = Vec::new();
        for part in parts {
            scripts.extend(self.scripts(*part, &side, site));
        }
        let mut target = Target::of(&*side);
        let mut writes: Option<Arc<dyn Script>> = None;
        if parts.contains(&Part::Unrest) {
            target.name = UNREST;
            let place = site.truth.forest.building_site.0;
            // Names are not those of the turns in which creations are measured.
            writes = Some(Arc::new(Creation::new(Arc::clone(&side), place, std::process::id() + 1)));
        }
        let program = Program { target, scripts, writes };
        self.warm(&program).await?;
        for _ in 0..self.plan.rounds {
            for &clients in &self.plan.clients {
                self.turn(&program, &site.label, clients).await?;
            }
        }
        if parts.contains(&Part::Revocations) {
            self.revocations(&*side, site).await?;
        }
        Ok(())
    }

    fn scripts(
        &self,
        part: Part,
        side: &Arc<dyn Side>,
        site: &Site,
    ) -> Vec<(&'static str, Vec<usize>, Arc<dyn Script>)> {
        let (asked, all) = (&site.questions, &self.plan.clients);
        let round = |questions: Vec<Question>| -> Arc<dyn Script> { Arc::new(Round(questions)) };
        let asked_of = |checks: &[Check]| checks.iter().map(|check| side.check(check)).collect();
        let checks = |checks: &[Check]| round(asked_of(checks));
        let lists = |of: &[Discovery]| round(of.iter().map(|it| side.discovery(it)).collect());
        let who = |of: &[Who]| round(of.iter().map(|it| side.who(it)).collect());
        match part {
            Part::Same => vec![(SAME, vec![CLIENTS, 64], checks(&asked.checks[..HOT.min(asked.checks.len())]))],
            Part::Checks => vec![(CHECK, all.clone(), checks(&asked.checks))],
            Part::Kinds => vec![
                (ALLOWED, vec![CLIENTS], checks(&asked.hits)),
                (REFUSED, vec![CLIENTS], checks(&asked.misses)),
                (LOW, vec![CLIENTS], checks(&asked.deep)),
                (BESIDE, vec![CLIENTS], Arc::new(Beside::new(&**side, asked_of(&asked.checks), &asked.revocable))),
            ],
            Part::Lists => vec![
                (NARROW, vec![CLIENTS], lists(&asked.narrow)),
                (WIDE, vec![CLIENTS], lists(&asked.wide)),
                (WHO, vec![CLIENTS], who(&asked.few)),
                (WHO_MANY, vec![CLIENTS], who(&asked.many)),
            ],
            Part::Writes => {
                let place = site.truth.forest.building_site.0;
                let creation = Creation::new(Arc::clone(side), place, std::process::id());
                let moves = Moves::new(&**side, &site.truth.forest.movers);
                vec![(CREATE, vec![CLIENTS], Arc::new(creation)), (MOVE, vec![1], Arc::new(moves))]
            }
            Part::Revocations | Part::Unrest => Vec::new(),
        }
    }
}
