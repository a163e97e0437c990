//! Starting and ending the programs that are measured or killed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::floor::Mode;
use crate::proc;
use crate::rest::Rest;

/// Longest wait until a server that was started is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait until a server that was told to end has.
const DRAINED_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks at whether it is.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Below the ports that the kernel gives to outgoing connections: one of those, trying to reach a
/// server that is down, could otherwise be given the server's own port, and keep it from
/// starting.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// A child process, ended when this is dropped.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
}

/// How to start the server.
#[derive(Clone, Copy, Debug)]
pub struct ServerPlan<'p> {
    pub program: &'p Path,
    pub data_dir: &'p Path,
    pub port: u16,
    /// The session shell, if not the server's default.
    pub shell: Option<&'p str>,
    /// Where its output goes; appended to.
    pub log: &'p Path,
    /// The core that it is kept on, if any.
    pub core: Option<usize>,
    /// More options, by their names in the environment.
    pub options: &'p [(&'static str, String)],
}

impl Running {
    /// Starts the server; it may not be ready yet.
    ///
    /// # Errors
    /// The program can't be run.
    pub fn server(plan: &ServerPlan<'_>) -> Result<Self> {
        let log = File::options().create(true).append(true).open(plan.log)?;
        let mut command = Command::new(plan.program);
        command
            .env("PORT", plan.port.to_string())
            .env("DATA_DIR", plan.data_dir)
            .env("NO_COLOR", "1")
            .env("CHAT__LIMITS__ENABLED", "false")
            .env("CHAT__HTTP__WORKERS", "1")
            .env("CHAT__HTTP__HOST", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.envs(plan.options.iter().map(|(name, value)| (name, value)));
        if let Some(shell) = plan.shell {
            command.env("CHAT__SESSION__SHELL", shell);
        }
        let child = spawn(&mut command, plan.core)
            .with_context(|| format!("can't start {}", plan.program.display()))?;
        Ok(Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, plan.port)) })
    }

    /// Starts this program as a floor, and waits until it listens.
    ///
    /// # Errors
    /// It doesn't.
    pub fn floor(mode: Mode, core: usize) -> Result<Self> {
        let mode = clap::ValueEnum::to_possible_value(&mode).context("a mode without a name")?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["floor", "--port", "0", "--mode", mode.get_name()]).stdout(Stdio::piped());
        let mut child = spawn(&mut command, Some(core))?;
        let output = child.stdout.take().context("the floor's output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on ").map(str::parse);
        let Some(Ok(address)) = address else { bail!("the floor says {line:?}") };
        Ok(Self { child, address })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server says that it is ready.
    ///
    /// # Errors
    /// It ends, or takes too long.
    pub async fn ready(&mut self) -> Result<()> {
        let rest = Rest::new(self.address);
        let until = Instant::now() + READY_WITHIN;
        while !rest.is_ready().await {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended by itself: {status}");
            }
            if Instant::now() > until {
                bail!("the server was not ready within {READY_WITHIN:?}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// SIGKILL: no chance to tidy up.
    ///
    /// # Errors
    /// It had ended by itself, which a server must not.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the server had ended by itself: {status}");
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Sends a signal by its name.
    ///
    /// # Errors
    /// It can't be sent.
    pub fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status()?;
        ensure!(status.success(), "kill -s {name}: {status}");
        Ok(())
    }

    /// SIGTERM, and waits until it has ended in good order.
    ///
    /// # Errors
    /// It doesn't.
    pub async fn drain(mut self) -> Result<()> {
        self.signal("TERM")?;
        let until = Instant::now() + DRAINED_WITHIN;
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            ensure!(Instant::now() < until, "the server did not end within {DRAINED_WITHIN:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(command: &mut Command, core: Option<usize>) -> Result<Child> {
    Ok(match core {
        Some(core) => proc::started_on_core(core, || command.spawn())??,
        None => command.spawn()?,
    })
}

/// A port that is free now and isn't given to outgoing connections.
///
/// # Errors
/// Nothing is free.
pub fn free_port() -> Result<u16> {
    (0..1000)
        .map(|_| fastrand::u16(PORTS))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port")
}

/// The last lines of a server's log, for an error message.
pub fn log_tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
