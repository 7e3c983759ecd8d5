//! What is asked, the same of every server, with the answers.

use std::collections::HashSet;
use std::sync::Arc;

use super::dice::Dice;
use super::forest::{DOCUMENT, KINDS, MOVED, WORKSPACE, number};
use super::truth::{READ_DOCUMENT, Truth};

/// May this member read this document?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Check {
    pub member: u32,
    pub resource: u32,
    pub allowed: bool,
}

/// Which documents below this resource may the member read?
#[derive(Debug, Clone)]
pub struct Discovery {
    pub member: u32,
    pub parent: u32,
    /// All of them, in the order of their creation. They may be millions, and are asked about in several ways.
    pub found: Arc<[u32]>,
}

/// Who may read this document?
#[derive(Debug, Clone)]
pub struct Who {
    pub resource: u32,
    pub direct: bool,
    /// All of them, in order.
    pub found: Arc<[u32]>,
}

/// What may the member do to this resource?
#[derive(Debug, Clone, Copy)]
pub struct Effective {
    pub member: u32,
    pub resource: u32,
    pub permissions: u32,
}

/// A role that a member has on a document and without which it may not read it: to be taken away and given back.
#[derive(Debug, Clone, Copy)]
pub struct Revocable {
    pub member: u32,
    pub resource: u32,
    pub level: u8,
}

/// The questions of a forest.
pub struct Questions {
    /// Half allowed, half denied, in turn.
    pub checks: Vec<Check>,
    pub hits: Vec<Check>,
    pub misses: Vec<Check>,
    /// Documents at the bottom that are reached by a role at the top, one below the organization at most.
    pub deep: Vec<Check>,
    /// By members who may read few documents, and those spread.
    pub narrow: Vec<Discovery>,
    /// By members who may read whole workspaces or everything.
    pub wide: Vec<Discovery>,
    /// Documents that many may read, and few.
    pub many: Vec<Who>,
    pub few: Vec<Who>,
    pub direct: Vec<Who>,
    pub effective: Vec<Effective>,
    pub revocable: Vec<Revocable>,
}

/// How many of each are made, at most.
#[derive(Debug, Clone, Copy)]
struct Counts {
    checks: usize,
    lists: usize,
    who: usize,
}

/// Grants that are taken away and given back while checks go on, at most: those of a quarter of the members.
const REVOCABLE: usize = 512;

impl Questions {
    pub fn new(truth: &Truth) -> Self {
        let mut asker = Asker::new(truth);
        let counts = if truth.forest.parent.len() < 100_000 {
            Counts { checks: 4_000, lists: 200, who: 1_000 }
        } else {
            Counts { checks: 20_000, lists: 400, who: 2_000 }
        };
        let hits = asker.many(counts.checks, Asker::hit);
        let misses = asker.many(counts.checks, Asker::miss);
        let deep = asker.many(counts.checks / 4, Asker::deep);
        let checks = hits.iter().zip(&misses).flat_map(|(hit, miss)| [*hit, *miss]).collect();
        let effective = asker.many(counts.checks / 10, Asker::effective);
        let narrow = asker.many(counts.lists, |asker| asker.discovery(false));
        let wide = asker.many(counts.lists / 8, |asker| asker.discovery(true));
        let many = asker.many(counts.who, |asker| asker.who(30..usize::MAX, false));
        let few = asker.many(counts.who, |asker| asker.who(1..30, false));
        let direct = asker.many(counts.who, |asker| asker.who(1..usize::MAX, true));
        let revocable = std::mem::take(&mut asker.revocable);
        Self { checks, hits, misses, deep, narrow, wide, many, few, direct, effective, revocable }
    }
}

struct Asker<'t> {
    truth: &'t Truth,
    dice: Dice,
    revocable: Vec<Revocable>,
    /// Who and what has to do with what is revoked.
    restless: (HashSet<u32>, HashSet<u32>),
    /// Organizations in which questions are asked: the wide one as often as all others together.
    last: u32,
}

impl<'t> Asker<'t> {
    fn new(truth: &'t Truth) -> Self {
        let last = truth.forest.organizations - 1;
        let dice = Dice::new(u64::from(last));
        let mut asker = Self { truth, dice, revocable: Vec::new(), restless: Default::default(), last };
        asker.reserve();
        asker
    }

    /// One role each of members of every kind of organization.
    fn reserve(&mut self) {
        let forest = &self.truth.forest;
        let most = REVOCABLE.min(forest.members.len() / 4);
        let step = (number(forest.members.len()) / 1024).max(1);
        for member in (3..number(forest.members.len())).step_by(step as usize) {
            if self.revocable.len() == most {
                return;
            }
            let grants = self.truth.own_grants(member);
            let found = grants.iter().find(|&&grant| {
                forest.kind_of(grant.0) == DOCUMENT
                    && !self.restless.1.contains(&grant.0)
                    && self.truth.depends_on(member, grant, READ_DOCUMENT)
            });
            if let Some(&(resource, level)) = found {
                self.revocable.push(Revocable { member, resource, level });
                self.restless.0.insert(member);
                self.restless.1.insert(resource);
            }
        }
    }

    /// As many as can be found in a bounded number of attempts.
    fn many<T>(&mut self, count: usize, mut make: impl FnMut(&mut Self) -> Option<T>) -> Vec<T> {
        let mut made = Vec::with_capacity(count);
        for _ in 0..count * 200 {
            if made.len() == count {
                break;
            }
            made.extend(make(self));
        }
        made
    }

    fn organization(&mut self) -> u32 {
        if self.dice.below(2) == 0 { 0 } else { self.dice.below(self.last) }
    }

    /// A document that stays where it is.
    fn document(&mut self) -> Option<u32> {
        let organization = self.organization();
        let forest = &self.truth.forest;
        let fixed = if (organization as usize) < forest.movers.len() { MOVED as usize + 3 } else { 1 };
        let document = *self.dice.pick(&forest.inside[organization as usize][fixed..]);
        (forest.kind_of(document) == DOCUMENT && !self.restless.1.contains(&document)).then_some(document)
    }

    fn active_member(&mut self, organization: u32) -> Option<u32> {
        let members = self.truth.forest.members_of(organization);
        let member = members.start + self.dice.below(members.end - members.start);
        (self.truth.forest.is_active(member) && !self.restless.0.contains(&member)).then_some(member)
    }

    /// A third by a role on the document itself, the others by any.
    fn hit(&mut self) -> Option<Check> {
        let resource = self.document()?;
        let members = self.truth.who(resource, READ_DOCUMENT, self.dice.below(3) == 0);
        let member = (!members.is_empty()).then(|| *self.dice.pick(&members))?;
        (!self.restless.0.contains(&member)).then_some(Check { member, resource, allowed: true })
    }

    fn miss(&mut self) -> Option<Check> {
        let resource = self.document()?;
        let member = self.active_member(self.truth.forest.organization[resource as usize])?;
        (!self.truth.may(member, resource, READ_DOCUMENT)).then_some(Check { member, resource, allowed: false })
    }

    fn deep(&mut self) -> Option<Check> {
        let hit = self.hit()?;
        let path: Vec<u32> = self.truth.path(hit.resource).collect();
        let is_near = |&at: &u32| self.truth.who(at, READ_DOCUMENT, true).binary_search(&hit.member).is_ok();
        (path.len() == KINDS.len() && !path[..4].iter().any(is_near)).then_some(hit)
    }

    fn effective(&mut self) -> Option<Effective> {
        let Check { member, resource, .. } = if self.dice.below(4) == 0 { self.miss()? } else { self.hit()? };
        Some(Effective { member, resource, permissions: self.truth.permissions(member, resource) })
    }

    /// Below the organization's root.
    fn discovery(&mut self, wide: bool) -> Option<Discovery> {
        let organization = self.organization();
        let member = self.active_member(organization)?;
        let is_watcher = self.truth.forest.movers.iter().any(|mover| mover.watcher == member);
        let has_workspace =
            self.truth.opened_by(member, READ_DOCUMENT).any(|at| self.truth.forest.kind_of(at) <= WORKSPACE);
        if is_watcher || has_workspace != wide {
            return None;
        }
        let found = self.truth.discover(member, organization, READ_DOCUMENT);
        let all = self.truth.forest.inside[organization as usize].len();
        let share = found.len() * 20;
        let fits = found.len() > 40 && if wide { share > all } else { share < all };
        fits.then(|| Discovery { member, parent: organization, found: found.into() })
    }

    fn who(&mut self, size: std::ops::Range<usize>, direct: bool) -> Option<Who> {
        let resource = self.document()?;
        let found = self.truth.who(resource, READ_DOCUMENT, direct);
        size.contains(&found.len()).then(|| Who { resource, direct, found: found.into() })
    }
}
