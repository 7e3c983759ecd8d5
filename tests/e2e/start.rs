//! Starting: from nothing to a server, and what refuses to start says why.

use std::process::Command;

use nix::unistd::{Uid, geteuid};
use serde_json::{Value, json};
use vestibule::db::embedded::{Cluster, Settings};

use crate::harness::{Place, Process, Server};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_makes_everything_and_a_second_finds_it() {
    let place = Place::new();
    let server = place.server().await;
    let made = server.made().expect("keys are printed");
    assert!(made.api_key.starts_with("sk_") && made.client_id.starts_with("client_"));
    let log = server.process().log.text();
    for secret in [&made.api_key, &made.admin_token] {
        assert!(!log.contains(secret), "what is printed once is not logged: {log}");
    }
    let server = server.with_key(&made.api_key);
    let organization = server.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    if geteuid().is_root() {
        assert_ne!(Uid::from_raw(place.owner()), Uid::from_raw(0), "PostgreSQL does not run as root");
    }
    let ended = server.stop().await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);

    let server = place.server().await.with_key(&made.api_key);
    assert_eq!(server.process().out.text(), "", "nothing is made twice");
    let path = format!("/organizations/{}", organization["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.expect(200), organization);
    let operator = server.caller(&made.admin_token);
    let environments = operator.get("/admin/v1/environments").await.expect(200);
    assert_eq!(environments["data"][0]["client_id"], Value::from(made.client_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_settles_is_not_printed() {
    let place = Place::new();
    let settings = [
        ("VESTIBULE_API_KEY", "sk_settled_by_the_operator"),
        ("VESTIBULE_CLIENT_ID", "client_settled"),
        ("VESTIBULE_ADMIN_TOKEN", "a-token-that-the-operator-has-settled"),
    ];
    let server = place.server_with(&settings).await;
    assert_eq!(server.process().out.text(), "");
    server.caller("sk_settled_by_the_operator").get("/organizations").await.expect(200);
    server.caller("a-token-that-the-operator-has-settled").get("/admin/v1/environments").await.expect(200);
    server.caller("").get("/admin/v1/environments").await.expect(401);
    let ended = server.stop().await;
    assert!(!ended.log.contains("settled"), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let server = place.server().await;
    let refused = place.run(&["serve"], &[]).await;
    assert_eq!(refused.code(), Some(1));
    let holder = format!("another server (process {}) uses", server.process().pid());
    assert!(refused.log.contains(&holder) && refused.log.contains("another data directory"), "{}", refused.log);
    server.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_it_says_what_to_install_or_set() {
    // The places where PostgreSQL is installed, hidden from this process alone.
    const HIDE: &str = "for d in /usr/lib/postgresql* /usr/pgsql-* /usr/libexec/postgresql* /usr/local/pgsql*; do \
                        [ ! -d $d ] || mount -t tmpfs none $d || exit 77; done; exec env PATH=/nowhere \"$0\" \"$@\"";
    let place = Place::new();
    let mut command = Command::new("unshare");
    command.args(if geteuid().is_root() { &["--mount"][..] } else { &["--mount", "--map-root-user"] });
    command.args(["sh", "-c", HIDE, env!("CARGO_BIN_EXE_vestibule")]);
    let ended = Process::spawn(place.command_through(command, &["serve"])).ended().await;
    if ended.code() == Some(77) || ended.log.starts_with("unshare") {
        eprintln!("passed over: nothing can be hidden from a process here");
        return;
    }
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    for word in ["no PostgreSQL 14 or newer is installed", "apt-get install postgresql", "DATABASE_URL"] {
        assert!(ended.log.contains(word), "{}", ended.log);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_start_at_once_on_one_database() {
    let place = Place::new();
    let settings = Settings {
        data_dir: place.path.join("cluster"),
        keeper: env!("CARGO_BIN_EXE_vestibule").into(),
        durable: false,
    };
    std::fs::create_dir(&settings.data_dir).unwrap();
    let cluster = tokio::task::spawn_blocking(move || Cluster::start(&settings)).await.unwrap().unwrap();
    let socket = cluster.options().get_socket().unwrap().display().to_string();
    let url = format!("postgres://postgres@localhost/vestibule?host={}", socket.replace('/', "%2F"));
    let key = "0f1e2d3c4b5a6978".repeat(4);
    let settings = [("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", key.as_str())];
    let (one, other) = tokio::join!(place.server_with(&settings), place.server_with(&settings));
    let made: Vec<_> = [&one, &other].into_iter().filter_map(Server::made).collect();
    assert_eq!(made.len(), 1, "one of them makes the first environment, the other finds it");

    let (one, other) = (one.with_key(&made[0].api_key), other.with_key(&made[0].api_key));
    let organization = one.post("/organizations", json!({ "name": "Acme" })).await.expect(201);
    assert_eq!(other.pages("/organizations").await, std::slice::from_ref(&organization));
    let events = other.events("organization.created", 1).await;
    assert_eq!(events[0]["data"], organization);
    for server in [one, other] {
        let ended = server.stop().await;
        assert_eq!(ended.code(), Some(0), "{}", ended.log);
    }
    // What one of them sealed cannot be read under another key.
    let stranger = "8796a5b4c3d2e1f0".repeat(4);
    let ended = place.run(&["serve"], &[settings[0], ("VESTIBULE_SECRET_KEY", &stranger)]).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    tokio::task::spawn_blocking(|| cluster.stop()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_there_is_named_without_its_password() {
    let place = Place::new();
    let url = "postgres://vestibule:p4ssw0rd@127.0.0.1:1/vestibule";
    let ended = place.run(&["serve"], &[("DATABASE_URL", url)]).await;
    assert_eq!(ended.code(), Some(1));
    assert!(ended.log.contains("127.0.0.1:1") && ended.log.contains("DATABASE_URL"), "{}", ended.log);
    assert!(!ended.log.contains("p4ssw0rd"), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_the_settings_are_named_together() {
    let place = Place::new();
    let faulty = [
        ("VESTIBULE_LISTEN", "everywhere"),
        ("VESTIBULE_SECRET_KEY", "short-secret"),
        ("VESTIBULE_LISTNE", "127.0.0.1:1"),
        ("VESTIBULE_DEV", "perhaps"),
    ];
    let ended = place.run(&["serve"], &faulty).await;
    assert_eq!(ended.code(), Some(2));
    for (name, _) in faulty {
        assert!(ended.log.contains(name), "{name}: {}", ended.log);
    }
    assert!(!ended.log.contains("short-secret"), "{}", ended.log);
    assert!(!place.data_dir().exists(), "nothing was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named() {
    let place = Place::new();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["VESTIBULE_LISTEN", "VESTIBULE_METRICS_LISTEN"] {
        let ended = place.run(&["serve"], &[(setting, &address)]).await;
        assert_eq!(ended.code(), Some(1));
        assert!(ended.log.contains(&address) && ended.log.contains(setting), "{}", ended.log);
    }
}
