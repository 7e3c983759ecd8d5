//! Floor 5, the door of the seed: a file that says what environments hold, and the server made to agree.
//!
//! Declarative and idempotent. What the file names is made or changed, through the same functions of `domain/` as
//! through any other door, with the same events; what it does not name is left alone; applied again, it changes
//! nothing. Each environment of the file is one transaction. It is a door of its own, and not a family of the domain,
//! because it calls many families that must not know one another.
//!
//! The format is that of the seed file of WorkOS's emulator, with `environment` and `environments` added; see
//! `docs/seed.md`. Where to look next: `shape` is what a file may say, [`apply()`] is what is done with it.

mod api_keys;
mod applications;
mod apply;
mod check;
mod environments;
mod export;
mod fault;
mod feature_flags;
mod file;
mod groups;
mod memberships;
mod organizations;
mod permissions;
mod place;
mod report;
mod resource_types;
mod resources;
mod role_assignments;
mod roles;
mod shape;
mod users;
mod waitlists;
mod webhook_endpoints;

pub use self::apply::{Mode, Tools, apply};
pub use self::export::{Secrets, export};
pub use self::fault::Failure;
pub use self::file::{Seed, read};
pub use self::report::{Change, Report};
