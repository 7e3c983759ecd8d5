//! Backup and restore, by the page that tells operators how: its commands are run as they stand there.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::database::KEY;
use crate::harness::{Place, Process, Server};

/// The commands of a section of the page, block by block.
fn commands(heading: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let blocks = section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

/// Runs one block of commands in a shell of the operator's, with the program on the way; what it printed.
fn operate(folder: &Path, block: &str, data_dir: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_vestibule")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program.to_owned()).chain(std::env::split_paths(&path))).unwrap();
    let ended = Command::new("sh")
        .args(["-euc", block])
        .current_dir(folder)
        .env_clear()
        .envs([("PATH", path.as_os_str()), ("VESTIBULE_DATA_DIR", data_dir.as_os_str())])
        .env("VESTIBULE_LISTEN", "127.0.0.1:0")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{block}\n{said}");
    said
}

async fn sign_in(server: &Server, grant: Value, client_id: &str, key: &str) -> Value {
    let mut body = json!({ "client_id": client_id, "client_secret": key });
    body.as_object_mut().unwrap().extend(grant.as_object().unwrap().clone());
    server.post("/user_management/authenticate", body).await.expect(200)
}

/// So that the transactions of before are of the future for another cluster.
async fn use_up_transactions(place: &Place) {
    let burn = "do $$ begin for i in 1..1000 loop perform pg_current_xact_id(); commit; end loop; end $$";
    let psql = ["database", "psql", "--no-psqlrc", "--command=set synchronous_commit = off", "--command", burn];
    let burnt = place.run(&psql, &[]).await;
    assert_eq!(burnt.code(), Some(0), "{}", burnt.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_by_the_page_is_all_that_another_machine_needs() {
    let [backup, restore] = commands("Backup and restore").try_into().expect("a backup and a restore");
    let place = Place::new();
    let server = place.server().await;
    let made = server.made().unwrap();
    let server = server.with_key(&made.api_key);
    use_up_transactions(&place).await;
    for number in 0..30 {
        server.post("/organizations", json!({ "name": number.to_string() })).await.expect(201);
    }
    let user = json!({ "email": "ann@heron.example", "password": "a Long passphrase 77 herons" });
    server.post("/user_management/users", user).await.expect(201);
    let password =
        json!({ "grant_type": "password", "email": "ann@heron.example", "password": "a Long passphrase 77 herons" });
    let session = sign_in(&server, password.clone(), &made.client_id, &made.api_key).await;
    let jwks = format!("/sso/jwks/{}", made.client_id);
    let keys = server.get(&jwks).await.expect(200);
    let before = server.events("organization.created", 30).await;

    // Beside the server, which goes on.
    operate(&place.path, &backup, &place.data_dir());
    server.post("/organizations", json!({ "name": "after the backup" })).await.expect(201);
    server.stop().await;
    std::fs::remove_dir_all(place.data_dir()).unwrap();

    let elsewhere = place.path.join("elsewhere");
    let said = operate(&place.path, &restore, &elsewhere);
    assert!(said.contains("the master key opens what is sealed") && said.contains("0 failed"), "{said}");
    let command = |settings: &[(&str, &str)]| {
        let mut command = place.command(&["serve"]);
        command.env("VESTIBULE_DATA_DIR", &elsewhere).envs(settings.iter().copied());
        Process::spawn(command)
    };
    // Under another key it does not start, and says why.
    let ended = command(&[("VESTIBULE_SECRET_KEY", KEY)]).ended().await;
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("master key"), "{}", ended.log);

    let server = command(&[]).ready().await.with_key(&made.api_key);
    assert_eq!(server.process().out.text(), "", "nothing is made anew");
    assert!(server.process().log.text().contains("a new epoch of it begins"));
    assert_eq!(server.get(&jwks).await.expect(200), keys, "tokens of before can still be verified");
    let refresh = json!({ "grant_type": "refresh_token", "refresh_token": session["refresh_token"] });
    sign_in(&server, refresh, &made.client_id, &made.api_key).await;
    sign_in(&server, password, &made.client_id, &made.api_key).await;
    server.caller(&made.admin_token).get("/admin/v1/environments").await.expect(200);

    assert_eq!(server.pages("/organizations").await.len(), 30);
    let last = before.last().unwrap()["id"].as_str().unwrap();
    let later = server.post("/organizations", json!({ "name": "later" })).await.expect(201);
    let events = server.events("organization.created", 31).await;
    assert_eq!(events[..30], before[..], "what was there is there, in its order");
    let path = format!("/events?events=organization.created&after={last}");
    let after = server.get(&path).await.expect(200);
    assert_eq!(after["data"].as_array().unwrap().len(), 1, "who had read to the end goes on from there");
    assert_eq!(after["data"][0]["data"], later);
}
