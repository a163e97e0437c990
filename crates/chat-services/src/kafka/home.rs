//! Kafka's programs: fetched once for this tree, shared by all processes that need them.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::{READY, READY_WITHIN};
use crate::error::{Result, Tried};
use crate::server::{End, Plan};
use crate::slot::Slot;
use crate::{keeper, ports, programs};

const POM: &str = include_str!("../../kafka/pom.xml");
/// What lies in the folder as it is.
const FILES: [(&str, &str); 2] =
    [("pom.xml", POM), ("log4j2.properties", include_str!("../../kafka/log4j2.properties"))];
/// Below the root of the tree, where Git doesn't look.
const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/services");

/// 16 bytes in base64, the same for all that ever run: clusters of different runs never meet.
const CLUSTER_ID: &str = "Y2hhdC1zZXJ2aWNlcy0wMQ";

/// What the tool that formats a folder puts there, the same for every broker.
const CHECKPOINT: &str = "bootstrap.checkpoint";

const FETCHED_WITHIN: Duration = Duration::from_secs(600);
const FORMATTED_WITHIN: Duration = Duration::from_secs(60);
/// The first broker writes its archive of classes when it stops.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(120);

/// The folder with the jars, and what was made from them: `kafka.jsa`, loaded classes as they lie in memory, which
/// halves the time of a start; `bootstrap.checkpoint`, what a formatted folder holds beside its names.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    /// The folder, made if it isn't there yet. One process makes it, others wait.
    ///
    /// # Errors
    /// Java or Maven isn't installed; it can't be fetched.
    pub(crate) fn ready() -> Result<Self> {
        programs::find("java", "openjdk-17-jre-headless")?;
        let place = PathBuf::from(PLACE);
        fs::create_dir_all(&place).tried(|| format!("can't make {}", place.display()))?;
        let place = place.canonicalize().tried(|| format!("can't find {}", place.display()))?;
        let home = Self(place.join("kafka"));
        if home.is_made() {
            return Ok(home);
        }
        let _lock = lock(&place.join("kafka.lock"))?;
        if home.is_made() {
            return Ok(home);
        }
        // Made aside and moved, so that it is there as a whole or not at all.
        let part = Self(place.join("kafka.part"));
        remove(&part.0)?;
        part.make()?;
        remove(&home.0)?;
        fs::rename(&part.0, &home.0).tried(|| format!("can't make {}", home.0.display()))?;
        Ok(home)
    }

    /// What it is made from lies in it; if that has changed since, it is made anew.
    fn is_made(&self) -> bool {
        let is_there =
            |(name, text)| fs::read_to_string(self.0.join(name)).is_ok_and(|is| is == text);
        FILES.into_iter().all(is_there)
    }

    fn make(&self) -> Result<()> {
        let mut maven = Command::new(programs::find("mvn", "maven")?);
        eprintln!("fetching Kafka {}, about 45 MB …", version());
        fs::create_dir(&self.0).tried(|| format!("can't make {}", self.0.display()))?;
        for (name, text) in FILES {
            write(&self.0.join(name), text)?;
        }
        maven.args(["-B", "-q", "dependency:copy-dependencies"]).current_dir(&self.0);
        programs::run(maven, FETCHED_WITHIN)?;
        eprintln!("starting Kafka once, so that it starts quicker from now on …");
        self.archive()
    }

    /// Formats a folder and runs a broker in it, to keep what comes of both.
    fn archive(&self) -> Result<()> {
        let folder = keeper::folder("kafka")?;
        let data = folder.join("data");
        ports::on_free_ports(|[client, controller]| {
            let config = folder.join("server.properties");
            let settings = super::settings(0, client, &[controller]);
            write(&config, &(settings + &format!("log.dirs={}\n", data.display())))?;
            let mut format = self.java("-Xmx128m")?;
            format.args(["kafka.tools.StorageTool", "format", "--ignore-formatted"]);
            format.args(["-t", CLUSTER_ID, "-c"]).arg(&config);
            programs::run(format, FORMATTED_WITHIN)?;
            let mut command = self.java("-XX:ArchiveClassesAtExit=kafka.jsa")?;
            command.arg("kafka.Kafka").arg(&config);
            let plan = Plan { command, log: folder.join("log"), end: End::Kill };
            let mut slot = Slot::new("Kafka".to_owned());
            slot.start(plan, READY_WITHIN, |server| Ok(server.said().contains(READY)))?;
            slot.stop(Signal::TERM, ARCHIVED_WITHIN)
        })?;
        let (from, to) = (data.join(CHECKPOINT), self.0.join(CHECKPOINT));
        fs::copy(&from, &to).tried(|| format!("can't copy {}", from.display())).map(drop)
    }

    /// Makes the data folder of a new broker, as Kafka's own tool would, whose start takes longer than the broker's.
    pub(crate) fn format(&self, data: &Path, node_id: usize) -> Result<()> {
        fs::create_dir(data).tried(|| format!("can't make {}", data.display()))?;
        let (from, to) = (self.0.join(CHECKPOINT), data.join(CHECKPOINT));
        fs::copy(&from, &to).tried(|| format!("can't copy {}", from.display()))?;
        let names = format!("version=1\ncluster.id={CLUSTER_ID}\nnode.id={node_id}\n");
        write(&data.join("meta.properties"), &names)
    }

    /// A broker with that `server.properties`.
    pub(crate) fn broker(&self, config: &Path) -> Result<Command> {
        let mut command = self.java("-XX:SharedArchiveFile=kafka.jsa")?;
        command.args(["-Xms64m", "-Xmx256m", "kafka.Kafka"]).arg(config);
        Ok(command)
    }

    /// The archive holds the class path as it was given, so it is relative: the folder is moved after it was made.
    fn java(&self, option: &str) -> Result<Command> {
        let mut command = Command::new(programs::find("java", "openjdk-17-jre-headless")?);
        command
            .current_dir(&self.0)
            .args(["-cp", "lib/*", "-Dlog4j2.configurationFile=log4j2.properties"])
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", option]);
        Ok(command)
    }
}

/// The version that the `pom.xml` asks for.
fn version() -> &'static str {
    let after = POM.split_once("<kafka.version>").map_or("", |(_, after)| after);
    after.split_once('<').map_or("", |(version, _)| version)
}

/// Waits for another process that makes the same, and has a deadline for each step.
fn lock(path: &Path) -> Result<File> {
    let wrong = || format!("can't lock {}", path.display());
    let file = File::options().create(true).append(true).open(path).tried(wrong)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process that fetches Kafka …");
            file.lock().tried(wrong)?;
        }
        Err(TryLockError::Error(error)) => return Err(error).tried(wrong),
    }
    Ok(file)
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).tried(|| format!("can't write {}", path.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).tried(|| format!("can't remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_read_from_the_pom() {
        assert!(super::version().starts_with("4."));
    }
}
