//! The keeper: the server's own binary, run once more to become a program of PostgreSQL.
//!
//! Between a fork and an exec a threaded process may do next to nothing safely, so the server does not prepare
//! its children there. It starts itself with the hidden subcommand [`KEEPER`] instead; that process has one
//! thread, gives up root, ties its life to the server's, and then *becomes* `initdb` or `postgres`: same process
//! id, same parent. The two halves, [`Launcher::command`] and [`keeper_main`], are one protocol and stay together.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::errno::Errno;
use nix::unistd::{self, Gid, Pid, Uid};

use super::account::Account;

/// The hidden subcommand. `main` must look for it before it starts a thread, reads a setting or opens a log.
pub const KEEPER: &str = "postgres-keeper";

/// Exit status: the cluster's user cannot enter the working directory (`EX_NOPERM` of sysexits.h).
pub(super) const UNREACHABLE: u8 = 77;
/// Exit status: any other failure before the program runs (`EX_OSERR`); neither is used by PostgreSQL.
const FAILED: u8 = 71;

/// What PostgreSQL may see of the server's environment. The rest holds the server's secrets, or `PG*` variables
/// that are meant for another cluster and that PostgreSQL would obey.
const ENVIRONMENT: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// Makes the commands that run as the cluster's user.
#[derive(Debug, Clone)]
pub(super) struct Launcher {
    pub(super) keeper: PathBuf,
    pub(super) account: Account,
}

impl Launcher {
    /// A command that runs `program` in `directory` as the cluster's user.
    ///
    /// The thread that spawns it must outlive the child: the signal at the parent's death follows the thread.
    pub(super) fn command(&self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(&self.keeper);
        command
            .arg(KEEPER)
            .arg(self.account.uid.to_string())
            .arg(self.account.gid.to_string())
            .arg(std::process::id().to_string())
            .arg(directory)
            .arg(program)
            .stdin(Stdio::null())
            .env_clear()
            // Messages in the language that we look for words in, and one time zone for `initdb` to find.
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

/// The body of the hidden subcommand: becomes the program that `args`, which follow the subcommand, name.
///
/// It returns only when that failed; the reason then stands on standard error. Called from a process with more
/// than one thread it would change the identity of that process in the middle of its work: see [`KEEPER`].
pub fn keeper_main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let failure = match Order::read(args) {
        Some(order) => order.carry_out(),
        None => Failure::Usage,
    };
    // Nobody is left to tell when this fails too.
    let _ = writeln!(io::stderr(), "{KEEPER}: {failure}");
    ExitCode::from(match failure {
        Failure::Directory { .. } => UNREACHABLE,
        Failure::Usage
        | Failure::Identity(_)
        | Failure::ParentSignal(_)
        | Failure::Orphaned
        | Failure::Session(_)
        | Failure::Program { .. } => FAILED,
    })
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("this subcommand is for the server's own use")]
    Usage,
    #[error("cannot become the user that runs PostgreSQL: {0}")]
    Identity(Errno),
    #[error("cannot ask for a signal at the server's death: {0}")]
    ParentSignal(Errno),
    #[error("the server is gone")]
    Orphaned,
    #[error("cannot open a session: {0}")]
    Session(Errno),
    #[error("cannot enter {}: {source}", .directory.display())]
    Directory { directory: PathBuf, source: io::Error },
    #[error("cannot run {}: {source}", .program.display())]
    Program { program: PathBuf, source: io::Error },
}

struct Order {
    uid: Uid,
    gid: Gid,
    server: Pid,
    directory: PathBuf,
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Order {
    fn read(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut number = || args.next()?.to_str().map(str::to_owned);
        Some(Self {
            uid: Uid::from_raw(number()?.parse().ok()?),
            gid: Gid::from_raw(number()?.parse().ok()?),
            server: Pid::from_raw(number()?.parse().ok()?),
            directory: args.next()?.into(),
            program: args.next()?.into(),
            arguments: args.collect(),
        })
    }

    /// The order of the steps is the point; each says why it stands where it does.
    fn carry_out(self) -> Failure {
        if let Err(errno) = self.become_user() {
            return Failure::Identity(errno);
        }
        // After the change of user, because the kernel clears the request whenever credentials change.
        if let Err(errno) = signal_at_parents_death() {
            return Failure::ParentSignal(errno);
        }
        // After the request, because a server that died before it sends no signal any more.
        if unistd::getppid() != self.server {
            return Failure::Orphaned;
        }
        // Out of the terminal's foreground group: Ctrl-C is for the server, which stops PostgreSQL when its own
        // requests are done.
        if let Err(errno) = unistd::setsid() {
            return Failure::Session(errno);
        }
        // As the new user, so that a closed directory on the way shows here and gets a message of its own. And
        // `initdb` would otherwise complain about root's working directory.
        if let Err(source) = std::env::set_current_dir(&self.directory) {
            return Failure::Directory { directory: self.directory, source };
        }
        let source = Command::new(&self.program).args(&self.arguments).exec();
        Failure::Program { program: self.program, source }
    }

    /// Groups, then group, then user: each step needs the privilege that the last one gives up.
    fn become_user(&self) -> nix::Result<()> {
        if unistd::geteuid() == self.uid {
            return Ok(());
        }
        drop_groups()?;
        unistd::setgid(self.gid)?;
        unistd::setuid(self.uid)
    }
}

/// Root's supplementary groups would stay with PostgreSQL otherwise.
#[cfg(not(target_vendor = "apple"))]
fn drop_groups() -> nix::Result<()> {
    unistd::setgroups(&[])
}

/// On Apple's systems groups come from a directory service, and `setgroups` is not there to be called.
#[cfg(target_vendor = "apple")]
fn drop_groups() -> nix::Result<()> {
    Ok(())
}

/// SIGINT is PostgreSQL's fast shutdown: it ends connections, writes a checkpoint and goes.
#[cfg(target_os = "linux")]
fn signal_at_parents_death() -> nix::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGINT)
}

/// Only Linux offers it. Elsewhere a killed server leaves PostgreSQL running; `debris` reports that.
#[cfg(not(target_os = "linux"))]
fn signal_at_parents_death() -> nix::Result<()> {
    Ok(())
}
