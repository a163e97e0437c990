//! PostgreSQL.

use std::ffi::OsStr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use crate::error::{Error, Result, Tried};
use crate::folder::Folder;
use crate::server::{End, Plan};
use crate::slot::Slot;
use crate::{Durability, keeper, ports, processes, programs, wait};
use rustix::process::{Signal, geteuid};

const INSTALLED: &str = "/usr/lib/postgresql";
const MADE_WITHIN: Duration = Duration::from_secs(120);
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const READY_WITHIN: Duration = Duration::from_secs(60);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// Longest wait for the children of a server that was killed.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// Settings of every server: room for many tests at once, and nothing outside its folder.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "shared_buffers=64MB",
];
/// Those of a server whose data needn't outlive it.
const QUICK: &[&str] = &["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// A PostgreSQL server with a folder and a port of its own. Whoever can reach the port is the superuser
/// `postgres`, without a password.
#[derive(Debug)]
pub struct Postgres {
    slot: Slot,
    /// The server's children while it is paused.
    paused: Vec<u32>,
    program: Program,
    durability: Durability,
    port: u16,
    folder: Folder,
}

impl Postgres {
    /// A new, empty server; about 1 s.
    ///
    /// # Errors
    /// PostgreSQL isn't installed, or doesn't start.
    pub fn start(durability: Durability) -> Result<Self> {
        let program = Program::find(Path::new(INSTALLED))?;
        let folder = keeper::folder("postgres")?;
        program.give(folder.path())?;
        program.make_data(&folder.join("data"))?;
        let slot = Slot::new("PostgreSQL".to_owned());
        let mut postgres = Self { slot, paused: Vec::new(), program, durability, port: 0, folder };
        ports::on_free_ports(|[port]| {
            postgres.port = port;
            postgres.start_again()
        })?;
        Ok(postgres)
    }

    /// Starts it where it was, after [`stop`](Self::stop) or [`kill`](Self::kill).
    ///
    /// # Errors
    /// It doesn't start, or runs already.
    pub fn start_again(&mut self) -> Result<()> {
        let data = self.folder.join("data");
        let mut command = self.program.command("postgres");
        command.arg("-D").arg(&data).args(["-p", &self.port.to_string()]);
        let quick = if self.durability == Durability::Quick { QUICK } else { &[] };
        for setting in SETTINGS.iter().chain(quick) {
            command.args(["-c", setting]);
        }
        let plan = Plan { command, log: self.folder.join("log"), end: End::Quit };
        let pid_file = data.join("postmaster.pid");
        self.slot.start(plan, READY_WITHIN, |server| Ok(says_ready(&pid_file, server.pid())))
    }

    /// The URL of the database `postgres`, which is always there.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of the server's first process; none while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.slot.pid()
    }

    /// A new, empty database; its URL. `name` should be plain: it becomes a part of the URL as it is.
    ///
    /// # Errors
    /// There is one of that name, or the server doesn't answer.
    pub fn create_database(&self, name: &str) -> Result<String> {
        let quoted = name.replace('"', "\"\"");
        self.query("postgres", &format!("CREATE DATABASE \"{quoted}\" TEMPLATE template0"))?;
        Ok(self.url_of(name))
    }

    /// Runs SQL in `database`; the rows as lines, their columns separated by `|`.
    ///
    /// # Errors
    /// The server refuses it, or doesn't answer.
    pub fn query(&self, database: &str, sql: &str) -> Result<String> {
        let mut psql = self.program.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(self.url_of(database));
        Ok(programs::run(psql, ANSWER_WITHIN)?.trim_end().to_owned())
    }

    /// A clean shutdown; connections are cut.
    ///
    /// # Errors
    /// It isn't running, or takes longer than a minute and is killed.
    pub fn stop(&mut self) -> Result<()> {
        self.resume();
        self.slot.stop(Signal::INT, STOPPED_WITHIN)
    }

    /// SIGKILL for all its processes at once, as if the power had failed. When this returns they are gone,
    /// so that it can be started again.
    ///
    /// # Errors
    /// It isn't running.
    pub fn kill(&mut self) -> Result<()> {
        self.slot.send(Signal::STOP)?; // it starts no further child
        let children = self.children();
        self.forget_paused();
        children.iter().for_each(|pid| processes::send(*pid, Signal::KILL));
        self.slot.kill()?;
        // Another start is refused while one of them holds the shared memory.
        wait::until(
            || "every child of PostgreSQL is gone".to_owned(),
            GONE_WITHIN,
            || Ok(children.iter().all(|pid| processes::is_gone(*pid)).then_some(())),
        )
    }

    /// SIGSTOP for all its processes: connections stay open, and nobody answers.
    ///
    /// # Errors
    /// It isn't running.
    pub fn pause(&mut self) -> Result<()> {
        self.slot.send(Signal::STOP)?;
        self.forget_paused(); // those of an earlier pause are among them
        self.paused = self.children();
        for pid in &self.paused {
            processes::send(*pid, Signal::STOP);
            // A stopped child can't notice that its parent is gone.
            keeper::hold(*pid, End::Quit);
        }
        Ok(())
    }

    /// SIGCONT; nothing if it isn't paused.
    pub fn resume(&mut self) {
        self.paused.iter().for_each(|pid| processes::send(*pid, Signal::CONT));
        self.forget_paused();
        // Down, it has nothing to resume.
        drop(self.slot.send(Signal::CONT));
    }

    fn children(&self) -> Vec<u32> {
        self.slot.pid().map(processes::children).unwrap_or_default()
    }

    fn forget_paused(&mut self) {
        self.paused.drain(..).for_each(keeper::release);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The server ends its children, which have to hear it.
        self.resume();
    }
}

/// Has the server with this pid written that it takes connections? The file of an earlier one may be there.
fn says_ready(pid_file: &Path, pid: u32) -> bool {
    const STATUS_LINE: usize = 7;
    let text = fs::read_to_string(pid_file).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.first() == Some(&pid.to_string().as_str()) && lines.get(STATUS_LINE) == Some(&"ready")
}

/// An installation, and the user that it runs as.
#[derive(Debug)]
struct Program {
    folder: PathBuf,
    /// PostgreSQL refuses to run as root, so root has to become somebody: user and group.
    run_as: Option<(u32, u32)>,
}

impl Program {
    /// The newest version below `installed`.
    fn find(installed: &Path) -> Result<Self> {
        let missing = || Error::Missing { program: "PostgreSQL".to_owned(), package: "postgresql" };
        let entries = fs::read_dir(installed).map_err(|_| missing())?;
        let newest = entries
            .filter_map(|entry| {
                let path = entry.ok()?.path();
                let version: u32 = path.file_name().and_then(OsStr::to_str)?.parse().ok()?;
                let folder = path.join("bin");
                folder.join("initdb").is_file().then_some((version, folder))
            })
            .max();
        let (_, folder) = newest.ok_or_else(missing)?;
        let run_as = if geteuid().is_root() {
            Some(programs::user("postgres").ok_or_else(missing)?)
        } else {
            None
        };
        Ok(Self { folder, run_as })
    }

    /// Makes `folder` the server's own.
    fn give(&self, folder: &Path) -> Result<()> {
        let Some((user, group)) = self.run_as else { return Ok(()) };
        chown(folder, Some(user), Some(group))
            .tried(|| format!("can't give {} to postgres", folder.display()))
    }

    fn make_data(&self, data: &Path) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
            .args(["--no-sync", "-D"]) // the server syncs what is written later
            .arg(data);
        programs::run(initdb, MADE_WITHIN).map(drop)
    }

    /// One of PostgreSQL's programs, without the caller's settings for PostgreSQL.
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        let ours = env::vars_os().filter(|(key, _)| !key.to_string_lossy().starts_with("PG"));
        command.env_clear().envs(ours).current_dir("/");
        if let Some((user, group)) = self.run_as {
            command.uid(user).gid(group);
        }
        command
    }
}
