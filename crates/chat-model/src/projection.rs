//! A projection: the log folded up to a cursor. The fold is the server's own; the memory that it asks for is kept here.

use chat_protocol::{MessageId, Offset};
use chat_server::domain::fold::{BUCKET_MS, Folded, Header, Partition, Top, fold};

use crate::record::{Event, Message, Record, Says, ms};

/// Where a message stands, as far as the fold may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Known {
    pub message: Message,
    pub bucket: u64,
    pub offset: Offset,
}

/// How a wrong variant departs from the rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct Departure {
    /// What was folded before is folded again.
    pub no_guard: bool,
    /// Ids are forgotten by this clock, ms, instead of log time.
    pub own_clock_ms: Option<u64>,
    /// A record is believed to have been checked when the log took it.
    pub accepts_off_time: bool,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Projection {
    pub partition: Partition,
    /// One for each room.
    pub tops: Vec<Top>,
    /// Ascending, one for each message.
    pub known: Vec<Known>,
}

impl Projection {
    /// Nothing folded yet.
    pub fn new(rooms: u8) -> Self {
        Self { tops: vec![Top::default(); usize::from(rooms)], ..Self::default() }
    }

    /// The log offset of the next record to fold.
    pub fn cursor(&self) -> usize {
        usize::try_from(self.partition.next).unwrap_or(usize::MAX)
    }

    /// A room's newest offset.
    pub fn head(&self, room: usize) -> Offset {
        self.tops.get(room).map_or(0, |top| top.offset)
    }

    /// Folds the record at `at` of the log; `None` if it was skipped.
    pub fn fold(
        &mut self,
        at: usize,
        room: usize,
        record: &Record,
        departure: Departure,
    ) -> Option<Event> {
        let Departure { no_guard, own_clock_ms, accepts_off_time } = departure;
        let message = record.message;
        let checked = if accepts_off_time { record.timestamp } else { record.checked };
        let header = Header {
            log_offset: at as u64,
            timestamp: ms(record.timestamp),
            readable: message.id().map(|id| (ms(checked), id)),
        };
        let known = &self.known;
        let find = |partition: &Partition, id: &MessageId| {
            let newest = own_clock_ms.map_or(partition.bucket(), |now_ms| now_ms / BUCKET_MS);
            let mut known = known.iter().filter(|it| it.bucket + 1 >= newest);
            known.find(|it| it.message == Message::of(id)).map(|it| it.offset)
        };
        let top = self.tops.get_mut(room)?;
        if no_guard {
            top.log_offset = None;
        }
        let (offset, says) = match fold(&mut self.partition, top, header, find) {
            Folded::Skipped => return None,
            Folded::Void { offset, of, .. } => (offset, Says::Void { of }),
            Folded::Event { offset, time, bucket } => {
                self.learn(Known { message, bucket, offset });
                (offset, Says::Message { message, time })
            }
        };
        Some(Event { offset, says })
    }

    fn learn(&mut self, known: Known) {
        self.known.retain(|it| it.message != known.message);
        self.known.push(known);
        self.known.sort_unstable();
    }

    /// The ids that the fold may still ask for. One above its room's top was written by a script that died: it doesn't count
    /// until the same record comes again, for which it will be its own.
    pub fn remembered(&self, room_of: impl Fn(Message) -> usize) -> impl Iterator<Item = &Known> {
        self.known.iter().filter(move |it| {
            let room = room_of(it.message);
            it.bucket + 1 >= self.partition.bucket() && it.offset <= self.head(room)
        })
    }

    /// What another projection is built from: the ids of the two newest buckets, and no others.
    pub fn base(&self) -> Self {
        let mut base = self.clone();
        base.known.retain(|it| it.bucket + 1 >= self.partition.bucket());
        base
    }
}
