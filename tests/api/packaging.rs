//! The Dockerfile and the compose file, read as data: no container engine is needed to see that the variables they set
//! exist and that the safety properties they promise are there.

use serde_json::Value;
use vestibule::kernel::config::{Config, Flags, SETTINGS, Setting};

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const DOCKERFILE: &str = include_str!("../../Dockerfile");

fn compose() -> Value {
    serde_saphyr::from_str(COMPOSE).unwrap()
}

fn services() -> serde_json::Map<String, Value> {
    compose()["services"].as_object().unwrap().clone()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// The instructions of the Dockerfile, in order, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let lines = DOCKERFILE.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let joined = lines.replace("\\\n", " ");
    let instruction = |line: &str| line.split_once(' ').map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()));
    joined.lines().filter_map(instruction).collect()
}

/// The instructions of the stage that becomes the image.
fn image() -> Vec<(String, String)> {
    let all = instructions();
    let last = all.iter().rposition(|(word, _)| word == "FROM").unwrap();
    all[last..].to_vec()
}

fn only(word: &str) -> String {
    let found: Vec<String> = image().into_iter().filter(|(name, _)| name == word).map(|(_, rest)| rest).collect();
    assert_eq!(found.len(), 1, "{word}: {found:?}");
    found[0].clone()
}

fn image_environment() -> Vec<(String, String)> {
    let pair = |text: &str| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    only("ENV").split_whitespace().map(pair).collect()
}

/// Replaces `${NAME:-default}` by the default and `${NAME:?reason}` by a sample, as compose does.
fn interpolate(text: &str, sample: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (inside, after) = rest.split_once('}').unwrap();
    let value = match inside.split_once(":-") {
        Some((_, default)) => default,
        None => sample,
    };
    format!("{before}{value}{}", interpolate(after, sample))
}

/// What the server's process finds in its environment: the image's variables, and compose's above them.
fn effective_environment() -> Vec<(String, String)> {
    let mut environment = image_environment();
    let services = services();
    for (name, value) in services["vestibule"]["environment"].as_object().unwrap() {
        environment.push((name.clone(), interpolate(value.as_str().unwrap(), "0123456789abcdef")));
    }
    environment
}

#[test]
fn every_variable_of_the_image_and_of_the_compose_file_is_a_setting_and_the_server_starts_with_them() {
    let environment = effective_environment();
    for (name, _) in &environment {
        assert!(SETTINGS.iter().any(|setting| setting.variable() == *name), "{name}");
    }
    let config = Config::load(environment, Flags::default()).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:4100");
    assert_eq!(config.origin(config.listen).as_str(), "http://localhost:4100");
    let database = config.database_url.unwrap();
    assert_eq!(database.expose(), "postgres://vestibule:0123456789abcdef@postgres:5432/vestibule");
    assert!(config.api_key.is_none() && config.admin_token.is_none() && config.secret_key.is_none());
}

#[test]
fn no_secret_has_a_default() {
    let secrets: Vec<String> = SETTINGS.iter().filter(|setting| setting.secret).map(Setting::variable).collect();
    for (name, _) in image_environment() {
        assert!(!secrets.contains(&name), "{name} in the image");
    }
    let services = services();
    let password = services["postgres"]["environment"]["POSTGRES_PASSWORD"].as_str().unwrap();
    assert!(password.starts_with("${POSTGRES_PASSWORD:?"), "{password}");
    let server = services["vestibule"]["environment"].as_object().unwrap();
    for name in &secrets {
        let Some(value) = server.get(name) else { continue };
        let value = value.as_str().unwrap();
        let required = value.contains("${POSTGRES_PASSWORD:?");
        assert!(required || value == format!("${{{name}:-}}"), "{name}: {value}");
    }
    for word in ["ARG", "ADD"] {
        assert!(instructions().iter().all(|(name, _)| name != word), "{word} can carry a secret into a layer");
    }
}

#[test]
fn the_image_runs_as_a_numeric_user_and_checks_its_own_health() {
    let user = only("USER");
    let (uid, gid) = user.split_once(':').unwrap();
    assert!(uid.parse::<u32>().unwrap() > 0 && gid.parse::<u32>().unwrap() > 0);
    let binary = "/usr/local/bin/vestibule";
    assert!(only("HEALTHCHECK").ends_with(&format!("CMD [\"{binary}\", \"healthcheck\"]")));
    assert_eq!(only("ENTRYPOINT"), format!("[\"{binary}\"]"));
    let data = image_environment().into_iter().find(|(name, _)| name == "VESTIBULE_DATA_DIR").unwrap().1;
    assert_eq!(only("VOLUME"), format!("[\"{data}\"]"));
    let copied = image().into_iter().any(|(_, rest)| rest == format!("--from=build --chown={user} /data {data}"));
    assert!(copied, "the data folder belongs to the user");
    assert!(COMPOSE.contains(&format!("user: \"{user}\"")), "compose and image agree on the user");
}

#[test]
fn the_server_waits_for_a_healthy_database() {
    let services = services();
    assert_eq!(services["vestibule"]["depends_on"]["postgres"]["condition"], "service_healthy");
    let check = &services["vestibule"]["healthcheck"]["test"];
    assert_eq!(strings(check), ["CMD", "/usr/local/bin/vestibule", "healthcheck"]);
    assert!(strings(&services["postgres"]["healthcheck"]["test"]).contains(&"--host=127.0.0.1"));
}

#[test]
fn every_service_is_confined_and_comes_back() {
    for (name, service) in services() {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(strings(&service["tmpfs"]).contains(&"/tmp"), "{name}");
        assert!(service["mem_limit"].is_string(), "{name}");
        assert_eq!(service["restart"], "unless-stopped", "{name}");
        assert!(service["healthcheck"]["test"].is_array(), "{name}");
        let (uid, _) = service["user"].as_str().unwrap().split_once(':').unwrap();
        assert!(uid.parse::<u32>().unwrap() > 0, "{name}");
        assert!(service.get("privileged").is_none(), "{name}");
    }
}

#[test]
fn only_the_server_is_published_and_only_to_this_machine() {
    let services = services();
    assert_eq!(strings(&services["vestibule"]["ports"]), ["127.0.0.1:4100:4100"]);
    assert!(services["postgres"].get("ports").is_none());
}

#[test]
fn what_must_outlive_a_container_is_in_a_named_volume() {
    let compose = compose();
    for (name, service) in services() {
        for volume in strings(&service["volumes"]) {
            let (source, _) = volume.split_once(':').unwrap();
            assert!(compose["volumes"].as_object().unwrap().contains_key(source), "{name}: {source}");
        }
    }
}
