//! Why a service couldn't do what was asked.

use std::io;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{program} is missing: run dev/setup, which installs {package}")]
    Missing { program: String, package: &'static str },
    /// Somebody took the port between its being found free and the service's listening. Start again.
    #[error("{service} can't listen: its port is in use")]
    AddressInUse { service: String },
    #[error("{service} ended by itself ({status}); its log ends with:\n{log}")]
    Ended { service: String, status: String, log: String },
    #[error("{service} isn't running")]
    NotRunning { service: String },
    #[error("not within {}s: {what}", within.as_secs())]
    Deadline { what: String, within: Duration },
    /// A program of the service's own, or the service itself, answered with an error.
    #[error("{asked} was refused: {answer}")]
    Refused { asked: String, answer: String },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says what was tried when the system refused.
pub(crate) trait Tried<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Tried<T> for std::result::Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::Io { what: what(), source: error.into() })
    }
}
