//! The place of a server that comes and goes.

use std::time::Duration;

use rustix::process::Signal;

use crate::error::{Error, Result};
use crate::server::{Plan, Server};

/// At most one server, and what can be done to it.
#[derive(Debug)]
pub(crate) struct Slot {
    /// As errors call it.
    name: String,
    server: Option<Server>,
}

impl Slot {
    pub(crate) fn new(name: String) -> Self {
        Self { name, server: None }
    }

    /// Starts a server here, and waits until `look` sees that it serves.
    ///
    /// # Errors
    /// There is one, or it doesn't serve within `within`.
    pub(crate) fn start(
        &mut self,
        plan: Plan,
        within: Duration,
        look: impl FnMut(&Server) -> Result<bool>,
    ) -> Result<()> {
        if self.server.as_mut().is_some_and(Server::is_running) {
            let asked = format!("to start {}", self.name);
            return Err(Error::Refused { asked, answer: "it runs".to_owned() });
        }
        let mut server = Server::start(self.name.clone(), plan)?;
        server.ready(within, look)?;
        self.server = Some(server);
        Ok(())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Server::pid)
    }

    pub(crate) fn send(&self, signal: Signal) -> Result<()> {
        self.server.as_ref().map(|server| server.send(signal)).ok_or_else(|| self.not_running())
    }

    /// Ends it with `signal`, paused or not, and waits until it is gone.
    pub(crate) fn stop(&mut self, signal: Signal, within: Duration) -> Result<()> {
        self.send(Signal::CONT)?;
        self.take()?.stop(signal, within)
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.take()?.kill()
    }

    fn take(&mut self) -> Result<Server> {
        self.server.take().ok_or_else(|| self.not_running())
    }

    fn not_running(&self) -> Error {
        Error::NotRunning { service: self.name.clone() }
    }
}
