//! Subscriptions of one session: asked for, catching up page by page, live, leaving.
//!
//! A subscribe is answered when the room has taken it up. Who was away long gets the first page in the reply and the
//! rest as publications, one page in flight at a time: the next is asked for when the last has left the socket.
//! Live events come only after the last page, so everything arrives in order and nothing is queued meanwhile.

use chat_protocol::client::Subscribe;
use chat_protocol::server::{CommandResult, Reply, Subscribed};
use chat_protocol::{CloseCode, ErrorCode, Offset, RoomId};

use super::{Attached, Effect, Page, Phase, Session, Ticket, done, refusal};
use crate::domain::resume::{Since, epoch_of};

#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) room: RoomId,
    pub(super) ticket: Ticket,
    /// When it ends, unless a fresh token comes; `None`: it came without one.
    pub(super) expiry: Option<u64>,
    /// What the client is told of that in the reply.
    pub(super) ttl_s: Option<u32>,
    /// A fresh token is being looked at under this ticket.
    pub(super) refreshing: Option<Ticket>,
    /// Who comes and goes is told one by one.
    join_leave: bool,
    pub(super) state: State,
}

impl Subscription {
    /// Neither is it ending, nor is its token looked at for the first time.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self.state, State::Leaving { .. } | State::Checking { .. })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The subscribe command `id` waits for its token to be looked at; then the room is asked.
    Checking {
        id: u32,
        deadline: u64,
        since: Option<Since>,
    },
    /// The subscribe command `id` waits for the room.
    Asked {
        id: u32,
        deadline: u64,
    },
    /// The reply is out, up to `after`. Once the last page has left, the next is asked for, and
    /// must come by the deadline: a room that died with the question would leave the client waiting for ever.
    CatchingUp {
        after: Offset,
        deadline: Option<u64>,
    },
    Live,
    /// The unsubscribe command `id` waits for the last delivery to be behind us.
    Leaving {
        id: u32,
    },
}

impl Session {
    pub(super) fn on_subscribe(
        &mut self,
        id: u32,
        it: Subscribe<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let room = self.room_of(&it.channel)?;
        let taken = |s: &Subscription| s.room == room && !matches!(s.state, State::Leaving { .. });
        if self.subscriptions.iter().any(taken) {
            return Err(ErrorCode::AlreadySubscribed);
        }
        if self.subscriptions.len() >= self.policy.channels_max {
            return Err(ErrorCode::LimitExceeded);
        }
        let since = it.recover.then(|| Since { epoch: epoch_of(&it.epoch), offset: it.offset });
        let ticket = self.next_ticket();
        let deadline = now + self.policy.reply_timeout_ms;
        let state = if it.token.is_empty() {
            effects.push(Effect::Subscribe { room: room.clone(), ticket, since });
            State::Asked { id, deadline }
        } else {
            effects.push(Effect::CheckGrant { ticket, token: it.token.into_owned() });
            State::Checking { id, deadline, since }
        };
        let (join_leave, (expiry, ttl_s, refreshing)) = (it.join_leave, (None, None, None));
        let subscription =
            Subscription { room, ticket, expiry, ttl_s, refreshing, join_leave, state };
        self.subscriptions.push(subscription);
        Ok(())
    }

    pub(super) fn on_unsubscribe(
        &mut self,
        id: u32,
        channel: &str,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let room = self.room_of(channel)?;
        let subscription = self
            .subscriptions
            .iter_mut()
            .find(|s| s.room == room && !matches!(s.state, State::Leaving { .. }));
        match subscription {
            Some(Subscription { ticket, state: State::Checking { id: asked, .. }, .. }) => {
                // The room has not been asked: there is nothing to leave.
                let (ticket, asked) = (*ticket, *asked);
                effects.push(refusal(asked, ErrorCode::Unavailable));
                effects.push(done(id, CommandResult::Unsubscribe));
                self.forget(ticket);
            }
            Some(subscription) => {
                let ticket = subscription.ticket;
                if let State::Asked { id: asked, .. } = subscription.state {
                    // It will never be taken up, and every command gets its reply.
                    effects.push(refusal(asked, ErrorCode::Unavailable));
                }
                subscription.state = State::Leaving { id };
                effects.push(Effect::Detach { room, ticket });
            }
            None => effects.push(done(id, CommandResult::Unsubscribe)),
        }
        Ok(())
    }

    /// The subscription under this ticket; none once the connection is closing, when nothing more is said.
    fn subscription(&mut self, ticket: Ticket) -> Option<&mut Subscription> {
        if matches!(self.phase, Phase::Over) {
            return None;
        }
        self.subscriptions.iter_mut().find(|s| s.ticket == ticket)
    }

    pub(super) fn forget(&mut self, ticket: Ticket) {
        self.subscriptions.retain(|s| s.ticket != ticket);
    }

    /// The room has taken the session up: what comes next is live.
    pub fn on_attached(&mut self, ticket: Ticket, it: Attached, effects: &mut Vec<Effect>) {
        let Some(subscription) = self.subscription(ticket) else { return };
        match subscription.state {
            State::Asked { id, .. } => {
                let recovered = it.was_recovering.then_some(it.since.is_some());
                let offset = it.since.unwrap_or(it.top);
                let missed = it.missed;
                let ttl_s = subscription.ttl_s;
                let result = Subscribed { ttl_s, epoch: it.epoch, offset, recovered, missed };
                effects.push(done(id, CommandResult::Subscribe(result)));
            }
            State::CatchingUp { .. } => effects.push(Effect::Push(it.missed)),
            State::Checking { .. } | State::Live | State::Leaving { .. } => return,
        }
        subscription.state = State::Live;
        if subscription.join_leave {
            effects.push(Effect::TellComings { room: subscription.room.clone(), ticket });
        }
    }

    /// A page of what was missed came from the store.
    pub fn on_page(&mut self, ticket: Ticket, page: Page, effects: &mut Vec<Effect>) {
        let Some(subscription) = self.subscription(ticket) else { return };
        let after = page.publications.last().map_or(page.after, |last| last.offset);
        match subscription.state {
            State::Asked { id, .. } => {
                let result = Subscribed {
                    ttl_s: subscription.ttl_s,
                    epoch: page.epoch,
                    offset: page.after,
                    recovered: Some(true),
                    missed: page.publications,
                };
                effects.push(done(id, CommandResult::Subscribe(result)));
            }
            State::CatchingUp { .. } => effects.push(Effect::Push(page.publications)),
            State::Checking { .. } | State::Live | State::Leaving { .. } => return,
        }
        subscription.state = State::CatchingUp { after, deadline: None };
    }

    /// Everything that was queued has left the socket: who catches up may go on.
    pub fn on_drained(&mut self, now: u64, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Over) {
            return;
        }
        for subscription in &mut self.subscriptions {
            if let State::CatchingUp { after, deadline: deadline @ None } = &mut subscription.state
            {
                *deadline = Some(now + self.policy.reply_timeout_ms);
                let (room, ticket, after) =
                    (subscription.room.clone(), subscription.ticket, *after);
                effects.push(Effect::Continue { room, ticket, after });
            }
        }
    }

    /// Does someone wait for [`Self::on_drained`]?
    pub fn wants_drained(&self) -> bool {
        let waits = |s: &Subscription| matches!(s.state, State::CatchingUp { deadline: None, .. });
        self.subscriptions.iter().any(waits)
    }

    /// The room won't have the session, or can't now.
    pub fn on_refused(&mut self, ticket: Ticket, code: ErrorCode, effects: &mut Vec<Effect>) {
        let Some(subscription) = self.subscription(ticket) else { return };
        match subscription.state {
            State::Asked { id, .. } => effects.push(refusal(id, code)),
            State::CatchingUp { .. } => {
                // A page that can't be read is a place lost; a right that is gone is a removal.
                let close = match code {
                    ErrorCode::NotAMember | ErrorCode::PermissionDenied => CloseCode::Removed,
                    _ => CloseCode::LostPlace,
                };
                effects.push(end_of(&subscription.room, close));
            }
            State::Checking { .. } | State::Live | State::Leaving { .. } => return,
        }
        self.forget(ticket);
    }

    /// Nothing more is delivered under this ticket: because the client wished it, or because of `code`.
    pub fn on_detached(&mut self, ticket: Ticket, code: CloseCode, effects: &mut Vec<Effect>) {
        let Some(subscription) = self.subscription(ticket) else { return };
        effects.push(match subscription.state {
            State::Leaving { id } => done(id, CommandResult::Unsubscribe),
            // Lost on the way in: the SDK subscribes again by itself, and is told then whether it may.
            State::Asked { id, .. } => refusal(id, ErrorCode::Unavailable),
            _ => end_of(&subscription.room, code),
        });
        self.forget(ticket);
    }

    /// The earliest deadline of a subscription that waits for its room, or the end of one.
    pub(super) fn subscribe_deadline(&self) -> u64 {
        let deadline = |s: &Subscription| {
            let waits = match s.state {
                State::Checking { deadline, .. } | State::Asked { deadline, .. } => deadline,
                State::CatchingUp { deadline, .. } => deadline.unwrap_or(u64::MAX),
                State::Live => u64::MAX,
                State::Leaving { .. } => return u64::MAX,
            };
            waits.min(s.expiry.unwrap_or(u64::MAX))
        };
        self.subscriptions.iter().map(deadline).min().unwrap_or(u64::MAX)
    }

    /// A room that doesn't answer in time: the SDK subscribes again by itself, and resumes.
    pub(super) fn expire_subscribes(&mut self, now: u64, effects: &mut Vec<Effect>) {
        let has_ended = |s: &&Subscription| s.is_wanted() && s.expiry.is_some_and(|it| now >= it);
        let ended = self.subscriptions.iter().filter(has_ended).map(|s| s.ticket);
        for ticket in ended.collect::<Vec<_>>() {
            self.expire(ticket, effects);
        }
        self.subscriptions.retain(|s| {
            let told = match s.state {
                State::Checking { id, deadline, .. } if now >= deadline => {
                    effects.push(refusal(id, ErrorCode::Unavailable));
                    return false;
                }
                State::Asked { id, deadline } if now >= deadline => {
                    refusal(id, ErrorCode::Unavailable)
                }
                State::CatchingUp { deadline: Some(deadline), .. } if now >= deadline => {
                    end_of(&s.room, CloseCode::LostPlace)
                }
                _ => return true,
            };
            effects.push(told);
            effects.push(Effect::Detach { room: s.room.clone(), ticket: s.ticket });
            false
        });
    }
}

/// Tells the client that its subscription is over.
pub(super) fn end_of(room: &RoomId, code: CloseCode) -> Effect {
    Effect::Reply(Reply::Unsubscribe { room: room.clone(), code })
}
