//! The settings as an operator meets them: which layer wins, how secrets are read, and what a refused start says.
//!
//! All of it is pure: environment and flags are values here. Only files are real, in cargo's folder for tests.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::documents;
use vestibule::cli;
use vestibule::kernel::config::layers::{self, Layer};
use vestibule::kernel::config::{Config, Fallback, Faults, Flags, LogFormat, SETTINGS, kind};

const TOKEN: &str = "correct-horse-battery-staple";

/// A file of its own for each test, by name.
fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::load(pairs.iter().copied(), Flags::default())
}

fn from_file(path: &Path) -> Result<Config, Faults> {
    Config::load::<&str, &str>([], Flags { file: Some(path.to_owned()), given: Vec::new() })
}

fn from_line(line: &[&str], pairs: &[(&str, &str)]) -> Result<Config, Faults> {
    let invocation = cli::parse([&["vestibule"], line].concat()).unwrap();
    Config::load(pairs.iter().copied(), invocation.flags)
}

/// The faults of a start that must be refused, as (place, problem).
fn faults(result: Result<Config, Faults>) -> Vec<(String, String)> {
    let faults = result.expect_err("the start must be refused");
    faults.as_slice().iter().map(|fault| (fault.place.clone(), fault.problem.clone())).collect()
}

fn only_fault(result: Result<Config, Faults>) -> (String, String) {
    let mut faults = faults(result);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn nothing_needs_to_be_set() {
    let config = from_environment(&[]).unwrap();
    let listen: SocketAddr = "127.0.0.1:4100".parse().unwrap();
    assert_eq!(config.listen, listen);
    assert_eq!(config.origin(config.listen).as_str(), "http://127.0.0.1:4100");
    assert_eq!(config.data_dir, Path::new("./data"));
    assert_eq!((config.database_connections, config.request_body_limit), (16, 1 << 20));
    assert_eq!((config.rate_limit, config.dev, config.log_format), (None, false, LogFormat::Text));
    assert!(config.database_url.is_none() && config.secret_key.is_none() && config.api_key.is_none());
}

#[test]
fn flags_override_variables_which_override_the_file_which_overrides_defaults() {
    let path = file("precedence.toml", "listen = '127.0.0.1:1'\nlog = 'debug'\nrate_limit = 60\n");
    let path = path.to_str().unwrap();
    let variables = [("VESTIBULE_LISTEN", "127.0.0.1:2"), ("VESTIBULE_LOG", "warn")];
    let config = from_line(&["--config", path, "serve", "--listen", "127.0.0.1:3"], &variables).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log, "warn");
    assert_eq!(config.rate_limit.map(u32::from), Some(60));
    assert_eq!(config.database_connections, 16);
}

#[test]
fn the_settings_file_can_be_named_by_a_variable_and_the_flag_wins_over_it() {
    let (one, two) = (file("named-1.toml", "log = 'debug'"), file("named-2.toml", "log = 'trace'"));
    let variable = [("VESTIBULE_CONFIG", one.to_str().unwrap())];
    assert_eq!(from_environment(&variable).unwrap().log, "debug");
    assert_eq!(from_line(&["--config", two.to_str().unwrap()], &variable).unwrap().log, "trace");
}

#[test]
fn every_kind_of_value_can_be_written_in_the_file() {
    let path = file(
        "kinds.toml",
        "dev = true\ndatabase_connections = 4\nsign_in_rate_limit = 7\nlog_format = 'json'\n\
         request_body_limit = '2 MiB'\npublic_url = 'https://id.localhost:8443/'\n",
    );
    let config = from_file(&path).unwrap();
    assert!(config.dev);
    assert_eq!((config.database_connections, config.request_body_limit), (4, 2 << 20));
    assert_eq!(config.sign_in_rate_limit.map(std::num::NonZeroU32::get), Some(7));
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.origin(config.listen).as_str(), "https://id.localhost:8443");
}

#[test]
fn every_secret_can_be_read_from_a_file_without_its_trailing_newline() {
    let path = file("token", &format!("{TOKEN}\r\n"));
    let path = path.to_str().unwrap();
    let by_variable = from_environment(&[("VESTIBULE_ADMIN_TOKEN_FILE", path)]).unwrap();
    let by_flag = from_line(&["--admin-token-file", path], &[]).unwrap();
    let by_file = from_file(&file("token.toml", &format!("admin_token_file = '{path}'"))).unwrap();
    for config in [by_variable, by_flag, by_file] {
        assert_eq!(config.admin_token.unwrap().expose(), TOKEN);
    }
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let variable = format!("{}_FILE", setting.variable());
        let (place, problem) = only_fault(from_environment(&[(&variable, "/nowhere/secret")]));
        assert_eq!(place, variable);
        assert!(problem.starts_with("cannot read /nowhere/secret: "), "{problem}");
    }
}

#[test]
fn a_secret_given_both_ways_is_refused_but_a_higher_layer_may_override_a_file() {
    let path = file("token-both", "something-else-that-is-long-enough");
    let path = path.to_str().unwrap();
    let both = [("VESTIBULE_ADMIN_TOKEN", TOKEN), ("VESTIBULE_ADMIN_TOKEN_FILE", path)];
    let (place, problem) = only_fault(from_environment(&both));
    assert_eq!(place, "VESTIBULE_ADMIN_TOKEN_FILE");
    assert_eq!(problem, "is set together with VESTIBULE_ADMIN_TOKEN; set one of them");

    let lower = file("token-both.toml", &format!("admin_token_file = '{path}'"));
    let flags = Flags { file: Some(lower), given: Vec::new() };
    assert_eq!(Config::load([both[0]], flags).unwrap().admin_token.unwrap().expose(), TOKEN);
}

#[test]
fn unknown_names_are_refused_with_the_name_that_was_meant() {
    let meant = |name: &str| only_fault(from_environment(&[(name, "x")])).1;
    let suggestion = |known: &str| format!("there is no such setting; did you mean {known}?");
    assert_eq!(meant("VESTIBULE_LITSEN"), suggestion("VESTIBULE_LISTEN"));
    assert_eq!(meant("VESTIBULE_DATABASE_URL"), suggestion("DATABASE_URL"));
    assert_eq!(meant("VESTIBULE_ADMIN_TOKEN_FILES"), suggestion("VESTIBULE_ADMIN_TOKEN_FILE"));
    assert_eq!(meant("VESTIBULE_CONFG"), suggestion("VESTIBULE_CONFIG"));
    assert_eq!(meant("VESTIBULE_Listen"), suggestion("VESTIBULE_LISTEN"));
    assert_eq!(meant("VESTIBULE_FLUX_CAPACITOR"), "there is no such setting");
    assert_eq!(meant("VESTIBULE_LISTEN_FILE"), "only secrets can be read from a file; set VESTIBULE_LISTEN itself");

    let path = file("unknown.toml", "publicurl = 'http://a'\n[server]\nlisten = 1\n");
    let found = faults(from_file(&path));
    assert_eq!(found[0].1, suggestion("public_url"));
    assert_eq!(found[1].0, format!("server in {}", path.display()));
    assert_eq!(cli::parse(["vestibule", "--litsen", "x"]).unwrap_err().exit_code(), 2);
}

#[test]
fn all_faults_of_all_layers_are_named_together() {
    let path = file("faults.toml", "request_body_limit = 12\nlog = 1.5\n");
    let line = ["--config", path.to_str().unwrap(), "--metrics-listen", "here"];
    let variables = [
        ("VESTIBULE_LISTEN", "localhost"),
        ("VESTIBULE_DEV", "maybe"),
        ("VESTIBULE_NOPE_NOPE", "1"),
        ("VESTIBULE_SECRET_KEY_FILE", "/nowhere/key"),
    ];
    let error = from_line(&line, &variables).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("7 settings are wrong:\n"), "{text}");
    for place in ["VESTIBULE_LISTEN: ", "VESTIBULE_DEV: ", "VESTIBULE_NOPE_NOPE: ", "VESTIBULE_SECRET_KEY_FILE: "] {
        assert!(text.contains(&format!("\n  {place}")), "{place} in {text}");
    }
    assert!(text.contains("\n  --metrics-listen: must be an IP address and a port"), "{text}");
    assert!(text.contains(&format!("\n  request_body_limit in {}: must be a size", path.display())), "{text}");
    assert!(text.contains("not \"localhost\""), "{text}");
}

#[test]
fn bad_values_are_refused() {
    for (variable, values) in [
        ("VESTIBULE_LISTEN", &["4100", "localhost:4100", "127.0.0.1"][..]),
        ("VESTIBULE_PUBLIC_URL", &["id.example.com", "ftp://a", "https://a/b", "https://a?b", "https://u:p@a"]),
        ("DATABASE_URL", &["mysql://a", "localhost"]),
        ("VESTIBULE_DATABASE_CONNECTIONS", &["0", "1", "1001", "-3", "many"]),
        ("VESTIBULE_SECRET_KEY", &["short", "00000000000000000000000000000000000000000000000000000000000000ff00"]),
        ("VESTIBULE_API_KEY", &["key_123456789", "sk_short", "sk_live_changeme", "sk_with spaces in it"]),
        ("VESTIBULE_CLIENT_ID", &["client_", "123"]),
        (
            "VESTIBULE_ADMIN_TOKEN",
            &["short", "changeme-changeme-changeme", "aaaaaaaaaaaaaaaaaaaaaaaa", "a b c d e f g h i j k"],
        ),
        ("VESTIBULE_DEV", &["yes please"]),
        ("VESTIBULE_LOG", &["inof", "vestibule=loud"]),
        ("VESTIBULE_LOG_FORMAT", &["xml"]),
        ("VESTIBULE_RATE_LIMIT", &["-1", "1/s"]),
        ("VESTIBULE_REQUEST_BODY_LIMIT", &["1", "1GB", "65MiB", "99999999999999999999MiB"]),
    ] {
        for value in values {
            let (place, problem) = only_fault(from_environment(&[(variable, value)]));
            assert_eq!(place, variable);
            assert!(problem.starts_with("must be "), "{problem}");
        }
    }
}

#[test]
fn a_master_key_is_32_bytes_in_base64_or_hexadecimal() {
    let bytes: [u8; 32] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let hexadecimal = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for text in [hexadecimal, base64] {
        assert_eq!(kind::decode_key(text), Some(bytes));
        assert_eq!(from_environment(&[("VESTIBULE_SECRET_KEY", text)]).unwrap().secret_key.unwrap().expose(), text);
    }
    assert_eq!(kind::decode_key(&"00".repeat(32)), None, "a key of one repeated byte");
}

#[test]
fn the_development_mode_is_refused_with_an_https_url_that_is_not_local() {
    let dev = |url| from_environment(&[("VESTIBULE_DEV", "true"), ("VESTIBULE_PUBLIC_URL", url)]);
    for url in
        ["http://10.1.2.3", "https://localhost", "https://app.localhost:8443", "https://127.0.0.1", "https://[::1]"]
    {
        assert!(dev(url).unwrap().dev, "{url}");
    }
    for url in ["https://id.example.com", "https://localhost.example.com", "https://10.1.2.3"] {
        let (place, problem) = only_fault(dev(url));
        assert_eq!(place, "VESTIBULE_DEV");
        assert!(problem.contains(url), "{problem}");
    }
    assert!(!from_environment(&[("VESTIBULE_PUBLIC_URL", "https://id.example.com")]).unwrap().dev);
    // Found although another setting is wrong.
    let both = [("VESTIBULE_DEV", "1"), ("VESTIBULE_PUBLIC_URL", "https://a.example"), ("VESTIBULE_LISTEN", "?")];
    assert_eq!(faults(from_environment(&both)).len(), 2);
}

#[test]
fn metrics_need_a_listener_of_their_own() {
    let (place, _) = only_fault(from_environment(&[("VESTIBULE_METRICS_LISTEN", "127.0.0.1:4100")]));
    assert_eq!(place, "VESTIBULE_METRICS_LISTEN");
}

#[test]
fn a_server_for_mail_and_the_address_that_mail_comes_from_go_together() {
    let from = ("VESTIBULE_MAIL_FROM", "Vestibule <no-reply@example.com>");
    let with = |url| from_environment(&[("VESTIBULE_SMTP_URL", url), from]);
    for url in [
        "smtp://mail.example.com",
        "smtp://mail.example.com:25?tls=opportunistic",
        "smtp://user:p%40ss@mail.example.com:587?tls=required",
        "smtps://user:pass@mail.example.com",
        "smtp://user:pass@localhost:1025",
        "smtp://user:pass@[::1]:1025",
    ] {
        assert_eq!(with(url).unwrap().smtp_url.unwrap().expose(), url);
    }
    for url in [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com?tls=maybe",
        "smtp://mail.example.com?tls=required&x=y",
        "smtp://user@mail.example.com?tls=required",
        // In the clear, and encrypted only if nobody minds.
        "smtp://user:hunter2@mail.example.com",
        "smtp://user:hunter2@mail.example.com?tls=opportunistic",
    ] {
        let (place, problem) = only_fault(with(url));
        assert_eq!(place, "VESTIBULE_SMTP_URL", "{url}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let (place, problem) = only_fault(from_environment(&[("VESTIBULE_SMTP_URL", "smtp://mail.example.com")]));
    assert_eq!((place.as_str(), problem.contains("VESTIBULE_MAIL_FROM")), ("VESTIBULE_SMTP_URL", true));
    assert_eq!(only_fault(from_environment(&[from])).0, "VESTIBULE_MAIL_FROM");
    for address in ["nobody", "a@b\r\nBcc: c@d.example", "<a@b.example"] {
        let url = ("VESTIBULE_SMTP_URL", "smtp://mail.example.com");
        assert_eq!(only_fault(from_environment(&[url, ("VESTIBULE_MAIL_FROM", address)])).0, "VESTIBULE_MAIL_FROM");
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let database = "postgres://vestibule:hunter2-hunter2@db/vestibule";
    let environment = [("VESTIBULE_ADMIN_TOKEN", TOKEN), ("DATABASE_URL", database), ("VESTIBULE_LOG", "debug")];
    let config = from_environment(&environment).unwrap();
    for text in [config.redacted(), format!("{config:?}")] {
        assert!(!text.contains(TOKEN) && !text.contains("hunter2"), "{text}");
    }
    let shown = config.redacted();
    let line = |name: &str| shown.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert_eq!(line("database_url"), "database_url          (set)  # DATABASE_URL");
    assert_eq!(line("api_key"), "api_key               (not set: made and printed once)  # default");
    assert_eq!(line("log "), "log                   debug  # VESTIBULE_LOG");
    assert_eq!(line("listen"), "listen                127.0.0.1:4100  # default");
    assert_eq!(shown.lines().count(), SETTINGS.len());
}

#[test]
fn a_fault_in_a_secret_does_not_repeat_it() {
    let path = file("leak.toml", "admin_token = \"hunter2\nlog = 'info'\n");
    let key = file("leak", "hunter2");
    let broken = from_file(&path).unwrap_err().to_string();
    let short = from_environment(&[("VESTIBULE_ADMIN_TOKEN", "hunter2")]).unwrap_err().to_string();
    let in_file = from_environment(&[("VESTIBULE_API_KEY_FILE", key.to_str().unwrap())]).unwrap_err().to_string();
    for text in [&broken, &short, &in_file] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(broken.contains("is not TOML: line 1: "), "{broken}");
    assert!(in_file.contains(&format!("VESTIBULE_API_KEY_FILE ({}): must be `sk_`", key.display())), "{in_file}");
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let config =
        from_environment(&[("VESTIBULE_API_KEY", ""), ("VESTIBULE_LISTEN", ""), ("DATABASE_URL", "")]).unwrap();
    assert!(config.api_key.is_none() && config.database_url.is_none());
    assert_eq!(config.listen.port(), 4100);
}

#[test]
fn the_variables_that_kubernetes_makes_for_a_service_named_vestibule_are_left_alone() {
    let links = [
        ("VESTIBULE_SERVICE_HOST", "10.0.0.7"),
        ("VESTIBULE_SERVICE_PORT_HTTP", "4100"),
        ("VESTIBULE_PORT", "tcp://10.0.0.7:4100"),
        ("VESTIBULE_PORT_4100_TCP_ADDR", "10.0.0.7"),
    ];
    let cluster = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    assert!(from_environment(&[&[cluster], &links[..]].concat()).is_ok());
    assert_eq!(faults(from_environment(&links)).len(), links.len(), "outside of Kubernetes they are typing mistakes");
    assert_eq!(only_fault(from_environment(&[cluster, ("VESTIBULE_LITSEN", "x")])).0, "VESTIBULE_LITSEN");
}

#[test]
fn a_public_url_that_nobody_gave_follows_the_socket() {
    let config = from_environment(&[("VESTIBULE_LISTEN", "0.0.0.0:0")]).unwrap();
    let origin = |bound: &str| config.origin(bound.parse().unwrap()).to_string();
    assert_eq!(origin("0.0.0.0:4100"), "http://localhost:4100");
    assert_eq!(origin("[::1]:80"), "http://[::1]");
}

#[test]
fn no_two_settings_share_a_name_in_any_layer() {
    for layer in [Layer::File, Layer::Environment, Layer::Flag] {
        let mut names: Vec<String> = layers::keys().map(|key| layer.spell(key)).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}

/// The table of settings for the operator's handbook.
fn table() -> String {
    let mut text = "| variable | what it does | value | without it |\n|---|---|---|---|\n".to_owned();
    for setting in SETTINGS {
        let fallback = match setting.fallback {
            Fallback::Default("") => "none".to_owned(),
            Fallback::Default(value) => format!("`{value}`"),
            Fallback::Absent(meaning) => meaning.to_owned(),
        };
        let variable = setting.variable();
        let also = if setting.secret { format!("<br>`{variable}_FILE`") } else { String::new() };
        text += &format!("| `{variable}`{also} | {} | {} | {fallback} |\n", setting.help, setting.expects);
    }
    text
}

#[test]
fn the_handbook_lists_the_settings_that_exist() {
    documents::assert_part("docs/operations.md", "settings", &table());
}
