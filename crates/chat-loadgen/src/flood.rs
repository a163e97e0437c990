//! What ordinary users notice of abusers: publish to seen without them and beside each kind of them, in turn, in one
//! run, against a server with its default limits. Bounded in time and count, and on this machine only.

mod abuser;
mod got;
mod kinds;
mod table;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::cli::FloodArgs;
use crate::engine::{Engine, Pressure};
use crate::proc;
use crate::report::Latency;
use crate::rest::Rest;
use crate::scenario::Target;
use crate::scenario::stage::{Cast, SeatPlan};
use crate::server::{Running, ServerPlan, free_port};
use abuser::Abusers;
use got::Got;
use kinds::Kind;
use table::Row;

/// The server has a core to itself, and users and abusers the other: what slows users down is the server, or the
/// machine, but as little as possible the program that measures.
const SERVER_CORE: usize = 0;
const LOAD_CORE: usize = 1;
/// Ordinary users, all in one room, and how many of them write.
const USERS: usize = 50;
const WRITERS: usize = 10;
/// Messages a second of all writers together: each is far below its limit.
const MESSAGES_PER_S: f64 = 50.0;
/// Each abuser comes from an address of its own.
const ABUSERS: usize = 10;
const OPEN_FILES: u64 = 8192;
/// Between two measured intervals, so that one doesn't see the other's rest.
const SETTLES: Duration = Duration::from_secs(1);

/// Floods a server of its own and prints the table as Markdown; false if an ordinary user lost anything.
///
/// # Errors
/// The machine doesn't fit, or the server ends.
pub fn run(args: &FloodArgs) -> Result<bool> {
    let cores = std::thread::available_parallelism()?.get();
    ensure!(cores > LOAD_CORE, "two cores are needed: one for the server, one for the load");
    let files = proc::raise_open_files(OPEN_FILES);
    ensure!(files >= OPEN_FILES, "only {files} open files are allowed, {OPEN_FILES} are needed");
    let scratch = args.scratch.clone().unwrap_or_else(std::env::temp_dir);
    ensure!(!proc::is_in_memory(&scratch)?, "{} is memory, not a disk", scratch.display());
    proc::pin_to_core(LOAD_CORE)?;

    let folder = tempfile::tempdir_in(scratch)?;
    let defaults =
        [("CHAT__LIMITS__ENABLED", "true".to_owned()), ("CHAT__HTTP__WORKERS", "0".to_owned())];
    let mut server = Running::server(&ServerPlan {
        program: &args.server.canonicalize().context("no such server program")?,
        data_dir: &folder.path().join("data"),
        port: free_port()?,
        shell: None,
        log: &folder.path().join("log"),
        core: Some(SERVER_CORE),
        options: &defaults,
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(server.ready())?;
    let mut flood = Flood::set_up(&server, &runtime)?;
    let rows = Kind::ALL
        .iter()
        .map(|kind| flood.beside(*kind, Duration::from_secs(args.seconds)))
        .collect::<Result<Vec<_>>>()?;
    flood.engine.listen(Duration::from_secs(5), Engine::is_quiet)?;
    flood.engine.count_missing();
    print!("{}", table::markdown(&rows));
    let tally = &flood.engine.tally;
    let clean = tally.breaches.none() && tally.failed == 0;
    println!(
        "\nordinary users: {} sends acked, {} failed, order, loss, repeats: {}",
        tally.acked_ever,
        tally.failed,
        if clean { "clean".to_owned() } else { format!("NOT CLEAN: {:?}", tally.breaches) }
    );
    Ok(clean)
}

/// The ordinary users at their work, and where abusers find the server.
struct Flood {
    engine: Engine,
    abusers: Abusers,
    pid: u32,
}

impl Flood {
    fn set_up(server: &Running, runtime: &tokio::runtime::Runtime) -> Result<Self> {
        let target = &Target::one(server.address, server.pid(), false);
        let seat = |n: usize| SeatPlan { guest: n, rooms: vec![0], writes: n < WRITERS };
        let seats: Vec<_> = (0..USERS).map(seat).collect();
        let cast = runtime.block_on(Cast::make(target, USERS + ABUSERS, 1, &seats))?;
        let pressure =
            Pressure { publications_per_second: Some(MESSAGES_PER_S), window: 64, lag_max: 4096 };
        let mut engine = Engine::new(&cast.rooms, pressure)?;
        runtime.block_on(cast.seat(target, &seats, &mut engine))?;
        let guests = cast.guests_from(USERS);
        let room = &cast.rooms[0];
        runtime.block_on(async {
            let rest = Rest::new(target.address);
            for guest in guests {
                rest.join(guest, room).await?;
            }
            anyhow::Ok(())
        })?;
        let tokens = guests.iter().map(|guest| guest.token.clone()).collect();
        let abusers = Abusers { server: target.address, tokens, room: room.clone() };
        Ok(Self { engine, abusers, pid: server.pid() })
    }

    /// Users alone, and then beside one kind of abuser.
    fn beside(&mut self, kind: Kind, lasting: Duration) -> Result<Row> {
        let (without, _) = self.measure(lasting)?;
        let got = Arc::new(Got::default());
        let storm = self.abusers.storm(kind, lasting + SETTLES, &got);
        let (with, server_busy) = self.measure(lasting)?;
        let rss_bytes = proc::rss_bytes(self.pid)?;
        storm.join().map_err(|_| anyhow::anyhow!("the abusers' thread panicked"))??;
        let got = got.counts();
        Ok(Row { kind, without, with, server_busy, rss_bytes, got })
    }

    /// Publish to seen over an interval, and the share of a core that the server was busy.
    fn measure(&mut self, lasting: Duration) -> Result<(Latency, f64)> {
        let mut pacer = self.engine.pacer();
        self.engine.tally.measuring = false;
        self.engine.load(&mut pacer, SETTLES)?;
        self.engine.tally.receive_ns.reset();
        self.engine.tally.begin();
        let before = proc::cpu_time(self.pid)?;
        self.engine.load(&mut pacer, lasting)?;
        let busy = (proc::cpu_time(self.pid)? - before).as_secs_f64() / lasting.as_secs_f64();
        self.engine.tally.measuring = false;
        Ok(((&self.engine.tally.receive_ns).into(), busy))
    }
}
