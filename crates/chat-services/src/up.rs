//! Everything that was chosen, up until somebody says otherwise.

use std::fmt::Write;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::time::Instant;
use std::{fs, thread};

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Choice;
use crate::chosen::{Kind, Service};

/// What the main thread waits for.
enum News {
    Up(Result<Vec<Service>>),
    EndIt,
}

/// Returns when everything is down again, or about to be.
pub(crate) fn run(choice: Choice, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("can't make {}", dir.display()))?;
    let notes = Notes(dir);
    notes.remove();
    let (tell, told) = mpsc::channel();
    await_signal(tell.clone())?;
    thread::spawn(move || tell.send(News::Up(start(&choice.kinds()))));
    let services = match told.recv()? {
        News::Up(services) => services?,
        // What has been started so far ends with this process.
        News::EndIt => return Ok(()),
    };
    notes.write(&services)?;
    // The thread that waits for signals has the only sender left.
    drop(told.recv());
    eprintln!("stopping");
    notes.remove();
    Ok(())
}

fn await_signal(tell: Sender<News>) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if tell.send(News::EndIt).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Starts all at the same time.
fn start(kinds: &[Kind]) -> Result<Vec<Service>> {
    thread::scope(|scope| {
        let threads: Vec<_> = kinds.iter().map(|kind| scope.spawn(move || one(*kind))).collect();
        let started: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        started.into_iter().map(|one| one.map_err(|_| anyhow!("a panic"))?).collect()
    })
}

fn one(kind: Kind) -> Result<Service> {
    let begun = Instant::now();
    let service = kind.start()?;
    eprintln!("{kind} is ready after {:.1} s", begun.elapsed().as_secs_f32());
    Ok(service)
}

/// What others read about the services while they are up.
struct Notes<'d>(&'d Path);

impl Notes<'_> {
    /// The environment last and as a whole: it says that all is ready.
    fn write(&self, services: &[Service]) -> Result<()> {
        let (mut env, mut processes) = (String::new(), String::new());
        for service in services {
            let (name, value) = service.variable();
            writeln!(env, "{name}={value}")?;
            for (pid, port, what) in service.processes() {
                writeln!(processes, "{} {port} {what}", pid.context("it has just started")?)?;
            }
        }
        let part = self.0.join("env.part");
        fs::write(self.0.join("processes"), processes)?;
        fs::write(&part, &env)?;
        fs::rename(part, self.0.join("env"))?;
        print!("{env}");
        Ok(())
    }

    fn remove(&self) {
        for name in ["env", "processes"] {
            // It isn't there if nothing was up.
            drop(fs::remove_file(self.0.join(name)));
        }
    }
}
