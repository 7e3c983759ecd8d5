//! The log: lines on standard error, as text or as JSON.
//!
//! Lines are gathered for a moment and written together: a system call for each would be a tenth of what a request
//! costs. What warns or tells of an error is written at once, with everything before it, and so is all of it when a
//! command ends ([`flush`]). Only who kills the process from outside can lose lines, those of the last [`MOMENT`].

use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::kernel::config::{Config, LogFormat};

/// How long a line may wait for others.
const MOMENT: Duration = Duration::from_millis(10);
/// With that many bytes waiting, whoever adds a line writes them: a reader that is too slow holds up who logs, and
/// nothing is lost.
const FULL: usize = 64 * 1024;

static LINES: OnceLock<Lines> = OnceLock::new();

/// Starts logging as the settings say.
///
/// # Errors
///
/// When the filter cannot be read, or logging was started before.
pub fn start(config: &Config) -> Result<(), Box<dyn Error + Send + Sync>> {
    // What PostgreSQL remarks on (a table that is there already) is no news, unless it is asked for by name.
    let filter = EnvFilter::try_new(format!("sqlx::postgres::notice=warn,{}", config.log))?;
    let lines = Lines::default();
    let writer = lines.clone();
    std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.write_now_and_then())?;
    let writer = LINES.get_or_init(|| lines).clone();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    std::panic::set_hook(Box::new(|panic| {
        // The place only: what a panic says may hold anything.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic");
    }));
    match config.log_format {
        LogFormat::Text => lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
}

/// Writes what has been logged so far.
pub fn flush() {
    if let Some(lines) = LINES.get() {
        lines.flush();
    }
}

/// Lines on their way out.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Vec<u8>>,
    /// Wakes who writes them, when the first one comes.
    come: Condvar,
    /// What is being written. Held for as long as that takes, so that the order stays.
    leaving: Mutex<Vec<u8>>,
}

impl Lines {
    fn add(&self, line: &[u8], at_once: bool) {
        let mut waiting = lock(&self.0.waiting);
        let first = waiting.is_empty();
        waiting.extend_from_slice(line);
        let full = waiting.len() >= FULL;
        drop(waiting);
        if at_once || full {
            self.flush();
        } else if first {
            self.0.come.notify_one();
        }
    }

    fn flush(&self) {
        let mut leaving = lock(&self.0.leaving);
        std::mem::swap(&mut *leaving, &mut *lock(&self.0.waiting));
        // Where standard error is gone, there is nobody to tell.
        let _ = io::stderr().write_all(&leaving);
        leaving.clear();
    }

    fn write_now_and_then(&self) {
        loop {
            let waiting = lock(&self.0.waiting);
            let some = self.0.come.wait_while(waiting, |waiting| waiting.is_empty());
            drop(some.unwrap_or_else(PoisonError::into_inner));
            std::thread::sleep(MOMENT);
            self.flush();
        }
    }
}

/// No code that can panic runs under these locks, so a poisoned one is as good as any.
fn lock(lines: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, at_once: true }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line { lines: self, at_once: *metadata.level() <= Level::WARN }
    }
}

/// Takes one line, which comes whole.
struct Line<'a> {
    lines: &'a Lines,
    at_once: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
