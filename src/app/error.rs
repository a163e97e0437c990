//! Why a node could not start.

use std::path::PathBuf;

use crate::bus::redis::BadUrl;
use crate::journal::kafka;
use crate::store::{postgres, sqlite::OpenError};
use crate::tokens::KeyFileError;

/// Why the node could not start, and with which code the process ends (sysexits.h).
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "the data directory {0} can't be made ({1}): grant the right to, or name another with --data-dir"
    )]
    DataDir(PathBuf, std::io::Error),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Database(#[from] postgres::OpenError),
    #[error(transparent)]
    RedisUrl(#[from] BadUrl),
    #[error(transparent)]
    Kafka(#[from] kafka::SetUpError),
    #[error("the secret in the data directory can't be used: {0}")]
    Secret(anyhow::Error),
    #[error("the key of servers in {0} can't be used: {1}")]
    ApiKey(PathBuf, anyhow::Error),
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    #[error("{0} is taken by another program: stop it, or choose another port with --port")]
    PortInUse(String),
    #[error("can't listen on {0}: {1}")]
    Listen(String, std::io::Error),
    #[error("the node could not be put together: {0}")]
    Internal(&'static str),
}

impl StartError {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        use kafka::SetUpError as Kafka;
        use postgres::OpenError as Database;
        const USAGE: u8 = 64;
        const UNAVAILABLE: u8 = 69;
        const SOFTWARE: u8 = 70;
        const CANT_CREATE: u8 = 73;
        const IO: u8 = 74;
        match self {
            Self::RedisUrl(_)
            | Self::KeyFile(_)
            | Self::ApiKey(..)
            | Self::Database(
                Database::Url(_)
                | Database::Tls(_)
                | Database::LogIsHere(_)
                | Database::LogIsElsewhere(_),
            )
            | Self::Kafka(Kafka::Property(_) | Kafka::Configuration(_)) => USAGE,
            Self::Kafka(_) => UNAVAILABLE,
            Self::PortInUse(_) | Self::Listen(..) | Self::Store(OpenError::Locked(_)) => {
                UNAVAILABLE
            }
            Self::Database(
                Database::Unreachable(..) | Database::Denied(..) | Database::NoDatabase(..),
            ) => UNAVAILABLE,
            Self::DataDir(..)
            | Self::Store(OpenError::NoDirectory(_) | OpenError::NotWritable(..)) => CANT_CREATE,
            Self::Store(_) | Self::Database(_) | Self::Secret(_) => IO,
            Self::Internal(_) => SOFTWARE,
        }
    }
}
