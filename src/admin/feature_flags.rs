//! Feature flags: made, changed and deleted, with their targets of every type and their rules.

use crate::domain::feature_flags::targets::{self, Name, Set};
use crate::domain::feature_flags::{self, rules};
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{EnvironmentId, FeatureFlagKind, FlagRuleId, FlagTargetId, FlagTargetKind};
use crate::kernel::page::{BareList, List, Page};
use crate::kernel::patch::Patch;
use crate::model::feature_flags::{self as model, FeatureFlag, FlagTarget, Owner, Rule};
use crate::{body, store};

/// The routes of feature flags.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/feature_flags", list)
        .post("/admin/v1/environments/{id}/feature_flags", create)
        .get("/admin/v1/environments/{id}/feature_flags/{slug}", find)
        .patch("/admin/v1/environments/{id}/feature_flags/{slug}", update)
        .delete("/admin/v1/environments/{id}/feature_flags/{slug}", delete)
        .get("/admin/v1/environments/{id}/feature_flags/{slug}/targets", list_targets)
        .post("/admin/v1/environments/{id}/feature_flags/{slug}/targets", set_target)
        .delete("/admin/v1/environments/{id}/feature_flags/{slug}/targets/{target}", delete_target)
        .get("/admin/v1/environments/{id}/feature_flags/{slug}/rules", list_rules)
        .post("/admin/v1/environments/{id}/feature_flags/{slug}/rules", create_rule)
        .patch("/admin/v1/environments/{id}/feature_flags/{slug}/rules/{rule}", update_rule)
        .delete("/admin/v1/environments/{id}/feature_flags/{slug}/rules/{rule}", delete_rule)
}

body! {
    struct ListQuery {;
        page: Page<FeatureFlagKind>
    }
}

impl Check for ListQuery {}

body! {
    struct OwnerBody {
        email: String,
        first_name: Option<String>,
        last_name: Option<String>,
    }
}

impl From<OwnerBody> for Owner {
    fn from(OwnerBody { email, first_name, last_name }: OwnerBody) -> Self {
        Self { email: email.trim().to_owned(), first_name, last_name }
    }
}

body! {
    struct CreateBody {
        slug: String,
        name: String,
        description: Option<String>,
        owner: Option<OwnerBody>,
        tags: Option<Vec<String>>,
        enabled: Option<bool>,
        default_value: Option<bool>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        feature_flags::check_slug(faults, "slug", &self.slug);
        check(faults, Some(&self.name), self.description.as_deref(), self.owner.as_ref(), self.tags.as_deref());
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        description: Patch<String>,
        owner: Patch<OwnerBody>,
        tags: Option<Vec<String>>,
        enabled: Option<bool>,
        default_value: Option<bool>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        let description = self.description.as_value().map(String::as_str);
        check(faults, self.name.as_deref(), description, self.owner.as_value(), self.tags.as_deref());
    }
}

fn check(
    faults: &mut Faults,
    name: Option<&str>,
    description: Option<&str>,
    owner: Option<&OwnerBody>,
    tags: Option<&[String]>,
) {
    let owner = owner.map(|OwnerBody { email, first_name, last_name }| {
        (email.as_str(), [first_name.as_deref(), last_name.as_deref()])
    });
    let described = feature_flags::Description { name, description, owner, tags: tags.unwrap_or_default() };
    described.check(faults, str::to_owned);
}

body! {
    struct TargetsQuery {;
        page: Page<FlagTargetKind>
    }
}

impl Check for TargetsQuery {}

body! {
    struct TargetBody {
        target_type: String,
        target_id: String,
        value: Option<bool>,
    }
}

impl Check for TargetBody {
    fn check(&self, faults: &mut Faults) {
        targets::check_type(faults, "target_type", &self.target_type);
        targets::check_id(faults, "target_id", &self.target_id);
    }
}

body! {
    struct ConditionBody {
        target_type: String,
        operator: Option<model::Operator>,
        values: Vec<String>,
    }
}

impl From<ConditionBody> for model::Condition {
    fn from(ConditionBody { target_type, operator, values }: ConditionBody) -> Self {
        Self { target_type, operator: operator.unwrap_or_default(), values }
    }
}

body! {
    struct CreateRuleBody {
        value: Option<bool>,
        conditions: Vec<ConditionBody>,
        position: Option<i64>,
    }
}

impl Check for CreateRuleBody {
    fn check(&self, faults: &mut Faults) {
        check_rule(faults, Some(&self.conditions), self.position);
    }
}

body! {
    struct UpdateRuleBody {
        value: Option<bool>,
        conditions: Option<Vec<ConditionBody>>,
        position: Option<i64>,
    }
}

impl Check for UpdateRuleBody {
    fn check(&self, faults: &mut Faults) {
        check_rule(faults, self.conditions.as_deref(), self.position);
    }
}

fn check_rule(faults: &mut Faults, conditions: Option<&[ConditionBody]>, position: Option<i64>) {
    if let Some(conditions) = conditions {
        let shown = conditions.iter().map(|body| (body.target_type.as_str(), body.values.as_slice()));
        rules::check(faults, "conditions", shown);
    }
    if let Some(position) = position {
        faults.between("position", position, &(0..=1000));
    }
}

/// A position that has been held against its bounds.
fn place(position: Option<i64>) -> Option<usize> {
    position.and_then(|position| usize::try_from(position).ok())
}

fn conditions(bodies: Vec<ConditionBody>) -> Vec<model::Condition> {
    bodies.into_iter().map(model::Condition::from).collect()
}

async fn list(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<FeatureFlag>>> {
    let scope = super::scope(&operator, &id).await?;
    store::feature_flags::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn create(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<CreateBody>,
) -> Result<Created<FeatureFlag>> {
    let scope = super::scope(&operator, &id).await?;
    let input = feature_flags::Create {
        id: None,
        slug: body.slug,
        name: body.name,
        description: body.description,
        owner: body.owner.map(Owner::from),
        tags: body.tags.unwrap_or_default(),
        enabled: body.enabled.unwrap_or_default(),
        default_value: body.default_value.unwrap_or_default(),
    };
    scope.write(async |tx| feature_flags::create(tx, &scope.actor, input).await).await.map(Created)
}

async fn find(operator: Operator, Path((id, slug)): Path<(EnvironmentId, String)>) -> Result<Json<FeatureFlag>> {
    let scope = super::scope(&operator, &id).await?;
    store::feature_flags::get(&mut scope.read().await?, &slug).await.map(Json)
}

async fn update(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<FeatureFlag>> {
    let scope = super::scope(&operator, &id).await?;
    let UpdateBody { name, description, owner, tags, enabled, default_value } = body;
    let owner = owner.map(Owner::from);
    let input = feature_flags::Update { name, description, owner, tags, enabled, default_value };
    scope.write(async |tx| feature_flags::update(tx, &scope.actor, &slug, input).await).await.map(Json)
}

async fn delete(operator: Operator, Path((id, slug)): Path<(EnvironmentId, String)>) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| feature_flags::delete(tx, &scope.actor, &slug).await).await.map(|()| NoContent)
}

async fn list_targets(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
    Query(query): Query<TargetsQuery>,
) -> Result<Json<List<FlagTarget>>> {
    let scope = super::scope(&operator, &id).await?;
    let mut db = scope.read().await?;
    let flag = store::feature_flags::get(&mut db, &slug).await?;
    store::feature_flags::targets::list(&mut db, &flag.id, &query.page).await.map(Json)
}

/// Names a target, or gives one that is named another value.
async fn set_target(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
    Json(body): Json<TargetBody>,
) -> Result<Created<FlagTarget>> {
    let scope = super::scope(&operator, &id).await?;
    let TargetBody { target_type, target_id, value } = body;
    let input = Set { id: None, name: Name { target_type, target_id }, value: value.unwrap_or(true) };
    scope.write(async |tx| targets::set(tx, &scope.actor, &slug, input).await).await.map(Created)
}

async fn delete_target(
    operator: Operator,
    Path((id, slug, target)): Path<(EnvironmentId, String, FlagTargetId)>,
) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    let change = async |tx: &mut _| targets::delete_by_id(tx, &scope.actor, &slug, &target).await;
    scope.write(change).await.map(|()| NoContent)
}

/// All of them: their order is what matters, and they are few.
async fn list_rules(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
) -> Result<Json<BareList<Rule>>> {
    let scope = super::scope(&operator, &id).await?;
    let mut db = scope.read().await?;
    let flag = store::feature_flags::get(&mut db, &slug).await?;
    store::feature_flags::rules::list(&mut db, &flag.id).await.map(|rules| Json(BareList::new(rules)))
}

async fn create_rule(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
    Json(body): Json<CreateRuleBody>,
) -> Result<Created<Rule>> {
    let scope = super::scope(&operator, &id).await?;
    let input = rules::Create {
        id: None,
        value: body.value.unwrap_or(true),
        conditions: conditions(body.conditions),
        position: place(body.position),
    };
    scope.write(async |tx| rules::create(tx, &scope.actor, &slug, input).await).await.map(Created)
}

async fn update_rule(
    operator: Operator,
    Path((id, slug, rule)): Path<(EnvironmentId, String, FlagRuleId)>,
    Json(body): Json<UpdateRuleBody>,
) -> Result<Json<Rule>> {
    let scope = super::scope(&operator, &id).await?;
    let input = rules::Update {
        value: body.value,
        conditions: body.conditions.map(conditions),
        position: place(body.position),
    };
    scope.write(async |tx| rules::update(tx, &scope.actor, &slug, &rule, input).await).await.map(Json)
}

async fn delete_rule(
    operator: Operator,
    Path((id, slug, rule)): Path<(EnvironmentId, String, FlagRuleId)>,
) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| rules::delete(tx, &scope.actor, &slug, &rule).await).await.map(|()| NoContent)
}
