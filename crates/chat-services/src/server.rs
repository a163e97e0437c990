//! One server process: started, watched, ended.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Error, Result, Tried};
use crate::{keeper, processes, wait};

/// Lines of a log that an error shows.
const LOG_LINES_SHOWN: usize = 20;
/// Longest wait for a process that was killed.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// What is to be started.
pub(crate) struct Plan {
    pub command: Command,
    /// Where its output goes; appended to.
    pub log: PathBuf,
    pub end: End,
}

/// How a server whose data is thrown away is ended: at once, and leaving nothing in the system.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Kill,
    /// For PostgreSQL, whose segment of shared memory would outlive a kill.
    Quit,
}

impl End {
    fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Quit => Signal::QUIT,
        }
    }

    /// As the shell names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
        }
    }
}

/// A child process that serves. Ended and waited for on drop.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
    /// Length of the log when this process began: what is before it was said by an earlier one.
    log_from: u64,
    end: End,
}

impl Server {
    /// Starts it; `name` is what errors call it.
    pub(crate) fn start(name: String, plan: Plan) -> Result<Self> {
        let Plan { mut command, log, end } = plan;
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .tried(|| format!("can't write {}", log.display()))?;
        let log_from = output.metadata().map_or(0, |found| found.len());
        let errors = output.try_clone().tried(|| format!("can't write {}", log.display()))?;
        // In a group of its own: an interrupt of the terminal is for the harness, which ends its servers in
        // their order.
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .tried(|| format!("can't start {}", command.get_program().display()))?;
        keeper::hold(child.id(), end);
        Ok(Self { name, child, log, log_from, end })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said since it was started.
    pub(crate) fn said(&self) -> String {
        let mut text = Vec::new();
        if let Ok(mut log) = File::open(&self.log)
            && log.seek(SeekFrom::Start(self.log_from)).is_ok()
        {
            drop(log.read_to_end(&mut text));
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until `look` sees that it serves.
    ///
    /// # Errors
    /// It ends instead, [`Error::AddressInUse`] if that was why; it takes longer than `within`.
    pub(crate) fn ready(
        &mut self,
        within: Duration,
        mut look: impl FnMut(&Self) -> Result<bool>,
    ) -> Result<()> {
        let name = self.name.clone();
        let ready = wait::until(
            || format!("{name} is ready"),
            within,
            || {
                if let Some(status) = self.has_ended()? {
                    return Err(self.why_ended(status));
                }
                Ok(look(self)?.then_some(()))
            },
        );
        ready.map_err(|error| match error {
            Error::Deadline { what, within } => {
                let what = format!("{what}; its log ends with:\n{}", last_lines(&self.said()));
                Error::Deadline { what, within }
            }
            other => other,
        })
    }

    fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().tried(|| format!("can't wait for {}", self.name))
    }

    fn why_ended(&self, status: ExitStatus) -> Error {
        let (service, said) = (self.name.clone(), self.said());
        if said.to_lowercase().contains("address already in use") {
            return Error::AddressInUse { service };
        }
        Error::Ended { service, status: status.to_string(), log: last_lines(&said) }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) fn send(&self, signal: Signal) {
        processes::send(self.pid(), signal);
    }

    /// Asks it to end with `signal`, and waits until it has.
    ///
    /// # Errors
    /// It takes longer than `within`, and is killed then.
    pub(crate) fn stop(mut self, signal: Signal, within: Duration) -> Result<()> {
        self.send(signal);
        self.gone(within)
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.send(Signal::KILL);
        self.gone(GONE_WITHIN)
    }

    fn gone(&mut self, within: Duration) -> Result<()> {
        let name = self.name.clone();
        wait::until(
            || format!("{name} is gone"),
            within,
            || Ok(self.has_ended()?.map(|_| keeper::release(self.pid()))),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} said at last:\n{}", self.name, last_lines(&self.said())); // a test fails
        }
        if !self.is_running() {
            return keeper::release(self.pid());
        }
        self.send(self.end.signal());
        self.send(Signal::CONT); // what is paused takes no signal but KILL
        if self.gone(GONE_WITHIN).is_err() {
            self.send(Signal::KILL);
            drop(self.child.wait());
            keeper::release(self.pid());
        }
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}
