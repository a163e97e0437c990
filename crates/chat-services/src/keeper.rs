//! What is left behind when this process ends without tidying up: nothing.
//!
//! All folders lie in one, and a small shell script, started with the first of them, knows every process
//! that was started. It reads from a pipe that closes when this process is gone, by whatever means, and then
//! ends them and removes the folder. The kernel's own signal for a dying parent wouldn't do: it comes when
//! the *thread* ends that started the child, as each test's thread does; it doesn't reach children of
//! children, and removes no folder.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use tempfile::Builder;

use crate::error::{Result, Tried};
use crate::folder::Folder;
use crate::server::End;

const SCRIPT: &str = include_str!("keeper.sh");

static KEEPER: Mutex<Option<Keeper>> = Mutex::new(None);

struct Keeper {
    shell: Child,
    folder: PathBuf,
    held: Vec<(u32, End)>,
}

/// A new folder for a service.
pub(crate) fn folder(name: &str) -> Result<Folder> {
    let mut keeper = lock();
    let keeper = match &mut *keeper {
        Some(keeper) => keeper,
        none => none.insert(Keeper::start()?),
    };
    let prefix = format!("{name}-");
    Builder::new()
        .prefix(&prefix)
        .tempdir_in(&keeper.folder)
        .map(|folder| Folder(folder.keep()))
        .tried(|| format!("can't make a folder in {}", keeper.folder.display()))
}

/// `pid` is ended if this process ends before `release` was called.
pub(crate) fn hold(pid: u32, end: End) {
    note(|held| held.push((pid, end)));
}

/// `pid` is gone.
pub(crate) fn release(pid: u32) {
    note(|held| held.retain(|(other, _)| *other != pid));
}

fn note(change: impl FnOnce(&mut Vec<(u32, End)>)) {
    // Without a keeper there is no folder and so no service.
    if let Some(keeper) = &mut *lock() {
        change(&mut keeper.held);
        keeper.write();
    }
}

impl Keeper {
    fn start() -> Result<Self> {
        let parent = env::temp_dir();
        let folder = Builder::new()
            .prefix("chat-services-")
            .tempdir_in(&parent)
            .tried(|| format!("can't make a folder in {}", parent.display()))?
            .keep();
        // A service may run as another user, whose folder lies below.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711))
            .tried(|| format!("can't open {} to other users", folder.display()))?;
        // In a group of its own, for an interrupt of the terminal must not end it; and with no stream of
        // ours, which somebody may read to its end.
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "keeper"])
            .arg(&folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .tried(|| "can't start sh".to_owned())?;
        Ok(Self { shell, folder, held: Vec::new() })
    }

    fn write(&mut self) {
        let mut line = String::new();
        for (pid, end) in &self.held {
            line += &format!("{pid}:{} ", end.name());
        }
        line.push('\n');
        if let Some(pipe) = &mut self.shell.stdin {
            // It fails only if somebody ended the keeper. Drop still does what it does.
            drop(pipe.write_all(line.as_bytes()));
        }
    }
}

fn lock() -> MutexGuard<'static, Option<Keeper>> {
    KEEPER.lock().unwrap_or_else(PoisonError::into_inner)
}
