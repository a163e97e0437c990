//! One node as its operator has it: a process, a data directory, what it prints and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use chat_protocol::Format;
use tempfile::TempDir;

use super::{Client, Guest, eventually, within};

/// Which actor a session is.
#[derive(Clone, Copy, Debug)]
pub enum Shell {
    Lean,
    Actors,
}

/// The server program, built with the points that tests make panic.
pub fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-server"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.envs([("PORT", "0"), ("CHAT__HTTP__HOST", "127.0.0.1"), ("RUST_BACKTRACE", "0")]);
    command
}

/// A running node; killed when dropped.
pub struct Server {
    child: Child,
    options: Vec<(String, String)>,
    data_dir: Arc<TempDir>,
    log: Arc<Mutex<String>>,
    pub address: SocketAddr,
    /// What its clients speak.
    pub format: Format,
}

impl Server {
    /// Starts a node of two workers with this session shell, without rate limits, and waits until it serves.
    pub async fn start(shell: Shell) -> Self {
        Self::with(shell, &[]).await
    }

    /// The same with options beside, by their names in the environment.
    pub async fn with(shell: Shell, options: &[(&str, &str)]) -> Self {
        let shell = match shell {
            Shell::Lean => "lean",
            Shell::Actors => "actors",
        };
        let usual = [
            ("CHAT__SESSION__SHELL", shell),
            ("CHAT__HTTP__WORKERS", "2"),
            ("CHAT__LIMITS__ENABLED", "false"),
            ("CHAT__HTTP__DRAIN_S", "1"),
            // Whoever tests ticks asks for them; others would read them between what they wait for.
            ("CHAT__PRESENCE__TICK_MS", "3600000"),
        ];
        let options = usual.iter().chain(options).map(|(k, v)| ((*k).into(), (*v).into()));
        let data_dir = Arc::new(tempfile::tempdir().unwrap());
        Self::run(data_dir, options.collect()).await
    }

    /// From now on, clients speak to it in this format.
    pub fn speaking(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    async fn run(data_dir: Arc<TempDir>, options: Vec<(String, String)>) -> Self {
        let mut command = binary();
        command.arg("--data-dir").arg(data_dir.path()).envs(options.iter().cloned());
        Self::spawn(command, data_dir, options).await
    }

    /// Runs a command that becomes a server.
    pub async fn spawn(
        mut command: Command,
        data_dir: Arc<TempDir>,
        options: Vec<(String, String)>,
    ) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let said = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                let mut said = said.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
        });
        let open = tokio::task::spawn_blocking(move || {
            let mut output = BufReader::new(output);
            let address = (&mut output)
                .lines()
                .map_while(Result::ok)
                .find_map(|line| line.trim().strip_prefix("open  http://")?.parse().ok());
            std::thread::spawn(move || output.read_to_end(&mut Vec::new())); // so that it may go on printing
            address
        });
        let open = within("the server says where it is open", open).await.unwrap();
        let Some(address) = open else {
            let _ = child.kill();
            let end = child.wait().unwrap();
            let said = log.lock().unwrap().clone();
            panic!("the server did not start: {end}\n{said}");
        };
        Self { child, options, data_dir, log, address, format: Format::Json }
    }

    /// SIGKILL, and a new process on the same data, at another port.
    pub async fn kill_and_restart(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::run(self.data_dir.clone(), self.options.clone()).await.speaking(self.format)
    }

    /// The same at the same port.
    pub async fn kill_and_restart_at_its_port(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.restart_at_its_port().await
    }

    /// The same after an end of its own.
    pub async fn restart(self) -> Self {
        Self::run(self.data_dir.clone(), self.options.clone()).await.speaking(self.format)
    }

    /// The same at the same port.
    pub async fn restart_at_its_port(self) -> Self {
        let mut options = self.options.clone();
        options.push(("CHAT__HTTP__PORT".to_owned(), self.address.port().to_string()));
        Self::run(self.data_dir.clone(), options).await.speaking(self.format)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill -s {name}: {status}");
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the server ends", async || child.try_wait().unwrap()).await
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Its data directory.
    pub fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of memory that the process holds.
    pub fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    }

    /// The sum of a metric over its labels; 0 if it has not occurred.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get_text("/metrics").await;
        let of_metric =
            |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        text.lines()
            .filter(of_metric)
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until a metric is at least that.
    pub async fn metric_reaches(&self, name: &str, least: f64) {
        let look = async || (self.metric(name).await >= least).then_some(());
        eventually(&format!("{name} reaches {least}"), look).await;
    }

    /// Makes an actor panic the next `times` times that it passes `point`.
    pub async fn arm(&self, point: &str, times: usize) {
        let answer = self.post(&format!("/faults/{point}?times={times}"), None, &()).await;
        assert_eq!(answer.0, 204, "is the server built with its feature `faults`?");
    }

    /// A new guest of this name.
    pub async fn guest(&self, name: &str) -> Guest {
        Guest::make(self, name).await
    }

    /// A new guest of this name, connected.
    pub async fn client(&self, name: &str) -> Client {
        let guest = self.guest(name).await;
        Client::connect(self, &guest).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended already
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server logged:\n{}", self.log());
        }
    }
}
