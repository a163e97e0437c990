//! Processes as the kernel tells of them.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// Sends `signal`; that the process is gone already is no failure.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone = kill_process(pid, signal);
    }
}

/// The children of `parent`, those that ended but weren't waited for left out.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(state, its)| its == parent && is_alive(state)))
        .collect()
}

/// Has `pid` ended? A process that nobody has waited for yet counts as ended: it holds nothing any more.
pub(crate) fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| !is_alive(state))
}

fn is_alive(state: char) -> bool {
    !matches!(state, 'Z' | 'X')
}

/// State and parent of a process.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name comes first, in parentheses, and may hold anything.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_child_is_seen_until_it_is_killed() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(children(std::process::id()).contains(&child.id()));
        assert!(!is_gone(child.id()));
        send(child.id(), Signal::KILL);
        child.wait().unwrap();
        assert!(is_gone(child.id()));
        assert!(!children(std::process::id()).contains(&child.id()));
    }
}
