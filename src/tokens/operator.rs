//! An operator's own tokens: JWTs that somebody else signs, for users of their own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Header, Validation, decode, decode_header};
use tokio::sync::Semaphore;

use super::key::Key;
use super::key_files::KeyFiles;
use super::{Account, Bearer, Claims};
use crate::domain::session::{Denied, Grant};

/// Tokens that are looked at at a time: arithmetic, so more than a few cores' worth only takes turns.
const AT_A_TIME: usize = 4;
/// Below what a client waits for.
const WITHIN: Duration = Duration::from_secs(3);

/// What a token must say beside who it is for.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// `iss`; empty: any, or none.
    pub issuer: String,
    /// One of `aud`; empty: there must be none, since it would be for somebody else (RFC 7519 §4.1.3).
    pub audience: String,
    /// How far clocks may differ.
    pub leeway_ms: u64,
}

/// Reads them.
pub struct Operator {
    rules: Rules,
    files: Mutex<KeyFiles>,
    permits: Arc<Semaphore>,
}

impl Operator {
    /// Tokens under the keys of `files`.
    pub fn new(rules: Rules, files: KeyFiles) -> Self {
        Self { rules, files: Mutex::new(files), permits: Arc::new(Semaphore::new(AT_A_TIME)) }
    }

    /// Who bears `token`?
    ///
    /// # Errors
    /// As [`super::Tokens::read`].
    pub(super) async fn read(self: &Arc<Self>, token: &str, now_ms: u64) -> Result<Bearer, Denied> {
        self.look(token, move |this, token| this.look_at(token, now_ms)).await
    }

    /// What does a subscription's `token` grant?
    ///
    /// # Errors
    /// As [`super::Tokens::read`].
    pub(super) async fn read_grant(
        self: &Arc<Self>,
        token: &str,
        now_ms: u64,
    ) -> Result<Grant, Denied> {
        let leeway_ms = self.rules.leeway_ms;
        self.look(token, move |this, token| this.claims(token, now_ms)?.grant(now_ms, leeway_ms))
            .await
    }

    /// What `say` says of a token, on a thread that may wait.
    async fn look<T: Send + 'static>(
        self: &Arc<Self>,
        token: &str,
        say: impl FnOnce(&Self, &str) -> Result<T, Denied> + Send + 'static,
    ) -> Result<T, Denied> {
        let (this, token) = (self.clone(), token.to_owned());
        let looking = async move {
            let permit = this.permits.clone().acquire_owned().await;
            let look = move || {
                let _permit = permit;
                say(&this, &token)
            };
            tokio::task::spawn_blocking(look).await
        };
        match tokio::time::timeout(WITHIN, looking).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(Denied::Unavailable), // it panicked, or the disk doesn't answer
        }
    }

    fn look_at(&self, token: &str, now_ms: u64) -> Result<Bearer, Denied> {
        let claims = self.claims(token, now_ms)?;
        let name = claims.name.as_str().map(str::to_owned);
        claims.bearer(Account::Operator { name }, now_ms, self.rules.leeway_ms)
    }

    /// What a token says that is signed well.
    fn claims(&self, token: &str, now_ms: u64) -> Result<Claims, Denied> {
        // Nothing that was half done is left behind by a panic: keys are exchanged whole.
        let keys = self.files.lock().unwrap_or_else(PoisonError::into_inner).keys(now_ms);
        let header = decode_header(token).map_err(|_| Denied::Invalid)?;
        if header.crit.is_some() {
            return Err(Denied::Invalid); // it wants something understood that isn't here (RFC 7515 §4.1.11)
        }
        let mut why = None;
        for key in candidates(&keys, &header) {
            match decode::<Claims>(token, &key.decode, &self.validation(key)) {
                Ok(read) => return Ok(read.claims),
                Err(err) => why = Some(err),
            }
        }
        let why = why.map_or_else(|| "no key is for it".to_owned(), |err| err.to_string());
        tracing::debug!(why, "a token was refused");
        Err(Denied::Invalid)
    }

    /// What is checked of a token under `key`. Its times are compared by us, with a clock that tests can set.
    fn validation(&self, key: &Key) -> Validation {
        let mut validation = Validation::new(key.algorithm);
        validation.validate_exp = false;
        let mut required = vec!["exp", "sub"];
        if !self.rules.issuer.is_empty() {
            validation.set_issuer(&[&self.rules.issuer]);
            required.push("iss");
        }
        if !self.rules.audience.is_empty() {
            validation.set_audience(&[&self.rules.audience]);
            required.push("aud");
        }
        validation.set_required_spec_claims(&required);
        validation
    }
}

/// The keys that a token may be checked with: that of its `kid`, else all that have none. What it says of its algorithm
/// only ever leaves fewer of them.
fn candidates<'a>(keys: &'a [Key], header: &'a Header) -> impl Iterator<Item = &'a Key> {
    let kid =
        header.kid.as_ref().filter(|kid| keys.iter().any(|key| key.kid.as_ref() == Some(*kid)));
    keys.iter().filter(move |key| key.kid.as_ref() == kid && key.algorithm == header.alg)
}

#[cfg(test)]
mod tests;
