//! Sink: takes drafts, hands them to the journal in groups, answers every one of them.
//!
//! Owns: nothing. What it took and has not answered ([`Inbox`]) outlives it.
//! Started by: `App::build`, on the pumps' thread. Talks to: the journal; the authors' sessions, by worker.
//! Mailbox: drafts that rooms have checked; bounded by the inbox, where full means `unavailable`.
//! Its death costs: time. The next life answers what was in flight `unavailable`, which is the truth: it may be in the
//! log or not, and the same client_id finds out. What had not been handed over yet is handed over now.
//!
//! In a cluster the journal behind it is Kafka, and this is the actor that feeds it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use actix::{Actor, AsyncContext, Context, Handler, Message, WrapFuture};
use chat_protocol::ErrorCode;
use tokio::sync::{Notify, oneshot};

use super::fan_out::Tell;
use super::reply::Reply;
use super::workers::{ToSession, Workers};
use crate::clock::Clock;
use crate::domain::record::Draft;
use crate::domain::session::SessionKey;
use crate::journal::Journal;
use crate::store::{Committed, StoreError};
use crate::{faults, metrics, mutants};

/// Drafts in one group at most.
const GROUP_MAX: usize = 4096;
/// Drafts that may wait.
const QUEUE_MAX: usize = 64 * 1024;
/// Bytes that they may hold.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A checked draft.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Append {
    pub reply: Reply,
    pub draft: Draft,
}

/// Tells when nothing waits for an answer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WhenIdle(pub oneshot::Sender<()>);

/// What the sink owes: it must outlive a crash.
#[derive(Default)]
pub struct Inbox {
    queue: RefCell<VecDeque<Append>>,
    bytes: std::cell::Cell<usize>,
    /// Who waits for the group that the journal has.
    in_flight: RefCell<Vec<Reply>>,
    wake: Notify,
    /// Who wants to know when it is empty.
    idle: RefCell<Vec<oneshot::Sender<()>>>,
}

impl Inbox {
    /// Takes a draft, or gives it back if full.
    fn put(&self, it: Append) -> Result<(), Append> {
        let bytes = self.bytes.get() + it.draft.cost();
        if self.queue.borrow().len() >= QUEUE_MAX || bytes > QUEUE_BYTES_MAX {
            return Err(it);
        }
        self.bytes.set(bytes);
        self.queue.borrow_mut().push_back(it);
        self.wake.notify_one();
        Ok(())
    }

    /// The next group; whoever waits for it is in flight.
    fn take_group(&self) -> Vec<Draft> {
        let mut queue = self.queue.borrow_mut();
        let count = queue.len().min(GROUP_MAX);
        let mut in_flight = self.in_flight.borrow_mut();
        let mut drafts = Vec::with_capacity(count);
        for Append { reply, draft } in queue.drain(..count) {
            self.bytes.set(self.bytes.get().saturating_sub(draft.cost()));
            in_flight.push(reply);
            drafts.push(draft);
        }
        metrics::SINK_QUEUE.set(i64::try_from(queue.len()).unwrap_or(i64::MAX));
        drafts
    }

    fn tell_if_idle(&self) {
        if self.queue.borrow().is_empty() && self.in_flight.borrow().is_empty() {
            for waiter in self.idle.take() {
                let _ = waiter.send(()); // it may have given up
            }
        }
    }
}

/// See the module.
pub struct Sink {
    inbox: Rc<Inbox>,
    journal: Arc<dyn Journal>,
    workers: Arc<Workers>,
    clock: Arc<dyn Clock>,
}

impl Sink {
    /// A life of the sink.
    pub fn new(
        inbox: Rc<Inbox>,
        journal: Arc<dyn Journal>,
        workers: Arc<Workers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { inbox, journal, workers, clock }
    }

    fn answer(&self, results: impl Iterator<Item = (Reply, Result<Committed, ErrorCode>)>) {
        let durability = self.journal.durability();
        let mut by_worker: Vec<(u16, Vec<(SessionKey, ToSession)>)> = Vec::new();
        for (reply, result) in results {
            match result {
                Ok(_) => metrics::MESSAGES_ACKED.inc(),
                Err(code) => metrics::MESSAGES_REFUSED.with_label_values(&[code.name()]).inc(),
            }
            let Some((key, message)) = reply.answer(result, durability) else { continue };
            match by_worker.iter_mut().find(|(worker, _)| *worker == key.worker) {
                Some((_, told)) => told.push((key, message)),
                None => by_worker.push((key.worker, vec![(key, message)])),
            }
        }
        for (worker, told) in by_worker {
            if let Some(fan_out) = self.workers.get(worker) {
                let _ = fan_out.tell(Tell(told));
            }
        }
    }

    fn answer_in_flight(&self, results: Vec<Result<Committed, StoreError>>) {
        let replies = std::mem::take(&mut *self.inbox.in_flight.borrow_mut());
        // A journal that gave fewer answers than it took drafts has not promised the rest.
        let results = results
            .into_iter()
            .map(|result| {
                result.map_err(|err| {
                    if let StoreError::Unavailable(why) = &err {
                        tracing::warn!(err = %why, "the journal can't promise");
                    }
                    err.code()
                })
            })
            .chain(std::iter::repeat(Err(ErrorCode::Unavailable)));
        self.answer(replies.into_iter().zip(results));
        self.inbox.tell_if_idle();
    }
}

impl Actor for Sink {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.answer_in_flight(Vec::new()); // an earlier life took them and can't tell any more
        let (inbox, journal, clock) =
            (self.inbox.clone(), self.journal.clone(), self.clock.clone());
        let me = ctx.address();
        let pump = async move {
            loop {
                let drafts = inbox.take_group();
                if drafts.is_empty() {
                    inbox.wake.notified().await;
                    continue;
                }
                metrics::JOURNAL_GROUP_SIZE.observe(drafts.len() as f64);
                if mutants::is("ack-early") {
                    let early = drafts.iter().map(|it| Ok(Committed { id: it.id, repeat: false }));
                    let _ = me.send(Appended(early.collect())).await;
                }
                let began = clock.monotonic_ms();
                let results = journal.append(drafts).await;
                let took_ms = clock.monotonic_ms() - began;
                metrics::JOURNAL_APPEND_SECONDS.observe(took_ms as f64 / 1000.0);
                if me.send(Appended(results)).await.is_err() {
                    return;
                }
            }
        };
        ctx.spawn(pump.into_actor(self));
    }
}

impl Handler<Append> for Sink {
    type Result = ();

    fn handle(&mut self, it: Append, _: &mut Self::Context) {
        faults::panic_if_armed("sink.append");
        if let Err(full) = self.inbox.put(it) {
            self.answer(std::iter::once((full.reply, Err(ErrorCode::Unavailable))));
        }
    }
}

impl Handler<WhenIdle> for Sink {
    type Result = ();

    fn handle(&mut self, it: WhenIdle, _: &mut Self::Context) {
        self.inbox.idle.borrow_mut().push(it.0);
        self.inbox.tell_if_idle();
    }
}

/// The journal answered the group in flight.
#[derive(Message)]
#[rtype(result = "()")]
struct Appended(Vec<Result<Committed, StoreError>>);

impl Handler<Appended> for Sink {
    type Result = ();

    fn handle(&mut self, it: Appended, _: &mut Self::Context) {
        faults::panic_if_armed("sink.appended"); // the log has them, and nobody was told
        self.answer_in_flight(it.0);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use chat_protocol::object::{Durability, Person};
    use chat_protocol::{ClientId, RoomId, UserId};
    use tokio::sync::{Mutex, mpsc};

    use super::*;
    use crate::clock::SystemClock;

    type Answers = Vec<Result<Committed, StoreError>>;

    /// Tells how many drafts it was handed, and answers what it is told to, when it is.
    struct Hesitant {
        asked: mpsc::UnboundedSender<usize>,
        answers: Mutex<mpsc::UnboundedReceiver<Answers>>,
    }

    #[async_trait]
    impl Journal for Hesitant {
        fn durability(&self) -> Durability {
            Durability::Fsync
        }

        async fn append(&self, drafts: Vec<Draft>) -> Answers {
            self.asked.send(drafts.len()).unwrap();
            self.answers.lock().await.recv().await.unwrap()
        }
    }

    fn draft(client_id: &str) -> Draft {
        let author = Person { id: UserId::parse("ann").unwrap(), name: "Ann".to_owned() };
        let client_id = ClientId::parse(client_id).unwrap();
        Draft::message(RoomId::general(), author, client_id, "x".to_owned())
    }

    #[actix_rt::test]
    async fn everyone_is_answered_what_the_journal_said_and_nobody_before() {
        let ((asked, mut was_asked), (answer, answers)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let journal = Arc::new(Hesitant { asked, answers: Mutex::new(answers) });
        let (workers, clock) = (Arc::new(Workers::new()), Arc::new(SystemClock::start()));
        let inbox = Rc::<Inbox>::default();
        let mut waiting = Vec::new();
        for client_id in ["1", "2", "3"] {
            let (reply, waiter) = oneshot::channel();
            let it = Append { reply: Reply::Waiter(reply), draft: draft(client_id) };
            assert!(inbox.put(it).is_ok());
            waiting.push(waiter);
        }
        Sink::new(inbox, journal, workers, clock).start();
        assert_eq!(was_asked.recv().await, Some(3), "one group");
        for waiter in &mut waiting {
            assert_eq!(waiter.try_recv(), Err(oneshot::error::TryRecvError::Empty), "too early");
        }
        // It promises the second alone, and has nothing to say of the third.
        let committed = Committed { id: draft("2").id, repeat: false };
        answer
            .send(vec![Err(StoreError::Refused(ErrorCode::ClientIdReused)), Ok(committed)])
            .unwrap();
        let mut answers = Vec::new();
        for waiter in waiting {
            answers.push(waiter.await.unwrap());
        }
        let unknown = Err(ErrorCode::Unavailable);
        assert_eq!(answers, [Err(ErrorCode::ClientIdReused), Ok(committed), unknown]);
    }
}
