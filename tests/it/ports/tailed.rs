//! A store that lags and is completed answers as one that doesn't lag.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chat_protocol::client::Anchor;
use chat_protocol::event::Removal;
use chat_protocol::object::{HistoryPage, Person, RoomKind, RoomState, User};
use chat_protocol::{ClientId, Epoch, ErrorCode, Event, Offset, RoomId, UserId};
use chat_server::domain::record::{Change, Draft};
use chat_server::store::tailed::{Tail, TailPart, Tailed};
use chat_server::store::{Head, History, Membership, PageLimit, Range, StoreError};

use super::sqlite::SqliteSubject;
use super::{LogStore, Subject};

/// Events that are in the rooms, of each one.
const EVENTS: Offset = 12;

fn person(name: &str) -> Person {
    Person { id: UserId::parse(name).unwrap(), name: name.to_owned() }
}

fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// The deeds of a room's life: `owner` speaks, `guest` comes at 4, goes at 7, comes again at 9 and goes at 12.
async fn act(store: &dyn LogStore, room: &RoomId, offsets: std::ops::RangeInclusive<Offset>) {
    for offset in offsets {
        let (room, by, member) = (room.clone(), person("owner"), id("guest"));
        match offset {
            4 | 9 => drop(store.change(Change::AddMember { room, by, member }).await.unwrap()),
            7 | 12 => {
                let reason = Removal::Removed;
                let removal = Change::RemoveMember { room, by, member, reason };
                store.change(removal).await.unwrap();
            }
            _ => {
                let client_id = ClientId::parse(&format!("c{offset}")).unwrap();
                let text = "x".repeat(usize::try_from(offset).unwrap() * 10);
                let draft = Draft::message(room, by, client_id, text);
                store.commit(vec![draft]).await.remove(0).unwrap();
            }
        }
    }
}

/// A store in which a room has come as far as `last`, but at least to its making.
async fn store_until(kind: RoomKind, last: Offset) -> (SqliteSubject, RoomId) {
    let subject = SqliteSubject::start();
    let (store, room) = (subject.store(), RoomId::parse("r").unwrap());
    for name in ["owner", "guest", "stranger"] {
        let user = User { id: id(name), name: name.to_owned(), guest: false };
        store.change(Change::CreateUser(user)).await.unwrap();
    }
    let state = RoomState { name: "R".to_owned(), kind, topic: String::new() };
    let (creator, client_id) = (person("owner"), ClientId::parse("c").unwrap());
    let members = Vec::new();
    let making = Change::CreateRoom { room: room.clone(), state, creator, members, client_id };
    store.change(making).await.unwrap();
    let made = store.head(&room).await.unwrap().unwrap().offset;
    assert!(made < 4, "the deeds come after it");
    act(&*store, &room, made + 1..=last).await;
    (subject, room)
}

/// Has the events from `first` to `last`.
struct Kept {
    events: Vec<Event>,
    first: Offset,
    last: Offset,
    is_away: AtomicBool,
}

#[async_trait]
impl Tail for Kept {
    async fn tail(&self, _: &RoomId, after: Offset) -> Result<Option<TailPart>, StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("away".into()));
        }
        let has = |it: &&Event| it.offset > after && (self.first..=self.last).contains(&it.offset);
        let events = self.events.iter().filter(has).cloned().collect();
        Ok(Some(TailPart { top: self.last, events }))
    }
}

/// A store that can be away.
struct MayBeAway {
    store: Arc<dyn LogStore>,
    is_away: AtomicBool,
}

impl MayBeAway {
    fn check(&self) -> Result<(), StoreError> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("away".into())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl History for MayBeAway {
    fn epoch(&self) -> &Epoch {
        self.store.epoch()
    }

    async fn head(&self, room: &RoomId) -> Result<Option<Head>, StoreError> {
        self.check()?;
        self.store.head(room).await
    }

    async fn membership(&self, room: &RoomId, user: &UserId) -> Result<Membership, StoreError> {
        self.check()?;
        self.store.membership(room, user).await
    }

    async fn page(
        &self,
        room: &RoomId,
        viewer: Option<&UserId>,
        range: Range,
        limit: PageLimit,
    ) -> Result<HistoryPage, StoreError> {
        self.check()?;
        self.store.page(room, viewer, range, limit).await
    }
}

/// Stores that have come so far each, by the index, and all of a room's events.
struct World {
    room: RoomId,
    by_head: Vec<SqliteSubject>,
    events: Vec<Event>,
}

impl World {
    async fn of(kind: RoomKind) -> Self {
        let mut by_head = Vec::new();
        for last in 0..=EVENTS {
            by_head.push(store_until(kind, last).await.0);
        }
        let (whole, room) = (by_head.last().unwrap().store(), RoomId::parse("r").unwrap());
        let everything = PageLimit { events: 1000, bytes: usize::MAX };
        let events = whole.page(&room, None, Range::Newest, everything).await.unwrap().events;
        assert_eq!(events.len() as Offset, EVENTS);
        Self { room, by_head, events }
    }

    /// The store that has come as far as `head`, which is all that it should say.
    fn upto(&self, head: Offset) -> Arc<dyn LogStore> {
        self.by_head[usize::try_from(head).unwrap()].store()
    }

    /// A store at `head`, completed with what a tail has from `first` to `last`.
    fn tailed(&self, head: Offset, first: Offset, last: Offset) -> Tailed<MayBeAway> {
        let store = MayBeAway { store: self.upto(head), is_away: AtomicBool::new(false) };
        let (events, is_away) = (self.events.clone(), AtomicBool::new(false));
        Tailed::new(Arc::new(store), Arc::new(Kept { events, first, last, is_away }))
    }
}

fn ranges(events: &[Event]) -> Vec<Range> {
    let messages = events.iter().filter(|it| it.body.is_message());
    let by_id = messages.step_by(3).filter_map(|it| Some(Anchor::Id(it.id?.to_string())));
    let anchors: Vec<_> = (0..=EVENTS + 2).step_by(2).map(Anchor::Offset).chain(by_id).collect();
    let mut ranges = vec![Range::Newest];
    for anchor in anchors {
        ranges.push(Range::Before(anchor.clone()));
        ranges.push(Range::After(anchor.clone()));
        ranges.push(Range::Around(anchor));
    }
    ranges
}

/// A page but for what each store draws for itself: its epoch, and the ids of what is no message.
type Seen = Result<(Vec<Event>, Option<Offset>, Option<Offset>, Offset), StoreError>;

async fn see(
    store: &(impl History + ?Sized),
    room: &RoomId,
    viewer: Option<&UserId>,
    range: &Range,
    limit: PageLimit,
) -> Seen {
    let mut page = store.page(room, viewer, range.clone(), limit).await?;
    page.events.iter_mut().filter(|it| !it.body.is_message()).for_each(|it| it.id = None);
    Ok((page.events, page.prev, page.next, page.head))
}

/// Compares every page of a completed store with those of one that has come as far by itself.
async fn compare(world: &World, head: Offset, first: Offset, last: Offset) {
    let (tailed, whole) = (world.tailed(head, first, last), world.upto(last.max(head)));
    let viewers = [None, Some(id("owner")), Some(id("guest")), Some(id("stranger"))];
    let limits = [(1, 1), (5, 900), (100, 100_000)];
    for viewer in &viewers {
        for (events, bytes) in limits {
            for range in ranges(&world.events) {
                let (viewer, limit) = (viewer.as_ref(), PageLimit { events, bytes });
                let expected = see(&*whole, &world.room, viewer, &range, limit).await;
                let seen = see(&tailed, &world.room, viewer, &range, limit).await;
                assert_eq!(
                    seen, expected,
                    "{range:?} of {limit:?} to {viewer:?}, store {head}, tail {first} to {last}"
                );
            }
        }
    }
    for user in ["owner", "guest", "stranger"] {
        let expected = whole.membership(&world.room, &id(user)).await;
        assert_eq!(tailed.membership(&world.room, &id(user)).await, expected, "{user}");
    }
    assert_eq!(tailed.head(&world.room).await, whole.head(&world.room).await);
}

#[tokio::test]
async fn a_store_that_lags_and_is_completed_answers_as_one_that_does_not() {
    let private = World::of(RoomKind::Private).await;
    for (head, first, last) in [(2, 3, 12), (5, 3, 8), (8, 6, 11)] {
        compare(&private, head, first, last).await;
    }
    compare(&private, 10, 1, 8).await; // a tail that is behind adds nothing
    compare(&World::of(RoomKind::Public).await, 6, 7, 10).await;
}

#[tokio::test]
async fn a_page_never_has_the_hole_that_the_tail_leaves() {
    let world = World::of(RoomKind::Private).await;
    let tailed = world.tailed(5, 8, 11);
    let all = PageLimit { events: 100, bytes: 100_000 };
    let at = |offset| Range::After(Anchor::Offset(offset));
    let offsets = |seen: Seen| seen.unwrap().0.iter().map(|it| it.offset).collect::<Vec<_>>();
    let room = &world.room;
    assert_eq!(offsets(see(&tailed, room, None, &at(2), all).await), [3, 4, 5]);
    assert_eq!(offsets(see(&tailed, room, None, &Range::Newest, all).await), [1, 2, 3, 4, 5]);
    for after in [5, 6, 9] {
        let seen = see(&tailed, room, None, &at(after), all).await;
        assert!(matches!(seen, Err(StoreError::Unavailable(_))), "after {after}: {seen:?}");
    }
    // What lies beyond the hole says who may read all the same: the guest has come again, and may read from there on.
    let seen = see(&tailed, room, Some(&id("guest")), &Range::Newest, all).await;
    assert!(matches!(seen, Err(StoreError::Unavailable(_))), "{seen:?}");
    let tailed = world.tailed(5, 12, 12);
    let seen = see(&tailed, room, Some(&id("guest")), &Range::Newest, all).await;
    assert_eq!(seen, Err(StoreError::Refused(ErrorCode::NotAMember)));
    assert_eq!(tailed.head(room).await.unwrap().unwrap().offset, 12);
}

#[tokio::test]
async fn a_tail_alone_answers_the_server_and_nobody_else() {
    let world = World::of(RoomKind::Private).await;
    let store = MayBeAway { store: world.upto(5), is_away: AtomicBool::new(true) };
    let (events, is_away) = (world.events.clone(), AtomicBool::new(false));
    let kept = Arc::new(Kept { events, first: 7, last: 12, is_away });
    let tailed = Tailed::new(Arc::new(store), kept.clone());
    let limit = PageLimit { events: 3, bytes: 100_000 };
    let whole = world.upto(12);
    for after in [6, 8, 10, 11, 12] {
        let range = Range::After(Anchor::Offset(after));
        let expected = see(&*whole, &world.room, None, &range, limit).await;
        assert_eq!(see(&tailed, &world.room, None, &range, limit).await, expected, "{after}");
    }
    let unavailable = |seen: Seen| matches!(seen, Err(StoreError::Unavailable(_)));
    let after = |offset| Range::After(Anchor::Offset(offset));
    assert!(unavailable(see(&tailed, &world.room, None, &after(5), limit).await));
    assert!(unavailable(see(&tailed, &world.room, None, &Range::Newest, limit).await));
    assert!(unavailable(see(&tailed, &world.room, Some(&id("owner")), &after(8), limit).await));
    assert!(tailed.head(&world.room).await.is_err());
    kept.is_away.store(true, Ordering::Relaxed);
    assert!(unavailable(see(&tailed, &world.room, None, &after(8), limit).await));
}
