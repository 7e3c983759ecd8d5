//! `vestibule doctor`: it names what is wrong and what to do, changes nothing, and finds a well server well.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};

use crate::database::{KEY, Mode, Postgres, Wire};
use crate::harness::{Ended, Place};

/// Nobody is there. Otherwise the name servers of this machine would be asked, which may be far away.
const NO_NAME_SERVER: (&str, &str) = ("VESTIBULE_DNS_SERVER", "127.0.0.1:9");

async fn doctor(place: &Place, settings: &[(&str, &str)]) -> (Ended, Vec<Value>) {
    examined(place, &[&[NO_NAME_SERVER], settings].concat()).await
}

async fn examined(place: &Place, settings: &[(&str, &str)]) -> (Ended, Vec<Value>) {
    let ended = place.run(&["doctor", "--json"], settings).await;
    let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}{}", ended.out, ended.log));
    assert_eq!(report["ok"], ended.code() == Some(0), "{report}");
    for finding in report["findings"].as_array().unwrap() {
        let well = finding["state"] == "ok";
        assert_eq!(finding["advice"].is_null(), well, "whatever is not well comes with what to do: {finding}");
    }
    (ended, report["findings"].as_array().unwrap().clone())
}

/// A name server that knows no name, on this machine.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            // The question is sent back, as an answer, with the code for a name that does not exist (RFC 1035, 4.1.1).
            packet[2] |= 0x80;
            packet[3] = 0x83;
            let _ = socket.send_to(&packet[..length], from).await;
        }
    });
    address
}

/// The finding of a check that is in this state.
#[track_caller]
fn found<'a>(findings: &'a [Value], check: &str, state: &str) -> &'a Value {
    let of = |finding: &&Value| finding["check"] == check && finding["state"] == state;
    findings.iter().find(of).unwrap_or_else(|| panic!("no {check} {state} in {findings:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_looking_and_a_running_server_is_well() {
    let place = Place::new();
    let (ended, findings) = doctor(&place, &[]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    found(&findings, "database", "ok");
    assert!(!place.data_dir().exists(), "it only looked");

    let server = place.server().await;
    let address = server.address.to_string();
    let (ended, findings) = doctor(&place, &[("VESTIBULE_LISTEN", &address)]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    for check in
        ["settings", "data directory", "master key", "migrations", "sealed", "clock", "event log", "connections"]
    {
        found(&findings, check, "ok");
    }
    assert!(found(&findings, "address", "ok")["message"].as_str().unwrap().contains("is ready"));
    let made = server.made().unwrap();
    assert!(!ended.out.contains(&made.admin_token) && !ended.out.contains(&made.api_key));

    // In words, and while it does not run.
    server.stop().await;
    let ended = place.run(&["doctor"], &[NO_NAME_SERVER]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.log);
    assert!(ended.out.contains("0 failed"), "{}", ended.out);
    assert_eq!(place.postmaster(), None, "what was started for it was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_end_a_start_is_told_beforehand() {
    let place = Place::new();
    let (ended, findings) = doctor(&place, &[("VESTIBULE_LISTNE", "x"), ("VESTIBULE_DEV", "perhaps")]).await;
    assert_eq!((ended.code(), findings.len()), (Some(1), 2), "{}", ended.out);

    place.server().await.stop().await;
    let (ended, findings) = doctor(&place, &[("VESTIBULE_SECRET_KEY", KEY)]).await;
    assert_eq!(ended.code(), Some(1));
    assert!(found(&findings, "sealed", "failed")["advice"].as_str().unwrap().contains("VESTIBULE_SECRET_KEY"));

    let key = place.data_dir().join("secret.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, findings) = doctor(&place, &[]).await;
    assert!(found(&findings, "master key", "failed")["advice"].as_str().unwrap().contains("chmod 600"));
    std::fs::remove_file(&key).unwrap();
    let (_, findings) = doctor(&place, &[]).await;
    found(&findings, "sealed", "failed");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::set_permissions(place.data_dir(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let (_, findings) = doctor(&place, &[("VESTIBULE_LISTEN", &address)]).await;
    found(&findings, "address", "failed");
    found(&findings, "data directory", "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_of_resources_are_examined_and_repaired() {
    let place = Place::new();
    let server = place.server().await;
    let made = server.made().unwrap();
    let (operator, application) = (server.caller(&made.admin_token), server.caller(&made.api_key));
    let environments = operator.get("/admin/v1/environments").await.expect(200);
    let types = format!("/admin/v1/environments/{}/resource_types", environments["data"][0]["id"].as_str().unwrap());
    let body = json!({ "slug": "folder", "name": "Folder", "parents": ["organization", "folder"] });
    operator.post(&types, body).await.expect(201);
    for name in ["one", "two"] {
        let organization = application.post("/organizations", json!({ "name": name })).await.expect(201);
        let mut parent = Value::Null;
        for external_id in ["a", "b", "c"] {
            let body = json!({ "organization_id": organization["id"], "resource_type_slug": "folder", "name": "X",
                "external_id": external_id, "parent_resource_id": parent });
            parent = application.post("/authorization/resources", body).await.expect(201)["id"].clone();
        }
    }
    let examine = async |arguments: &[&str]| {
        let ended = place.run(&[&["doctor", "--json", "--authorization"], arguments].concat(), &[]).await;
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{}{}", ended.out, ended.log));
        (ended.code(), report["findings"].as_array().unwrap().clone())
    };
    let (code, findings) = examine(&[]).await;
    assert_eq!(code, Some(0));
    assert!(found(&findings, "authorization", "ok")["message"].as_str().unwrap().contains("all 2"));

    let harm = "delete from resource_ancestors where depth = 1 and descendant = (select max(key) from resources);
                update resource_ancestors set depth = 9 where depth = 2 and ancestor = (select min(key) from resources);
                insert into resource_ancestors (descendant, ancestor, depth, type)
                select min(key), max(key), 1, 1 from resources;";
    let psql = ["database", "psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", harm];
    let harmed = place.run(&psql, &[]).await;
    assert_eq!(harmed.code(), Some(0), "{}", harmed.log);
    let (code, findings) = examine(&[]).await;
    assert_eq!(code, Some(1));
    let failed: Vec<_> = findings.iter().filter(|finding| finding["check"] == "authorization").collect();
    assert_eq!(failed.len(), 2, "{failed:#?}");
    let told = format!("{} {}", failed[0]["message"], failed[1]["message"]);
    assert!(told.contains("1 rows are missing") && told.contains("1 are too many") && told.contains("1 are wrong"));
    assert!(failed[0]["advice"].as_str().unwrap().contains("--repair"));
    let (code, findings) = examine(&["--repair"]).await;
    assert_eq!(code, Some(0), "{findings:#?}");
    assert!(found(&findings, "authorization", "ok")["message"].as_str().unwrap().contains("repaired"));
    let (_, findings) = examine(&[]).await;
    found(&findings, "authorization", "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_looked_at_without_its_password_being_shown() {
    let place = Place::new();
    let url = "postgres://vestibule:p4ssw0rd@127.0.0.1:1/vestibule";
    let (ended, findings) = doctor(&place, &[("DATABASE_URL", url)]).await;
    assert_eq!(ended.code(), Some(1));
    assert!(found(&findings, "database", "failed")["message"].as_str().unwrap().contains("127.0.0.1:1"));
    assert!(!ended.out.contains("p4ssw0rd"));

    let postgres = Postgres::start(&place, "pg").await;
    let wire = Wire::to(&postgres).await;
    let url = wire.url();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("VESTIBULE_SECRET_KEY", KEY),
        ("VESTIBULE_PUBLIC_URL", "http://id.example.com"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ];
    let (ended, findings) = doctor(&place, &settings).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    assert!(found(&findings, "migrations", "ok")["message"].as_str().unwrap().contains("none yet"));
    found(&findings, "public URL", "warning");
    found(&findings, "traces", "warning");

    postgres.read_only(true).await;
    let (_, findings) = doctor(&place, &settings).await;
    assert!(found(&findings, "database", "failed")["message"].as_str().unwrap().contains("only reads"));
    postgres.read_only(false).await;
    wire.set(Mode::Silent);
    let (ended, _) = doctor(&place, &settings).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_server_and_the_server_for_mail_are_called_and_what_is_away_is_named() {
    let place = Place::new();
    let dns = name_server().await.to_string();
    let smtp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = smtp.local_addr().unwrap();
    let from = ("VESTIBULE_MAIL_FROM", "no-reply@example.com");
    let url = format!("smtp://{address}?tls=opportunistic");
    let (ended, findings) =
        examined(&place, &[("VESTIBULE_DNS_SERVER", &dns), ("VESTIBULE_SMTP_URL", &url), from]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    assert_eq!(found(&findings, "name server", "ok")["message"], format!("{dns} answers"));
    let message = format!("a server for mail listens at {address}");
    assert_eq!(found(&findings, "mail", "ok")["message"], message);

    // One that takes what it is asked and never answers, and nobody at all.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let dns = silent.local_addr().unwrap().to_string();
    let url = "smtp://user:p4ssw0rd@127.0.0.1:1?tls=required";
    let (ended, findings) =
        examined(&place, &[("VESTIBULE_DNS_SERVER", &dns), ("VESTIBULE_SMTP_URL", url), from]).await;
    assert_eq!(ended.code(), Some(0), "a start does not depend on either: {}", ended.out);
    let dumb = found(&findings, "name server", "warning");
    assert!(dumb["message"].as_str().unwrap().starts_with(&format!("{dns}: ")), "{dumb}");
    assert!(dumb["advice"].as_str().unwrap().contains("VESTIBULE_DNS_SERVER"));
    let away = found(&findings, "mail", "warning");
    assert!(away["message"].as_str().unwrap().contains("127.0.0.1:1"), "{away}");
    assert!(away["advice"].as_str().unwrap().contains("VESTIBULE_SMTP_URL"));
    assert!(!ended.out.contains("p4ssw0rd"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_servers_of_the_system_are_named_where_no_other_is_chosen() {
    let text = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let named: Vec<_> = named.map(|rest| rest.trim().split('%').next().unwrap().to_owned()).collect();
    let (ended, findings) = examined(&Place::new(), &[]).await;
    assert_eq!(ended.code(), Some(0), "{}", ended.out);
    let told = findings.iter().filter(|finding| finding["check"] == "name server");
    let told: Vec<_> = told.map(|finding| finding["message"].as_str().unwrap()).collect();
    assert_eq!(told.len(), named.len().max(1), "{told:?}");
    for address in &named {
        assert!(told.iter().any(|it| it.contains(address) && it.contains("of the system")), "{address} in {told:?}");
    }
}
