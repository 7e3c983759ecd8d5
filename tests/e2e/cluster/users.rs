//! Clusters of other users. These need root, and say so when they are passed over.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;

use nix::unistd::User;
use vestibule::db::embedded::{Cluster, Settings, StartError};

use super::{Place, Server, needs_root, recall, remember, try_ask};

#[test]
fn a_directory_that_the_clusters_user_cannot_reach_is_named() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    let closed = place.path.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let settings = Settings { data_dir: closed.join("data"), ..place.settings() };
    let error = Cluster::start(&settings).err().unwrap();
    assert!(matches!(&error, StartError::Unreachable { directory, .. } if *directory == closed), "{error}");

    fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
    let cluster = Cluster::start(&settings).unwrap();
    cluster.stop().unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let error = Cluster::start(&settings).err().unwrap();
    assert!(matches!(&error, StartError::Unreachable { directory, .. } if *directory == closed), "{error}");
}

#[test]
fn an_ordinary_user_runs_a_cluster_that_root_can_take_over() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let mut server = Server::spawn_as(&place, &nobody);
    let owner = |path: &str| fs::metadata(place.postgres().join(path)).unwrap().uid();
    assert_eq!(owner("pgdata"), nobody.uid.as_raw());
    assert_eq!(owner("lock"), nobody.uid.as_raw());
    let stranger = try_ask(&place.options(), "select 'in'").err().unwrap();
    assert!(stranger.to_string().contains("eer authentication failed"), "root is not on the list: {stranger}");
    server.stop();

    let cluster = place.start();
    remember(&cluster.options(), "kept");
    cluster.stop().unwrap();
    assert_eq!(owner("pgdata"), nobody.uid.as_raw(), "the owner of a cluster stays");

    let mut server = Server::spawn_as(&place, &nobody);
    server.stop();
    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
fn a_cluster_of_somebody_else_is_refused() {
    let place = Place::new();
    if needs_root() {
        return;
    }
    place.start().stop().unwrap();
    let nobody = User::from_name("nobody").unwrap().unwrap();
    let data = place.settings().data_dir;
    for directory in [data.clone(), data.join("postgres"), data.join("postgres/etc"), data.join("postgres/lock")] {
        std::os::unix::fs::chown(directory, Some(nobody.uid.as_raw()), None).unwrap();
    }
    let output = Server::command(&place, Some(&nobody)).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("Owner"), "{said}");
}
