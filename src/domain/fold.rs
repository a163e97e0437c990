//! The fold: the one rule that turns records of the log into events with their places.
//!
//! Whoever folds the same log gets the same places: the store, a relay, a test, a model. A place depends on
//! nothing but the log: no clock, no cache, no counter that could be lost.
//!
//! docs/SEMANTICS.md says the rule in words; the names here are the same.

use chat_protocol::{MessageId, Offset};

use crate::mutants;

/// A record's number in its partition of the log, from 0.
pub type LogOffset = u64;

/// W: the width of a client-id bucket in milliseconds of log time. A repeat is recognised by the fold for at
/// least W and at most 2 W; older ones are looked up before they are appended.
pub const BUCKET_MS: u64 = 5 * 60 * 1000;
/// A record stamped further than this from the moment its draft was checked says nothing: it was produced too
/// late, or by a machine whose clock is off, and the retry that went another way must stay the only message.
pub const SKEW_MS_MAX: u64 = BUCKET_MS / 8;

/// What a projection knows of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Partition {
    /// The next log offset to fold.
    pub next: LogOffset,
    /// Log time: the greatest accepted record timestamp so far, ms.
    pub time: u64,
}

impl Partition {
    /// The newest client-id bucket.
    pub const fn bucket(&self) -> u64 {
        self.time / BUCKET_MS
    }
}

/// What a projection knows of one room's place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Top {
    /// The last offset given; 0 for a room without events.
    pub offset: Offset,
    /// The log offset of its last record.
    pub log_offset: Option<LogOffset>,
}

/// The header of one record, as far as its place depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Where the log has it.
    pub log_offset: LogOffset,
    /// When the log took it, ms.
    pub timestamp: u64,
    /// When its draft was checked, ms, and who it is; `None` if the value can't be read.
    pub readable: Option<(u64, MessageId)>,
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// Folded before: a run that is applied again.
    Skipped,
    /// It is an event. Its id belongs into `bucket`.
    Event { offset: Offset, time: u64, bucket: u64 },
    /// Its place is taken, and says nothing: a repeat of the event at `of`, unreadable, or too far off in time.
    Void { offset: Offset, time: u64, of: Option<Offset> },
}

/// Folds one record. `known` answers at which offset an id stands, if it is in the partition's newest client-id
/// bucket or the one before; it is asked after log time has moved.
pub fn fold(
    partition: &mut Partition,
    top: &mut Top,
    header: Header,
    known: impl FnOnce(&Partition, &MessageId) -> Option<Offset>,
) -> Folded {
    let k = header.log_offset;
    partition.next = partition.next.max(k + 1);
    if top.log_offset.is_some_and(|last| k <= last) && !mutants::is("no-guard") {
        return Folded::Skipped;
    }
    let offset = top.offset + 1;
    *top = Top { offset, log_offset: Some(k) };
    let skew_ms_max = if mutants::is("no-patience") { 0 } else { SKEW_MS_MAX };
    let on_time = |(checked, id): (u64, MessageId)| {
        let is_on_time = header.timestamp.abs_diff(checked) <= skew_ms_max;
        (is_on_time || mutants::is("accept-off-time")).then_some(id)
    };
    let Some(id) = header.readable.and_then(on_time) else {
        return Folded::Void { offset, time: partition.time, of: None };
    };
    // An id that is found at the very offset being given is this record's own: a run that died half way.
    let moved = Partition { time: partition.time.max(header.timestamp), ..*partition };
    if let Some(of) = known(&moved, &id).filter(|of| *of != offset)
        && !mutants::is("repeat-is-new")
    {
        return Folded::Void { offset, time: partition.time, of: Some(of) };
    }
    *partition = moved;
    let time = if mutants::is("time-goes-back") { header.timestamp } else { moved.time };
    Folded::Event { offset, time, bucket: moved.bucket() }
}

#[cfg(test)]
mod tests;
