//! Answers to users' questions: the same for RPC and REST.

use chat_protocol::client::HistoryPageRequest;
use chat_protocol::json;
use chat_protocol::server::History;
use chat_protocol::{Epoch, ErrorCode, Offset, Publication, RoomId, UserId};

use crate::domain::question::{
    Answer, PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, Question, REPLY_BYTES_MAX,
};
use crate::nodes::Nodes;
use crate::store::{Changed, PageLimit, Range, Store, StoreError};
use chat_protocol::client::Anchor;

/// Answers `question` of `user`.
///
/// # Errors
/// What the store says; [`ErrorCode::NotAvailable`] where too many are in a room to be listed; [`ErrorCode::UnrecoverablePosition`] for a page of another epoch.
pub async fn answer(
    store: &dyn Store,
    nodes: &dyn Nodes,
    user: &UserId,
    question: Question,
) -> Result<Answer, StoreError> {
    let data = match question {
        Question::Me => match store.user(user).await? {
            Some(user) => json::encode(&user),
            None => return Err(StoreError::Refused(ErrorCode::Unauthorized)),
        },
        Question::Room(room) => json::encode(&store.room(&room, user).await?),
        Question::Rooms(paging) => json::encode(&store.rooms(user, paging).await?),
        Question::Members(room, paging) => json::encode(&store.members(&room, user, paging).await?),
        Question::HistoryPage(it) => history_page(store, user, it).await?,
        Question::History { room, limit, since, reverse } => {
            let history = history(store, user, &room, limit, since, reverse).await?;
            return Ok(Answer::History(Box::new(history)));
        }
        Question::Presence(room) => {
            may_read(store, user, &room).await?;
            let all = nodes.occupants(&room).await?;
            let all = all.ok_or(StoreError::Refused(ErrorCode::NotAvailable))?;
            return Ok(Answer::Presence(all));
        }
        Question::PresenceStats(room) => {
            may_read(store, user, &room).await?;
            return Ok(Answer::PresenceStats(nodes.crowd(&room).await?));
        }
    };
    Ok(Answer::Data(data))
}

/// An open channel is everyone's, also before anything was published in it.
async fn may_read(store: &dyn Store, user: &UserId, room: &RoomId) -> Result<(), StoreError> {
    if !room.is_open() {
        store.room(room, user).await?;
    }
    Ok(())
}

/// The object that a change made.
pub fn changed(changed: &Changed) -> Vec<u8> {
    match changed {
        Changed::User(user) => json::encode(user),
        Changed::Room(room) => json::encode(room),
        Changed::Gone => b"{}".to_vec(),
    }
}

async fn history_page(
    store: &dyn Store,
    user: &UserId,
    it: HistoryPageRequest,
) -> Result<Vec<u8>, StoreError> {
    if it.epoch.is_some_and(|theirs| theirs != store.epoch().as_str()) {
        return Err(StoreError::Refused(ErrorCode::UnrecoverablePosition));
    }
    let range = match (it.before, it.after, it.around) {
        (Some(anchor), _, _) => Range::Before(anchor),
        (_, Some(anchor), _) => Range::After(anchor),
        (_, _, Some(anchor)) => Range::Around(anchor),
        _ => Range::Newest,
    };
    let events = it.limit.map_or(PAGE_EVENTS_DEFAULT, |limit| limit as usize);
    let events = events.clamp(1, PAGE_EVENTS_MAX);
    let limit = PageLimit { events, bytes: REPLY_BYTES_MAX };
    Ok(json::encode(&store.page(&it.room, Some(user), range, limit).await?))
}

/// The protocol's own history command.
async fn history(
    store: &dyn Store,
    user: &UserId,
    room: &RoomId,
    limit: usize,
    since: Option<(Offset, Option<Epoch>)>,
    reverse: bool,
) -> Result<History, StoreError> {
    let range = match (since, reverse) {
        (Some((_, Some(epoch))), _) if &epoch != store.epoch() => {
            return Err(StoreError::Refused(ErrorCode::UnrecoverablePosition));
        }
        (Some((offset, _)), false) => Range::After(Anchor::Offset(offset)),
        (Some((offset, _)), true) => Range::Before(Anchor::Offset(offset)),
        (None, false) => Range::After(Anchor::Offset(0)),
        (None, true) => Range::Newest,
    };
    let bounds = PageLimit { events: limit.max(1), bytes: REPLY_BYTES_MAX };
    let page = match store.page(room, Some(user), range, bounds).await {
        Err(StoreError::Refused(ErrorCode::RoomNotFound)) if room.is_open() => {
            // Nobody has wanted it yet.
            return Ok(History { publications: Vec::new(), epoch: store.epoch().clone(), top: 0 });
        }
        page => page?,
    };
    let events = if limit == 0 { &[] } else { page.events.as_slice() };
    let mut publications: Vec<_> = events.iter().map(Publication::encode).collect();
    if reverse {
        publications.reverse();
    }
    Ok(History { publications, epoch: page.epoch, top: page.head })
}
