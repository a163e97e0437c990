//! Logs: structured, one line per event, to standard error.
//!
//! Messages are static and lowercase; what varies is in fields (`room.id`, `actor`, `err`). No message texts, tokens or
//! addresses are ever logged, and nothing per message above `debug`.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Installs the subscriber for the process.
///
/// # Errors
/// If the level can't be read, or one is installed already.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)?;
    let colours =
        stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(colours);
    let installed = match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    installed.map_err(|err| anyhow::anyhow!(err))
}
