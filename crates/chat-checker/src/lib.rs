//! Judges what chat clients saw against the delivery contract.
//!
//! A harness records, while it talks to a server and breaks it, what every client did and saw
//! ([`History`]); when all is quiet it adds each room's whole history as the server then tells it
//! ([`RoomLog`]). [`check()`] compares the two and returns a [`Verdict`]: how much was checked, and
//! each broken promise with the events concerned.
//!
//! The promises, and the [`Property`] that names a breach of each:
//!
//! | promise | breach |
//! | --- | --- |
//! | what was acked is in the room's history, as it was sent, under the id of the ack | [`Property::AckedMissing`], [`Property::AckedChanged`] |
//! | one message at most per (room, author, client id), and only what somebody sent | [`Property::Doubled`], [`Property::Unsent`] |
//! | a refusal changes nothing | [`Property::RefusedPresent`] |
//! | history's offsets are 1, 2, 3 … to its head; time never goes back | [`Property::LogHole`], [`Property::TimeBack`] |
//! | a reader's offsets follow on each other from where its subscription began | [`Property::LiveHole`], [`Property::LiveRepeat`] |
//! | the same offset is the same event, live and in history | [`Property::LiveDiffers`] |
//! | nothing is seen that history lacks, and in the end nothing is withheld | [`Property::LivePhantom`], [`Property::LiveUnfinished`] |
//! | a resume that is told `recovered` is followed by what it missed, without a hole | [`Property::RecoveredHole`] |
//! | who is removed sees nothing beyond the removal | [`Property::AfterRevoked`] |
//! | what is unread is the messages above the mark | [`Property::UnreadWrong`] |
//! | a resume goes on from the place that was asked for, at any age | [`Property::ResumeMoved`], [`Property::ResumeDenied`] |
//! | a room's epoch stays the same | [`Property::EpochChanged`] |
//!
//! Names (rooms, users, ids) are interned once by the recorder, so a check is a few passes over
//! flat records with hash look-ups on small integers: linear in the number of records.

mod check;
pub mod drawing;
mod history;
mod intern;
mod verdict;

pub use check::check;
pub use history::{
    Answer, Attempt, Counted, Event, History, Live, Message, Place, Resume, RoomLog, Subscription,
};
pub use intern::{Interner, Symbol};
pub use verdict::{About, Counts, Property, STORIES_MAX, Verdict, Violation};
