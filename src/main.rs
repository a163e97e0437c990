//! The binary: arguments, configuration, logs, the node.

use std::path::PathBuf;
use std::process::ExitCode;

use chat_server::app::App;
use chat_server::config::{Config, Overrides};
use chat_server::{lifecycle, telemetry};
use clap::Parser;

/// Scalable Chat: a chat server for browser clients, durable from the first message on.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file (TOML); every key and its default stands in config/default.toml
    #[arg(long)]
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
    lifecycle::raise_file_limit();
    actix_rt::System::new().block_on(run(config))
}

async fn run(config: Config) -> ExitCode {
    let limits = config.limits.enabled;
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
    match lifecycle::run(app).await {
        Ok(end) => end.exit_code().into(),
        Err(err) => fail(SOFTWARE, &format!("signals can't be listened to: {err}")),
    }
}

fn fail(code: u8, sentence: &str) -> ExitCode {
    eprintln!("chat-server: {sentence}");
    code.into()
}
