//! The command line: what it accepts, and the health check that needs nothing but a socket.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use vestibule::cli::{self, Apply, Command, Healthcheck, Keys, Webhooks, healthcheck};
use vestibule::kernel::config::{Config, Flags, SETTINGS};

#[test]
fn serve_is_the_default_and_flags_may_stand_before_and_after_a_command() {
    let parse = |line: &[&str]| cli::parse([&["vestibule"], line].concat()).unwrap();
    assert_eq!(parse(&[]).command, Command::Serve);
    for line in [&["--dev", "--listen=127.0.0.1:5"][..], &["--dev", "serve", "--listen", "127.0.0.1:5"]] {
        let invocation = parse(line);
        assert_eq!(invocation.command, Command::Serve);
        let config = Config::load::<&str, &str>([], invocation.flags).unwrap();
        assert!(config.dev);
        assert_eq!(config.listen.port(), 5);
    }
    let create = Keys::Create { environment: Some("Staging".into()), name: "ci".into() };
    assert_eq!(parse(&["keys", "create", "--environment", "Staging", "--name", "ci"]).command, Command::Keys(create));
    let apply = parse(&["apply", "seed.yaml", "--dry-run", "--config", "settings.toml"]);
    assert_eq!(apply.command, Command::Apply(Apply { file: "seed.yaml".into(), dry_run: true }));
    assert_eq!(apply.flags.file, Some("settings.toml".into()));
    assert_eq!(parse(&["apply", "seed.yaml"]).flags.file, None);
    let events = vec!["event_a".to_owned(), "event_b".to_owned()];
    let replay = Webhooks::Replay { environment: None, endpoint: "we_a".into(), events, from: None, to: None };
    let line = ["webhooks", "replay", "--endpoint", "we_a", "--event", "event_a", "--event", "event_b"];
    assert_eq!(parse(&line).command, Command::Webhooks(replay));
    for line in [
        &["webhooks", "replay", "--endpoint", "we_a"][..],
        &["webhooks", "replay", "--endpoint", "we_a", "--from", "2026-01-15T12:00:00Z"],
        &["webhooks", "replay", "--endpoint", "we_a", "--event", "event_a", "--from", "a", "--to", "b"],
    ] {
        cli::parse([&["vestibule"], line].concat()).unwrap_err();
    }
    let keeper = Command::PostgresKeeper(vec!["--data-dir".into(), "--dev".into()]);
    assert_eq!(parse(&["postgres-keeper", "--data-dir", "--dev"]).command, keeper);
}

#[test]
fn the_command_line_has_a_flag_for_every_setting_and_none_that_takes_a_secret() {
    let help = cli::parse(["vestibule", "--help"]).unwrap_err().to_string();
    for setting in SETTINGS {
        assert!(
            help.contains(&format!("{} ", setting.flag())) || help.contains(&format!("{}[", setting.flag())),
            "{}",
            setting.flag()
        );
        assert_eq!(setting.flag().ends_with("-file"), setting.secret);
    }
    assert_eq!(cli::parse(["vestibule", "--admin-token", "correct-horse-battery-staple"]).unwrap_err().exit_code(), 2);
}

/// Answers one request with a status line, and gives back the request line.
fn answer(listener: TcpListener, status: &'static str) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        let mut lines = BufReader::new(stream.try_clone().unwrap());
        lines.read_line(&mut request).unwrap();
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
        request
    })
}

fn listening_on(address: SocketAddr) -> Config {
    Config::load([("VESTIBULE_LISTEN", address.to_string())], Flags::default()).unwrap()
}

#[test]
fn the_health_check_asks_over_loopback_and_succeeds_only_on_200() {
    for (status, live, path) in [
        ("200 OK", false, "GET /readyz HTTP/1.1\r\n"),
        ("200 OK", true, "GET /livez HTTP/1.1\r\n"),
        ("503 Service Unavailable", false, "GET /readyz HTTP/1.1\r\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let everywhere = SocketAddr::new([0, 0, 0, 0].into(), listener.local_addr().unwrap().port());
        let server = answer(listener, status);
        let outcome = healthcheck::run(&listening_on(everywhere), &Healthcheck { live });
        assert_eq!(outcome.is_ok(), status == "200 OK", "{outcome:?}");
        assert_eq!(server.join().unwrap(), path);
    }
}

#[test]
fn the_health_check_fails_where_nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = healthcheck::run(&listening_on(address), &Healthcheck { live: false }).unwrap_err().to_string();
    assert!(error.starts_with(&format!("no answer from http://{address}/readyz: ")), "{error}");
}
