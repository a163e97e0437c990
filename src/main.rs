//! The binary: arguments, configuration, logs, the node.

use std::path::PathBuf;
use std::process::ExitCode;

use chat_server::app::{App, dead_letters};
use chat_server::config::{Config, Overrides};
use chat_server::domain::dead_letter::LetterPlace;
use chat_server::{lifecycle, mutants, telemetry};
use clap::{Parser, Subcommand};
use serde_json::json;

/// Scalable Chat: a chat server for browser clients, durable from the first message on.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML); every key and its default stands in config/default.toml
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// Address to listen on
    #[arg(long)]
    host: Option<String>,
    /// Port to listen on; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Folder of everything that must survive
    #[arg(long)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Subcommand)]
enum Command {
    /// Records of the log that could not be read: look at them, send one again
    #[command(subcommand)]
    DeadLetters(DeadLetters),
}

#[derive(Subcommand)]
enum DeadLetters {
    /// Show the newest ones, the oldest of them first
    List {
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// One JSON object a line, with all that was kept
        #[arg(long)]
        json: bool,
    },
    /// Have the message of one appended, now that this version can read it; never twice
    Send {
        /// <partition>:<offset>, as the list shows it
        place: LetterPlace,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

/// A bad command line or configuration (sysexits.h).
const USAGE: u8 = 64;
const SOFTWARE: u8 = 70;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(err) => {
            let _ = err.print();
            return if err.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let flags =
        Overrides { host: arguments.host, port: arguments.port, data_dir: arguments.data_dir };
    let config = match Config::load(arguments.config.as_deref(), std::env::vars(), &flags) {
        Ok(config) => config,
        Err(err) => return fail(USAGE, &format!("configuration: {err}")),
    };
    if let Err(err) = telemetry::start(&config.log) {
        return fail(USAGE, &format!("configuration: log.level: {err}"));
    }
    let system = actix_rt::System::new();
    match arguments.command {
        Some(Command::DeadLetters(command)) => system.block_on(letters(&config, command)),
        None => {
            lifecycle::raise_file_limit();
            system.block_on(run(config))
        }
    }
}

async fn run(config: Config) -> ExitCode {
    let (limits, protocol) = (config.limits.enabled, config.protocol.clone());
    let app = match App::build(config).await {
        Ok(app) => app,
        Err(err) => return fail(err.exit_code(), &err.to_string()),
    };
    let open = match app.address.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}", app.address.port()),
        _ => format!("http://{}", app.address),
    };
    println!("Scalable Chat {} is running.", env!("CARGO_PKG_VERSION"));
    println!("  open  {open}");
    println!("  data  {}", app.kept);
    println!("  stop  Ctrl-C, or SIGTERM to process {}", std::process::id());
    if !limits {
        println!("  NOTE  rate limits are OFF (limits.enabled = false): not for the open network");
    }
    if let Some(mutant) = mutants::chosen() {
        println!("  NOTE  WRONG ON PURPOSE: this server is the mutant {mutant}");
    }
    if protocol.open_channels {
        println!(
            "  NOTE  channels are OPEN (protocol.open_channels = true): whoever is connected reads and writes them"
        );
    }
    if protocol.anonymous {
        println!("  NOTE  who has no token may come in as well (protocol.anonymous = true)");
    }
    match lifecycle::run(app).await {
        Ok(end) => end.exit_code().into(),
        Err(err) => fail(SOFTWARE, &format!("signals can't be listened to: {err}")),
    }
}

async fn letters(config: &Config, command: DeadLetters) -> ExitCode {
    let done = match command {
        DeadLetters::List { limit, json } => dead_letters::list(config, limit).await.map(|all| {
            for letter in &all {
                if json { println!("{}", letter.to_json()) } else { println!("{letter}") }
            }
            if all.is_empty() && !json {
                println!("There are no dead letters.");
            }
        }),
        DeadLetters::Send { place, json } => dead_letters::send(config, place).await.map(|sent| {
            if json {
                println!("{}", json!({ "id": sent.id.to_string(), "repeat": sent.repeat }));
            } else if sent.repeat {
                println!("The log has it already, as message {}.", sent.id);
            } else {
                println!("It was sent as message {}.", sent.id);
            }
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => fail(err.exit_code(), &err.to_string()),
    }
}

fn fail(code: u8, sentence: &str) -> ExitCode {
    eprintln!("chat-server: {sentence}");
    code.into()
}
