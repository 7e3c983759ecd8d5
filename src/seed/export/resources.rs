//! The resources of an organization, in the order of their making, which is that in which another server makes them again.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::store::resources::many::{self, AT_ONCE, Listed};

#[derive(Serialize)]
struct Resource<'r> {
    id: &'r ResourceId,
    resource_type_slug: &'r str,
    external_id: &'r str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_resource_type_slug: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_resource_external_id: Option<&'r str>,
}

pub(super) async fn write(db: &mut Db, organization: &OrganizationId, out: &mut Writer<impl Write>) -> Result<()> {
    let mut last = None;
    loop {
        let resources = many::list_after(db, organization, last).await?;
        for resource in &resources {
            out.nested("resources", last.is_none(), &one(resource))?;
            last = Some(resource.key);
        }
        if resources.len() < AT_ONCE {
            return Ok(());
        }
    }
}

/// What stands below the root says nothing of that: a new resource stands there unless it says otherwise.
fn one(resource: &Listed) -> Resource<'_> {
    let parent = resource.parent_resource_external_id.as_deref();
    Resource {
        id: &resource.id,
        resource_type_slug: &resource.resource_type_slug,
        external_id: &resource.external_id,
        name: &resource.name,
        description: resource.description.as_deref(),
        parent_resource_type_slug: parent.map(|_| resource.parent_resource_type_slug.as_str()),
        parent_resource_external_id: parent,
    }
}
