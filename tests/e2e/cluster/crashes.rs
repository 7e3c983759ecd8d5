//! Whoever is killed, what was committed is there, and the next start succeeds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::geteuid;
use vestibule::db::embedded::Cluster;

use super::{Place, Server, answers, ask, is_alive, recall, remember, try_ask, wait_until};

#[test]
fn a_killed_postgresql_is_started_again_without_loss() {
    let place = Place::new();
    let cluster = place.start();
    remember(&cluster.options(), "kept");
    for _ in 0..2 {
        let postmaster = place.postmaster();
        kill(postmaster, Signal::SIGKILL).unwrap();
        wait_until("another postmaster answers", || {
            place.find_postmaster().is_some_and(|pid| pid != postmaster) && answers(&cluster.options())
        });
        assert_eq!(recall(&cluster.options()), "kept");
    }
    let last = place.postmaster();
    cluster.stop().unwrap();
    assert!(!is_alive(last), "what was started again is stopped too");
}

#[test]
#[cfg(target_os = "linux")]
fn postgresql_stops_in_order_when_its_server_is_killed() {
    let place = Place::new();
    let mut server = Server::spawn(&place);
    remember(&place.options(), "kept");
    let postmaster = place.postmaster();
    server.kill();
    wait_until("PostgreSQL has followed its server", || !is_alive(postmaster));
    assert!(!place.pid_file().exists(), "an orderly shutdown removes its pid file");

    let cluster = place.start();
    assert_eq!(recall(&cluster.options()), "kept");
}

#[test]
#[cfg(target_os = "linux")]
fn a_start_right_after_the_server_was_killed_waits_for_its_postgresql() {
    let place = Place::new();
    for turn in 0..3 {
        let mut server = Server::spawn(&place);
        remember(&place.options(), &turn.to_string());
        server.kill();
        let cluster = place.start();
        assert_eq!(recall(&cluster.options()), turn.to_string());
        cluster.stop().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn rows_outlive_server_and_postgresql_killed_together() {
    let place = Place::new();
    for turn in 0..3 {
        let mut server = Server::spawn(&place);
        remember(&place.options(), &turn.to_string());
        // A connection whose backend is busy, and so does not notice that its postmaster is gone.
        let busy = place.options();
        let busy = std::thread::spawn(move || try_ask(&busy, "select pg_sleep(600)::text").is_err());
        wait_until("a backend is busy", || {
            ask(&place.options(), "select count(*)::text from pg_stat_activity where query like 'select pg_sleep%'")
                == "1"
        });
        kill(place.postmaster(), Signal::SIGKILL).unwrap();
        server.kill();
        let cluster = place.start();
        assert_eq!(recall(&cluster.options()), turn.to_string());
        assert!(busy.join().unwrap(), "an orphaned backend is ended, not adopted");
        cluster.stop().unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn stale_files_that_name_a_living_process_do_not_prevent_a_start() {
    let place = Place::new();
    let mut server = Server::spawn(&place);
    remember(&place.options(), "kept");
    let (postmaster, pid_file) = (place.postmaster(), fs::read_to_string(place.pid_file()).unwrap());
    let socket_lock = place.postgres().join("run/.s.PGSQL.5432.lock");
    let socket_file = fs::read_to_string(&socket_lock).unwrap();
    server.kill();
    wait_until("PostgreSQL has followed its server", || !is_alive(postmaster));

    // As after a crash whose process id has been given to another process of the same user.
    let owner = fs::metadata(place.postgres().join("pgdata")).unwrap();
    let mut other = Command::new("sleep");
    if geteuid().is_root() {
        other.uid(owner.uid()).gid(owner.gid());
    }
    let mut other = other.arg("600").spawn().unwrap();
    let renamed = |text: String| text.replacen(&postmaster.to_string(), &other.id().to_string(), 1);
    fs::write(place.pid_file(), renamed(pid_file)).unwrap();
    fs::write(&socket_lock, renamed(socket_file)).unwrap();
    let cluster = Cluster::start(&place.settings());
    assert!(other.try_wait().unwrap().is_none(), "a process elsewhere is not PostgreSQL's and is left alone");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(recall(&cluster.unwrap().options()), "kept");
}

#[test]
#[cfg(target_os = "linux")]
fn a_cluster_whose_making_was_interrupted_is_made_again() {
    let place = Place::new();
    let mut server = Server::spawn_without_waiting(&place);
    let draft = place.postgres().join(format!("pgdata.new.{}", server.child.id()));
    wait_until("initdb has begun", || draft.join("PG_VERSION").exists());
    server.kill();
    assert!(!place.postgres().join("pgdata").exists(), "what is half-made must not have the name of a cluster");

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "select 'well'"), "well");
    assert!(!draft.exists());
}

#[test]
fn a_draft_of_an_earlier_crash_is_thrown_away() {
    let place = Place::new();
    let draft = place.postgres().join("pgdata.new.1");
    fs::create_dir_all(draft.join("base")).unwrap();
    fs::write(draft.join("PG_VERSION"), "15\n").unwrap();

    let cluster = place.start();
    assert_eq!(ask(&cluster.options(), "select 'well'"), "well");
    assert!(!draft.exists());
}
