//! An operator's commands on dead letters: what there is, and sending one again.

use std::sync::Arc;

use chat_protocol::ErrorCode;

use super::StartError;
use super::cluster::{self, Log};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::domain::dead_letter::{DeadLetter, LetterPlace};
use crate::domain::log_record::{Content, Record};
use crate::domain::record::Draft;
use crate::journal::kafka::{Shelf, ShelfError};
use crate::journal::{Committed, JournalError};

/// Why a command could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("kafka.brokers: there are dead letters only where the log is in Kafka (KAFKA_BROKERS)")]
    NotInKafka,
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("there is no dead letter {0}: `dead-letters list` shows what there is")]
    NoSuch(LetterPlace),
    #[error("the dead letter {place} can't be read by this version either: {why}")]
    Unreadable { place: LetterPlace, why: String },
    #[error(
        "the dead letter {0} is no message: changes of rooms and members are told to the log by the database itself"
    )]
    NotAMessage(LetterPlace),
    #[error("the dead letter {place} is refused: {why}")]
    Refused { place: LetterPlace, why: &'static str },
    #[error("whether the dead letter {place} was sent is unknown, the same again is safe: {why}")]
    Unavailable { place: LetterPlace, why: String },
}

impl LetterError {
    /// The process's exit code (sysexits.h).
    pub fn exit_code(&self) -> u8 {
        const USAGE: u8 = 64;
        const DATA: u8 = 65;
        const NO_INPUT: u8 = 66;
        const UNAVAILABLE: u8 = 69;
        match self {
            Self::NotInKafka => USAGE,
            Self::Start(err) => err.exit_code(),
            Self::NoSuch(_) => NO_INPUT,
            Self::Unreadable { .. } | Self::NotAMessage(_) | Self::Refused { .. } => DATA,
            Self::Shelf(_) | Self::Unavailable { .. } => UNAVAILABLE,
        }
    }
}

/// The newest letters, `limit` at most, the oldest of them first. Each is there once, however often it was kept.
///
/// # Errors
/// [`LetterError`].
pub async fn list(config: &Config, limit: usize) -> Result<Vec<DeadLetter>, LetterError> {
    Ok(shelf(config, Arc::new(SystemClock::start()))?.newest(limit).await?)
}

/// Has the message of a letter appended, as its author's, in a new place. Once: whether the log has it already is looked
/// up first.
///
/// # Errors
/// [`LetterError`].
pub async fn send(config: &Config, place: LetterPlace) -> Result<Committed, LetterError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let found = shelf(config, clock.clone())?.find(place).await?;
    let draft = draft(&found.ok_or(LetterError::NoSuch(place))?)?;
    let log = Log::open(config, clock).await?;
    let sent = log.journal.append_again(draft).await;
    log.close().await;
    sent.map_err(|err| match err {
        JournalError::Refused(ErrorCode::RoomNotFound) => {
            LetterError::Refused { place, why: "its room doesn't exist" }
        }
        JournalError::Refused(ErrorCode::ClientIdReused) => {
            LetterError::Refused { place, why: "its author has said something else under its id" }
        }
        JournalError::Refused(code) => LetterError::Refused { place, why: code.name() },
        JournalError::Unavailable(why) => LetterError::Unavailable { place, why },
    })
}

fn shelf(config: &Config, clock: Arc<dyn Clock>) -> Result<Shelf, LetterError> {
    if config.kafka.brokers.is_empty() {
        return Err(LetterError::NotInKafka);
    }
    Ok(Shelf::new(cluster::dead_letters(&config.kafka), clock))
}

/// What a letter says, read by this version.
fn draft(letter: &DeadLetter) -> Result<Draft, LetterError> {
    let place = letter.place;
    let unreadable = |why: String| Err(LetterError::Unreadable { place, why });
    if letter.is_cut() {
        return unreadable("its value was too long to be kept".to_owned());
    }
    let record = Record::decode(place.log_offset, letter.timestamp, &letter.key, &letter.value);
    match record.content {
        Content::Draft(checked) if checked.draft.body.is_message() => Ok(checked.draft),
        Content::Draft(_) => Err(LetterError::NotAMessage(place)),
        Content::Unreadable(unread) => unreadable(unread.reason.name().to_owned()),
        Content::Newer(version) => unreadable(format!("it is of version {version}")),
    }
}
