//! Tokens of single subscriptions: looked at before the room is asked, renewed while it lives, and its end.
//!
//! A token opens nothing that the user may not read anyway. It says until when, and of which channel.

use chat_protocol::client::SubRefresh;
use chat_protocol::server::CommandResult;
use chat_protocol::{CloseCode, ErrorCode, RoomId, UserId};

use super::refresh::{expiry, ttl_s};
use super::subscriptions::{State, end_of};
use super::{Denied, Effect, Grant, Pending, Phase, Session, Ticket, done, refusal};

/// What the client is told of a token that grants nothing.
fn code_of(denied: Denied) -> ErrorCode {
    match denied {
        Denied::Expired => ErrorCode::TokenExpired, // SDKs ask for another, and try again
        Denied::Unavailable => ErrorCode::Internal,
        Denied::Missing => ErrorCode::Unauthorized,
        Denied::Invalid => ErrorCode::PermissionDenied,
    }
}

/// Holds a grant against what it is to be for.
fn check(granted: Result<Grant, Denied>, user: &UserId, room: &RoomId) -> Result<Grant, ErrorCode> {
    let grant = granted.map_err(code_of)?;
    let is_for_it = grant.user == *user && grant.channel == *room.channel();
    if is_for_it { Ok(grant) } else { Err(ErrorCode::PermissionDenied) }
}

impl Session {
    /// # Errors
    /// What [`Session::room_of`] says; [`ErrorCode::Unauthorized`] without a token; [`ErrorCode::PermissionDenied`] without a
    /// subscription, [`ErrorCode::NotAvailable`] where it has no token; [`ErrorCode::TooManyRequests`].
    pub(super) fn on_sub_refresh(
        &mut self,
        id: u32,
        it: &SubRefresh<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        let room = self.room_of(&it.channel)?;
        if it.token.is_empty() {
            return Err(ErrorCode::Unauthorized);
        }
        let is_it = |s: &super::subscriptions::Subscription| s.room == room && s.is_wanted();
        let at = self.subscriptions.iter().position(is_it).ok_or(ErrorCode::PermissionDenied)?;
        if self.subscriptions[at].expiry.is_none() {
            return Err(ErrorCode::NotAvailable);
        }
        let ticket = self.expect_answer(id, true, now)?;
        self.subscriptions[at].refreshing = Some(ticket);
        effects.push(Effect::CheckGrant { ticket, token: it.token.clone().into_owned() });
        Ok(())
    }

    /// The token of a subscription was looked at: a first one, or a fresh one.
    pub fn on_granted(
        &mut self,
        ticket: Ticket,
        granted: Result<Grant, Denied>,
        now: u64,
        unix_ms: u64,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Live { user, .. } = &self.phase else { return };
        let user = user.id.clone();
        if self.subscriptions.iter().any(|s| s.ticket == ticket) {
            self.on_first_grant(ticket, granted, &user, (now, unix_ms), effects);
        } else {
            self.on_fresh_grant(ticket, granted, &user, (now, unix_ms), effects);
        }
    }

    fn on_first_grant(
        &mut self,
        ticket: Ticket,
        granted: Result<Grant, Denied>,
        user: &UserId,
        (now, unix_ms): (u64, u64),
        effects: &mut Vec<Effect>,
    ) {
        let Some(it) = self.subscriptions.iter_mut().find(|s| s.ticket == ticket) else { return };
        let State::Checking { id, deadline, since } = &mut it.state else { return };
        let (id, deadline, since) = (*id, *deadline, since.take());
        match check(granted, user, &it.room) {
            Ok(grant) => {
                it.expiry = Some(expiry(&self.policy, grant.expires_at, now, unix_ms));
                it.ttl_s = Some(ttl_s(grant.expires_at, unix_ms));
                it.state = State::Asked { id, deadline };
                effects.push(Effect::Subscribe { room: it.room.clone(), ticket, since });
            }
            Err(code) => {
                effects.push(refusal(id, code));
                self.forget(ticket);
            }
        }
    }

    fn on_fresh_grant(
        &mut self,
        ticket: Ticket,
        granted: Result<Grant, Denied>,
        user: &UserId,
        (now, unix_ms): (u64, u64),
        effects: &mut Vec<Effect>,
    ) {
        let Some(Pending { id, .. }) = self.answered(ticket) else { return };
        let refreshed = self.subscriptions.iter_mut().find(|s| s.refreshing == Some(ticket));
        let Some(it) = refreshed.filter(|it| it.is_wanted()) else {
            return effects.push(refusal(id, ErrorCode::PermissionDenied)); // it has ended meanwhile
        };
        it.refreshing = None;
        match check(granted, user, &it.room) {
            Ok(grant) => {
                it.expiry = Some(expiry(&self.policy, grant.expires_at, now, unix_ms));
                let ttl_s = ttl_s(grant.expires_at, unix_ms);
                effects.push(done(id, CommandResult::SubRefresh { ttl_s }));
            }
            // An error alone would stop SDKs for good. After this they come back with a token that they ask for.
            Err(code @ ErrorCode::TokenExpired) => {
                let ticket = it.ticket;
                self.expire(ticket, effects);
                effects.push(refusal(id, code));
            }
            Err(code) => effects.push(refusal(id, code)),
        }
    }

    /// The subscription has come to its end.
    pub(super) fn expire(&mut self, ticket: Ticket, effects: &mut Vec<Effect>) {
        let Some(it) = self.subscriptions.iter().find(|s| s.ticket == ticket) else { return };
        effects.push(match it.state {
            State::Asked { id, .. } => refusal(id, ErrorCode::TokenExpired),
            _ => end_of(&it.room, CloseCode::SubscriptionExpired),
        });
        effects.push(Effect::Detach { room: it.room.clone(), ticket });
        self.forget(ticket);
    }
}
