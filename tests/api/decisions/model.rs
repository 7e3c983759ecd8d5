//! Decisions and lists against a model of what they mean, as plain as it can be: sets, and loops over all of them.
//!
//! Random types, trees, moves, deletions, groups, statuses and roles; after every step all checks and some of each list are
//! compared, in the end everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use super::world::{ROOT, World};
use crate::harness::{Test, story};

const MEMBERS: [&str; 3] = ["ann", "bob", "cyd"];
const GROUPS: [&str; 2] = ["red", "blue"];
const KINDS: [&str; 4] = [ROOT, "k1", "k2", "k3"];
const PERMISSIONS: [&str; 5] = ["p0", "p1", "p2", "p3", "p4"];
const ROLES: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];
const MOST_RESOURCES: usize = 12;

/// What may stand where, and what is about what: fixed for a run.
#[derive(Debug, Clone)]
struct Shape {
    /// For each type after the first, which may be its parents: itself, or those before it.
    parents: Vec<BTreeSet<usize>>,
    /// The type of each permission.
    permissions: Vec<usize>,
    /// The type of each role.
    roles: Vec<usize>,
}

#[derive(Debug, Clone)]
enum Step {
    Make(Index, Index),
    Move(Index, Index),
    Delete(Index),
    Assign(Index, Index, Index),
    Revoke(Index),
    Join(Index, Index),
    Leave(Index),
    Status(Index),
    Role(Index, u8),
}

/// What is true.
struct Model {
    shape: Shape,
    /// In the order in which they were made: name, type, parent. The first is the root.
    resources: Vec<(String, usize, String)>,
    roles: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// Who is in which group.
    belongs: BTreeSet<(&'static str, &'static str)>,
    active: BTreeSet<&'static str>,
    /// Subject, role, resource.
    grants: BTreeSet<(String, String, String)>,
    made: usize,
}

impl Model {
    fn kind(&self, resource: &str) -> usize {
        self.resources.iter().find(|(name, ..)| name == resource).unwrap().1
    }

    /// From a resource up to the root, itself first.
    fn path(&self, resource: &str) -> Vec<&str> {
        let mut path = Vec::new();
        let mut at = Some(resource);
        while let Some(name) = at {
            let (own, _, parent) = self.resources.iter().find(|(other, ..)| other == name).unwrap();
            path.push(own.as_str());
            at = (own != ROOT).then_some(parent);
        }
        path
    }

    fn is_below(&self, resource: &str, other: &str) -> bool {
        resource != other && self.path(resource).contains(&other)
    }

    /// The grants of a member and of its groups.
    fn grants_of<'m>(&'m self, member: &'m str) -> impl Iterator<Item = &'m (String, String, String)> {
        let is_own = move |subject: &str| {
            subject == member || self.belongs.iter().any(|(who, group)| *who == member && *group == subject)
        };
        self.grants.iter().filter(move |(subject, ..)| is_own(subject))
    }

    fn has(&self, role: &str, permission: &str) -> bool {
        self.roles[role].contains(permission)
    }

    fn may(&self, member: &str, permission: &str, resource: &str) -> bool {
        let path = self.path(resource);
        self.active.contains(member)
            && self.grants_of(member).any(|(_, role, on)| path.contains(&on.as_str()) && self.has(role, permission))
    }

    fn discover(&self, member: &str, permission: &str, parent: &str) -> Vec<String> {
        let kind = self.shape.permissions[PERMISSIONS.iter().position(|slug| *slug == permission).unwrap()];
        let found = self
            .resources
            .iter()
            .filter(|(name, its, _)| *its == kind && self.is_below(name, parent) && self.may(member, permission, name));
        found.map(|(name, ..)| name.clone()).collect()
    }

    fn who(&self, permission: &str, resource: &str, inherited: bool) -> Vec<String> {
        let direct =
            |member: &str| self.grants_of(member).any(|(_, role, on)| on == resource && self.has(role, permission));
        let can = |member: &&&str| self.may(member, permission, resource) && (inherited || direct(member));
        MEMBERS.iter().filter(can).map(ToString::to_string).collect()
    }

    fn effective(&self, member: &str, resource: &str) -> Vec<String> {
        let may = |slug: &&&str| self.may(member, slug, resource);
        PERMISSIONS.iter().filter(may).map(ToString::to_string).collect()
    }

    fn may_stand(&self, kind: usize, parent: &str) -> bool {
        kind > 0 && self.shape.parents[kind - 1].contains(&self.kind(parent))
    }

    /// The types below this one, itself included.
    fn reach(&self, kind: usize) -> BTreeSet<usize> {
        let mut reach = BTreeSet::from([kind]);
        for _ in KINDS {
            let more = (1..KINDS.len()).filter(|it| self.shape.parents[it - 1].iter().any(|up| reach.contains(up)));
            reach = more.chain(reach.iter().copied()).collect();
        }
        reach
    }

    /// Those of these permissions that a role may have.
    fn fitting(&self, role: usize, mask: u8) -> BTreeSet<&'static str> {
        let reach = self.reach(self.shape.roles[role]);
        let fits = |i: &usize| mask & (1 << i) != 0 && reach.contains(&self.shape.permissions[*i]);
        (0..PERMISSIONS.len()).filter(fits).map(|i| PERMISSIONS[i]).collect()
    }
}

/// The model and what it is a model of.
struct Twins {
    model: Model,
    world: World,
}

impl Twins {
    async fn make(t: Test, shape: Shape) -> Self {
        let settings = format!("/admin/v1/environments/{}/settings", t.environment.id);
        t.operator().patch(settings, json!({ "multiple_roles": true })).await.ok();
        for (slug, parents) in KINDS[1..].iter().zip(&shape.parents) {
            t.resource_type(slug, &parents.iter().map(|up| KINDS[*up]).collect::<Vec<_>>()).await;
        }
        let mut world = World::new(t).await;
        for (slug, kind) in PERMISSIONS.iter().zip(&shape.permissions) {
            world.permission(slug, KINDS[*kind]).await;
        }
        for (slug, kind) in ROLES.iter().zip(&shape.roles) {
            world.role(slug, KINDS[*kind], &[]).await;
        }
        for name in MEMBERS {
            world.member(name).await;
        }
        for name in GROUPS {
            world.group(name).await;
        }
        let model = Model {
            shape,
            resources: vec![(ROOT.to_owned(), 0, String::new())],
            roles: ROLES.iter().map(|slug| (*slug, BTreeSet::new())).collect(),
            belongs: BTreeSet::new(),
            active: BTreeSet::from(MEMBERS),
            grants: BTreeSet::new(),
            made: 0,
        };
        let mut twins = Self { model, world };
        // Without permissions nothing is ever allowed: each role begins with all that it may have.
        for i in 0..ROLES.len() {
            twins.set_role(i, u8::MAX).await;
        }
        twins
    }

    async fn set_role(&mut self, role: usize, mask: u8) {
        let permissions = self.model.fitting(role, mask);
        self.world.set_permissions(ROLES[role], &permissions.iter().copied().collect::<Vec<_>>()).await;
        self.model.roles.insert(ROLES[role], permissions);
    }

    async fn step(&mut self, step: Step) {
        let names: Vec<_> = self.model.resources.iter().map(|(name, ..)| name.clone()).collect();
        let any = |index: &Index| index.get(&names).clone();
        match step {
            Step::Make(kind, parent) => {
                let (kind, parent) = (kind.index(KINDS.len()), any(&parent));
                if self.model.may_stand(kind, &parent) && names.len() < MOST_RESOURCES {
                    let name = format!("x{}", self.model.made);
                    self.model.made += 1;
                    self.world.resource(&name, KINDS[kind], &parent).await;
                    self.model.resources.push((name, kind, parent));
                }
            }
            Step::Move(which, parent) => {
                let (which, parent) = (any(&which), any(&parent));
                let loops = which == parent || self.model.is_below(&parent, &which);
                if self.model.may_stand(self.model.kind(&which), &parent) && !loops {
                    self.world.move_below(&which, &parent).await;
                    self.model.resources.iter_mut().find(|(name, ..)| *name == which).unwrap().2 = parent;
                }
            }
            Step::Delete(which) => {
                let which = any(&which);
                if which != ROOT {
                    let gone: BTreeSet<_> =
                        names.into_iter().filter(|name| *name == which || self.model.is_below(name, &which)).collect();
                    self.world.delete(&which, &gone).await;
                    self.model.resources.retain(|(name, ..)| !gone.contains(name));
                    self.model.grants.retain(|(_, _, on)| !gone.contains(on));
                }
            }
            Step::Assign(subject, role, resource) => {
                let subjects: Vec<_> = MEMBERS.into_iter().chain(GROUPS).collect();
                let (subject, role, on) = (*subject.get(&subjects), role.index(ROLES.len()), any(&resource));
                let fits = self.model.shape.roles[role] == self.model.kind(&on);
                let grant = (subject.to_owned(), ROLES[role].to_owned(), on.clone());
                if fits && self.model.grants.insert(grant) {
                    self.world.assign(subject, ROLES[role], &on).await;
                }
            }
            Step::Revoke(which) => {
                if !self.model.grants.is_empty() {
                    let all: Vec<_> = self.model.grants.iter().cloned().collect();
                    let (subject, role, on) = which.get(&all).clone();
                    self.world.revoke(&subject, &role, &on).await;
                    self.model.grants.remove(&(subject, role, on));
                }
            }
            Step::Join(member, group) => {
                let (member, group) = (*member.get(&MEMBERS), *group.get(&GROUPS));
                if self.model.belongs.insert((member, group)) {
                    self.world.join(member, group).await;
                }
            }
            Step::Leave(which) => {
                let all: Vec<_> = self.model.belongs.iter().copied().collect();
                if !all.is_empty() {
                    let (member, group) = *which.get(&all);
                    self.world.leave(member, group).await;
                    self.model.belongs.remove(&(member, group));
                }
            }
            Step::Status(member) => {
                let member = *member.get(&MEMBERS);
                let activate = !self.model.active.remove(member);
                if activate {
                    self.model.active.insert(member);
                }
                self.world.set_active(member, activate).await;
            }
            Step::Role(role, mask) => self.set_role(role.index(ROLES.len()), mask).await,
        }
    }

    fn names(&self) -> Vec<String> {
        self.model.resources.iter().map(|(name, ..)| name.clone()).collect()
    }

    async fn compare_checks(&self) {
        let names = self.names();
        let mut questions = Vec::new();
        for member in MEMBERS {
            for permission in PERMISSIONS {
                questions.extend(names.iter().map(|resource| (member, permission, resource.as_str())));
            }
        }
        for (question, found) in questions.iter().zip(self.world.may_all(&questions).await) {
            let (member, permission, resource) = *question;
            assert_eq!(found, self.model.may(member, permission, resource), "{question:?}");
        }
        let (member, permission, resource) = questions[self.model.made % questions.len()];
        let found = self.world.may(member, permission, resource).await;
        assert_eq!(found, self.model.may(member, permission, resource));
    }

    async fn compare_discovery(&self, member: &str, permission: &str, parent: &str, limit: usize) {
        let mut expected = self.model.discover(member, permission, parent);
        let path = self.world.resources_of(member, permission, parent);
        assert_eq!(self.world.names(&path, limit, "asc").await, expected, "{member} {permission} below {parent}");
        expected.reverse();
        assert_eq!(self.world.names(&path, limit, "normal").await, expected, "{member} {permission} below {parent}");
    }

    async fn compare_who(&self, permission: &str, resource: &str, limit: usize) {
        for (mode, inherited) in [("direct", false), ("indirect", true)] {
            let mut expected = self.model.who(permission, resource, inherited);
            let path = self.world.members_with(permission, resource, mode);
            let found = self.world.member_names(&path, limit, "asc").await;
            assert_eq!(found, expected, "{permission} on {resource}, {mode}");
            expected.reverse();
            assert_eq!(self.world.member_names(&path, limit, "desc").await, expected);
        }
    }

    async fn compare_effective(&self, member: &str, resource: &str, limit: usize) {
        let path = self.world.permissions_of(member, resource);
        let expected = self.model.effective(member, resource);
        assert_eq!(self.world.slugs(&path, limit, "asc").await, expected, "{member} on {resource}");
    }

    async fn compare_explanation(&self, member: &str, permission: &str, resource: &str) {
        let found = self.world.explain(member, permission, resource).await;
        let (model, path) = (&self.model, self.model.path(resource));
        assert_eq!(found["authorized"], model.may(member, permission, resource));
        let place = |on: &str| path.iter().position(|above| *above == on);
        let told = |key: &str| -> BTreeSet<_> {
            let rows = found[key].as_array().unwrap();
            let all: BTreeSet<_> = rows.iter().map(|row| self.told(member, row)).collect();
            assert_eq!(all.len(), rows.len(), "each once");
            all
        };
        let real = |above: bool, with: bool| -> BTreeSet<_> {
            let grants = model.grants_of(member);
            let grants =
                grants.filter(|(_, role, on)| place(on).is_some() == above && model.has(role, permission) == with);
            let relation = |on: &str| match place(on) {
                Some(0) => "on",
                Some(_) => "above",
                None if model.is_below(on, resource) => "below",
                None => "beside",
            };
            grants.map(|grant| (grant.clone(), relation(&grant.2).to_owned(), place(&grant.2))).collect()
        };
        assert_eq!(told("granted_by"), real(true, true));
        assert_eq!(told("elsewhere"), real(false, true));
        let mut without = told("without_permission");
        // Everybody has this one from the start, without permissions.
        without.retain(|((_, role, _), ..)| role != "member");
        assert_eq!(without, real(true, false));
        let roles: Vec<_> = model.roles.keys().filter(|role| model.has(role, permission)).collect();
        assert_eq!(found["roles_with_permission"], json!(roles));
    }

    /// A grant that an explanation tells of: subject, role and resource, where that is, and how far up.
    fn told(&self, member: &str, row: &Value) -> ((String, String, String), String, Option<usize>) {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let resource = self.world.resources.iter().find(|(_, id)| **id == text("resource_id")).unwrap().0;
        let subject = row["group"]["name"].as_str().unwrap_or(member).to_owned();
        let distance = row["distance"].as_u64().map(|levels| usize::try_from(levels).unwrap());
        ((subject, text("role_slug"), resource.clone()), text("relation"), distance)
    }

    /// Some of each list, other ones at each step.
    async fn compare_some(&self, turn: usize) {
        let names = self.names();
        for (i, member) in MEMBERS.into_iter().enumerate() {
            let (permission, at) = (PERMISSIONS[(turn + i) % PERMISSIONS.len()], &names[(turn * 5 + i) % names.len()]);
            self.compare_discovery(member, permission, at, 1 + turn % 3).await;
            self.compare_explanation(member, permission, at).await;
            self.compare_effective(member, at, 1 + turn % 2).await;
        }
        self.compare_who(PERMISSIONS[turn % PERMISSIONS.len()], &names[turn * 7 % names.len()], 1 + turn % 2).await;
    }

    async fn compare_everything(&self) {
        for resource in self.names() {
            for permission in PERMISSIONS {
                self.compare_who(permission, &resource, 2).await;
                for member in MEMBERS {
                    self.compare_discovery(member, permission, &resource, 2).await;
                    self.compare_explanation(member, permission, &resource).await;
                }
            }
            for member in MEMBERS {
                self.compare_effective(member, &resource, 3).await;
            }
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let kind = || any::<Index>().prop_map(|index| index.index(KINDS.len()));
    // Of each type one parent before it, perhaps a second one, perhaps itself.
    let parents = (1..KINDS.len())
        .map(|i| {
            (any::<Index>(), any::<Option<Index>>(), any::<bool>()).prop_map(move |(one, two, itself)| {
                let mut parents = BTreeSet::from([one.index(i)]);
                parents.extend(two.map(|index| index.index(i)));
                parents.extend(itself.then_some(i));
                parents
            })
        })
        .collect::<Vec<_>>();
    (parents, prop::collection::vec(kind(), PERMISSIONS.len()), prop::collection::vec(kind(), ROLES.len()))
        .prop_map(|(parents, permissions, roles)| Shape { parents, permissions, roles })
}

fn step() -> impl Strategy<Value = Step> {
    use any as a;
    prop_oneof![
        8 => (a::<Index>(), a::<Index>()).prop_map(|(kind, parent)| Step::Make(kind, parent)),
        3 => (a::<Index>(), a::<Index>()).prop_map(|(which, parent)| Step::Move(which, parent)),
        1 => a::<Index>().prop_map(Step::Delete),
        9 => (a::<Index>(), a::<Index>(), a::<Index>()).prop_map(|(who, role, on)| Step::Assign(who, role, on)),
        2 => a::<Index>().prop_map(Step::Revoke),
        3 => (a::<Index>(), a::<Index>()).prop_map(|(member, group)| Step::Join(member, group)),
        1 => a::<Index>().prop_map(Step::Leave),
        1 => a::<Index>().prop_map(Step::Status),
        1 => (a::<Index>(), a::<u8>()).prop_map(|(role, mask)| Step::Role(role, mask)),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 6, max_shrink_iters: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_answer_is_that_of_the_model(shape in shape(), steps in prop::collection::vec(step(), 20..45)) {
        story(async |t| {
            let mut twins = Twins::make(t, shape).await;
            for (turn, step) in steps.into_iter().enumerate() {
                twins.step(step).await;
                twins.compare_checks().await;
                if turn % 4 == 0 {
                    twins.compare_some(turn).await;
                }
            }
            twins.compare_everything().await;
        });
    }
}
