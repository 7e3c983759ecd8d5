//! What is measured, each thing against its floor in turn, so that whatever else the machine does meets both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde_json::json;

use super::common::Fault;
use super::common::client::{Connection, request};
use super::common::cpu::{Cpu, Spent};
use super::common::report::{Aim, Line, median};
use super::common::sample::{Effort, Sample};
use super::common::server::{CLIENT, KEY};
use super::drive::{Same, Script, flat_out, paced};
use super::place::Place;
use super::sink::Sink;
use super::{Plan, pgbench};

/// Organizations that reads go round.
const ORGANIZATIONS: usize = 200;
const PASSWORD: &str = "correct horse battery staple";

/// Several requests, one after another and again from the first.
#[derive(Clone)]
struct Round(Arc<[Vec<u8>]>);

impl Script for Round {
    const STATUS: u16 = 200;

    fn request(&self, client: usize, number: usize) -> Vec<u8> {
        self.0[(client * 7 + number) % self.0.len()].clone()
    }
}

/// A new organization each time.
#[derive(Clone)]
struct Create;

impl Script for Create {
    const STATUS: u16 = 201;

    fn request(&self, client: usize, number: usize) -> Vec<u8> {
        let body = json!({ "name": format!("Acme {client}.{number}"), "metadata": { "tier": "gold" } });
        request("POST", "/organizations", KEY, Some(&body))
    }
}

/// Each client signs in as a user of its own.
#[derive(Clone)]
struct SignIn;

impl Script for SignIn {
    const STATUS: u16 = 200;

    fn request(&self, client: usize, _: usize) -> Vec<u8> {
        let body = json!({
            "grant_type": "password", "client_id": CLIENT, "client_secret": KEY,
            "email": format!("user{client}@example.com"), "password": PASSWORD,
        });
        request("POST", "/user_management/authenticate", "", Some(&body))
    }
}

/// What the measurements find there.
pub struct World {
    organizations: Round,
    floor: Round,
    check: Same,
}

impl World {
    pub async fn make(place: &Place, plan: &Plan) -> Result<Self, Fault> {
        let mut organizations = Vec::new();
        let mut first = None;
        for number in 0..ORGANIZATIONS {
            let body = json!({ "name": format!("Acme {number}") });
            let organization = place.call("POST", "/organizations", Some(body), 201).await?;
            let id = organization["id"].as_str().ok_or("an organization has no id")?.to_owned();
            organizations.push(request("GET", &format!("/organizations/{id}"), KEY, None));
            first.get_or_insert(id);
        }
        let first = first.ok_or("there is no organization")?;
        for client in 0..plan.clients {
            let body = json!({ "email": format!("user{client}@example.com"), "password": PASSWORD });
            place.call("POST", "/user_management/users", Some(body), 201).await?;
        }
        let floor = (0..ORGANIZATIONS).map(|row| request("GET", &format!("/rows/org_{row:026}"), "", None));
        let (floor, organizations) = (Round(floor.collect()), Round(organizations.into()));
        let check = check(place, &first).await?;
        // Others, thousands of them: what is read is to be found and not just there.
        flat_out(place.address, Effort { time: Duration::from_secs(2), ..plan.effort() }, Create).await?;
        place.tidy().await?;
        Ok(Self { organizations, floor, check })
    }
}

/// A question that is answered with yes: a role with ten permissions, asked for the last of them.
async fn check(place: &Place, organization: &str) -> Result<Same, Fault> {
    let mut permissions = Vec::new();
    for number in 0..10 {
        let slug = format!("documents:{number}");
        let body = json!({ "slug": slug, "name": slug });
        place.call("POST", "/authorization/permissions", Some(body), 201).await?;
        permissions.push(slug);
    }
    let body = json!({ "slug": "editor", "name": "Editor" });
    place.call("POST", "/authorization/roles", Some(body), 201).await?;
    let body = json!({ "permissions": permissions });
    place.call("PUT", "/authorization/roles/editor/permissions", Some(body), 200).await?;
    let body = json!({ "email": "editor@example.com" });
    let user = place.call("POST", "/user_management/users", Some(body), 201).await?;
    let body = json!({ "user_id": user["id"], "organization_id": organization, "role_slug": "editor" });
    let membership = place.call("POST", "/user_management/organization_memberships", Some(body), 201).await?;
    let id = membership["id"].as_str().ok_or("a membership has no id")?;
    let path = format!("/authorization/organization_memberships/{id}/check");
    let body = json!({
        "permission_slug": "documents:9", "resource_type_slug": "organization", "resource_external_id": organization,
    });
    let answer = place.call("POST", &path, Some(body.clone()), 200).await?;
    if answer["authorized"] != json!(true) {
        return Err(format!("the check is answered with {answer}").into());
    }
    Ok(Same(request("POST", &path, KEY, Some(&body))))
}

/// Samples of both sides in turn: the rates, and all answers of the subject.
struct Rounds {
    subject: Vec<f64>,
    floor: Vec<f64>,
    all: Option<Sample>,
    cpu: [Spent; 2],
}

impl Rounds {
    fn new() -> Self {
        Self { subject: Vec::new(), floor: Vec::new(), all: None, cpu: Default::default() }
    }

    fn add(&mut self, floor: f64, subject: Sample) {
        self.floor.push(floor);
        self.subject.push(subject.rate);
        self.all = Some(match self.all.take() {
            Some(all) => all.and(subject),
            None => subject,
        });
    }

    /// The ratio is the median of the rounds' ratios.
    fn line(self, what: &'static str, against: &'static str, aim: Aim) -> Line {
        let ratio = median(self.subject.iter().zip(&self.floor).map(|(subject, floor)| subject / floor).collect());
        let line = Line::new(what, median(self.subject), "/s").against(against, median(self.floor), ratio, aim);
        match &self.all {
            Some(all) => line.latency(all),
            None => line,
        }
    }
}

async fn read(
    place: &Place,
    plan: &Plan,
    what: &'static str,
    (floor, subject): (&Round, impl Script),
) -> Result<Line, Fault> {
    let (server, below, postmaster) = place.processes()?;
    let mut rounds = Rounds::new();
    for _ in 0..plan.rounds {
        let begun = Cpu::now(below, postmaster)?;
        let under = flat_out(place.floor_address, plan.effort(), floor.clone()).await?;
        rounds.cpu[1].add(under.answers(), Cpu::now(below, postmaster)?.since(begun));
        let begun = Cpu::now(server, postmaster)?;
        let sample = flat_out(place.address, plan.effort(), subject.clone()).await?;
        rounds.cpu[0].add(sample.answers(), Cpu::now(server, postmaster)?.since(begun));
        rounds.add(under.rate, sample);
    }
    let [above, under] = rounds.cpu.each_ref().map(Spent::each);
    let note = format!("processor: {above} us in the program and PostgreSQL, the floor {under}");
    Ok(rounds.line(what, "axum and one select", Aim::AtLeast(0.8)).note(note))
}

pub async fn get_organization(place: &Place, plan: &Plan, world: &World) -> Result<Line, Fault> {
    read(place, plan, "GET /organizations/{id}", (&world.floor, world.organizations.clone())).await
}

pub async fn check_permission(place: &Place, plan: &Plan, world: &World) -> Result<Line, Fault> {
    read(place, plan, "POST .../{id}/check", (&world.floor, world.check.clone())).await
}

/// The time that a disk takes to sync changes from one moment to the next, and both sides hang on it: so they take turns
/// of a second, and many of them.
pub async fn create_organization(place: &Place, plan: &Plan) -> Result<Line, Fault> {
    let turn = Effort { time: Duration::from_secs(1), ..plan.effort() };
    let turns = (plan.rounds * usize::try_from(plan.time.as_secs())?).max(5);
    let mut rounds = Rounds::new();
    let (mut written, mut syncs) = (0.0, 0);
    let (server, _, postmaster) = place.processes()?;
    for _ in 0..turns {
        let below = pgbench::run(place, turn.clients, turn.time).await?;
        let before = (pgbench::syncs(place).await?, Cpu::now(server, postmaster)?);
        let sample = flat_out(place.address, turn, Create).await?;
        let spent = Cpu::now(server, postmaster)?.since(before.1);
        syncs += pgbench::syncs(place).await? - before.0;
        written += sample.answers();
        rounds.cpu[0].add(sample.answers(), spent);
        rounds.add(below, sample);
    }
    let each = rounds.cpu[0].each();
    let line = rounds.line("POST /organizations", "pgbench, one row each", Aim::AtLeast(0.4));
    // The statistics lag behind a little, so this is about right and no more.
    let syncs = u32::try_from(syncs).unwrap_or(u32::MAX).max(1);
    let group = written / f64::from(syncs);
    Ok(line.note(format!("{group:.1} commits for each sync of the log; processor: {each} us")))
}

pub async fn sign_in(place: &Place, plan: &Plan) -> Result<Line, Fault> {
    let mut rounds = Rounds::new();
    let (server, _, postmaster) = place.processes()?;
    for _ in 0..plan.rounds {
        let below = hash(plan.time).await?;
        let begun = Cpu::now(server, postmaster)?;
        let sample = flat_out(place.address, plan.effort(), SignIn).await?;
        let spent = Cpu::now(server, postmaster)?.since(begun);
        rounds.cpu[0].add(sample.answers(), spent);
        rounds.cpu[1].add(sample.answers(), Cpu { program: spent.idle, postgres: spent.stolen, ..spent });
        rounds.add(below, sample);
    }
    let [each, unused] = rounds.cpu.each_ref().map(Spent::each);
    let note =
        format!("processor: {each} us in the program, its hash included, and PostgreSQL; idle + stolen {unused}");
    Ok(rounds.line("sign-in by password", "bare argon2", Aim::AtLeast(0.9)).note(note))
}

/// Hashes on every core for a while, with the server's parameters; hashes a second.
async fn hash(time: Duration) -> Result<f64, Fault> {
    let cores = std::thread::available_parallelism()?.get();
    let hashers = (0..cores).map(|_| {
        tokio::task::spawn_blocking(move || {
            let params = Params::new(19 * 1024, 2, 1, Some(32))?;
            let mut memory = vec![Block::default(); params.block_count()];
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let begun = Instant::now();
            let mut hashes = 0.0;
            while begun.elapsed() < time {
                let mut out = [0; 32];
                argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), &[7; 16], &mut out, &mut memory)?;
                hashes += 1.0;
            }
            Ok::<f64, argon2::Error>(hashes / begun.elapsed().as_secs_f64())
        })
    });
    let mut rate = 0.0;
    for hasher in hashers.collect::<Vec<_>>() {
        rate += hasher.await??;
    }
    Ok(rate)
}

/// What others notice of a flood of sign-ins: requests at a leisurely pace, at rest and during the flood.
pub async fn flood(place: &Place, plan: &Plan, world: &World) -> Result<Line, Fault> {
    const PACE: Duration = Duration::from_millis(10);
    let calm = Effort { clients: 4, time: plan.time };
    let mut samples: Option<(Sample, Sample)> = None;
    let (mut ratios, mut waves) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let rest = paced(place.address, calm, world.organizations.clone(), PACE).await?;
        let wave = Effort { time: plan.time + plan.time / 5, ..plan.effort() };
        let (flooded, wave) = tokio::join!(
            paced(place.address, calm, world.organizations.clone(), PACE),
            flat_out(place.address, wave, SignIn)
        );
        let flooded = flooded?;
        waves.push(wave?.rate);
        ratios.push(flooded.within(990) / rest.within(990));
        samples = Some(match samples {
            Some((before, during)) => (before.and(rest), during.and(flooded)),
            None => (rest, flooded),
        });
    }
    let (rest, flooded) = samples.ok_or("nothing was measured")?;
    let line = Line::new("p99 of reads in a flood of sign-ins", flooded.within(990), "ms").latency(&flooded);
    let note = format!("{:.0} sign-ins a second meanwhile", median(waves));
    Ok(line.against("p99 at rest", rest.within(990), median(ratios), Aim::AtMost(1.2)).note(note))
}

/// Readers that walk through the log, a hundred events at a time, and begin again at its end.
pub async fn events(place: &Place, plan: &Plan) -> Result<Line, Fault> {
    const READERS: usize = 4;
    const LIMIT: u32 = 100;
    let begun = Instant::now();
    let end = begun + plan.time;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..READERS {
        let address = place.address;
        readers.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let (mut cursor, mut pages) = (String::new(), 0_u32);
            while Instant::now() < end {
                let path = format!("/events?events=organization.created&limit={LIMIT}{cursor}");
                let answer = connection.send(&request("GET", &path, KEY, None)).await?;
                if answer.status != 200 {
                    return Err(format!("answered {}: {}", answer.status, answer.json()).into());
                }
                match next(answer.body) {
                    Some(after) => {
                        pages += 1;
                        cursor = format!("&after={after}");
                    }
                    // The last page may be of any length, and does not count.
                    None => cursor.clear(),
                }
            }
            Ok::<u32, Fault>(pages)
        });
    }
    let mut pages = 0;
    while let Some(reader) = readers.join_next().await {
        pages += reader??;
    }
    Ok(Line::new("events read", f64::from(pages * LIMIT) / begun.elapsed().as_secs_f64(), "/s"))
}

/// The cursor behind a page. It stands at the end, so the events need not be read for it.
fn next(page: &[u8]) -> Option<String> {
    let tail = String::from_utf8_lossy(&page[page.len().saturating_sub(120)..]).into_owned();
    let (_, after) = tail.split_once("\"after\":\"")?;
    after.split_once('"').map(|(cursor, _)| cursor.to_owned())
}

/// Events of the log are queued for an endpoint again, a thousand at a time, until there is enough to do.
pub async fn webhooks(place: &Place, plan: &Plan) -> Result<Line, Fault> {
    const AT_ONCE: usize = 1000;
    // What was written by other measurements may be too little, or nothing.
    flat_out(place.address, Effort { time: Duration::from_secs(1), ..plan.effort() }, Create).await?;
    let sink = Sink::begin().await?;
    let body = json!({ "endpoint_url": sink.url, "events": ["organization.created"] });
    let endpoint = place.call("POST", "/webhook_endpoints", Some(body), 201).await?;
    let environments = place.call("GET", "/admin/v1/environments", None, 200).await?;
    let environment = environments["data"][0]["id"].as_str().ok_or("there is no environment")?;
    let path = format!("/admin/v1/environments/{environment}/webhook_replays");
    let mut body = json!({
        "endpoint_id": endpoint["id"], "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z",
    });
    let begun = Instant::now();
    let mut queued = 0;
    while queued < plan.rounds * AT_ONCE {
        let replay = place.call("POST", &path, Some(body.clone()), 201).await?;
        queued += replay["deliveries"].as_array().map_or(0, Vec::len);
        if replay["after"].is_null() {
            break;
        }
        body["after"] = replay["after"].clone();
    }
    let queued = u32::try_from(queued)?;
    while sink.received() < queued {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(format!("{} of {queued} webhooks came in 30 s", sink.received()).into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rate = f64::from(queued) / begun.elapsed().as_secs_f64();
    Ok(Line::new("webhooks delivered to one endpoint", rate, "/s").note(format!("{queued} of them")))
}

pub fn memory(place: &Place) -> Result<Line, Fault> {
    let (now, most) = place.memory()?;
    Ok(Line::new("memory of the server after all this", now, "MiB").note(format!("{most:.0} MiB at most")))
}
