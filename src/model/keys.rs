//! Internal keys of the rows of authorization.
//!
//! These rows are counted in hundreds of millions and refer to one another by integers; their public ids are columns.
//! A key never leaves the server.

macro_rules! keys {
    ($($(#[$meta:meta])* $name:ident($integer:ty);)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type)]
        #[sqlx(transparent)]
        pub struct $name($integer);
    )*};
}

keys! {
    /// The key of a resource type.
    ResourceTypeKey(i32);
    /// The key of a resource. Keys rise in the order of creation, which is the order of lists.
    ResourceKey(i64);
    /// The key of a role.
    RoleKey(i32);
    /// The key of a permission.
    PermissionKey(i32);
    /// The key of whatever can hold a role: a membership has one, drawn from the sequence `subjects`.
    SubjectKey(i64);
}
