//! The file, written entry by entry: a list of any length never stands in memory.

use std::io::{BufWriter, Write};

use serde::Serialize;

use super::failed;
use crate::kernel::Result;

/// What is written to, and where in the file it stands.
pub(super) struct Writer<W: Write> {
    out: BufWriter<W>,
    /// The list at the top that is open.
    open: Option<&'static str>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: BufWriter::new(out), open: None }
    }

    /// A key at the top with its mapping.
    pub(super) fn mapping(&mut self, key: &'static str, value: &impl Serialize) -> Result<()> {
        self.open = None;
        self.line(&format!("{key}:"))?;
        let text = serde_saphyr::to_string(value).map_err(failed)?;
        self.lines(&text, "  ")
    }

    /// An entry of the list under this key at the top. Entries of one list come one after another.
    pub(super) fn entry(&mut self, key: &'static str, value: &impl Serialize) -> Result<()> {
        if self.open != Some(key) {
            self.line(&format!("{key}:"))?;
            self.open = Some(key);
        }
        let text = serde_saphyr::to_string(&[value]).map_err(failed)?;
        self.lines(&text, "  ")
    }

    /// An entry of a list inside the entry that was written last. `first` says whether its key must be written.
    pub(super) fn nested(&mut self, key: &str, first: bool, value: &impl Serialize) -> Result<()> {
        if first {
            self.line(&format!("    {key}:"))?;
        }
        let text = serde_saphyr::to_string(&[value]).map_err(failed)?;
        self.lines(&text, "      ")
    }

    fn line(&mut self, text: &str) -> Result<()> {
        writeln!(self.out, "{text}").map_err(failed)
    }

    /// Text that is a node of its own, further in. All lines move alike, so that nothing of it changes.
    fn lines(&mut self, text: &str, margin: &str) -> Result<()> {
        for line in text.split_terminator('\n') {
            let margin = if line.is_empty() { "" } else { margin };
            writeln!(self.out, "{margin}{line}").map_err(failed)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        self.out.flush().map_err(failed)
    }
}
