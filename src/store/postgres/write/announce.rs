//! What a change tells its room: an event of the log that is here, or a row of the outbox, on its way to the log elsewhere.

use chat_protocol::Offset;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::super::options::LogAt;
use super::super::schema::{outbox, rooms};
use super::group::Group;
use crate::domain::log_record::{Checked, encode};
use crate::domain::record::Draft;
use crate::store::rules::group::Placing;
use crate::store::{PENDING, StoreError};

/// What a membership refers to.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store::postgres) struct Announced {
    /// The event's place; [`PENDING`] until the log has given it one.
    pub offset: Offset,
    /// Which change of the room it was, where the log is elsewhere.
    pub version: i64,
}

impl Group<'_> {
    pub(in crate::store::postgres) async fn announce(
        &mut self,
        event: &Placing<'_>,
    ) -> Result<Announced, StoreError> {
        match self.site.log {
            LogAt::Here => Ok(Announced { offset: self.put(event).await?, version: 0 }),
            LogAt::Elsewhere => self.post(event).await,
        }
    }

    async fn post(&mut self, event: &Placing<'_>) -> Result<Announced, StoreError> {
        let (no, version): (i64, i64) =
            diesel::update(rooms::table.filter(rooms::id.eq(event.room.as_str())))
                .set(rooms::version.eq(rooms::version + 1))
                .returning((rooms::no, rooms::version))
                .get_result(self.conn)
                .await?;
        let draft = Draft {
            room: event.room.clone(),
            author: event.author.cloned(),
            id: event.id,
            body: event.body.clone(),
            change: Some(version.cast_unsigned()),
        };
        let value = encode(&Checked { at: self.now_ms, draft });
        diesel::insert_into(outbox::table)
            .values((outbox::room_no.eq(no), outbox::version.eq(version), outbox::value.eq(value)))
            .execute(self.conn)
            .await?;
        Ok(Announced { offset: PENDING, version })
    }
}
