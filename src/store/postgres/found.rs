//! Makes a database ready: whose it is, migrations, the founding of a new log. Nodes that start at the same time do it
//! one after the other.

use chat_protocol::Epoch;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::{
    AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::database::{Access, Database, OpenError};
use super::options::LogAt;
use super::routes::partition_of;
use super::schema::{log_meta, log_part};
use super::write::{Group, Site};
use crate::domain::log_record::VERSION;
use crate::store::StoreError;
use crate::store::rules::founding::{self, GENERATION, General, RECORD_VERSION};
use crate::tokens;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// How long a step may take, how long others wait for who takes it, and the lock that they wait for.
const PREPARE: &str = "SET statement_timeout = '10min'; SET lock_timeout = '1min'; \
     SELECT pg_advisory_lock(7163095371914175860)";
/// The tables in our schema that belong to no extension. Migrations are listed before the first of them is run: a crash
/// may have come between.
const TABLES: &str = "SELECT c.relname::text FROM pg_class c \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
     AND c.relname <> '__diesel_schema_migrations' AND NOT EXISTS \
     (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";

// `encode` writes the only version there is, and so the one that the log names. With a second one it has to be told which.
const _: () = assert!(VERSION == 1);

/// What a log is known by.
#[derive(Clone, Debug)]
pub(super) struct Log {
    pub epoch: Epoch,
    pub at: LogAt,
    pub partitions: i32,
    pub secret: Vec<u8>,
    /// What records are written in by whoever writes them.
    record_version: i32,
}

impl Database {
    /// Refuses a foreign database before it writes to it, then migrates, and founds the log if there is none.
    pub(super) async fn prepare(
        &self,
        at: LogAt,
        partitions: i32,
        now_ms: u64,
    ) -> Result<Log, OpenError> {
        let mut conn = self.connect(Access::Write).await?;
        conn.batch_execute(PREPARE).await.map_err(|e| self.other(&e))?;
        self.check_owner(&mut conn).await?;
        let mut conn = self.migrate(conn)?;
        let log = found(&mut conn, at, partitions, now_ms).await.map_err(|e| self.other(&e))?;
        match (log.at, at) {
            (LogAt::Here, LogAt::Elsewhere) => {
                return Err(OpenError::LogIsHere(self.place().to_owned()));
            }
            (LogAt::Elsewhere, LogAt::Here) => {
                return Err(OpenError::LogIsElsewhere(self.place().to_owned()));
            }
            _ => {}
        }
        if log.record_version > i32::from(VERSION) {
            let (place, written) = (self.place().to_owned(), log.record_version);
            return Err(OpenError::NewerRecords { place, written, own: VERSION });
        }
        self.warn_of_lost_syncs(&mut conn).await?;
        // The lock goes with the connection.
        Ok(log)
    }

    async fn check_owner(&self, conn: &mut AsyncPgConnection) -> Result<(), OpenError> {
        let tables: Vec<Name> =
            diesel::sql_query(TABLES).load(conn).await.map_err(|e| self.other(&e))?;
        if tables.is_empty() || tables.iter().any(|it| it.relname == "log_meta") {
            Ok(())
        } else {
            Err(OpenError::NotADatabase(self.place().to_owned()))
        }
    }

    fn migrate(&self, conn: AsyncPgConnection) -> Result<AsyncPgConnection, OpenError> {
        let known: Vec<Box<dyn Migration<Pg>>> =
            MIGRATIONS.migrations().map_err(|e| self.other(&e))?;
        let is_known =
            |version: &MigrationVersion<'_>| known.iter().any(|it| it.name().version() == *version);
        let mut harness = AsyncMigrationHarness::new(conn);
        let applied = harness.applied_migrations().map_err(|e| self.other(&e))?;
        if let Some(version) = applied.iter().find(|it| !is_known(it)) {
            return Err(OpenError::Newer(self.place().to_owned(), version.to_string()));
        }
        harness.run_pending_migrations(MIGRATIONS).map_err(|e| self.other(&e))?;
        Ok(harness.into_inner())
    }

    /// A server that doesn't sync may be wanted in a test, and nowhere else.
    async fn warn_of_lost_syncs(&self, conn: &mut AsyncPgConnection) -> Result<(), OpenError> {
        let fsync = diesel::select(current_setting("fsync")).get_result::<String>(conn).await;
        if fsync.map_err(|e| self.other(&e))? == "off" {
            tracing::warn!(
                database = self.place(),
                "the database server runs with fsync=off: a crash of its machine loses what was acknowledged"
            );
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    relname: String,
}

diesel::define_sql_function!(fn current_setting(name: Text) -> Text);

/// The log in this database, founded now if it is new.
async fn found(
    conn: &mut AsyncPgConnection,
    at: LogAt,
    partitions: i32,
    now_ms: u64,
) -> Result<Log, StoreError> {
    conn.transaction(async |conn| {
        let known: Option<(String, bool, i32, Vec<u8>, i32)> = log_meta::table
            .select((
                log_meta::epoch,
                log_meta::shared,
                log_meta::partitions,
                log_meta::secret,
                log_meta::record_version,
            ))
            .first(conn)
            .await
            .optional()?;
        if let Some((epoch, shared, partitions, secret, record_version)) = known {
            let at = if shared { LogAt::Elsewhere } else { LogAt::Here };
            let epoch = founding::read_epoch(&epoch)?;
            return Ok(Log { epoch, at, partitions, secret, record_version });
        }
        let (epoch, secret) = (founding::draw_epoch()?, tokens::draw_secret());
        let (partitions, record_version) = (partitions.max(1), RECORD_VERSION);
        let log = Log { epoch, at, partitions, secret, record_version };
        diesel::insert_into(log_meta::table)
            .values((
                log_meta::epoch.eq(log.epoch.as_str()),
                log_meta::generation.eq(GENERATION),
                log_meta::partitions.eq(log.partitions),
                log_meta::record_version.eq(log.record_version),
                log_meta::secret.eq(&log.secret),
                log_meta::shared.eq(at == LogAt::Elsewhere),
            ))
            .execute(conn)
            .await?;
        let parts = (0..log.partitions)
            .map(|p| (log_part::p.eq(p), log_part::next.eq(0), log_part::time.eq(0)));
        diesel::insert_into(log_part::table)
            .values(parts.collect::<Vec<_>>())
            .execute(conn)
            .await?;
        create_general(conn, &log, now_ms).await?;
        Ok(log)
    })
    .await
}

async fn create_general(
    conn: &mut AsyncPgConnection,
    log: &Log,
    now_ms: u64,
) -> Result<(), StoreError> {
    let general = General::new()?;
    let p = partition_of(&general.room, log.partitions);
    let site = Site { epoch: &log.epoch, log: log.at, partitions: log.partitions };
    let mut group = Group::begin(conn, site, p, now_ms, &[]).await?;
    group.add_room(&general.room, &general.state, None).await?;
    group.announce(&general.created()).await?;
    group.flush().await
}
