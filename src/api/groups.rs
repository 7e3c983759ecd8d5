//! Groups and their members.

use std::collections::HashSet;

use crate::body;
use crate::domain;
use crate::domain::groups::{Change, Create, Update};
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{GroupId, GroupKind, OrganizationId, OrganizationMembershipId, OrganizationMembershipKind};
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::model::groups::Group;
use crate::model::organization_memberships::Member;
use crate::store;

const ONE: &str = "/organizations/{organization_id}/groups/{group_id}";
const MEMBERS: &str = "/organizations/{organization_id}/groups/{group_id}/organization-memberships";

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("groups")
        .get("/organizations/{organization_id}/groups", list)
        .post("/organizations/{organization_id}/groups", create)
        .get(ONE, find)
        .patch(ONE, update)
        .delete(ONE, delete)
        .get(MEMBERS, list_members)
        .post(MEMBERS, add_member)
        .patch(MEMBERS, change_members)
        .delete(
            "/organizations/{organization_id}/groups/{group_id}/organization-memberships/{organization_membership_id}",
            remove_member,
        )
        .get("/user_management/organization_memberships/{id}/groups", list_of_membership)
}

body! {
    struct ListQuery {;
        page: Page<GroupKind>
    }
}

impl Check for ListQuery {}

body! {
    struct ListMembersQuery {;
        page: Page<OrganizationMembershipKind>
    }
}

impl Check for ListMembersQuery {}

body! {
    struct CreateBody {
        name: String,
        description: Option<String>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        check_described(faults, Some(&self.name), self.description.as_ref());
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        description: Patch<String>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        check_described(faults, self.name.as_ref(), self.description.as_value());
    }
}

fn check_described(faults: &mut Faults, name: Option<&String>, description: Option<&String>) {
    if let Some(name) = name {
        faults.not_blank("name", name);
        faults.max("name", name, 256);
    }
    if let Some(description) = description {
        faults.max("description", description, 150);
    }
}

body! {
    struct MemberBody {
        organization_membership_id: OrganizationMembershipId,
    }
}

impl Check for MemberBody {}

body! {
    struct ChangeBody {
        add: Option<Vec<OrganizationMembershipId>>,
        remove: Option<Vec<OrganizationMembershipId>>,
    }
}

/// No change of members names more.
const MOST_ENTRIES: usize = 100;

impl Check for ChangeBody {
    fn check(&self, faults: &mut Faults) {
        let add = self.add.as_deref().unwrap_or_default();
        let remove = self.remove.as_deref().unwrap_or_default();
        match add.len() + remove.len() {
            0 => faults.add("add", "required", "add and remove must name at least one membership."),
            1..=MOST_ENTRIES => {}
            _ => faults.add(
                "add",
                "too_long",
                format!("add and remove must have at most {MOST_ENTRIES} items together."),
            ),
        }
        let added: HashSet<_> = add.iter().collect();
        if let Some(place) = remove.iter().position(|id| added.contains(id)) {
            faults.add(format!("remove[{place}]"), "mutually_exclusive", "A membership is in both add and remove.");
        }
    }
}

async fn list(
    scope: Scope,
    Path(organization): Path<OrganizationId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Group>>> {
    let mut db = scope.read().await?;
    store::organizations::get(&mut db, &organization).await?;
    store::groups::list(&mut db, &organization, &query.page).await.map(Json)
}

async fn create(
    scope: Scope,
    Path(organization): Path<OrganizationId>,
    Json(body): Json<CreateBody>,
) -> Result<Created<Group>> {
    let input = Create { id: None, name: body.name, description: body.description };
    scope.write(async |tx| domain::groups::create(tx, &organization, input).await).await.map(Created)
}

async fn find(scope: Scope, Path((organization, id)): Path<(OrganizationId, GroupId)>) -> Result<Json<Group>> {
    store::groups::get(&mut scope.read().await?, &organization, &id).await.map(Json)
}

async fn update(
    scope: Scope,
    Path((organization, id)): Path<(OrganizationId, GroupId)>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Group>> {
    let input = Update { name: body.name, description: body.description };
    scope.write(async |tx| domain::groups::update(tx, &organization, &id, input).await).await.map(Json)
}

async fn delete(scope: Scope, Path((organization, id)): Path<(OrganizationId, GroupId)>) -> Result<NoContent> {
    scope.write(async |tx| domain::groups::delete(tx, &organization, &id).await).await.map(|()| NoContent)
}

async fn list_members(
    scope: Scope,
    Path((organization, id)): Path<(OrganizationId, GroupId)>,
    Query(query): Query<ListMembersQuery>,
) -> Result<Json<List<Member>>> {
    let mut db = scope.read().await?;
    let group = store::groups::get(&mut db, &organization, &id).await?;
    store::groups::list_members(&mut db, group.subject, &query.page).await.map(Json)
}

async fn add_member(
    scope: Scope,
    Path((organization, id)): Path<(OrganizationId, GroupId)>,
    Json(body): Json<MemberBody>,
) -> Result<Json<Group>> {
    let change = Change { add: vec![body.organization_membership_id], remove: Vec::new() };
    scope.write(async |tx| domain::groups::change_members(tx, &organization, &id, &change).await).await.map(Json)
}

async fn change_members(
    scope: Scope,
    Path((organization, id)): Path<(OrganizationId, GroupId)>,
    Json(body): Json<ChangeBody>,
) -> Result<NoContent> {
    let change = Change { add: body.add.unwrap_or_default(), remove: body.remove.unwrap_or_default() };
    let write = async |tx: &mut _| domain::groups::change_members(tx, &organization, &id, &change).await;
    scope.write(write).await.map(|_| NoContent)
}

async fn remove_member(
    scope: Scope,
    Path((organization, id, membership)): Path<(OrganizationId, GroupId, OrganizationMembershipId)>,
) -> Result<NoContent> {
    let write = async |tx: &mut _| domain::groups::remove_member(tx, &organization, &id, &membership).await;
    scope.write(write).await.map(|()| NoContent)
}

async fn list_of_membership(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Group>>> {
    let mut db = scope.read().await?;
    store::organization_memberships::get(&mut db, &membership).await?;
    store::groups::list_of_membership(&mut db, &membership, &query.page).await.map(Json)
}
