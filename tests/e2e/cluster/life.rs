//! A cluster comes up by itself, keeps what it was told, and goes with its server.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use vestibule::db::embedded::{Cluster, Settings};

use super::{DATA_DIR, Place, Server, ask, is_alive, recall, remember};

#[test]
fn a_fresh_cluster_is_durable_and_private() {
    let place = Place::new();
    let cluster = place.start();

    let shown = |setting: &str| ask(&cluster.options(), &format!("show {setting}"));
    assert_eq!(shown("data_checksums"), "on");
    assert_eq!(shown("fsync"), "on");
    assert_eq!(shown("full_page_writes"), "on");
    assert_eq!(shown("synchronous_commit"), "on");
    assert_eq!(shown("listen_addresses"), "");
    assert_eq!(shown("server_encoding"), "UTF8");
    assert_eq!(ask(&cluster.options(), "select current_database()"), "vestibule");
    assert_eq!(
        ask(&cluster.options(), "select datcollate from pg_database where datname = 'vestibule'"),
        "C",
        "the order of strings must not depend on the C library"
    );
    for directory in ["pgdata", "run", "log"] {
        let found = fs::metadata(place.postgres().join(directory)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o700, "{directory}");
        assert_ne!(found.uid(), 0, "{directory}: PostgreSQL must not run as root");
    }
}

#[test]
fn a_cluster_for_test_runs_trades_safety_for_speed() {
    let place = Place::new();
    let cluster = Cluster::start(&Settings { durable: false, ..place.settings() }).unwrap();
    assert_eq!(ask(&cluster.options(), "show fsync"), "off");
    cluster.stop().unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "show fsync"), "on", "durability is chosen at each start");
}

#[test]
fn rows_outlive_a_restart() {
    let place = Place::new();
    let cluster = place.start();
    remember(&cluster.options(), "kept");
    cluster.stop().unwrap();

    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
fn an_operators_settings_are_read_after_the_defaults() {
    let place = Place::new();
    place.start().stop().unwrap();
    let local = place.postgres().join("etc/local.conf");
    fs::write(&local, "max_connections = 33\nlisten_addresses = '*'\n").unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "show max_connections"), "33");
    assert_eq!(ask(&cluster.options(), "show listen_addresses"), "", "the socket is not up for choice");
}

#[test]
fn dropping_a_cluster_stops_postgresql() {
    let place = Place::new();
    let cluster = place.start();
    let postmaster = place.postmaster();
    drop(cluster);
    assert!(!is_alive(postmaster));
    assert!(!place.pid_file().exists(), "an orderly shutdown removes its pid file");
}

#[test]
fn postgresql_outlives_the_thread_that_started_it() {
    let place = Place::new();
    let settings = place.settings();
    // The pool's thread ends with its runtime, and the kernel's signal at a parent's death follows the thread.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let cluster = runtime.block_on(runtime.spawn_blocking(move || Cluster::start(&settings))).unwrap().unwrap();
    let postmaster = place.postmaster();
    drop(runtime);
    remember(&cluster.options(), "kept");
    assert_eq!(recall(&cluster.options()), "kept");
    assert_eq!(place.postmaster(), postmaster, "it was not started again either");
}

#[test]
fn a_socket_whose_path_is_too_long_moves() {
    let place = Place::new();
    let long = place.path.join("a-directory-with-a-long-name/".repeat(5));
    let settings = Settings { data_dir: long, ..place.settings() };
    let mut places = Vec::new();
    for _ in 0..2 {
        let cluster = Cluster::start(&settings).unwrap();
        let directory = PathBuf::from(ask(&cluster.options(), "show unix_socket_directories"));
        let found = fs::metadata(&directory).unwrap();
        assert!(directory.as_os_str().len() < 60, "{}", directory.display());
        assert_eq!(found.permissions().mode() & 0o777, 0o700);
        cluster.stop().unwrap();
        assert!(!directory.exists(), "nothing stays behind outside the data directory");
        places.push(directory);
    }
    assert_eq!(places[0], places[1], "after a crash the same socket is found");
}

#[test]
#[cfg(target_os = "linux")]
fn the_servers_secrets_do_not_reach_postgresql() {
    let place = Place::new();
    let _server = Server::spawn(&place);
    let environment = fs::read(format!("/proc/{}/environ", place.postmaster())).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH="), "{environment}");
    assert!(!environment.contains(DATA_DIR), "{environment}");
}
