//! A fresh token on a connection that lives: its user is checked again, and its end is put off.

use std::sync::Arc;

use chat_protocol::client::Refresh;
use chat_protocol::server::CommandResult;
use chat_protocol::{CloseCode, ErrorCode};

use super::{Admitted, Denied, Effect, Pending, Phase, Policy, Session, Ticket, done, refusal};

/// When a session whose token is good until `expires_at` is closed: after a while in which the client may still bring
/// a fresh one, since clients are told to begin when the old one runs out.
pub(super) fn expiry(policy: &Policy, expires_at: u64, now: u64, unix_ms: u64) -> u64 {
    let left = expires_at.saturating_sub(unix_ms);
    now.saturating_add(left).saturating_add(policy.expired_close_delay_ms)
}

/// What is left of a token's life, in seconds, for the client. At least 1: to SDKs, 0 is for ever.
pub(super) fn ttl_s(expires_at: u64, unix_ms: u64) -> u32 {
    u32::try_from(expires_at.saturating_sub(unix_ms) / 1000).unwrap_or(u32::MAX).max(1)
}

impl Session {
    /// # Errors
    /// [`ErrorCode::Unauthorized`] without a token, [`ErrorCode::TooManyRequests`].
    pub(super) fn on_refresh(
        &mut self,
        id: u32,
        it: &Refresh<'_>,
        now: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), ErrorCode> {
        if it.token.is_empty() {
            return Err(ErrorCode::Unauthorized);
        }
        let ticket = self.expect_answer(id, true, now)?;
        effects.push(Effect::Refresh { ticket, token: it.token.clone().into_owned() });
        Ok(())
    }

    /// The fresh token was looked at. Nobody becomes another user by it: that takes another connection.
    pub fn on_refreshed(
        &mut self,
        ticket: Ticket,
        result: Result<Admitted, Denied>,
        now: u64,
        unix_ms: u64,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Pending { id, .. }) = self.answered(ticket) else { return };
        let Phase::Live { user, expiry: end } = &mut self.phase else { return };
        match result {
            Ok(fresh) if fresh.user.id == user.id => {
                *end = expiry(&self.policy, fresh.expires_at, now, unix_ms);
                *user = Arc::new(fresh.user);
                let ttl_s = ttl_s(fresh.expires_at, unix_ms);
                effects.push(done(id, CommandResult::Refresh { ttl_s }));
            }
            Ok(_) | Err(Denied::Invalid | Denied::Missing) => {
                self.close(CloseCode::InvalidToken, effects);
            }
            // An error would stop SDKs for good; after this they come back with a token that they ask for.
            Err(Denied::Expired) => self.close(CloseCode::Expired, effects),
            Err(Denied::Unavailable) => effects.push(refusal(id, ErrorCode::Internal)),
        }
    }
}
