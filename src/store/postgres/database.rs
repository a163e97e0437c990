//! The database: how it is reached, and what every session is told.

use std::str::FromStr;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio::time::timeout;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls};

/// Until there is a connection: with a group's own time below the four seconds within which every reply has to leave.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection whose other end is silent that long is dead.
const SILENCE: Duration = Duration::from_secs(10);

/// What each new session is told. A node that stops in the middle of a group may hold a partition's lock no longer than
/// others can wait; a commit is answered when it is on the disk, whatever the server's own default is.
///
/// Every query here follows an index. The server, which plans by what it knows of the tables, would read whole ones as long
/// as it has not looked how large they have become, and a plan that was made for an empty table is kept.
const SETTINGS: &str = "SET synchronous_commit = on; SET statement_timeout = '2s'; \
     SET lock_timeout = '1500ms'; SET idle_in_transaction_session_timeout = '3s'; \
     SET client_min_messages = warning; SET jit = off; SET enable_seqscan = off";
/// A writer's few statements look rows up by their keys, however many: one plan for all.
const WRITER_SETTINGS: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off; \
     SET plan_cache_mode = force_generic_plan";

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// Why a store could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the database URL can't be used ({0}): write postgres://user:password@host:port/database"
    )]
    Url(String),
    #[error(
        "the database URL asks for TLS, which is not spoken to databases here: leave {0} out, and reach \
         the database over a network that you trust"
    )]
    Tls(&'static str),
    #[error("no PostgreSQL answers at {0} ({1}): start it, or correct the database URL")]
    Unreachable(String, String),
    #[error(
        "PostgreSQL at {0} lets nobody in as this user ({1}): correct user and password in the database URL"
    )]
    Denied(String, String),
    #[error("there is no database {0} ({1}): create it, or correct the database URL")]
    NoDatabase(String, String),
    #[error(
        "the database {0} is the log itself, and can't be given another one: name an empty database, or leave \
         KAFKA_BROKERS out"
    )]
    LogIsHere(String),
    #[error("the database {0} belongs to a log in Kafka: give KAFKA_BROKERS as well")]
    LogIsElsewhere(String),
    #[error("{0} is not a database of this program: name an empty one")]
    NotADatabase(String),
    #[error("{0} was written by a newer version (it has migration {1}): start that version")]
    Newer(String, String),
    #[error(
        "records of the log in {place} are written in version {written}, and this program reads and writes up to {own}: \
         start a newer one"
    )]
    NewerRecords { place: String, written: i32, own: u8 },
    #[error("{0} can't be opened: {1}")]
    Other(String, String),
}

/// Where the database is, and how to connect to it.
#[derive(Debug)]
pub(super) struct Database {
    config: Config,
    /// For errors and logs: without user and password.
    place: String,
}

impl Database {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`OpenError::Url`], [`OpenError::Tls`].
    pub(super) fn at(url: &str) -> Result<Self, OpenError> {
        let mut config = Config::from_str(url).map_err(|error| match source_of(&error) {
            // The parser knows only those modes that it has code for.
            reason if reason.contains("sslmode") => OpenError::Tls("sslmode"),
            reason => OpenError::Url(reason),
        })?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(OpenError::Tls("sslmode"));
        }
        if config.get_ssl_negotiation() == SslNegotiation::Direct {
            return Err(OpenError::Tls("sslnegotiation"));
        }
        if config.get_channel_binding() == ChannelBinding::Require {
            return Err(OpenError::Tls("channel_binding"));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Url("it names no host".to_owned()));
        }
        config
            .application_name("chat-server")
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        let place = place(&config);
        Ok(Self { config, place })
    }

    /// For errors and logs.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A new connection, on the runtime of the caller.
    ///
    /// # Errors
    /// [`OpenError`], after [`CONNECT_TIMEOUT`] at the latest.
    pub(super) async fn connect(&self, access: Access) -> Result<AsyncPgConnection, OpenError> {
        let connecting = async {
            let (client, connection) =
                self.config.connect(NoTls).await.map_err(|error| self.refusal(&error))?;
            let connecting = AsyncPgConnection::try_from_client_and_connection(client, connection);
            let mut conn = connecting.await.map_err(|error| self.other(&error))?;
            let settings = match access {
                Access::Write => &format!("{SETTINGS}; {WRITER_SETTINGS}"),
                Access::Read => SETTINGS,
            };
            conn.batch_execute(settings).await.map_err(|error| self.other(&error))?;
            Ok(conn)
        };
        let late = |_| OpenError::Unreachable(self.place.clone(), "it doesn't answer".to_owned());
        timeout(CONNECT_TIMEOUT, connecting).await.map_err(late)?
    }

    /// An error that has no sentence of its own.
    pub(super) fn other(&self, error: &dyn std::fmt::Display) -> OpenError {
        OpenError::Other(self.place.clone(), error.to_string())
    }

    fn refusal(&self, error: &tokio_postgres::Error) -> OpenError {
        let (place, reason) = (self.place.clone(), source_of(error));
        match error.code() {
            Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
                OpenError::NoDatabase(place, reason)
            }
            Some(code)
                if *code == SqlState::INVALID_PASSWORD
                    || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION =>
            {
                OpenError::Denied(place, reason)
            }
            // Starting, stopping, or out of connections.
            Some(_) => OpenError::Unreachable(place, reason),
            None if reason.contains("password") => OpenError::Denied(place, reason),
            None => OpenError::Unreachable(place, reason),
        }
    }
}

/// The cause, without what the driver puts in front of it.
fn source_of(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn place(config: &Config) -> String {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let mut hosts: Vec<String> = hosts.collect();
    if hosts.is_empty() {
        hosts = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let ports = config.get_ports();
    for (n, host) in hosts.iter_mut().enumerate() {
        let port = ports.get(n).or_else(|| ports.first()).copied().unwrap_or(5432);
        *host = format!("{host}:{port}");
    }
    let database = config.get_dbname().or_else(|| config.get_user()).unwrap_or_default();
    format!("{}/{database}", hosts.join(","))
}

impl From<OpenError> for ConnectionError {
    fn from(error: OpenError) -> Self {
        Self::BadConnection(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_no_secret() {
        for (url, place) in [
            ("postgres://me:secret@db:5433/chat", "db:5433/chat"),
            ("postgres://me:secret@a,b:5433/chat", "a:5432,b:5433/chat"),
            ("host=/run/pg user=me password=secret", "/run/pg:5432/me"),
            ("hostaddr=10.0.0.1 user=me dbname=chat", "10.0.0.1:5432/chat"),
        ] {
            assert_eq!(Database::at(url).unwrap().place(), place);
        }
    }

    #[test]
    fn what_only_tls_could_give_is_refused_and_not_left_out() {
        for (option, named) in [
            ("sslmode=require", "sslmode"),
            ("sslmode=verify-full", "sslmode"),
            ("sslnegotiation=direct", "sslnegotiation"),
            ("channel_binding=require", "channel_binding"),
        ] {
            let error = Database::at(&format!("postgres://me@db/chat?{option}")).unwrap_err();
            assert!(matches!(&error, OpenError::Tls(it) if *it == named), "{option}: {error}");
            assert!(error.to_string().contains(named));
        }
        for option in ["sslmode=disable", "sslmode=prefer", "channel_binding=disable"] {
            assert!(Database::at(&format!("postgres://me@db/chat?{option}")).is_ok(), "{option}");
        }
    }

    #[test]
    fn what_is_no_url_is_named() {
        for url in ["", "chat.db", "mysql://db/chat", "postgres:///chat", "postgres://db:port/chat"]
        {
            let error = Database::at(url).map(|it| it.place().to_owned());
            assert!(matches!(error, Err(OpenError::Url(_))), "{url}: {error:?}");
        }
    }
}
