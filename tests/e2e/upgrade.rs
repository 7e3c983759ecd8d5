//! An upgrade: the database of the first version, under this one.

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};
use vestibule::kernel::clock::Clock;
use vestibule::kernel::crypto::Random;
use vestibule::kernel::id::{EventKind, Mint};

use crate::database::{KEY, Postgres};
use crate::harness::{Place, Process};

const FIRST_VERSION: &str = include_str!("fixtures/first_version.sql");
const API_KEY: &str = "sk_of_the_first_version";

/// Fills an empty database as the first version left it, a little while ago and on another machine.
async fn fill(postgres: &Postgres) {
    let mut connection = postgres.connect().await;
    sqlx::raw_sql(AssertSqlSafe(FIRST_VERSION)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let mut connection = postgres.connect().await;
    let clock = Clock::default();
    clock.advance(-3600);
    let mint = Mint::new(clock, Random::new());
    let old: Vec<String> = sqlx::query_scalar("select id from events order by epoch, xid, position")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    assert!(old.len() > 10);
    for id in old {
        let new = mint.id::<EventKind>();
        // Its transaction is one that this cluster is yet to see.
        let sql =
            "update events set id = $1, created_at = $2, xid = (xid::text::bigint + 1000000)::text::xid8 where id = $3";
        sqlx::query(sql).bind(new.as_str()).bind(new.moment()).bind(id).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_first_version_left_goes_on_under_this_one() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    fill(&postgres).await;
    let url = postgres.url();
    let server = place.server_with(&[("DATABASE_URL", &url), ("VESTIBULE_SECRET_KEY", KEY)]).await;
    assert!(server.made().is_none(), "nothing is made anew");
    let log = server.process().log.text();
    assert!(log.contains("a new epoch of it begins"), "{log}");
    let server = server.with_key(API_KEY);

    let organizations = server.pages("/organizations").await;
    let names: Vec<_> = organizations.iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Heron zero", "Heron 1", "Heron 2", "Heron 3", "Heron 4"]);
    let first = server.get("/organizations/external_id/heron-0").await.expect(200);
    assert_eq!((&first["metadata"]["tier"], &first["domains"][0]["domain"]), (&json!("gold"), &json!("heron.example")));

    let signed_in = server
        .post(
            "/user_management/authenticate",
            json!({
                "client_id": "client_of_the_first_version",
                "client_secret": API_KEY,
                "grant_type": "password",
                "email": "ann@heron.example",
                "password": "a Long passphrase 77 herons",
            }),
        )
        .await
        .expect(200);
    assert_eq!(signed_in["organization_id"], first["id"]);
    let found = server.get("/user_management/users?email=ben@heron.example").await.expect(200);
    let user = found["data"][0]["id"].as_str().unwrap();
    let memberships = server.pages(&format!("/user_management/organization_memberships?user_id={user}")).await;
    assert_eq!(memberships[0]["role"]["slug"], "reader");
    let path = format!("/authorization/organization_memberships/{}/check", memberships[0]["id"].as_str().unwrap());
    let check = json!({ "permission_slug": "posts:read", "resource_type_slug": "organization",
        "resource_external_id": first["id"] });
    assert_eq!(server.post(&path, check).await.expect(200)["authorized"], true);

    // Organizations of before have the root of a tree.
    let root =
        format!("/authorization/organizations/{0}/resources/organization/heron-0", first["id"].as_str().unwrap());
    assert_eq!(server.get(&root).await.expect(200)["name"], first["name"]);
    assert_eq!(server.pages("/authorization/resources?resource_type_slug=organization").await.len(), 5);

    // The log goes on behind what was there.
    let created = server.post("/organizations", json!({ "name": "Later" })).await.expect(201);
    let events = server.events("organization.created", 7).await;
    let told: Vec<_> = events.iter().map(|event| event["data"]["name"].as_str().unwrap()).collect();
    assert_eq!(told, ["Heron 0", "Heron 1", "Heron 2", "Heron 3", "Heron 4", "Gone", "Later"]);
    assert_eq!(events[6]["data"], created);
    let page = server.get("/events?events=organization.created&limit=2&order=asc").await.expect(200);
    let after = page["list_metadata"]["after"].as_str().unwrap();
    let next = server.get(&format!("/events?events=organization.created&limit=1&order=asc&after={after}")).await;
    assert_eq!(next.expect(200)["data"][0], events[2]);
}

/// Somebody works on a table that a migration changes: it waits in short steps, so that they are not kept from their
/// work, and a server that is killed while it waits leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_waits_for_those_who_work_and_lets_them_work() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    fill(&postgres).await;
    let url = postgres.url();
    let spawn = || {
        let mut command = place.command(&["serve"]);
        command.envs([("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY)]);
        Process::spawn(command)
    };
    let mut worker = postgres.connect().await;
    let mut long = worker.begin().await.unwrap();
    for work in ["update environments set name = name", "update organization_domains set state = state"] {
        assert_eq!(sqlx::query(work).execute(&mut *long).await.unwrap().rows_affected(), 1);
    }

    let killed = spawn();
    waits(&killed).await;
    // What an application of the former version does meanwhile.
    let mut other = postgres.connect().await;
    for _ in 0..3 {
        let read = "select (select count(*) from organization_domains) + (select count(*) from environments)";
        assert_eq!(sqlx::query_scalar::<_, i64>(read).fetch_one(&mut other).await.unwrap(), 2);
    }
    nix::sys::signal::kill(killed.pid(), nix::sys::signal::Signal::SIGKILL).unwrap();
    killed.ended().await;

    let (one, other) = (spawn(), spawn());
    waits(&one).await;
    long.commit().await.unwrap();
    for process in [one, other] {
        let server = process.ready().await.with_key(API_KEY);
        assert_eq!(server.pages("/organizations").await.len(), 5);
    }
}

async fn waits(process: &Process) {
    crate::harness::until("a migration waits", async || {
        process.log.text().contains("could not have a table for itself").then_some(())
    })
    .await;
}
