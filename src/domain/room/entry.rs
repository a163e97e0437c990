//! Asks: who may subscribe, continue, publish; and from where.

use chat_protocol::object::RoomKind;
use chat_protocol::{EphemeralBody, ErrorCode, Offset, Publication, UserId};

use super::{Ask, Asked, Effect, Room, WAITING_MAX};
use crate::domain::question::REPLY_BYTES_MAX;
use crate::domain::resume::{self, Start};
use crate::domain::session::{Attached, SessionKey, Ticket};

/// For how long readers show that someone is writing, ms, unless it is said again.
const TYPING_EXPIRES_MS: u32 = 6000;

impl<R> Room<R> {
    /// Someone wants something. Answered at once, or when the room has started, or when the membership is known.
    pub fn on_ask(&mut self, ask: Ask<R>, effects: &mut Vec<Effect<R>>) {
        let Some(kind) = self.kind else { return self.hold(ask, effects) };
        let needs_member = match (&ask, kind) {
            (_, RoomKind::General | RoomKind::Open) => false,
            (Ask::Publish { .. } | Ask::Typing { .. }, _) => true,
            (_, kind) => kind != RoomKind::Public, // anyone reads a public room
        };
        if !needs_member {
            return self.admit(ask, 0, effects);
        }
        let Some(user) = ask.user().cloned() else {
            return effects.push(ask.refuse(ErrorCode::NotAMember));
        };
        match self.members.get(&user) {
            Some(joined) => self.admit(ask, *joined, effects),
            None => self.wait_for_membership(user, ask, effects),
        }
    }

    fn wait_for_membership(&mut self, user: UserId, ask: Ask<R>, effects: &mut Vec<Effect<R>>) {
        let waiting: usize = self.asked.values().map(|asked| asked.waiting.len()).sum();
        if waiting >= WAITING_MAX {
            return effects.push(ask.refuse(ErrorCode::Unavailable));
        }
        let first = !self.asked.contains_key(&user);
        let fresh = || Asked { waiting: Vec::new(), changed_at: 0 };
        self.asked.entry(user.clone()).or_insert_with(fresh).waiting.push(ask);
        if first {
            effects.push(Effect::AskMembership(user));
        }
    }

    /// The store answered: the offset of the latest join (`None`: not a member), as of an offset of the room.
    pub fn on_membership(
        &mut self,
        user: &UserId,
        answer: Result<(Option<Offset>, Offset), ErrorCode>,
        effects: &mut Vec<Effect<R>>,
    ) {
        let Some(mut asked) = self.asked.remove(user) else { return };
        if let Ok((_, as_of)) = answer
            && asked.changed_at > as_of
        {
            // It changed while the store was being asked: the answer is older than what is known.
            asked.changed_at = 0;
            self.asked.insert(user.clone(), asked);
            return effects.push(Effect::AskMembership(user.clone()));
        }
        if let Ok((Some(joined), _)) = answer {
            self.remember(user.clone(), joined);
        }
        for ask in asked.waiting {
            match answer {
                Ok((Some(joined), _)) => self.admit(ask, joined, effects),
                Ok((None, _)) => {
                    // The protocol's own code on a channel, the chat's own for a message.
                    let code = match &ask {
                        Ask::Publish { .. } | Ask::Typing { .. } => ErrorCode::NotAMember,
                        _ => ErrorCode::PermissionDenied,
                    };
                    effects.push(ask.refuse(code));
                }
                Err(code) => effects.push(ask.refuse(code)),
            }
        }
    }

    /// Lets an ask through. Who comes in must find the room where it was: behind after a restart or with a gap, it would
    /// repeat or miss what another thread has handed out; behind the store, it would send again what a page had; and
    /// before the reader's own join has come by, it would show what is not for them, or expel them for an older removal.
    fn admit(&mut self, ask: Ask<R>, joined: Offset, effects: &mut Vec<Effect<R>>) {
        let place = match &ask {
            Ask::Publish { .. } | Ask::Typing { .. } => None,
            Ask::Subscribe { .. } => Some(joined.max(self.seen)),
            Ask::Continue { after, .. } => Some((*after).max(self.seen)),
        };
        if let Some(place) = place.filter(|place| *place > self.pos) {
            self.seen = place;
            self.hold(ask, effects);
            return self.repair_if_behind(effects);
        }
        match ask {
            Ask::Publish { reply, draft } => effects.push(Effect::Append { reply, draft }),
            Ask::Typing { reply, user } => {
                let body = EphemeralBody::Typing { user, expires_ms: TYPING_EXPIRES_MS };
                effects.push(Effect::PassOn { reply, body });
            }
            Ask::Subscribe { session, ticket, user, since } => {
                // History of a public room begins at its beginning, of a private one at the reader's join.
                let first = if self.kind == Some(RoomKind::Private) { joined } else { 1 };
                match resume::start(since.as_ref(), &self.epoch, self.follows, self.pos, first) {
                    Start::NotYet => {
                        let code = ErrorCode::Unavailable;
                        effects.push(Effect::Refuse { session, ticket, code });
                    }
                    Start::After(after) => self.go_on(session, ticket, user, after, effects),
                    Start::Fresh => self.attach_now(session, ticket, false, effects),
                    Start::Lost => self.attach_now(session, ticket, true, effects),
                }
            }
            Ask::Continue { session, ticket, user, after } => {
                self.go_on(session, ticket, user, after, effects);
            }
        }
    }

    /// Keeps an ask until the room has started, or is where it was.
    fn hold(&mut self, ask: Ask<R>, effects: &mut Vec<Effect<R>>) {
        if self.starting.len() < WAITING_MAX {
            self.starting.push(ask);
        } else {
            effects.push(ask.refuse(ErrorCode::Unavailable));
        }
    }

    /// From now on.
    fn attach_now(
        &self,
        session: SessionKey,
        ticket: Ticket,
        was_recovering: bool,
        effects: &mut Vec<Effect<R>>,
    ) {
        let (epoch, top) = (self.epoch.clone(), self.pos);
        let attached = Attached { epoch, top, since: None, was_recovering, missed: Vec::new() };
        effects.push(Effect::Attach { session, ticket, attached });
    }

    /// From `after` on: live at once if what is missed is at hand and fits into one reply, else one more page.
    fn go_on(
        &self,
        session: SessionKey,
        ticket: Ticket,
        user: UserId,
        after: Offset,
        effects: &mut Vec<Effect<R>>,
    ) {
        let fits = |missed: &Vec<Publication>| {
            missed.iter().map(Publication::len).sum::<usize>() <= REPLY_BYTES_MAX
        };
        let missed = if after >= self.pos { Some(Vec::new()) } else { self.tail.after(after) };
        effects.push(match missed.filter(fits) {
            Some(missed) => {
                let attached = Attached {
                    epoch: self.epoch.clone(),
                    top: self.pos,
                    since: Some(after),
                    was_recovering: true,
                    missed,
                };
                Effect::Attach { session, ticket, attached }
            }
            None => Effect::ReadPage { session, ticket, user, after },
        });
    }
}
