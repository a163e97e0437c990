//! `chat-loadgen`: the instrument. It measures the chat server beside the machine's own floor
//! (`bench`, `run`, `floor`), floods it (`flood`), and kills it under load to see whether it keeps its promises
//! (`crash`), of which it makes a page (`proof`). How to read its figures is in `bench/README.md`.

mod bench;
mod cli;
mod crash;
mod engine;
mod flood;
mod floor;
mod link;
mod proc;
mod proof;
mod report;
mod rest;
mod scenario;
mod server;
mod wire;
mod ws;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command, RunArgs};

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Floor(args) => floor::run(args.mode, args.port).map(|()| true),
        Command::Run(args) => run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Flood(args) => flood::run(&args),
        Command::Crash(args) => crash::run(&args),
        Command::Proof(args) => proof::run(&args).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("chat-loadgen: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// One scenario against one running target; false if it broke a promise.
fn run(args: &RunArgs) -> Result<bool> {
    let scenario = args.scenario.scenario();
    let address = cli::loopback(&args.url)?;
    proc::raise_open_files(scenario.connections() as u64 + 256);
    if let Some(core) = args.core {
        proc::pin_to_core(core)?;
    }
    let target = scenario::Target::one(address, args.pid, args.floor);
    let report = scenario::run(&scenario, &target)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(report.is_clean())
}
