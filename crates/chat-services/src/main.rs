//! The services of a development machine, from a command line: see `dev/services`.

mod chosen;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

#[derive(Parser)]
#[command(about = "PostgreSQL, Redis and Kafka for development, on free ports of 127.0.0.1")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts what is chosen, prints NAME=value for each, and ends it all on SIGINT or SIGTERM. Nothing outlives it.
    Up {
        #[command(flatten)]
        choice: Choice,
        /// Where the files "env" (what is printed) and "processes" lie while all is up.
        #[arg(long)]
        dir: PathBuf,
    },
}

#[derive(clap::Args, Clone, Copy)]
#[group(required = true, multiple = true)]
struct Choice {
    /// DATABASE_URL
    #[arg(long)]
    postgres: bool,
    /// REDIS_URL
    #[arg(long)]
    redis: Option<RedisKind>,
    /// KAFKA_BROKERS, of 1 or 3
    #[arg(long, value_parser = brokers)]
    kafka: Option<usize>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RedisKind {
    Single,
    Sentinel,
    Cluster,
}

fn brokers(text: &str) -> Result<usize, &'static str> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3 are possible"),
    }
}

fn main() -> ExitCode {
    let Command::Up { choice, dir } = Cli::parse().command;
    match up::run(choice, &dir) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-services: {error:#}");
            ExitCode::FAILURE
        }
    }
}
