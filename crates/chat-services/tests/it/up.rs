//! The program as a whole: what it says, and what it leaves behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const UP_WITHIN: Duration = Duration::from_secs(120);
const GONE_WITHIN: Duration = Duration::from_secs(60);

/// The program with PostgreSQL and Redis, all below a folder of its own.
struct Up {
    program: Child,
    folder: TempDir,
}

impl Up {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // PostgreSQL may run as another user.
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        let program = Command::new(env!("CARGO_BIN_EXE_chat-services"))
            .args(["up", "--postgres", "--redis", "single", "--dir"])
            .arg(folder.path())
            .env("TMPDIR", folder.path().join("tmp"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let up = Self { program, folder };
        until("it is up", UP_WITHIN, || up.note("env").exists());
        up
    }

    fn note(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn pids(&self) -> Vec<String> {
        let processes = fs::read_to_string(self.note("processes")).unwrap();
        processes.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    fn has_left_nothing(&self, pids: &[String]) -> bool {
        let is_empty = self.note("tmp").read_dir().unwrap().next().is_none();
        is_empty && pids.iter().all(|pid| is_gone(pid))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

/// Whoever takes over the children of a process that was killed may wait for them late.
fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

fn until(what: &str, within: Duration, seen: impl Fn() -> bool) {
    let deadline = Instant::now() + within;
    while !seen() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn it_says_how_to_reach_what_is_up_and_ends_it_when_told() {
    let mut up = Up::start();
    let env = fs::read_to_string(up.note("env")).unwrap();
    let lines: Vec<_> = env.lines().collect();
    assert!(lines[0].starts_with("DATABASE_URL=postgres://postgres@127.0.0.1:"), "{env}");
    assert!(lines[1].starts_with("REDIS_URL=redis://127.0.0.1:"), "{env}");
    assert_eq!(lines.len(), 2);

    let pids = up.pids();
    assert_eq!(pids.len(), 2);
    assert!(!pids.iter().any(|pid| is_gone(pid)));
    Command::new("kill").arg(up.program.id().to_string()).status().unwrap();
    assert!(up.program.wait().unwrap().success());
    assert!(!up.note("env").exists());
    assert!(pids.iter().all(|pid| is_gone(pid)));
    until("nothing is left", GONE_WITHIN, || up.has_left_nothing(&pids));
}

#[test]
fn nothing_outlives_it_when_it_is_killed() {
    let mut up = Up::start();
    let pids = up.pids();
    up.program.kill().unwrap();
    up.program.wait().unwrap();
    until("nothing is left", GONE_WITHIN, || up.has_left_nothing(&pids));
}
