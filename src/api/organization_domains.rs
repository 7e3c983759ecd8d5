//! Domains of organizations.
//!
//! The paths with a dash are those of older clients, and mean the same.

use crate::body;
use crate::domain;
use crate::domain::organization_domains::{Claim, Pinned};
use crate::http::extract::{Json, Path};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{OrganizationDomainId, OrganizationId};
use crate::model::organization_domains::OrganizationDomain;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("organization_domains")
        .post("/organization_domains", create)
        .get("/organization_domains/{id}", find)
        .delete("/organization_domains/{id}", delete)
        .post("/organization_domains/{id}/verify", verify)
        .post("/organization-domains", create)
        .post("/organization-domains/{id}/verify", verify)
}

body! {
    struct CreateBody {
        domain: String,
        organization_id: OrganizationId,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        if let Err((code, message)) = domain::organization_domains::normal(&self.domain) {
            faults.add("domain", code, message);
        }
    }
}

/// It is looked up at once: whoever adds a domain may have its record already.
async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<OrganizationDomain>> {
    let CreateBody { domain, organization_id } = body;
    let claim = Claim { field: "domain".to_owned(), domain, verified: false, pinned: Pinned::default() };
    let made = scope.write(async |tx| domain::organization_domains::add(tx, &organization_id, &claim).await).await?;
    scope.app().domains_due().notify_one();
    Ok(Created(made))
}

async fn find(scope: Scope, Path(id): Path<OrganizationDomainId>) -> Result<Json<OrganizationDomain>> {
    store::organization_domains::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn delete(scope: Scope, Path(id): Path<OrganizationDomainId>) -> Result<NoContent> {
    scope.write(async |tx| domain::organization_domains::remove(tx, &id).await).await.map(|()| NoContent)
}

async fn verify(scope: Scope, Path(id): Path<OrganizationDomainId>) -> Result<Created<OrganizationDomain>> {
    let domain = scope.write(async |tx| domain::organization_domains::verify(tx, &id).await).await?;
    scope.app().domains_due().notify_one();
    Ok(Created(domain))
}
