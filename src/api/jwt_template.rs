//! The template of an environment's access tokens.

use crate::body;
use crate::domain;
use crate::http::extract::Json;
use crate::http::{Existing, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::model::jwt_templates::JwtTemplate;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("jwt_template").get("/user_management/jwt_template", find).put("/user_management/jwt_template", set)
}

body! {
    struct SetBody {
        content: String,
    }
}

impl Check for SetBody {
    fn check(&self, faults: &mut Faults) {
        faults.not_blank("content", &self.content);
    }
}

async fn find(scope: Scope) -> Result<Existing<JwtTemplate>> {
    let found = store::jwt_templates::find(&mut scope.read().await?).await?;
    found.map(Existing).ok_or_else(domain::jwt_templates::missing)
}

async fn set(scope: Scope, Json(body): Json<SetBody>) -> Result<Json<JwtTemplate>> {
    scope.write(async |tx| domain::jwt_templates::set(tx, &body.content).await).await.map(Json)
}
