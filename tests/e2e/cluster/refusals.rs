//! What would be harmed, or cannot be used, is refused with a message that helps.

use std::fs;

use vestibule::db::embedded::StartError;

use super::{Place, ask};

#[test]
fn what_is_not_a_cluster_is_left_alone() {
    let place = Place::new();
    let file = place.postgres().join("pgdata/precious");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "do not wipe").unwrap();

    let error = place.refusal();
    assert!(matches!(error, StartError::NotACluster { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "do not wipe");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let place = Place::new();
    let cluster = place.start();
    let error = place.refusal();
    assert!(matches!(error, StartError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(ask(&cluster.options(), "select 'unharmed'"), "unharmed");

    cluster.stop().unwrap();
    place.start();
}

#[test]
fn a_cluster_of_another_major_version_is_refused() {
    let place = Place::new();
    place.start().stop().unwrap();
    fs::write(place.postgres().join("pgdata/PG_VERSION"), "9\n").unwrap();
    let error = place.refusal();
    assert!(matches!(error, StartError::Version { .. }), "{error}");
    assert!(error.to_string().contains("pg_upgrade"), "{error}");
}

#[test]
fn what_postgresql_says_about_a_failed_start_is_passed_on() {
    let place = Place::new();
    place.start().stop().unwrap();
    fs::write(place.postgres().join("etc/local.conf"), "max_connections = many\n").unwrap();
    let error = place.refusal();
    assert!(matches!(error, StartError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("configuration file"), "{error}");
}
