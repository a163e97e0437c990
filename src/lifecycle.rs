//! A process's life: run until told to end, drain, and end with the right code.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;

/// With fewer open files than this, a busy evening is the end of them: each session holds one.
const FILES_FEW: u64 = 4096;

/// Lets the process have as many files open as it may. The soft limit is often 1024, for the sake of programs that can't
/// bear more; the hard one is what the operator means.
pub fn raise_file_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < FILES_FEW {
        let err = raised.err().map(tracing::field::display);
        tracing::warn!(files, err, "few open files are allowed; sessions need one each");
    }
}

/// How the process ends (sysexits.h where not 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Drained.
    Clean,
    /// A second signal cut the drain.
    Cut,
    /// An actor that the node can't do without could not be brought back.
    Failed,
    /// Others write what it can't read.
    Outdated,
}

impl End {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Cut => 130,
            Self::Failed => 70,
            Self::Outdated => 74,
        }
    }
}

/// SIGINT and SIGTERM mean the same: once to drain, twice to cut.
struct Signals(Signal, Signal);

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Runs `app` until a signal or a failure, then drains.
///
/// # Errors
/// If signals can't be listened to.
pub async fn run(mut app: App) -> std::io::Result<End> {
    let mut signals = Signals(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let node = app.node.clone();
    let end = tokio::select! {
        () = signals.next() => End::Clean,
        version = app.outdated() => {
            tracing::error!(version, "records of the log are of a version that this node can't read; it ends");
            End::Outdated
        }
        name = node.failed() => {
            tracing::error!(actor = name, "crashed too often; the node ends");
            End::Failed
        }
    };
    tracing::info!(sessions = app.node.sessions(), "draining; a second signal cuts");
    Ok(tokio::select! {
        () = app.drain() => end,
        () = signals.next() => End::Cut,
    })
}
