//! Shared logs to be folded, and what the one rule makes of them in memory.

use std::collections::{BTreeMap, HashMap};

use chat_protocol::{Event, MessageId, Offset, RoomId};
use chat_server::domain::fold::{BUCKET_MS, Folded, Partition, SKEW_MS_MAX, Top, fold};
use chat_server::domain::log_record::{self, Checked, Content, Record};
use proptest::prelude::*;

use super::store::{draft, person};

/// When logs begin, ms.
pub const START_MS: u64 = 1_764_000_000_000;

/// A message of `a`'s as the log has it: taken at `timestamp`, after it was checked at `checked`.
pub fn message(
    log_offset: u64,
    timestamp: u64,
    checked: u64,
    room: &RoomId,
    client_id: &str,
) -> Record {
    let draft = draft(room, &person("a"), client_id, &format!("at {log_offset}"));
    let value = log_record::encode(&Checked { at: checked, draft });
    Record::decode(log_offset, timestamp, room.as_str().as_bytes(), &value)
}

/// What the fold gives, in memory.
#[derive(Default)]
pub struct Model {
    pub partition: Partition,
    pub checksum: Option<u64>,
    pub tops: HashMap<RoomId, Top>,
    /// By message: the bucket and the place.
    pub ids: HashMap<MessageId, (u64, Offset)>,
    pub events: BTreeMap<(RoomId, Offset), Event>,
}

impl Model {
    pub fn of(log: &[Record]) -> Self {
        let mut model = Self::default();
        log.iter().for_each(|record| model.fold(record));
        model
    }

    fn fold(&mut self, record: &Record) {
        self.checksum = Some(record.checksum);
        let Some(room) = &record.room else {
            self.partition.next = record.log_offset + 1;
            return;
        };
        let (top, ids) = (self.tops.entry(room.clone()).or_default(), &self.ids);
        let known = |partition: &Partition, id: &MessageId| {
            let (bucket, offset) = ids.get(id)?;
            (bucket + 1 >= partition.bucket()).then_some(*offset)
        };
        let event = match (fold(&mut self.partition, top, record.header(), known), &record.content)
        {
            (Folded::Event { offset, time, bucket }, Content::Draft(checked)) => {
                self.ids.insert(checked.draft.id, (bucket, offset));
                log_record::place(checked.draft.clone(), offset, time)
            }
            (Folded::Void { offset, time, of }, _) => {
                log_record::void(room.clone(), offset, time, of)
            }
            other => panic!("{other:?}"),
        };
        self.events.insert((room.clone(), event.offset), event);
    }
}

/// One record of a log to be.
#[derive(Clone, Debug)]
pub struct Said {
    room: Option<u8>,
    /// `None`: nothing that can be read.
    client_id: Option<u8>,
    /// Since the record before, ms.
    after_ms: i64,
    /// How far the check lies from the log's time, ms.
    skew_ms: i64,
    /// Log offsets that are missing before it.
    hole: u64,
}

/// Something said, behind `hole`.
pub fn said(hole: impl Strategy<Value = u64>) -> impl Strategy<Value = Said> {
    let (skew, bucket) = (SKEW_MS_MAX.cast_signed(), BUCKET_MS.cast_signed());
    (
        prop_oneof![9 => (0u8..3).prop_map(Some), 1 => Just(None)],
        prop_oneof![9 => (0u8..7).prop_map(Some), 1 => Just(None)],
        prop_oneof![6 => 0..1000i64, 1 => -2000..0i64, 2 => 0..bucket, 1 => 0..4 * bucket],
        prop_oneof![6 => Just(0i64), 1 => -skew..=skew, 1 => skew + 1..2 * skew, 1 => -2 * skew..-skew],
        hole,
    )
        .prop_map(|(room, client_id, after_ms, skew_ms, hole)| Said {
            room,
            client_id,
            after_ms,
            skew_ms,
            hole,
        })
}

/// The log of a partition, whose rooms begin with its number.
pub fn log_of(partition: u32, said: &[Said]) -> Vec<Record> {
    let (mut at, mut time) = (0, START_MS.cast_signed());
    let mut record = |said: &Said| {
        at += said.hole;
        time += said.after_ms;
        let name = said.room.map_or("not a room".to_owned(), |room| format!("{partition}-{room}"));
        let timestamp = time.cast_unsigned();
        let record = match (said.client_id, RoomId::parse(&name)) {
            (Some(client_id), Ok(room)) => {
                let checked = time.saturating_add(said.skew_ms).cast_unsigned();
                message(at, timestamp, checked, &room, &client_id.to_string())
            }
            _ => Record::decode(at, timestamp, name.as_bytes(), b"nonsense"),
        };
        at += 1;
        record
    };
    said.iter().map(&mut record).collect()
}
