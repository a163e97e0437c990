//! Programs that have to be installed.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs, io};

use crate::error::{Error, Result, Tried};
use crate::wait;

/// The path of `program`, looked for as a shell would.
///
/// # Errors
/// It isn't there; the error says which Debian package has it.
pub(crate) fn find(program: &str, package: &'static str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::Missing { program: program.to_owned(), package })
}

/// Runs `command` to its end; what it wrote to its standard output.
///
/// # Errors
/// It can't be run, says that it failed, or takes longer than `within` and is killed.
pub(crate) fn run(mut command: Command, within: Duration) -> Result<String> {
    let name = name(&command);
    let io = || format!("can't run {name}");
    // Files and no pipes: nobody has to read while it writes.
    let (output, errors) = (tempfile::tempfile().tried(io)?, tempfile::tempfile().tried(io)?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().tried(io)?)
        .stderr(errors.try_clone().tried(io)?)
        .spawn()
        .tried(io)?;
    let ended = wait::until(|| format!("{name} has ended"), within, || child.try_wait().tried(io));
    if ended.is_err() {
        // Both fail only if it has ended after all.
        drop(child.kill());
        drop(child.wait());
    }
    let output = read_back(output).tried(io)?;
    if ended?.success() {
        return Ok(output);
    }
    let answer = output + &read_back(errors).tried(io)?;
    Err(Error::Refused { asked: name, answer: answer.trim().to_owned() })
}

fn read_back(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The program's name without its folder.
fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// User and group id of a user of this machine.
pub(crate) fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let ids = (fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?);
        (fields[0] == name).then_some(ids)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_it_said_is_kept_apart_from_its_complaints() {
        let within = Duration::from_secs(20);
        assert_eq!(run(shell("echo said; echo complaint >&2"), within).unwrap(), "said\n");
        let Err(Error::Refused { asked, answer }) =
            run(shell("echo a; echo b >&2; exit 3"), within)
        else {
            panic!("it failed")
        };
        assert_eq!((asked.as_str(), answer.as_str()), ("sh", "a\nb"));
    }

    #[test]
    fn one_that_never_ends_is_killed() {
        let endless = run(shell("exec tail -f /dev/null"), Duration::from_millis(50));
        assert!(matches!(endless, Err(Error::Deadline { .. })));
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let missing = find("no-such-program", "its-package").unwrap_err().to_string();
        assert!(missing.contains("no-such-program") && missing.contains("its-package"));
        assert!(find("sh", "dash").unwrap().is_absolute());
    }
}
