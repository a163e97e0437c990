//! Who breaks things under load: here the one that kills a lone server, and starts it again on the same data.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::time::sleep;

use super::Folder;
use crate::cli::CrashArgs;
use crate::server::{Running, ServerPlan, free_port};

/// How long the server may live in a round, milliseconds.
const LIFE_MS: std::ops::Range<u64> = 300..1_500;
/// How soon it is killed again while it starts, milliseconds.
const BIRTH_MS: std::ops::Range<u64> = 0..150;
/// One restart in this many is killed while it starts: recovery must survive itself.
const STILLBORN_IN: u32 = 4;

/// Kinds of faults, and how often each was committed.
pub(super) type Faults = BTreeMap<String, u32>;

/// Breaks something each round, and mends it. It may block: nobody else works on its thread.
#[async_trait(?Send)]
pub(super) trait Nemesis: Send {
    /// Where servers are, or will be again.
    fn addresses(&self) -> Vec<SocketAddr>;

    async fn round(&mut self) -> Result<()>;

    /// How often it did what.
    fn faults(&self) -> Faults;
}

/// One server, killed.
pub(super) struct Lone {
    program: PathBuf,
    shell: Option<String>,
    data: PathBuf,
    log: PathBuf,
    /// The same for every start, so that clients find the server again.
    port: u16,
    running: Option<Running>,
    kills: Kills,
}

/// How often the server was killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kills {
    /// While clients talked to it: once a round.
    pub(super) at_work: u32,
    /// Besides, within [`BIRTH_MS`] of a start.
    pub(super) at_birth: u32,
}

impl Lone {
    /// Starts the server and waits until it is ready.
    pub(super) async fn start(args: &CrashArgs, folder: &Folder) -> Result<Self> {
        let mut lone = Self {
            program: args.server.canonicalize().context("no such server program")?,
            shell: args.shell.clone(),
            data: folder.data(),
            log: folder.log(),
            port: free_port()?,
            running: None,
            kills: Kills::default(),
        };
        lone.start_again().await?;
        Ok(lone)
    }

    async fn start_again(&mut self) -> Result<()> {
        let mut running = self.spawn()?;
        running.ready().await?;
        self.running = Some(running);
        Ok(())
    }

    fn kill(&mut self) -> Result<()> {
        self.running.take().context("nothing to kill")?.kill()
    }

    fn spawn(&self) -> Result<Running> {
        Running::server(&ServerPlan {
            program: &self.program,
            data_dir: &self.data,
            port: self.port,
            shell: self.shell.as_deref(),
            log: &self.log,
            core: None,
            options: &[],
        })
    }
}

#[async_trait(?Send)]
impl Nemesis for Lone {
    fn addresses(&self) -> Vec<SocketAddr> {
        vec![SocketAddr::from(([127, 0, 0, 1], self.port))]
    }

    /// Lets it live for a moment, kills it, and starts it again.
    async fn round(&mut self) -> Result<()> {
        sleep(Duration::from_millis(fastrand::u64(LIFE_MS))).await;
        self.kill()?;
        self.kills.at_work += 1;
        if fastrand::u32(..STILLBORN_IN) == 0 {
            self.running = Some(self.spawn()?);
            sleep(Duration::from_millis(fastrand::u64(BIRTH_MS))).await;
            self.kill()?;
            self.kills.at_birth += 1;
        }
        self.start_again().await
    }

    fn faults(&self) -> Faults {
        let Kills { at_work, at_birth } = self.kills;
        Faults::from([
            ("NodeKilled".to_owned(), at_work),
            ("NodeKilledAsItStarts".to_owned(), at_birth),
        ])
    }
}
