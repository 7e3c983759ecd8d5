//! The command line: what it accepts, and which function answers each command.
//!
//! The flags for settings are made from the table in [`config`], so a new setting needs nothing here. Each command
//! that does work has a file of its own; this one parses, reads the settings, and turns the outcome into an exit code:
//! 0 done, 1 failed, 2 wrong usage or settings.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, CommandFactory as _, FromArgMatches as _};

use crate::db::embedded::{KEEPER, keeper_main};
use crate::kernel::config::kind::Shape;
use crate::kernel::config::layers::{Key, Layer};
use crate::kernel::config::{self, Config, Fallback, Flags, Setting};

pub mod apply;
pub mod boot;
pub mod database;
pub mod doctor;
pub mod explain;
pub mod export;
pub mod healthcheck;
pub mod keys;
pub mod logging;
pub mod migrate;
pub mod serve;
pub mod telemetry;
pub mod tools;
pub mod webhooks;

/// How a command ends: nothing, or an error whose message tells the operator what to do.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Wrong usage or settings, as in clap and most Unix tools.
const USAGE: u8 = 2;

/// A server that speaks the WorkOS API, on your own machines.
#[derive(Debug, clap::Parser)]
#[command(name = "vestibule", version, arg_required_else_help = false, after_help = AFTER_HELP)]
struct Arguments {
    /// Settings file in TOML
    #[arg(long = "config", value_name = "FILE", global = true, help_heading = SETTINGS_HEADING)]
    file: Option<PathBuf>,

    #[command(subcommand)]
    command: Option<Command>,
}

const SETTINGS_HEADING: &str = "Settings";

const AFTER_HELP: &str = "Without a command, `serve` is run. Every setting is also an environment variable and a key in \
                          the settings file; flags win over variables, variables over the file.\n\
                          Exit codes: 0 done, 1 failed, 2 wrong usage or settings.";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Command {
    /// Migrate the database, then serve (the default)
    Serve,
    /// Bring the database's schema up to date and end
    Migrate,
    /// Apply a seed file: idempotent, so applying it again changes nothing
    Apply(Apply),
    /// Write an environment as a seed file, which `apply` makes again elsewhere with the same ids
    Export(Export),
    /// Create, list and revoke the API keys of an environment
    #[command(subcommand)]
    Keys(Keys),
    /// List what is owed to webhook endpoints, and send events again
    #[command(subcommand)]
    Webhooks(Webhooks),
    /// Tell why a membership may do something with a resource, or may not
    Explain(Explain),
    /// Check everything that a start depends on, and say what to do; exit code 1 if something is wrong
    Doctor(Doctor),
    /// Run a program of PostgreSQL's, such as psql or pg_dump, on the server's database
    Database(Tool),
    /// Print the settings in force and where each comes from, without secrets
    Config,
    /// Ask the server on this machine whether it is ready; for the health check of a container
    Healthcheck(Healthcheck),
    /// Watch over the private PostgreSQL cluster. Started by the server only, with the arguments that it chose; see
    /// [`parse`] for why clap does not know it.
    #[command(skip)]
    PostgresKeeper(Vec<OsString>),
}

/// `vestibule apply`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Apply {
    /// The seed file, in YAML or JSON
    // An id of its own: `--config`, which every command has, is called `file` too.
    #[arg(id = "seed", value_name = "FILE")]
    pub file: PathBuf,
    /// Print what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `vestibule export`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Export {
    /// Environment by id or name; may be left out while there is only one
    #[arg(long)]
    pub environment: Option<String>,
    /// Write secrets too: hashes of passwords and keys, and what signs webhooks
    #[arg(long)]
    pub secrets: bool,
    /// Write a new file, for its owner only, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// `vestibule keys`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Keys {
    /// Make an API key and print it, this once
    Create {
        /// Environment by id or name; may be left out while there is only one
        #[arg(long)]
        environment: Option<String>,
        /// What the key is for, to recognise it by later
        #[arg(long)]
        name: String,
    },
    /// List the API keys, without their values
    List {
        /// Environment by id or name; may be left out while there is only one
        #[arg(long)]
        environment: Option<String>,
    },
    /// Revoke an API key at once
    Revoke {
        /// Environment by id or name; may be left out while there is only one
        #[arg(long)]
        environment: Option<String>,
        /// Id of the key, as `list` shows it
        key: String,
    },
}

/// `vestibule webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub enum Webhooks {
    /// List deliveries, the newest first
    List {
        /// Environment by id or name; may be left out while there is only one
        #[arg(long)]
        environment: Option<String>,
        /// Only those owed to this endpoint
        #[arg(long)]
        endpoint: Option<String>,
        /// Only those of this event
        #[arg(long)]
        event: Option<String>,
        /// Only those that are pending, delivered or dead
        #[arg(long)]
        status: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Send events again: those named, or those of a time of which the endpoint is told
    Replay {
        /// Environment by id or name; may be left out while there is only one
        #[arg(long)]
        environment: Option<String>,
        /// The endpoint that they are sent to
        #[arg(long)]
        endpoint: String,
        /// An event; may be given many times
        #[arg(long = "event", required_unless_present = "from", conflicts_with_all = ["from", "to"])]
        events: Vec<String>,
        /// From this moment on, such as 2026-01-15T12:00:00Z
        #[arg(long, requires = "to")]
        from: Option<String>,
        /// Up to this moment
        #[arg(long, requires = "from")]
        to: Option<String>,
    },
}

/// `vestibule explain`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Explain {
    /// Environment by id or name; may be left out while there is only one
    #[arg(long)]
    pub environment: Option<String>,
    /// Id of the organization membership
    #[arg(long)]
    pub membership: String,
    /// Slug of the permission
    #[arg(long)]
    pub permission: String,
    /// Id of the resource, or what the application calls it if --type is given
    #[arg(long)]
    pub resource: String,
    /// Slug of the type of the resource
    #[arg(long = "type", value_name = "SLUG")]
    pub resource_type: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `vestibule doctor`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Doctor {
    /// Print what was found as JSON
    #[arg(long)]
    pub json: bool,
}

/// `vestibule database`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Tool {
    /// The program and its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<OsString>,
}

/// `vestibule healthcheck`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Healthcheck {
    /// Ask only whether the process answers (/livez), not whether it can serve (/readyz)
    #[arg(long)]
    pub live: bool,
}

/// A command line that was understood.
#[derive(Debug)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// What the flags say about settings.
    pub flags: Flags,
}

/// Reads a command line, the program's name first.
///
/// The keeper's arguments are the server's own and may look like flags, so they are taken as they are, before clap
/// could claim any of them as a setting.
///
/// # Errors
///
/// clap's error, which is also how it answers `--help` and `--version`.
pub fn parse(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Invocation, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    if let Some((_, [first, rest @ ..])) = arguments.split_first()
        && first == KEEPER
    {
        return Ok(Invocation { command: Command::PostgresKeeper(rest.to_vec()), flags: Flags::default() });
    }
    let keys: Vec<Key<'_>> = config::SETTINGS.iter().map(flag_key).collect();
    let matches = Arguments::command().args(keys.iter().map(|key| flag(*key))).try_get_matches_from(arguments)?;
    let mut given = Vec::new();
    for key in keys {
        let name = Layer::Flag.spell(key);
        if let Some(value) = matches.get_one::<String>(&name) {
            given.push((name, value.clone()));
        }
    }
    let Arguments { file, command } = Arguments::from_arg_matches(&matches)?;
    Ok(Invocation { command: command.unwrap_or(Command::Serve), flags: Flags { file, given } })
}

/// What a setting's flag stands for: a secret's flag takes a path only, see [`Setting::flag`].
fn flag_key(setting: &'static Setting) -> Key<'static> {
    Key { setting, indirect: setting.secret }
}

fn flag(key: Key<'_>) -> Arg {
    let (setting, name) = (key.setting, Layer::Flag.spell(key));
    let fallback = match setting.fallback {
        Fallback::Default("") => "[default: none]".to_owned(),
        Fallback::Default(value) => format!("[default: {value}]"),
        Fallback::Absent(meaning) => format!("[without it: {meaning}]"),
    };
    let what = if key.indirect { "Path of a file that holds this secret: " } else { "" };
    let variable = setting.variable();
    let variables = if key.indirect { format!("{variable} or {variable}_FILE") } else { variable };
    let help = format!("{what}{}\n{fallback} [env: {variables}]", setting.help);
    let flag = Arg::new(name.clone())
        .long(name.trim_start_matches("--").to_owned())
        .help(help)
        .help_heading(SETTINGS_HEADING)
        .hide_short_help(true)
        .global(true);
    match setting.shape {
        Shape::Switch => flag.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true"),
        Shape::One | Shape::List => flag.value_name(if key.indirect { "FILE" } else { "VALUE" }),
    }
}

/// The whole program, given its arguments and its environment.
pub fn run(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
    environment: Vec<(OsString, OsString)>,
) -> ExitCode {
    let Invocation { command, flags } = match parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) => {
            // Nobody is left to tell if the terminal is gone.
            let _ = error.print();
            return if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    if let Command::PostgresKeeper(arguments) = command {
        return keeper_main(arguments.into_iter());
    }
    if let Command::Doctor(arguments) = command {
        // Settings that cannot be read are what it is there to tell of.
        return finish(block_on(async {
            let well = doctor::run(environment, flags, &arguments).await?;
            if well { Ok(()) } else { Err("something is wrong: see above".into()) }
        }));
    }
    match Config::load(environment, flags) {
        Ok(config) => finish(dispatch(command, config)),
        Err(faults) => {
            complain(&faults);
            USAGE.into()
        }
    }
}

fn dispatch(command: Command, config: Config) -> Outcome {
    match command {
        Command::Serve => block_on(serve::run(config)),
        Command::Migrate => block_on(migrate::run(config)),
        Command::Apply(arguments) => block_on(apply::run(config, arguments)),
        Command::Export(arguments) => block_on(export::run(config, arguments)),
        Command::Keys(arguments) => block_on(keys::run(config, arguments)),
        Command::Webhooks(arguments) => block_on(webhooks::run(config, arguments)),
        Command::Explain(arguments) => block_on(explain::run(config, arguments)),
        Command::Config => Ok(std::io::stdout().write_all(config.redacted().as_bytes())?),
        Command::Database(tool) => block_on(tools::run(config, tool)),
        Command::Healthcheck(arguments) => healthcheck::run(&config, &arguments),
        // Answered before the settings were read.
        Command::PostgresKeeper(_) | Command::Doctor(_) => Ok(()),
    }
}

fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn finish(outcome: Outcome) -> ExitCode {
    logging::flush();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Tells the operator what went wrong, with the causes below it.
fn complain(error: &dyn Error) {
    let mut text = format!("vestibule: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("  because: {error}\n"));
        cause = error.source();
    }
    let _ = std::io::stderr().write_all(text.as_bytes());
}
