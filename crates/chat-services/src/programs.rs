//! Programs that have to be installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::error::{Error, Result, Tried};

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

/// Runs `command` to its end.
///
/// # Errors
/// It can't be run, or says that it failed.
pub(crate) fn run(command: &mut Command) -> Result<Output> {
    let name = name(command);
    let output = command.output().tried(|| format!("can't run {name}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    Err(Error::Refused { asked: name, answer: String::from_utf8_lossy(&text).trim().to_owned() })
}

/// The program's name without its folder.
pub(crate) fn name(command: &Command) -> String {
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
