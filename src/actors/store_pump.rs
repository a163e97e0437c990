//! The store pump: where actors' questions to the store wait, beside the actors, never in them.
//!
//! Bounded: a question that finds no permit is refused at once, and its asker says `unavailable`. An answer goes back as
//! a message; whoever is gone by then hears nothing.

use std::future::Future;
use std::sync::Arc;

use actix::{Addr, ArbiterHandle, Handler, Message};
use chat_protocol::client::Anchor;
use chat_protocol::{ErrorCode, Offset, Publication, RoomId, UserId, json};
use tokio::sync::Semaphore;

use super::admission::Admissions;
use super::answer;
use super::chat_room::{ChatRoom, HeadRead, MembershipRead, Repaired};
use super::users::Users;
use super::workers::{ToSession, Workers};
use crate::bus::Bus;
use crate::domain::question::{Answer, PAGE_EVENTS_MAX, Question, REPLY_BYTES_MAX};
use crate::domain::record::{Change, ReadMark};
use crate::domain::session::{Denied, Page, SessionKey, Ticket};
use crate::metrics;
use crate::nodes::Nodes;
use crate::store::{Head, PageLimit, Range, Store, StoreError};

/// Questions that may be under way.
const QUESTIONS_MAX: usize = 8192;

/// See the module.
#[derive(Clone)]
pub struct StorePump {
    store: Arc<dyn Store>,
    nodes: Arc<dyn Nodes>,
    bus: Arc<dyn Bus>,
    workers: Arc<Workers>,
    admissions: Arc<Admissions>,
    users: Arc<Users>,
    /// The thread where answers are put together.
    thread: ArbiterHandle,
    permits: Arc<Semaphore>,
}

impl StorePump {
    /// A pump that works on `thread`.
    pub fn new(
        store: Arc<dyn Store>,
        nodes: Arc<dyn Nodes>,
        bus: Arc<dyn Bus>,
        workers: Arc<Workers>,
        (admissions, users): (Arc<Admissions>, Arc<Users>),
        thread: ArbiterHandle,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(QUESTIONS_MAX));
        Self { store, nodes, bus, workers, admissions, users, thread, permits }
    }

    /// Runs `job` if there is room for it; `false`: there is none.
    fn run<F>(&self, job: impl FnOnce(Self) -> F) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Ok(permit) = self.permits.clone().try_acquire_owned() else { return false };
        let job = job(self.clone());
        self.thread.spawn(async move {
            job.await;
            drop(permit);
        })
    }

    /// Asks for a room and answers it.
    fn for_room<M, F>(
        &self,
        room: Addr<ChatRoom>,
        question: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> bool
    where
        M: Message<Result = ()> + Send + 'static,
        ChatRoom: Handler<M>,
        F: Future<Output = M> + Send + 'static,
    {
        self.run(|this| {
            let answer = question(this.store);
            #[expect(clippy::disallowed_methods, reason = "one answer per permit")]
            async move {
                room.do_send(answer.await);
            }
        })
    }

    /// What is this room, and where does it stand? Its events are watched for first, so none falls in between.
    pub fn head(&self, id: RoomId, room: Addr<ChatRoom>) -> bool {
        let bus = self.bus.clone();
        self.for_room(room, |store| async move {
            bus.watch(&id).await;
            HeadRead(note(head_of(&*store, &id).await))
        })
    }

    /// What is this user here?
    pub fn membership(&self, id: RoomId, user: UserId, room: Addr<ChatRoom>) -> bool {
        self.for_room(room, |store| async move {
            let answer = note(store.membership(&id, &user).await);
            MembershipRead(user, answer)
        })
    }

    /// What follows `after`?
    pub fn repair(&self, id: RoomId, after: Offset, room: Addr<ChatRoom>) -> bool {
        self.for_room(room, |store| async move {
            let page = store.page(&id, None, after_offset(after), one_reply()).await;
            Repaired(note(page).map(|page| page.events))
        })
    }

    /// A page for a session that catches up, as its user may see it.
    pub fn page(
        &self,
        room: RoomId,
        user: UserId,
        after: Offset,
        session: SessionKey,
        ticket: Ticket,
    ) -> bool {
        self.run(|this| async move {
            let page =
                note(this.store.page(&room, Some(&user), after_offset(after), one_reply()).await);
            let message = match page {
                Ok(page) => {
                    let publications = page.events.iter().map(Publication::encode).collect();
                    let page = Box::new(Page { epoch: page.epoch, after, publications });
                    ToSession::Page { ticket, page }
                }
                Err(err) => ToSession::Refused { ticket, code: err.code() },
            };
            this.workers.tell(session, message);
        })
    }

    /// A user's question.
    pub fn ask(&self, user: UserId, question: Question, session: SessionKey, ticket: Ticket) {
        let workers = self.workers.clone();
        let asked = self.run(|this| async move {
            let answer = note(answer::answer(&*this.store, &*this.nodes, &user, question).await);
            let answer = answer.map_err(|err| err.code());
            this.workers.tell(session, ToSession::Answer { ticket, answer });
        });
        refuse_unless(asked, &workers, session, ticket);
    }

    /// A user's change of the directory.
    pub fn change(&self, change: Change, session: SessionKey, ticket: Ticket) {
        let workers = self.workers.clone();
        let asked = self.run(|this| async move {
            let changed = note(this.store.change(change).await);
            let answer = changed.map(|changed| Answer::Data(answer::changed(&changed)));
            let answer = answer.map_err(|err| err.code());
            this.workers.tell(session, ToSession::Answer { ticket, answer });
        });
        refuse_unless(asked, &workers, session, ticket);
    }

    /// How far a user has read a room.
    pub fn mark_read(&self, mark: ReadMark, session: SessionKey, ticket: Ticket) {
        let workers = self.workers.clone();
        let asked = self.run(|this| async move {
            let read = note(this.store.mark_read(mark, 0).await);
            let answer = read.map(|read| Answer::Data(json::encode(&read)));
            let answer = answer.map_err(|err| err.code());
            this.workers.tell(session, ToSession::Answer { ticket, answer });
        });
        refuse_unless(asked, &workers, session, ticket);
    }

    /// Who bears this token?
    pub fn admit(&self, token: String, session: SessionKey) {
        let workers = self.workers.clone();
        let asked = self.run(|this| async move {
            let admitted = this.admissions.admit_session(&token).await;
            let hold = match &admitted {
                Ok(it) if !it.user.id.is_anonymous() => Some(this.users.hold(&it.user.id).await),
                _ => None,
            };
            this.workers.tell(session, ToSession::Authenticated(Box::new((admitted, hold))));
        });
        if !asked {
            let denied = (Err(Denied::Unavailable), None);
            workers.tell(session, ToSession::Authenticated(Box::new(denied)));
        }
    }

    /// What does the token of a subscription grant?
    pub fn grant(&self, token: String, session: SessionKey, ticket: Ticket) {
        let workers = self.workers.clone();
        let answer = move |result| ToSession::Granted { ticket, result: Box::new(result) };
        let asked = self.run(|this| async move {
            let granted = this.admissions.grant(&token).await;
            this.workers.tell(session, answer(granted));
        });
        if !asked {
            workers.tell(session, answer(Err(Denied::Unavailable)));
        }
    }

    /// Who bears this token, on a connection that lives?
    pub fn refresh(&self, token: String, session: SessionKey, ticket: Ticket) {
        let workers = self.workers.clone();
        let answer = move |result| ToSession::Refreshed { ticket, result: Box::new(result) };
        let asked = self.run(|this| async move {
            let admitted = this.admissions.admit(&token).await;
            this.workers.tell(session, answer(admitted));
        });
        if !asked {
            workers.tell(session, answer(Err(Denied::Unavailable)));
        }
    }
}

/// An open channel's room is made when it is first wanted.
async fn head_of(store: &dyn Store, room: &RoomId) -> Result<Option<Head>, StoreError> {
    let head = store.head(room).await?;
    if head.is_some() || !room.is_open() {
        return Ok(head);
    }
    store.change(Change::OpenChannel(room.clone())).await?;
    store.head(room).await
}

fn after_offset(after: Offset) -> Range {
    Range::After(Anchor::Offset(after))
}

fn one_reply() -> PageLimit {
    PageLimit { events: PAGE_EVENTS_MAX, bytes: REPLY_BYTES_MAX }
}

fn refuse_unless(asked: bool, workers: &Workers, session: SessionKey, ticket: Ticket) {
    if !asked {
        let answer = Err(ErrorCode::Unavailable);
        workers.tell(session, ToSession::Answer { ticket, answer });
    }
}

/// A store that fails is logged here, once.
pub(super) fn note<T>(result: Result<T, StoreError>) -> Result<T, StoreError> {
    if let Err(StoreError::Unavailable(why)) = &result {
        metrics::STORE_ERRORS.inc();
        tracing::warn!(err = %why, "store unavailable");
    }
    result
}
