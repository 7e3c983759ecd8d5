//! `vestibule explain`: why a membership may do something with a resource, or may not, in words.

use std::fmt::Write as _;

use super::keys::{Fault, choose, print};
use super::{Explain, Outcome, database, logging};
use crate::authz;
use crate::db::Database;
use crate::kernel::config::Config;
use crate::kernel::id::{OrganizationMembershipId, ResourceId};
use crate::model::authorization::{Explanation, Grant, Relation};
use crate::model::organization_memberships::Status;
use crate::model::resources::ResourceTarget;
use crate::store::authorization::Question;

/// Explains one decision.
///
/// # Errors
///
/// When the database cannot be reached, or there is no such environment, membership or resource.
pub async fn run(config: Config, arguments: Explain) -> Outcome {
    logging::start(&config)?;
    let opened = database::open_beside(&config).await?;
    let answered = answer(&opened.database, arguments).await;
    let closed = opened.close().await;
    print(&answered?)?;
    closed
}

async fn answer(database: &Database, arguments: Explain) -> Result<String, Fault> {
    let Explain { environment, membership, permission, resource, resource_type, json } = arguments;
    database::prepare(database).await?;
    let environment = choose(&mut database.system().await?, environment.as_deref()).await?;
    let target = match resource_type {
        None => ResourceTarget::Id(ResourceId::verbatim(&resource)),
        Some(resource_type_slug) => ResourceTarget::External { resource_type_slug, external_id: resource },
    };
    let question = Question { membership: OrganizationMembershipId::verbatim(&membership), permission, target };
    let mut db = database.snapshot(environment.key).await?;
    let explanation = authz::explain::explain(&mut db, &question).await?;
    if json { Ok(serde_json::to_string_pretty(&explanation)? + "\n") } else { Ok(words(&explanation)?) }
}

fn words(explanation: &Explanation) -> Result<String, std::fmt::Error> {
    let Explanation { organization_membership_id: membership, permission_slug, resource_id, .. } = explanation;
    let verdict = if explanation.authorized { "may" } else { "may not" };
    let mut text = format!("{membership} {verdict} {permission_slug} on {resource_id}\n");
    match explanation.membership_status {
        Status::Active => {}
        status => writeln!(text, "The membership is {}: nothing is granted to it.", status.as_str())?,
    }
    if !explanation.permission_exists {
        writeln!(text, "There is no permission {permission_slug}.")?;
    }
    tell(&mut text, "Granted by:", &explanation.granted_by)?;
    if explanation.granted_by.is_empty() {
        tell(&mut text, "Roles there that do not have the permission:", &explanation.without_permission)?;
        tell(&mut text, "Roles that have it, given elsewhere:", &explanation.elsewhere)?;
        if !explanation.roles_with_permission.is_empty() {
            writeln!(text, "Roles that have the permission: {}", explanation.roles_with_permission.join(", "))?;
        }
    }
    Ok(text)
}

fn tell(text: &mut String, heading: &str, grants: &[Grant]) -> std::fmt::Result {
    if !grants.is_empty() {
        writeln!(text, "{heading}")?;
    }
    for grant in grants {
        let place = match (grant.relation, grant.distance) {
            (Relation::Above, Some(1)) => "1 level above".to_owned(),
            (Relation::Above, distance) => format!("{} levels above", distance.unwrap_or_default()),
            (Relation::On, _) => "the resource itself".to_owned(),
            (Relation::Below | Relation::Beside, _) => grant.relation.as_str().to_owned(),
        };
        let (kind, name, id) = (&grant.resource_type_slug, &grant.resource_external_id, &grant.resource_id);
        write!(text, "  role {} on {kind} {name} ({id}, {place})", grant.role_slug)?;
        if let Some(group) = &grant.group {
            write!(text, " through group {} ({})", group.name, group.id)?;
        }
        writeln!(text, ", {}", grant.role_assignment_id)?;
    }
    Ok(())
}
