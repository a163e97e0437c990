//! A run of a shared log while it is being folded: what it has moved so far, in memory until the commit.

use std::collections::HashMap;

use chat_protocol::{MessageId, Offset, RoomId};

use super::group::{Head, Placed};
use crate::domain::fold::{Folded, Partition, fold};
use crate::domain::log_record::{self, Content, Record};
use crate::store::StoreError;

/// Where an id stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    pub bucket: u64,
    pub offset: Offset,
}

/// See the module.
#[derive(Debug)]
pub struct Folding {
    pub partition: Partition,
    heads: HashMap<RoomId, Head>,
    ids: HashMap<MessageId, Known>,
    placed: Vec<Placed>,
    /// Which of them tell of a change of their room, and of which.
    changes: Vec<(u64, usize)>,
}

impl Folding {
    /// Begins where the projection stands: `heads` of every room of the run, `ids` as far as they lie in the partition's
    /// newest bucket or the one before it; older ones don't count.
    pub fn begin(
        partition: Partition,
        heads: HashMap<RoomId, Head>,
        ids: HashMap<MessageId, Known>,
    ) -> Self {
        Self { partition, heads, ids, placed: Vec::new(), changes: Vec::new() }
    }

    /// Folds the next record.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for a room whose head is not among those that it began with.
    pub fn fold(&mut self, record: &Record) -> Result<(), StoreError> {
        let Some(room) = &record.room else {
            self.partition.next = self.partition.next.max(record.log_offset + 1);
            return Ok(());
        };
        let missing = || StoreError::Unavailable("a room of the log has no row".to_owned());
        let head = self.heads.get_mut(room).ok_or_else(missing)?;
        let ids = &self.ids;
        let known = |partition: &Partition, id: &MessageId| {
            let known = ids.get(id).filter(|it| it.bucket + 1 >= partition.bucket());
            known.map(|it| it.offset)
        };
        let event = match fold(&mut self.partition, &mut head.top, record.header(), known) {
            Folded::Skipped => return Ok(()),
            Folded::Void { offset, time, of } => log_record::void(room.clone(), offset, time, of),
            Folded::Event { offset, time, bucket } => {
                let Content::Draft(checked) = &record.content else {
                    return Err(StoreError::Unavailable("an unreadable record was folded".into()));
                };
                self.ids.insert(checked.draft.id, Known { bucket, offset });
                self.changes.extend(checked.draft.change.map(|it| (it, self.placed.len())));
                head.messages += u64::from(checked.draft.body.is_message());
                log_record::place(checked.draft.clone(), offset, time)
            }
        };
        self.placed.push(Placed::new(event, *head, self.partition));
        Ok(())
    }

    /// What it has placed, in the order of the log.
    pub fn placed(&self) -> &[Placed] {
        &self.placed
    }

    /// The changes that were told of, and the events that tell.
    pub fn changes(&self) -> impl Iterator<Item = (u64, &Placed)> {
        self.changes.iter().filter_map(|(change, at)| Some((*change, self.placed.get(*at)?)))
    }
}
