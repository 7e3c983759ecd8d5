//! The generator: organizations with their trees of resources, members, groups and grants, always the same for a size.
//!
//! One organization has two fifths of everything, the others are many and small. A document stands two to six levels
//! deep, the organization counted. The answers to questions about it are in `truth`.

use super::dice::Dice;

/// The types of resources, each below the one before it; documents stand below any of them.
pub const KINDS: [&str; 6] = ["organization", "workspace", "project", "folder", "section", "document"];
pub const ROOT: u8 = 0;
pub const WORKSPACE: u8 = 1;
pub const PROJECT: u8 = 2;
pub const FOLDER: u8 = 3;
pub const SECTION: u8 = 4;
pub const DOCUMENT: u8 = 5;

/// The roles of each type. Each may do what the one before it may, on its resource and on all below.
pub const LEVELS: [&str; 3] = ["viewer", "editor", "admin"];
/// What the first role may do, what the second may do besides, and the third.
pub const ACTIONS: [&str; 3] = ["read", "write", "manage"];

/// The parent of a root.
pub const NONE: u32 = u32::MAX;
/// Nodes of a subtree that is moved, its top included.
pub const MOVED: u32 = 1000;

const SEED: u64 = 0x5eed_0f7e_575b;

/// Who belongs to an organization.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub organization: u32,
    pub user: u32,
    pub status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Active,
    Inactive,
    Pending,
}

/// A role of a subject on a resource. Subjects are the members and, after them, the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub subject: u32,
    pub resource: u32,
    /// Which of [`LEVELS`]; the role belongs to the type of the resource.
    pub level: u8,
}

/// A subtree of [`MOVED`] nodes and the two workspaces that it goes between. Who watches may see what is in the first
/// of them, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Mover {
    pub top: u32,
    pub homes: [u32; 2],
    /// A document at the bottom of it.
    pub leaf: u32,
    pub watcher: u32,
}

/// All of it. Resources are numbered in the order of their creation, so a parent comes before its children, and the
/// roots of the organizations before everything.
#[derive(Debug, Default)]
pub struct Forest {
    pub organizations: u32,
    pub parent: Vec<u32>,
    pub kind: Vec<u8>,
    pub organization: Vec<u32>,
    /// The resources of each organization, in order.
    pub inside: Vec<Vec<u32>>,
    pub members: Vec<Member>,
    /// The organization of each group.
    pub groups: Vec<u32>,
    /// Members and the groups that they are in, both in order.
    pub belongs: Vec<(u32, u32)>,
    /// In the order of subjects.
    pub grants: Vec<Grant>,
    pub movers: Vec<Mover>,
    /// A workspace of an organization in which nothing is asked, and its only member, who may do everything there.
    pub building_site: (u32, u32),
}

impl Forest {
    /// About so many resources.
    pub fn grow(size: u32) -> Self {
        let mut grower = Grower { dice: Dice::new(SEED ^ u64::from(size)), ..Grower::default() };
        let wide = size / 5 * 2;
        let small = size.isqrt().max(100);
        let sizes: Vec<u32> = [wide].into_iter().chain((0..(size - wide) / small).map(|_| small)).chain([1]).collect();
        grower.forest.organizations = u32::try_from(sizes.len()).unwrap_or(u32::MAX);
        grower.resources(&sizes, if size < 100_000 { 1 } else { 8 });
        grower.members(&sizes);
        grower.groups();
        grower.grants();
        grower.forest
    }

    pub fn members_of(&self, organization: u32) -> std::ops::Range<u32> {
        let begin = self.members.partition_point(|member| member.organization < organization);
        let end = self.members.partition_point(|member| member.organization <= organization);
        number(begin)..number(end)
    }

    pub fn kind_of(&self, resource: u32) -> u8 {
        self.kind[resource as usize]
    }

    pub fn is_active(&self, member: u32) -> bool {
        self.members[member as usize].status == Status::Active
    }

    /// The subject that a group is.
    pub fn subject_of_group(&self, group: u32) -> u32 {
        number(self.members.len()) + group
    }
}

pub fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Grower {
    dice: Dice,
    forest: Forest,
    /// The containers of each organization in which more may be made, by kind.
    containers: Vec<[Vec<u32>; 5]>,
}

impl Grower {
    fn add(&mut self, kind: u8, parent: u32, organization: u32) -> u32 {
        let resource = number(self.forest.parent.len());
        self.forest.parent.push(parent);
        self.forest.kind.push(kind);
        self.forest.organization.push(organization);
        self.forest.inside[organization as usize].push(resource);
        resource
    }

    fn resources(&mut self, sizes: &[u32], movers: u32) {
        let organizations = self.forest.organizations;
        self.forest.inside = vec![Vec::new(); sizes.len()];
        self.containers = vec![<[Vec<u32>; 5]>::default(); sizes.len()];
        for organization in 0..organizations {
            let root = self.add(ROOT, NONE, organization);
            self.containers[organization as usize][ROOT as usize].push(root);
        }
        for organization in 0..movers {
            self.mover(organization);
        }
        // In the order of creation, those of all organizations are mixed, as they are where all of them are at work.
        let mut owners: Vec<u32> = Vec::new();
        for (organization, &size) in (0..).zip(sizes) {
            let there = number(self.forest.inside[organization as usize].len());
            owners.extend(std::iter::repeat_n(organization, (size.saturating_sub(there) as usize).max(4)));
        }
        self.dice.shuffle(&mut owners);
        for organization in owners {
            self.sprout(organization);
        }
        let last = organizations - 1;
        let site = self.containers[last as usize][WORKSPACE as usize][0];
        self.forest.building_site = (site, NONE);
    }

    fn mover(&mut self, organization: u32) {
        let root = organization;
        let homes = [(); 2].map(|()| self.add(WORKSPACE, root, organization));
        let top = self.add(PROJECT, homes[0], organization);
        let folders: Vec<u32> = (0..99).map(|_| self.add(FOLDER, top, organization)).collect();
        let mut leaf = top;
        for document in 0..MOVED - 100 {
            leaf = self.add(DOCUMENT, folders[document as usize % folders.len()], organization);
        }
        self.forest.movers.push(Mover { top, homes, leaf, watcher: NONE });
    }

    /// One more resource. The first of an organization make a path down to a section.
    fn sprout(&mut self, organization: u32) {
        let containers = &self.containers[organization as usize];
        let missing = (WORKSPACE..=SECTION).find(|&kind| containers[kind as usize].is_empty());
        let kind = missing.unwrap_or_else(|| self.dice.weighed(&[0, 5, 20, 50, 75, 850]));
        let above = match kind {
            DOCUMENT => self.dice.weighed(&[5, 10, 20, 30, 35]),
            kind => kind - 1,
        };
        let parent = *self.dice.early(&self.containers[organization as usize][above as usize]);
        let resource = self.add(kind, parent, organization);
        if kind != DOCUMENT {
            self.containers[organization as usize][kind as usize].push(resource);
        }
    }

    /// One for each 25 resources, and five at least. A tenth of them are users of the organization before as well.
    fn members(&mut self, sizes: &[u32]) {
        let mut users = 0;
        let mut former = 0..0;
        for (organization, &size) in (0..).zip(sizes) {
            let begin = users;
            let movable = (organization as usize) < self.forest.movers.len();
            for place in 0..(size / 25).max(5) {
                let shared = organization > 0 && place % 10 == 9 && former.len() > place as usize;
                let user = if shared { former.start + place } else { users };
                users += u32::from(!shared);
                let status = match self.dice.below(100) {
                    _ if place == 0 => Status::Active,
                    0..3 => Status::Inactive,
                    3..5 => Status::Pending,
                    _ => Status::Active,
                };
                let member = number(self.forest.members.len());
                self.forest.members.push(Member { organization, user, status });
                if movable && place == 0 {
                    self.forest.movers[organization as usize].watcher = member;
                }
                if organization == self.forest.organizations - 1 && place == 0 {
                    self.forest.building_site.1 = member;
                }
            }
            former = begin..users;
        }
    }

    /// One for each ten members, of up to fifty, and one of all members. Who watches is in none.
    fn groups(&mut self) {
        for organization in 0..self.forest.organizations {
            let members = self.forest.members_of(organization);
            let watchers = u32::from((organization as usize) < self.forest.movers.len());
            let everybody: Vec<u32> = members.clone().skip(watchers as usize).collect();
            for place in 0..(number(members.len()) / 10).clamp(1, 2000) {
                let group = number(self.forest.groups.len());
                self.forest.groups.push(organization);
                if place == 0 {
                    self.forest.belongs.extend(everybody.iter().map(|&member| (member, group)));
                    continue;
                }
                for _ in 0..2 + self.dice.below(49) {
                    let member = *self.dice.pick(&everybody);
                    self.forest.belongs.push((member, group));
                }
            }
        }
        self.forest.belongs.sort_unstable();
        self.forest.belongs.dedup();
    }

    fn grants(&mut self) {
        let watchers: Vec<_> = self.forest.movers.iter().map(|mover| (mover.watcher, mover.homes[0])).collect();
        let builder = self.forest.building_site.1;
        for member in 0..number(self.forest.members.len()) {
            let organization = self.forest.members[member as usize].organization;
            if let Some(&(_, home)) = watchers.iter().find(|(watcher, _)| *watcher == member) {
                self.grant(member, home, 0);
            } else if member == builder {
                self.grant(member, organization, 2);
            } else {
                if self.dice.below(100) < 2 {
                    self.grant_some_role(member, organization);
                }
                for _ in 0..self.dice.skewed(50) {
                    let resource = self.some_resource(organization, 600);
                    self.grant_some_role(member, resource);
                }
            }
        }
        let mut former = NONE;
        for group in 0..number(self.forest.groups.len()) {
            let organization = self.forest.groups[group as usize];
            let subject = self.forest.subject_of_group(group);
            // The group of all members has one role, on one project.
            if std::mem::replace(&mut former, organization) != organization {
                let project = *self.dice.pick(&self.containers[organization as usize][PROJECT as usize]);
                self.grant(subject, project, 0);
                continue;
            }
            for _ in 0..1 + self.dice.below(10) {
                let resource = self.some_resource(organization, 300);
                self.grant_some_role(subject, resource);
            }
        }
        self.forest.grants.sort_unstable();
        self.forest.grants.dedup();
    }

    /// Neither a root nor what is moved or moved to.
    fn some_resource(&mut self, organization: u32, any_per_mille: u32) -> u32 {
        let fixed = if (organization as usize) < self.forest.movers.len() { MOVED as usize + 3 } else { 1 };
        if self.dice.below(1000) < any_per_mille {
            return *self.dice.pick(&self.forest.inside[organization as usize][fixed..]);
        }
        let kind = self.dice.weighed(&[0, 10, 30, 30, 30]);
        *self.dice.pick(&self.containers[organization as usize][kind as usize])
    }

    fn grant_some_role(&mut self, subject: u32, resource: u32) {
        let level = self.dice.weighed(&[60, 30, 10]);
        self.grant(subject, resource, level);
    }

    fn grant(&mut self, subject: u32, resource: u32, level: u8) {
        self.forest.grants.push(Grant { subject, resource, level });
    }
}
