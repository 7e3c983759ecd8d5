//! The answers, from the forest itself, by sets and loops. Every answer of every server is held against these.

use super::forest::{DOCUMENT, Forest, LEVELS, NONE, number};

/// A permission, as a bit: what may be done to resources of a type.
pub const READ_DOCUMENT: u8 = permission(DOCUMENT, 0);

pub const fn permission(kind: u8, action: u8) -> u8 {
    kind * 3 + action
}

/// The permissions that a role of a type has: on its type and those below it, what its level may do.
pub fn permissions_of(kind: u8, level: u8) -> u32 {
    let bits = (kind..=DOCUMENT).flat_map(|below| (0..=level).map(move |action| permission(below, action)));
    bits.fold(0, |set, bit| set | 1 << bit)
}

/// Lists that share one array.
#[derive(Debug, Default)]
struct Lists<T> {
    begin: Vec<u32>,
    items: Vec<T>,
}

impl<T: Copy> Lists<T> {
    /// Of items in the order of the list that they belong to.
    fn new(lists: usize, items: impl Iterator<Item = (u32, T)>) -> Self {
        let mut all = Self { begin: vec![0; lists + 1], items: Vec::new() };
        for (list, item) in items {
            all.begin[list as usize + 1] += 1;
            all.items.push(item);
        }
        for list in 0..lists {
            all.begin[list + 1] += all.begin[list];
        }
        all
    }

    fn of(&self, list: u32) -> &[T] {
        &self.items[self.begin[list as usize] as usize..self.begin[list as usize + 1] as usize]
    }
}

/// The forest, with what is needed to find answers in it.
pub struct Truth {
    pub forest: Forest,
    groups_of: Lists<u32>,
    members_of: Lists<u32>,
    /// What subjects have: resource and level.
    held_by: Lists<(u32, u8)>,
    /// Who has something on a resource: subject and level.
    held_on: Lists<(u32, u8)>,
}

impl Truth {
    pub fn new(forest: Forest) -> Self {
        let (members, groups) = (forest.members.len(), forest.groups.len());
        let mut by_group: Vec<_> = forest.belongs.iter().map(|&(member, group)| (group, member)).collect();
        by_group.sort_unstable();
        let mut by_resource: Vec<_> =
            forest.grants.iter().map(|grant| (grant.resource, (grant.subject, grant.level))).collect();
        by_resource.sort_unstable();
        Self {
            groups_of: Lists::new(members, forest.belongs.iter().copied()),
            members_of: Lists::new(groups, by_group.into_iter()),
            held_by: Lists::new(
                members + groups,
                forest.grants.iter().map(|grant| (grant.subject, (grant.resource, grant.level))),
            ),
            held_on: Lists::new(forest.parent.len(), by_resource.into_iter()),
            forest,
        }
    }

    /// The resource and what is above it, up to the root.
    pub fn path(&self, resource: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(resource), |&at| {
            let parent = self.forest.parent[at as usize];
            (parent != NONE).then_some(parent)
        })
    }

    fn subjects(&self, member: u32) -> impl Iterator<Item = u32> {
        let groups = self.groups_of.of(member).iter().map(|&group| self.forest.subject_of_group(group));
        std::iter::once(member).chain(groups)
    }

    /// The roles that a member has by itself: resource and level.
    pub fn own_grants(&self, member: u32) -> &[(u32, u8)] {
        self.held_by.of(member)
    }

    /// What a member may do to a resource, as a set of permissions.
    pub fn permissions(&self, member: u32, resource: u32) -> u32 {
        if !self.forest.is_active(member) {
            return 0;
        }
        let mut set = 0;
        for at in self.path(resource) {
            for subject in self.subjects(member) {
                for &(_, level) in self.held_by.of(subject).iter().filter(|(on, _)| *on == at) {
                    set |= permissions_of(self.forest.kind_of(at), level);
                }
            }
        }
        set
    }

    pub fn may(&self, member: u32, resource: u32, permission: u8) -> bool {
        self.permissions(member, resource) >> permission & 1 == 1
    }

    /// The resources below this one, of the permission's type, to which a member may do that, in their order.
    pub fn discover(&self, member: u32, parent: u32, permission: u8) -> Vec<u32> {
        if !self.forest.is_active(member) {
            return Vec::new();
        }
        let mut granted: Vec<u32> = self.opened_by(member, permission).collect();
        granted.sort_unstable();
        let all = &self.forest.inside[self.forest.organization[parent as usize] as usize];
        // Whether each is below the parent, and whether the member may; a parent comes before its children.
        let mut state: std::collections::HashMap<u32, (bool, bool)> = std::collections::HashMap::new();
        let mut found = Vec::new();
        for &resource in all {
            let above = self.forest.parent[resource as usize];
            let (below, allowed) = match state.get(&above) {
                Some(&(below, allowed)) => (below || above == parent, allowed),
                None => (false, false),
            };
            let allowed = allowed || granted.binary_search(&resource).is_ok();
            let kind = self.forest.kind_of(resource);
            if kind != DOCUMENT {
                state.insert(resource, (below, allowed));
            }
            if below && allowed && kind == permission / 3 {
                found.push(resource);
            }
        }
        found
    }

    /// The resources on which a member has a role with this permission, by itself or through a group.
    pub fn opened_by(&self, member: u32, permission: u8) -> impl Iterator<Item = u32> {
        self.subjects(member).flat_map(move |subject| self.opened(subject, permission))
    }

    /// The resources on which a subject has a role with this permission.
    fn opened(&self, subject: u32, permission: u8) -> impl Iterator<Item = u32> {
        let held = self.held_by.of(subject).iter();
        let with =
            held.filter(move |&&(on, level)| permissions_of(self.forest.kind_of(on), level) >> permission & 1 == 1);
        with.map(|&(on, _)| on)
    }

    /// Every active member who may do that to a resource, in their order; with `direct` only those who have a role on
    /// the resource itself.
    pub fn who(&self, resource: u32, permission: u8, direct: bool) -> Vec<u32> {
        let mut found = Vec::new();
        for at in self.path(resource).take(if direct { 1 } else { usize::MAX }) {
            for &(subject, level) in self.held_on.of(at) {
                if permissions_of(self.forest.kind_of(at), level) >> permission & 1 == 0 {
                    continue;
                }
                let members = number(self.forest.members.len());
                match subject.checked_sub(members) {
                    None => found.push(subject),
                    Some(group) => found.extend_from_slice(self.members_of.of(group)),
                }
            }
        }
        found.retain(|&member| self.forest.is_active(member));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether a member may do that only by its own role of this level there.
    pub fn depends_on(&self, member: u32, (resource, level): (u32, u8), permission: u8) -> bool {
        let others = self.path(resource).any(|at| {
            self.subjects(member).any(|subject| {
                self.held_by.of(subject).iter().any(|&(on, held)| {
                    on == at
                        && (subject, on, held) != (member, resource, level)
                        && permissions_of(self.forest.kind_of(on), held) >> permission & 1 == 1
                })
            })
        });
        !others && self.may(member, resource, permission)
    }
}

/// The slug of a role of a type.
pub fn role(kind: u8, level: u8) -> String {
    format!("{}-{}", super::forest::KINDS[kind as usize], LEVELS[level as usize])
}

/// The slug of a permission.
pub fn slug(permission: u8) -> String {
    let [kind, action] = [permission / 3, permission % 3].map(usize::from);
    format!("{}:{}", super::forest::KINDS[kind], super::forest::ACTIONS[action])
}
