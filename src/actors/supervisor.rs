//! Supervision that brings back an actor that panicked.
//!
//! actix's own `Supervisor` restarts only after a deliberate `ctx.stop()`; a panic ends the actor for good. Here each
//! life runs as a task whose end is watched: a panic (in the factory too) is followed by a new value from the factory,
//! after a backoff with jitter; too many within a period and the supervisor gives up, which its owner must act on.
//! The words are OTP's: intensity, period, escalation.
//!
//! An address dies with its life, so peers hold an [`ActorRef`], which finds the current one. What must outlive a
//! crash is owned by what the factory closes over, never by the actor.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::metrics;

/// How patient a supervisor is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Wait before the first restart; doubles with each crash in a row.
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// More crashes than this within `period` and it gives up.
    pub intensity: usize,
    pub period: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(2),
            intensity: 5,
            period: Duration::from_secs(60),
        }
    }
}

/// How supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The actor stopped itself.
    Stopped,
    /// It crashed too often: escalate.
    TooManyRestarts,
}

/// The actor is down right now: being restarted, or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down;

/// Finds the living address of a supervised actor.
pub struct ActorRef<A: Actor>(watch::Receiver<Option<Addr<A>>>);

impl<A: Actor> Clone for ActorRef<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> ActorRef<A> {
    /// Hands over a message; never blocks. `Err` gives it back if nobody is there.
    ///
    /// # Errors
    /// The message, if the actor is down. A message that was taken may still be lost in a crash.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where a mailbox is filled; callers bound what they send"
    )]
    pub fn tell<M>(&self, message: M) -> Result<(), M>
    where
        M: Message<Result: Send> + Send + 'static,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        // The guard must not live across anything that could wait for it.
        match &*self.0.borrow() {
            Some(addr) if addr.connected() => {
                addr.do_send(message);
                Ok(())
            }
            _ => Err(message),
        }
    }

    /// Waits until a life is there.
    pub async fn up(&mut self) -> bool {
        self.0.wait_for(Option::is_some).await.is_ok()
    }
}

/// Starts `factory`'s actor on this thread and keeps it alive. The handle ends when supervision does.
pub fn supervise<A, F>(
    name: &'static str,
    policy: Policy,
    clock: Arc<dyn Clock>,
    factory: F,
) -> (ActorRef<A>, JoinHandle<Exit>)
where
    A: Actor<Context = Context<A>>,
    F: Fn(&mut Context<A>) -> A + 'static,
{
    let (slot, current) = watch::channel(None);
    let factory = Rc::new(factory);
    // The address is known before the actor is there: what is sent at once waits in its mailbox.
    let mut ctx = conceive(&slot);
    let task = actix_rt::spawn(async move {
        let mut crashes = Crashes::under(policy);
        loop {
            let (factory, born) = (factory.clone(), clock.monotonic_ms());
            let life = actix_rt::spawn(async move {
                let actor = factory(&mut ctx);
                ctx.into_future(actor).await;
            });
            let end = life.await;
            slot.send_replace(None); // nobody finds a dead address
            let Err(crash) = end else { return Exit::Stopped };
            tracing::error!(actor = name, err = %crash, "actor crashed");
            metrics::ACTOR_CRASHES.with_label_values(&[name]).inc();
            match crashes.note(born, clock.monotonic_ms()) {
                Some(delay) => actix_rt::time::sleep(delay).await,
                None => return Exit::TooManyRestarts,
            }
            ctx = conceive(&slot);
        }
    });
    (ActorRef(current), task)
}

fn conceive<A: Actor<Context = Context<A>>>(slot: &watch::Sender<Option<Addr<A>>>) -> Context<A> {
    let ctx = Context::new();
    slot.send_replace(Some(ctx.address()));
    ctx
}

/// The crashes of the last period, and what follows from them.
struct Crashes {
    policy: Policy,
    at: VecDeque<u64>,
    backoff: Backoff,
}

impl Crashes {
    fn under(policy: Policy) -> Self {
        let backoff = Backoff::new(policy.backoff_min, policy.backoff_max);
        Self { policy, at: VecDeque::new(), backoff }
    }

    /// How long to wait before the next life; `None`: give up.
    fn note(&mut self, born_ms: u64, now_ms: u64) -> Option<Duration> {
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        self.at.push_back(now_ms);
        while self.at.front().is_some_and(|at| now_ms - at > ms(self.policy.period)) {
            self.at.pop_front();
        }
        if self.at.len() > self.policy.intensity {
            return None;
        }
        if now_ms - born_ms > ms(self.policy.backoff_max) {
            self.backoff.reset(); // it lived long enough to count as well
        }
        Some(self.backoff.wait())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::cell::Cell;

    struct Fragile(u32);
    impl Actor for Fragile {
        type Context = Context<Self>;
    }
    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Life;
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Boom;
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Stop;
    impl Handler<Life> for Fragile {
        type Result = u32;
        fn handle(&mut self, _: Life, _: &mut Context<Self>) -> u32 {
            self.0
        }
    }
    impl Handler<Boom> for Fragile {
        type Result = ();
        fn handle(&mut self, _: Boom, _: &mut Context<Self>) {
            panic!("boom");
        }
    }
    impl Handler<Stop> for Fragile {
        type Result = ();
        fn handle(&mut self, _: Stop, ctx: &mut Context<Self>) {
            actix::ActorContext::stop(ctx);
        }
    }

    fn start(intensity: usize) -> (ActorRef<Fragile>, JoinHandle<Exit>) {
        let lives = Cell::new(0);
        let policy =
            Policy { backoff_min: Duration::from_millis(1), intensity, ..Policy::default() };
        supervise("fragile", policy, Arc::new(SystemClock::start()), move |_| {
            lives.set(lives.get() + 1);
            Fragile(lives.get())
        })
    }

    async fn life(actor: &mut ActorRef<Fragile>) -> u32 {
        loop {
            assert!(actor.up().await);
            let addr = actor.0.borrow().clone();
            if let Some(Ok(n)) = match addr {
                Some(addr) => Some(addr.send(Life).await),
                None => None,
            } {
                return n;
            }
            actix_rt::task::yield_now().await;
        }
    }

    #[actix_rt::test]
    async fn a_panic_is_followed_by_a_new_life_from_the_factory() {
        let (mut actor, _task) = start(5);
        for n in 1..=4 {
            assert_eq!(life(&mut actor).await, n);
            let _ = actor.tell(Boom);
            actor.0.wait_for(Option::is_none).await.unwrap();
        }
        assert_eq!(life(&mut actor).await, 5);
    }

    #[actix_rt::test]
    async fn what_is_sent_before_the_first_turn_is_not_lost() {
        let (actor, task) = start(0);
        assert!(actor.tell(Stop).is_ok());
        assert_eq!(task.await.unwrap(), Exit::Stopped);
    }

    #[actix_rt::test]
    async fn too_many_crashes_escalate() {
        let (mut actor, task) = start(2);
        for _ in 0..3 {
            life(&mut actor).await;
            let _ = actor.tell(Boom);
            let _ = actor.0.wait_for(Option::is_none).await;
        }
        assert_eq!(task.await.unwrap(), Exit::TooManyRestarts);
    }

    #[actix_rt::test]
    async fn a_deliberate_stop_is_not_a_crash() {
        let (mut actor, task) = start(0);
        life(&mut actor).await;
        assert!(actor.tell(Stop).is_ok());
        assert_eq!(task.await.unwrap(), Exit::Stopped);
        assert!(actor.tell(Stop).is_err());
    }

    #[test]
    fn crashes_in_a_row_wait_longer_and_a_long_life_starts_over() {
        let mut crashes = Crashes::under(Policy { intensity: 99, ..Policy::default() });
        for n in 0..8 {
            crashes.note(n, n);
        }
        assert!(crashes.note(8, 8).unwrap() >= Duration::from_secs(1));
        assert!(crashes.note(0, 60_000).unwrap() <= Duration::from_millis(20));
    }
}
