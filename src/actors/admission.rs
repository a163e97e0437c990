//! From a token to its user. Guests are there already; an operator's users are made when they first come.
//!
//! While the store is away, whoever was let in here before may come back: nothing can have been revoked of them meanwhile,
//! since that takes the store, and what was revoked before has made them forgotten.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_protocol::UserId;
use chat_protocol::object::User;
use chat_protocol::text::{NAME_CHARS_MAX, parse_name};

use super::store_pump::note;
use crate::clock::Clock;
use crate::domain::record::Change;
use crate::domain::revocation::TokenMark;
use crate::domain::session::{Admitted, Denied, Grant};
use crate::store::{Changed, Store, StoreError};
use crate::tokens::{Account, Bearer, Tokens};

/// Users that are remembered at least, of those who came in last; at most twice as many.
const REMEMBERED: usize = 20_000;

/// Who came in lately, in two halves: when one is full, the other is forgotten.
#[derive(Default)]
struct Recent {
    young: HashMap<UserId, User>,
    old: HashMap<UserId, User>,
}

impl Recent {
    fn remember(&mut self, user: &User) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user.id.clone(), user.clone());
    }

    fn get(&self, id: &UserId) -> Option<User> {
        self.young.get(id).or_else(|| self.old.get(id)).cloned()
    }

    fn forget(&mut self, id: &UserId) {
        self.young.remove(id);
        self.old.remove(id);
    }
}

/// See the module.
pub struct Admissions {
    store: Arc<dyn Store>,
    tokens: Arc<Tokens>,
    clock: Arc<dyn Clock>,
    recent: Mutex<Recent>,
    /// May sessions begin without a token?
    anonymous: bool,
}

impl Admissions {
    /// Nobody has come yet.
    pub fn new(
        store: Arc<dyn Store>,
        tokens: Arc<Tokens>,
        clock: Arc<dyn Clock>,
        anonymous: bool,
    ) -> Self {
        Self { store, tokens, clock, recent: Mutex::default(), anonymous }
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who bears this token?
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit(&self, token: &str) -> Result<Admitted, Denied> {
        let bearer = self.tokens.read(token, self.clock.now_ms()).await?;
        let user = match note(user_of(&*self.store, &bearer).await) {
            Ok(Some(user)) => {
                self.recent().remember(&user);
                user
            }
            Ok(None) => return Err(Denied::Invalid),
            Err(_) => {
                let is_guest = bearer.account == Account::Guest;
                let known = self.recent().get(&bearer.user).filter(|user| user.guest == is_guest);
                known.ok_or(Denied::Unavailable)?
            }
        };
        Ok(Admitted { user, expires_at: bearer.expires_at, mark: bearer.mark })
    }

    /// The same for a session, which may be nobody's in particular where that is allowed.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit_session(&self, token: &str) -> Result<Admitted, Denied> {
        match self.admit(token).await {
            Err(Denied::Missing) if self.anonymous => {
                let user = User { id: UserId::anonymous(), name: String::new(), guest: true };
                Ok(Admitted { user, expires_at: u64::MAX, mark: TokenMark::default() })
            }
            admitted => admitted,
        }
    }

    /// What does a subscription's token grant?
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn grant(&self, token: &str) -> Result<Grant, Denied> {
        let grant = self.tokens.read_grant(token, self.clock.now_ms()).await?;
        match note(self.store.revocations_of(&grant.user).await) {
            Ok(revoked) if revoked.iter().any(|it| it.voids(&grant.mark)) => Err(Denied::Invalid),
            Ok(_) => Ok(grant),
            Err(_) => Err(Denied::Unavailable),
        }
    }

    /// Something was revoked of this user: they have to be looked up again.
    pub fn forget(&self, user: &UserId) {
        self.recent().forget(user);
    }
}

/// The user that bears a token; `None` if there is none here, or the token was revoked. An account is of the kind that it was made as, and only
/// a token of that kind opens it.
///
/// # Errors
/// [`StoreError`].
async fn user_of(store: &dyn Store, bearer: &Bearer) -> Result<Option<User>, StoreError> {
    let known = store.user(&bearer.user).await?;
    let revoked = store.revocations_of(&bearer.user).await?;
    if revoked.iter().any(|it| it.voids(&bearer.mark)) {
        return Ok(None);
    }
    let Account::Operator { name } = &bearer.account else {
        return Ok(known.filter(|user| user.guest));
    };
    let name = name.as_deref().and_then(fitting);
    let user = match known {
        Some(user) => user,
        None => {
            // Several connections of one who is new may come here at once: the first one makes the user.
            let id = bearer.user.clone();
            let name = name.clone().or_else(|| fitting(id.as_str()));
            let user = User { id, name: name.unwrap_or_else(|| "?".to_owned()), guest: false };
            changed(store.change(Change::CreateUser(user)).await?)?
        }
    };
    if user.guest {
        return Ok(None);
    }
    match name {
        Some(name) if name != user.name => {
            let rename = Change::RenameUser { user: user.id, name };
            changed(store.change(rename).await?).map(Some)
        }
        _ => Ok(Some(user)),
    }
}

/// What somebody else calls a user, as far as it fits here; `None` if nothing is left.
fn fitting(name: &str) -> Option<String> {
    let visible: String = name.chars().filter(|it| !it.is_control()).collect();
    let short: String = visible.trim().chars().take(NAME_CHARS_MAX).collect();
    parse_name(&short).ok()
}

fn changed(changed: Changed) -> Result<User, StoreError> {
    match changed {
        Changed::User(user) => Ok(user),
        Changed::Room(_) | Changed::Gone => {
            Err(StoreError::Unavailable("a change of a user had another outcome".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_last_is_remembered_and_the_memory_is_bounded() {
        let user = |n: usize| {
            let id = UserId::parse(&format!("u{n}")).unwrap();
            User { id, name: "U".into(), guest: true }
        };
        let mut recent = Recent::default();
        (0..5 * REMEMBERED).for_each(|n| recent.remember(&user(n)));
        assert!(recent.young.len() + recent.old.len() <= 2 * REMEMBERED);
        assert!(recent.get(&user(0).id).is_none());
        for n in [4 * REMEMBERED, 5 * REMEMBERED - 1] {
            assert_eq!(recent.get(&user(n).id), Some(user(n)));
            recent.forget(&user(n).id);
            assert_eq!(recent.get(&user(n).id), None);
        }
    }

    #[test]
    fn a_name_from_elsewhere_is_made_to_fit() {
        assert_eq!(fitting("  Ada\t Lovelace\u{1b} "), Some("Ada Lovelace".into()));
        assert_eq!(fitting(&"é".repeat(70)), Some("é".repeat(64)));
        assert_eq!(fitting(&format!("{} x", "a".repeat(63))), Some("a".repeat(63)));
        assert_eq!(fitting(" \n"), None);
    }
}
