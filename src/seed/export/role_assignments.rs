//! The roles of memberships and groups on resources, so many of several at a time.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use crate::db::Db;
use crate::kernel::Result;
use crate::model::keys::SubjectKey;
use crate::store::role_assignments::many::{self, AT_ONCE, Listed};

/// So many of each are read with those of others. Few have more, and the rest of theirs is read by itself.
const OF_EACH: usize = 50;

#[derive(Serialize)]
struct RoleAssignment<'a> {
    id: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type_slug: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_external_id: Option<&'a str>,
}

/// The first assignments of some subjects.
pub(super) struct First(Vec<Listed>);

impl First {
    pub(super) async fn read(db: &mut Db, subjects: impl Iterator<Item = SubjectKey>) -> Result<Self> {
        let subjects: Vec<_> = subjects.map(|subject| (subject, 0)).collect();
        Ok(Self(many::list_after(db, &subjects, OF_EACH).await?))
    }

    /// Writes the assignments of the subject in this place, those in the organization itself only if they are asked for.
    pub(super) async fn write(
        &self,
        db: &mut Db,
        (place, subject): (usize, SubjectKey),
        on_root: bool,
        out: &mut Writer<impl Write>,
    ) -> Result<()> {
        let place = i64::try_from(place + 1).unwrap_or(i64::MAX);
        let begin = self.0.partition_point(|row| row.place < place);
        let own: Vec<_> = self.0.iter().skip(begin).take_while(|row| row.place == place).collect();
        let mut is_first = true;
        for row in &own {
            one(row, on_root, &mut is_first, out)?;
        }
        let mut next = own.last().filter(|_| own.len() == OF_EACH).map(|row| row.key);
        while let Some(last) = next {
            let rows = many::list_after(db, &[(subject, last)], AT_ONCE).await?;
            for row in &rows {
                one(row, on_root, &mut is_first, out)?;
            }
            next = rows.last().filter(|_| rows.len() == AT_ONCE).map(|row| row.key);
        }
        Ok(())
    }
}

fn one(row: &Listed, on_root: bool, is_first: &mut bool, out: &mut Writer<impl Write>) -> Result<()> {
    let external_id = row.resource_external_id.as_deref();
    if external_id.is_none() && !on_root {
        return Ok(());
    }
    let entry = RoleAssignment {
        id: &row.id,
        role: &row.role_slug,
        resource_type_slug: external_id.map(|_| row.resource_type_slug.as_str()),
        resource_external_id: external_id,
    };
    out.innermost("role_assignments", std::mem::take(is_first), &entry)
}
