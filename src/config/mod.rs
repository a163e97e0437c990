//! Configuration: the defaults in `config/default.toml`, then a file, then the environment, then flags.
//!
//! Everything is checked before a socket is opened; what is not known is refused, so a typo can't be a default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Config as Source, Environment, File, FileFormat};
use serde::Deserialize;

use crate::domain::rate_limit::Rate;

/// The defaults, as the binary carries them.
const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Options that the environment may give by a short name.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("http.port", "PORT"),
    ("store.data_dir", "DATA_DIR"),
    ("postgres.url", "DATABASE_URL"),
    ("redis.url", "REDIS_URL"),
    ("kafka.brokers", "KAFKA_BROKERS"),
];

/// The whole configuration. What each key means stands in `config/default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub session: Session,
    pub room: Room,
    pub message: Message,
    pub protocol: Protocol,
    pub presence: Presence,
    pub limits: Limits,
    pub auth: Auth,
    pub token: Token,
    pub store: Store,
    pub postgres: Postgres,
    pub redis: Redis,
    pub kafka: Kafka,
    pub log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub host: String,
    pub port: u16,
    pub workers: usize,
    pub drain_s: u64,
}

/// Which actor a session is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shell {
    /// Polls its own socket.
    #[default]
    Lean,
    /// actix-web-actors.
    Actors,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    pub shell: Shell,
    pub ping_interval_s: u64,
    pub pong_timeout_s: u64,
    pub connect_timeout_s: u64,
    pub expired_close_delay_s: u64,
    pub reply_timeout_ms: u64,
    pub channels_max: usize,
    pub outstanding_max: usize,
    pub frame_bytes_max: usize,
    pub place_bytes_max: u64,
    pub waiting_bytes_max: usize,
    pub stall_timeout_s: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    pub shards: usize,
    pub idle_s: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub tick_ms: u64,
    pub heartbeat_s: u64,
}

impl Presence {
    /// For how long a node is believed to have the sessions that it reported.
    pub fn believed_for(&self) -> Duration {
        Duration::from_secs(3 * self.heartbeat_s)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    pub text_bytes_max: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protocol {
    pub open_channels: bool,
    pub anonymous: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    pub enabled: bool,
    pub commands_per_s: u32,
    pub commands_burst: u32,
    pub connects_per_s: u32,
    pub connects_burst: u32,
    pub guests_per_s: u32,
    pub guests_burst: u32,
}

impl Limits {
    /// A rate, unless limits are off.
    pub fn rate(&self, per_second: u32, burst: u32) -> Option<Rate> {
        self.enabled.then_some(Rate { per_second, burst })
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    pub guests: bool,
    /// Empty: none.
    pub hmac_secret_file: PathBuf,
    /// Empty: none.
    pub public_key_file: PathBuf,
    /// Empty: none.
    pub jwks_file: PathBuf,
    /// Empty: any.
    pub issuer: String,
    /// Empty: none.
    pub audience: String,
    pub leeway_s: u64,
    /// Empty: one beside the embedded store, none in a cluster.
    pub api_key_file: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub lifetime_days: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub data_dir: PathBuf,
    pub readers: u32,
    pub cache_bytes: usize,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Empty: the embedded file.
    pub url: String,
    pub connections: u32,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// Empty: none.
    pub url: String,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Empty: none.
    pub brokers: String,
    pub topic: String,
    pub partitions: u32,
    pub replication: u32,
    pub in_sync_min: u32,
    /// 0: for ever.
    pub retention_hours: u64,
    /// Empty: the log's topic with `.dead` after it.
    pub dead_letter_topic: String,
    /// 0: for ever.
    pub dead_letter_hours: u64,
    pub properties: BTreeMap<String, String>,
}

impl std::fmt::Debug for Kafka {
    /// Without the properties, of which some are passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { brokers, topic, .. } = self;
        f.debug_struct("Kafka")
            .field("brokers", brokers)
            .field("topic", topic)
            .finish_non_exhaustive()
    }
}

/// Passwords stand in URLs: none is ever printed.
macro_rules! debug_without_url {
    ($($type:ident)*) => {$(
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($type)).field("given", &!self.url.is_empty()).finish()
            }
        }
    )*};
}
debug_without_url!(Postgres Redis);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// Why there is no configuration: what is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{0}")]
    Read(#[from] config::ConfigError),
    #[error("{key}: {problem}")]
    Value { key: &'static str, problem: &'static str },
}

/// What flags may say.
#[derive(Debug, Default)]
pub struct Overrides {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub data_dir: Option<PathBuf>,
}

impl Config {
    /// The defaults alone.
    ///
    /// # Errors
    /// Only if `config/default.toml` does not fit this program, which a test rules out.
    pub fn defaults() -> Result<Self, ConfigError> {
        Self::load(None, [], &Overrides::default())
    }

    /// Reads `file`, the `environment` and `flags` over the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] for an unknown key, a value of another type, or one out of its bounds.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigError> {
        let environment: std::collections::HashMap<String, String> =
            environment.into_iter().collect();
        let mut source = Source::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
        if let Some(file) = file {
            source = source.add_source(File::from(file).format(FileFormat::Toml));
        }
        // The names that hosting platforms know, below the full ones.
        let mut short = Source::builder();
        for (key, name) in SHORT_NAMES {
            short = short.set_override_option(*key, environment.get(*name).cloned())?;
        }
        source = source.add_source(short.build()?);
        let variables = Environment::with_prefix("CHAT")
            .prefix_separator("__")
            .separator("__")
            .try_parsing(true)
            .source(Some(environment.clone().into_iter().collect()));
        source = source.add_source(variables);
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let config: Self = source
            .set_override_option("http.host", flags.host.clone())?
            .set_override_option("http.port", flags.port)?
            .set_override_option("store.data_dir", flags.data_dir.as_ref().map(text))?
            .build()?
            .try_deserialize()?;
        config.check()?;
        Ok(config)
    }

    /// Bounds that types don't say.
    fn check(&self) -> Result<(), ConfigError> {
        let require = |holds: bool, key, problem| {
            if holds { Ok(()) } else { Err(ConfigError::Value { key, problem }) }
        };
        let s = &self.session;
        require(
            (1..s.ping_interval_s).contains(&s.pong_timeout_s),
            "session.pong_timeout_s",
            "must be at least 1 and below session.ping_interval_s",
        )?;
        require(
            (100..5000).contains(&s.reply_timeout_ms),
            "session.reply_timeout_ms",
            "must be from 100 to 4999: clients give up at 5000",
        )?;
        require(s.connect_timeout_s > 0, "session.connect_timeout_s", "must be at least 1")?;
        require(
            s.expired_close_delay_s <= 3600,
            "session.expired_close_delay_s",
            "must be at most 3600",
        )?;
        require(s.stall_timeout_s > 0, "session.stall_timeout_s", "must be at least 1")?;
        require(s.channels_max > 0, "session.channels_max", "must be at least 1")?;
        require(s.outstanding_max > 0, "session.outstanding_max", "must be at least 1")?;
        require(
            (1..=1 << 20).contains(&self.message.text_bytes_max),
            "message.text_bytes_max",
            "must be from 1 to 1048576",
        )?;
        require(
            s.frame_bytes_max >= 1024 && s.frame_bytes_max > self.message.text_bytes_max,
            "session.frame_bytes_max",
            "must be at least 1024 and above message.text_bytes_max",
        )?;
        require(
            s.waiting_bytes_max as u64 > s.place_bytes_max && s.waiting_bytes_max >= 512 * 1024,
            "session.waiting_bytes_max",
            "must be above session.place_bytes_max, and at least 524288: a page of history must fit",
        )?;
        require(
            self.redis.url.is_empty() || !self.postgres.url.is_empty(),
            "redis.url",
            "needs a database beside it: give postgres.url (DATABASE_URL) as well",
        )?;
        let k = &self.kafka;
        require(
            k.brokers.is_empty() || !(self.redis.url.is_empty() || self.postgres.url.is_empty()),
            "kafka.brokers",
            "needs Redis and a database beside it: give redis.url (REDIS_URL) and postgres.url (DATABASE_URL) as well",
        )?;
        require((1..=1024).contains(&k.partitions), "kafka.partitions", "must be from 1 to 1024")?;
        require(
            (1..=k.replication).contains(&k.in_sync_min),
            "kafka.in_sync_min",
            "must be from 1 to kafka.replication",
        )?;
        require(
            k.brokers.is_empty() || !self.protocol.open_channels,
            "protocol.open_channels",
            "not with a log in Kafka, which holds rooms alone yet: leave out kafka.brokers, or the open channels",
        )?;
        require(
            self.protocol.open_channels || !self.protocol.anonymous,
            "protocol.anonymous",
            "has nothing to use but open channels: set protocol.open_channels as well",
        )?;
        let p = &self.presence;
        require(p.tick_ms >= 100, "presence.tick_ms", "must be at least 100")?;
        require((1..=60).contains(&p.heartbeat_s), "presence.heartbeat_s", "must be from 1 to 60")?;
        let a = &self.auth;
        let files = [&a.hmac_secret_file, &a.public_key_file, &a.jwks_file];
        require(
            a.guests || files.iter().any(|file| !file.as_os_str().is_empty()),
            "auth.guests",
            "nobody could come in: allow guests, or name a file with a key of yours",
        )?;
        require(a.leeway_s <= 300, "auth.leeway_s", "must be at most 300")?;
        require(
            k.dead_letter_topic != k.topic,
            "kafka.dead_letter_topic",
            "must be another one than kafka.topic",
        )?;
        require(self.postgres.connections > 1, "postgres.connections", "must be at least 2")?;
        require(self.store.readers > 0, "store.readers", "must be at least 1")?;
        require(self.token.lifetime_days > 0, "token.lifetime_days", "must be at least 1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load(None, environment, &Overrides::default())
    }

    #[test]
    fn the_defaults_fit() {
        let config = Config::defaults().unwrap();
        assert_eq!((config.http.port, config.session.shell), (8000, Shell::Lean));
    }

    #[test]
    fn later_sources_win() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("chat.toml");
        std::fs::write(&file, "[http]\nport = 1\n[room]\nidle_s = 7\n").unwrap();
        let variables = |list: &[(&str, &str)]| {
            list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
        };
        let flags = Overrides::default();
        let config = Config::load(Some(&file), [], &flags).unwrap();
        assert_eq!((config.http.port, config.room.idle_s), (1, 7));
        let config = Config::load(Some(&file), variables(&[("PORT", "2")]), &flags).unwrap();
        assert_eq!(config.http.port, 2);
        let both = variables(&[("PORT", "2"), ("CHAT__HTTP__PORT", "3")]);
        assert_eq!(Config::load(Some(&file), both, &flags).unwrap().http.port, 3);
        let environment =
            variables(&[("CHAT__LIMITS__ENABLED", "false"), ("PORT", "2"), ("HOME", "/")]);
        let flags = Overrides { port: Some(4), ..Overrides::default() };
        let config = Config::load(Some(&file), environment, &flags).unwrap();
        assert_eq!((config.http.port, config.limits.enabled), (4, false));
    }

    #[test]
    fn unknown_keys_and_values_out_of_bounds_are_refused_by_name() {
        for (key, value, named) in [
            ("CHAT__HTTP__PROT", "1", "prot"),
            ("CHAT__HTTTP__PORT", "1", "htttp"),
            ("CHAT__HTTP__PORT", "eighty", "port"),
            ("PORT", "70000", "port"),
            ("CHAT__SESSION__PONG_TIMEOUT_S", "25", "session.pong_timeout_s"),
            ("CHAT__SESSION__SHELL", "fat", "fat"),
            ("CHAT__AUTH__GUESTS", "false", "auth.guests"),
            ("CHAT__AUTH__LEEWAY_S", "301", "auth.leeway_s"),
            ("CHAT__PROTOCOL__ANONYMOUS", "true", "protocol.anonymous"),
            ("CHAT__SESSION__EXPIRED_CLOSE_DELAY_S", "3601", "session.expired_close_delay_s"),
        ] {
            let error = load(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(named), "{key}={value}: {error}");
        }
        let kafka = [
            ("CHAT__PROTOCOL__OPEN_CHANNELS", "true"),
            ("DATABASE_URL", "postgres://127.0.0.1/chat"),
            ("REDIS_URL", "redis://127.0.0.1"),
        ];
        assert!(load(&kafka).is_ok());
        let error = load(&[&kafka[..], &[("KAFKA_BROKERS", "127.0.0.1:9092")]].concat());
        assert!(error.unwrap_err().to_string().contains("protocol.open_channels"));
    }
}
