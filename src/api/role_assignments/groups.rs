//! Role assignments of groups.

use crate::body;
use crate::domain;
use crate::domain::role_assignments::groups::Entry;
use crate::http::extract::{Json, JsonOrQuery, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{GroupId, GroupRoleAssignmentId, GroupRoleAssignmentKind};
use crate::kernel::page::{List, Page};
use crate::model::role_assignments::{GroupRoleAssignment, GroupTarget};
use crate::store;
use crate::store::role_assignments::lists;

const ALL: &str = "/authorization/groups/{group_id}/role_assignments";
const ONE: &str = "/authorization/groups/{group_id}/role_assignments/{role_assignment_id}";

/// The routes of groups.
pub(super) fn routes() -> Routes {
    Routes::family("role_assignments")
        .get(ALL, list_of_group)
        .post(ALL, create_of_group)
        .put(ALL, replace_of_group)
        .patch(ALL, change_of_group)
        .delete(ALL, remove_of_group)
        .get(ONE, find_of_group)
        .delete(ONE, remove_of_group_by_id)
}

body! {
    struct ListQuery {;
        page: Page<GroupRoleAssignmentKind>
    }
}

impl Check for ListQuery {}

body! {
    struct EntryBody {
        role_slug: String;
        target: GroupTarget
    }
}

impl Check for EntryBody {}

impl From<EntryBody> for Entry {
    fn from(body: EntryBody) -> Self {
        Self { role_slug: body.role_slug, target: body.target.0 }
    }
}

fn entries(bodies: Vec<EntryBody>) -> Vec<Entry> {
    bodies.into_iter().map(Entry::from).collect()
}

/// No change of a group's roles names more.
const MOST_ENTRIES: usize = 100;

body! {
    struct ReplaceBody {
        role_assignments: Vec<EntryBody>,
    }
}

impl Check for ReplaceBody {
    fn check(&self, faults: &mut Faults) {
        faults.most("role_assignments", self.role_assignments.len(), MOST_ENTRIES);
    }
}

body! {
    struct ChangeBody {
        add: Option<Vec<EntryBody>>,
        remove: Option<Vec<EntryBody>>,
    }
}

impl Check for ChangeBody {
    fn check(&self, faults: &mut Faults) {
        let count = |entries: &Option<Vec<EntryBody>>| entries.as_ref().map_or(0, Vec::len);
        match count(&self.add) + count(&self.remove) {
            0 => faults.add("add", "required", "add and remove must name at least one role assignment."),
            1..=MOST_ENTRIES => {}
            _ => faults.add(
                "add",
                "too_long",
                format!("add and remove must have at most {MOST_ENTRIES} items together."),
            ),
        }
    }
}

async fn list_of_group(
    scope: Scope,
    Path(group): Path<GroupId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<GroupRoleAssignment>>> {
    let mut db = scope.read().await?;
    let group = store::groups::get_by_id(&mut db, &group).await?;
    lists::of_group(&mut db, &group, &query.page).await.map(Json)
}

async fn create_of_group(
    scope: Scope,
    Path(group): Path<GroupId>,
    Json(body): Json<EntryBody>,
) -> Result<Created<GroupRoleAssignment>> {
    let entry = Entry::from(body);
    scope.write(async |tx| domain::role_assignments::groups::create(tx, &group, &entry).await).await.map(Created)
}

async fn replace_of_group(
    scope: Scope,
    Path(group): Path<GroupId>,
    Json(body): Json<ReplaceBody>,
) -> Result<Json<List<GroupRoleAssignment>>> {
    let entries = entries(body.role_assignments);
    let replace = async |tx: &mut _| domain::role_assignments::groups::replace(tx, &group, &entries).await;
    scope.write(replace).await.map(List::whole).map(Json)
}

async fn change_of_group(scope: Scope, Path(group): Path<GroupId>, Json(body): Json<ChangeBody>) -> Result<NoContent> {
    let (add, remove) = (entries(body.add.unwrap_or_default()), entries(body.remove.unwrap_or_default()));
    let change = async |tx: &mut _| domain::role_assignments::groups::change(tx, &group, &add, &remove).await;
    scope.write(change).await.map(|()| NoContent)
}

async fn remove_of_group(
    scope: Scope,
    Path(group): Path<GroupId>,
    JsonOrQuery(body): JsonOrQuery<EntryBody>,
) -> Result<NoContent> {
    let entry = Entry::from(body);
    let remove = async |tx: &mut _| domain::role_assignments::groups::remove_matching(tx, &group, &entry).await;
    scope.write(remove).await.map(|()| NoContent)
}

async fn find_of_group(
    scope: Scope,
    Path((group, id)): Path<(GroupId, GroupRoleAssignmentId)>,
) -> Result<Json<GroupRoleAssignment>> {
    let mut db = scope.read().await?;
    let group = store::groups::get_by_id(&mut db, &group).await?;
    lists::get_of_group(&mut db, &group, &id).await.map(Json)
}

async fn remove_of_group_by_id(
    scope: Scope,
    Path((group, id)): Path<(GroupId, GroupRoleAssignmentId)>,
) -> Result<NoContent> {
    let remove = async |tx: &mut _| domain::role_assignments::groups::remove(tx, &group, &id).await;
    scope.write(remove).await.map(|()| NoContent)
}
