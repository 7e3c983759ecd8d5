//! Which operating-system user runs the cluster.
//!
//! PostgreSQL refuses to run as root. A server that root started therefore gives the cluster to another user;
//! any other server runs it as itself. Next: `keeper`, which becomes that user.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, geteuid};

use super::StartError;
use super::layout::Layout;

/// The user that runs the cluster, and the one that the server itself runs as.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// The name of the server's own user: root, or `name` again.
    pub(super) server: String,
}

impl Account {
    /// Chooses for the cluster in `layout`, which `exists` or is yet to be made.
    ///
    /// The owner of an existing cluster stays, since only its owner can run it. For a new one root takes
    /// `postgres`, who is made for this, or `nobody`. A bare number will not do: `initdb` looks its user up.
    pub(super) fn choose(layout: &Layout, exists: bool) -> Result<Self, StartError> {
        let server = named(geteuid())?;
        let owner = if exists { Some(owner(&layout.pgdata)?) } else { None };
        let chosen = match owner {
            Some(uid) if uid == server.uid && !uid.is_root() => server.clone(),
            Some(uid) if server.uid.is_root() && !uid.is_root() => named(uid)?,
            Some(uid) => return Err(belongs_to(&layout.pgdata, uid, &server)),
            None if server.uid.is_root() => substitute().ok_or(StartError::NoAccount)?,
            None => server.clone(),
        };
        Ok(Self { name: chosen.name, uid: chosen.uid, gid: chosen.gid, server: server.name })
    }

    /// Refuses a layout of another user, before anything in it is read: only root may work for somebody else.
    pub(super) fn refuse_strangers(layout: &Layout) -> Result<(), StartError> {
        let user = geteuid();
        for place in [&layout.root, &layout.pgdata] {
            match fs::metadata(place) {
                Ok(found) if user.is_root() || found.uid() == user.as_raw() => {}
                Ok(found) => return Err(belongs_to(place, Uid::from_raw(found.uid()), &named(user)?)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StartError::io("look at", place)(error)),
            }
        }
        Ok(())
    }

    /// Whether the cluster is run by another user than the server.
    pub(super) fn is_other(&self) -> bool {
        self.uid != geteuid()
    }

    /// Names the topmost directory on the way to `path` that this user may not pass.
    ///
    /// It goes by the mode alone and is only asked once the way has proved closed.
    pub(super) fn obstacle(&self, path: &Path) -> PathBuf {
        let mut way: Vec<&Path> = path.ancestors().collect();
        way.reverse();
        let closed = |directory: &Path| {
            fs::metadata(directory).is_ok_and(|found| {
                let mode = found.permissions().mode();
                let pass = if found.uid() == self.uid.as_raw() {
                    0o100
                } else if found.gid() == self.gid.as_raw() {
                    0o010
                } else {
                    0o001
                };
                mode & pass == 0
            })
        };
        way.into_iter().find(|directory| closed(directory)).unwrap_or(path).to_owned()
    }
}

fn owner(pgdata: &Path) -> Result<Uid, StartError> {
    let found = fs::metadata(pgdata).map_err(StartError::io("look at", pgdata))?;
    Ok(Uid::from_raw(found.uid()))
}

fn belongs_to(directory: &Path, owner: Uid, server: &User) -> StartError {
    StartError::Owner {
        directory: directory.to_owned(),
        owner: named(owner).map_or_else(|_| owner.to_string(), |user| user.name),
        user: server.name.clone(),
    }
}

fn named(uid: Uid) -> Result<User, StartError> {
    User::from_uid(uid).ok().flatten().ok_or(StartError::Nameless { uid: uid.as_raw() })
}

fn substitute() -> Option<User> {
    ["postgres", "nobody"]
        .into_iter()
        .filter_map(|name| User::from_name(name).ok().flatten())
        .find(|user| !user.uid.is_root())
}
