//! What the kernel knows of a process, and what we ask it for: CPU time, memory, cores, files.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// User and system time that all threads of `pid` have used so far; its resolution is that of the
/// kernel's clock tick (10 ms), so measure over seconds.
///
/// # Errors
/// The process is gone.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    let ticks = parse_cpu_ticks(&stat).context("unreadable /proc/PID/stat")?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Fields 14 and 15 of `/proc/PID/stat`; the command name before them may contain anything.
fn parse_cpu_ticks(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Resident memory of `pid` in bytes (`VmRSS`): what its pages hold, kernel socket buffers not
/// included.
///
/// # Errors
/// The process is gone.
pub fn rss_bytes(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    parse_rss_bytes(&status).context("no VmRSS in /proc/PID/status")
}

fn parse_rss_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Keeps the calling thread, and whatever it starts from now on, on one core.
///
/// # Errors
/// There is no such core.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}

/// Runs `start` with the calling thread on `core`, so that a child started by it inherits that
/// core from its first instruction on and counts its processors accordingly.
///
/// # Errors
/// There is no such core.
pub fn started_on_core<T>(core: usize, start: impl FnOnce() -> T) -> io::Result<T> {
    let before = sched_getaffinity(None)?;
    pin_to_core(core)?;
    let started = start();
    sched_setaffinity(None, &before)?;
    Ok(started)
}

/// Raises this process' limit of open files, which children inherit, to `files` or as near as
/// allowed; returns the limit that now holds.
pub fn raise_open_files(files: u64) -> u64 {
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX).max(files);
    let wishes = [
        Rlimit { current: Some(files), maximum: Some(hard) },
        Rlimit { current: now.maximum, maximum: now.maximum },
    ];
    if now.current.is_some_and(|current| current < files) {
        // The second wish needs no privilege; if even it fails, the old limit holds.
        let _ = wishes.into_iter().find(|wish| setrlimit(Resource::Nofile, *wish).is_ok());
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Whether a folder lives in memory, where an fsync costs nothing and promises nothing.
///
/// # Errors
/// There is no such folder.
pub fn is_in_memory(folder: &Path) -> io::Result<bool> {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    const RAMFS_MAGIC: i64 = 0x8584_58f6;
    let kind = rustix::fs::statfs(folder)?.f_type;
    Ok([TMPFS_MAGIC, RAMFS_MAGIC].contains(&kind))
}

/// One line on the machine: processor, cores, kernel.
pub fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let model = model.map_or("unknown processor", |(_, model)| model);
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_ticks_are_found_behind_an_awkward_name() {
        let stat = "42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 700 11 0 0 20 0";
        assert_eq!(parse_cpu_ticks(stat), Some(711));
    }

    #[test]
    fn rss_is_in_bytes() {
        assert_eq!(parse_rss_bytes("Name:\tx\nVmRSS:\t    1234 kB\n"), Some(1234 * 1024));
        assert_eq!(parse_rss_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_can_be_read() {
        assert!(rss_bytes(std::process::id()).unwrap() > 0);
        cpu_time(std::process::id()).unwrap();
        assert!(cpu_time(u32::MAX).is_err());
    }

    #[test]
    fn pinning_ends_with_the_start() {
        let before = sched_getaffinity(None).unwrap();
        let during = started_on_core(0, || sched_getaffinity(None).unwrap()).unwrap();
        assert_eq!(during.count(), 1);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
