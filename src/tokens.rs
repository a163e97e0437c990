//! Tokens: who the bearer is. Guests' are signed by this server, an operator's own by whoever holds the keys.
//!
//! Neither can pass for the other. They are signed with different keys, which is checked; what a key may say is who
//! has an account of its own kind; and the kind of an account, written down when it was made, is compared on every
//! use (`actors/admission.rs`). So a `sub` that happens to be a guest's id lets nobody in as that guest.

mod api_key;
mod guests;
mod key;
mod key_files;
mod operator;

use std::sync::Arc;

use chat_protocol::UserId;
use serde::Deserialize;

use crate::domain::revocation::TokenMark;
use crate::domain::session::{Denied, Grant};

pub use api_key::ApiKey;
pub use guests::{Guests, draw_secret, load_or_create_secret};
pub use key_files::{KeyFileError, KeyFiles, Kind};
pub use operator::{Operator, Rules};

/// Whose account a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// Made by this server, for whoever gave a name.
    Guest,
    /// The operator's; `name` is what they call the user, as it stands in the token.
    Operator { name: Option<String> },
}

/// What a good token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub user: UserId,
    pub account: Account,
    /// ms since the Unix epoch: from then on it isn't good any more.
    pub expires_at: u64,
    pub mark: TokenMark,
}

/// The claims that are read (RFC 7519 §4.1); times in seconds since the Unix epoch, which need not be whole.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    iat: Option<f64>,
    jti: Option<String>,
    /// Of a token for a subscription; null is none.
    channel: Option<String>,
    #[serde(default)]
    name: serde_json::Value,
}

impl Claims {
    /// Who bears a token that is signed well, unless it isn't good now. Clocks may differ by `leeway_ms`. Every token
    /// passes here. One for a subscription lets nobody in: it may have been given to a page that has no other.
    ///
    /// # Errors
    /// [`Denied::Invalid`], [`Denied::Expired`].
    fn bearer(self, account: Account, now_ms: u64, leeway_ms: u64) -> Result<Bearer, Denied> {
        if self.channel.is_some() {
            return Err(Denied::Invalid);
        }
        self.read(account, now_ms, leeway_ms)
    }

    /// What a token of a subscription grants, if it is one and good now.
    ///
    /// # Errors
    /// [`Denied::Invalid`], [`Denied::Expired`].
    fn grant(mut self, now_ms: u64, leeway_ms: u64) -> Result<Grant, Denied> {
        let channel = self.channel.take().ok_or(Denied::Invalid)?;
        let read = self.read(Account::Operator { name: None }, now_ms, leeway_ms)?;
        let Bearer { user, expires_at, mark, .. } = read;
        Ok(Grant { user, channel, expires_at, mark })
    }

    fn read(self, account: Account, now_ms: u64, leeway_ms: u64) -> Result<Bearer, Denied> {
        let user = UserId::parse(&self.sub).map_err(|_| Denied::Invalid)?;
        if self.nbf.is_some_and(|from| ms(from) > now_ms.saturating_add(leeway_ms)) {
            return Err(Denied::Invalid);
        }
        let expires_at = ms(self.exp).saturating_add(leeway_ms);
        if now_ms >= expires_at {
            return Err(Denied::Expired);
        }
        let mark = TokenMark { issued_at: self.iat.map(ms), id: self.jti };
        Ok(Bearer { user, account, expires_at, mark })
    }
}

/// A time of a claim in ms; what lies before the epoch is at it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn ms(seconds: f64) -> u64 {
    (seconds * 1000.0) as u64
}

/// Reads tokens, and signs guests'.
pub struct Tokens {
    /// `None`: there are no guests here.
    guests: Option<Guests>,
    /// `None`: there are only guests.
    operator: Option<Arc<Operator>>,
}

impl Tokens {
    /// Tokens of guests, of the operator's users, or of both.
    pub fn new(guests: Option<Guests>, operator: Option<Operator>) -> Self {
        Self { guests, operator: operator.map(Arc::new) }
    }

    /// Guests' tokens; `None` where guests are switched off.
    pub fn guests(&self) -> Option<&Guests> {
        self.guests.as_ref()
    }

    /// Who bears `token`? Guests' are read at once; for an operator's, key files may have to be read again, and the
    /// arithmetic takes its time: both is done on threads that may wait.
    ///
    /// # Errors
    /// [`Denied::Missing`], [`Denied::Invalid`], [`Denied::Expired`]; [`Denied::Unavailable`] if nothing could be said
    /// in time.
    pub async fn read(&self, token: &str, now_ms: u64) -> Result<Bearer, Denied> {
        if token.is_empty() {
            return Err(Denied::Missing);
        }
        if let Some(result) = self.guests.as_ref().and_then(|guests| guests.read(token, now_ms)) {
            return result;
        }
        match &self.operator {
            Some(operator) => operator.read(token, now_ms).await,
            None => Err(Denied::Invalid),
        }
    }

    /// What a subscription's `token` grants. Only an operator gives such.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_grant(&self, token: &str, now_ms: u64) -> Result<Grant, Denied> {
        match &self.operator {
            _ if token.is_empty() => Err(Denied::Missing),
            Some(operator) => operator.read_grant(token, now_ms).await,
            None => Err(Denied::Invalid),
        }
    }
}
