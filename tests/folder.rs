//! Where tests keep what they write to disk.

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// A folder that every user may pass through, as the user of a private cluster must be able to when root runs the tests:
/// this one, which is the build's, or one among the temporary files where somebody has closed a folder above it.
pub fn reachable(own: &Path) -> PathBuf {
    if own.ancestors().all(is_open) {
        return own.to_owned();
    }
    let name = own.to_string_lossy().replace(['/', ' '], "-");
    let folder = std::env::temp_dir().join(format!("vestibule-tests{name}"));
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(&folder).unwrap();
    folder
}

fn is_open(folder: &Path) -> bool {
    std::fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
}
