//! Making a new cluster with `initdb`.
//!
//! It is made beside its place and renamed into it when it is whole and on disk: that name is the mark of a
//! finished cluster. So a crash leaves a draft, which is thrown away, and nothing called `pgdata` is ever wiped.

use std::fs::{self, File};

use super::binaries::Binaries;
use super::keeper::{self, Launcher};
use super::layout::{self, Layout};
use super::{ROLE, StartError, debris};

/// Character classes, so that `lower()` knows more than ASCII. The order is always "C": the order of bytes, which
/// no upgrade of the C library changes under an index. Not every system has the first one.
const CHARACTER_TYPES: [&str; 2] = ["C.UTF-8", "C"];

/// Makes the cluster that `layout` has a place for.
pub(super) fn create(
    layout: &Layout,
    binaries: &Binaries,
    launcher: &Launcher,
    durable: bool,
) -> Result<(), StartError> {
    for draft in layout.old_drafts()? {
        // Its `initdb` is perhaps still at work.
        debris::clear(&draft)?;
        layout::remove(&draft)?;
    }
    let mut said = String::new();
    for character_type in CHARACTER_TYPES {
        layout::renew(&layout.draft, &launcher.account)?;
        match initdb(layout, binaries, launcher, durable, character_type)? {
            Ok(()) => return finish(layout),
            Err(error) => said = error,
        }
        if !said.contains("locale") {
            break;
        }
    }
    Err(StartError::Initdb { said })
}

/// Runs `initdb` once; the inner error is what it said.
fn initdb(
    layout: &Layout,
    binaries: &Binaries,
    launcher: &Launcher,
    durable: bool,
    character_type: &str,
) -> Result<Result<(), String>, StartError> {
    let mut command = launcher.command(&binaries.initdb(), &layout.draft);
    command.arg("-D").arg(&layout.draft).args(["-U", ROLE, "-A", "peer", "-E", "UTF8", "--locale=C"]);
    command.arg(format!("--lc-ctype={character_type}")).args(["--data-checksums", "--no-instructions"]);
    if !durable {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(StartError::io("run", &launcher.keeper))?;
    if output.status.code() == Some(i32::from(keeper::UNREACHABLE)) {
        let account = &launcher.account;
        return Err(StartError::Unreachable { directory: account.obstacle(&layout.draft), user: account.name.clone() });
    }
    // The second half is for a keeper that is not one, and does nothing successfully.
    if output.status.success() && layout.draft.join("PG_VERSION").exists() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " / ");
    Ok(Err(if said.is_empty() { output.status.to_string() } else { said }))
}

fn finish(layout: &Layout) -> Result<(), StartError> {
    // `initdb` has synced what is in it; the new name is only safe once its directory is.
    fs::rename(&layout.draft, &layout.pgdata)
        .and_then(|()| File::open(&layout.root)?.sync_all())
        .map_err(StartError::io("put in place", &layout.pgdata))?;
    tracing::info!(pgdata = %layout.pgdata.display(), "made a new PostgreSQL cluster");
    Ok(())
}
