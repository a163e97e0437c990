//! From a good token to its user. Guests are there already; an operator's users are made when they first come.

use chat_protocol::object::User;
use chat_protocol::text::{NAME_CHARS_MAX, parse_name};

use crate::domain::record::Change;
use crate::store::{Changed, Store, StoreError};
use crate::tokens::{Account, Bearer};

/// The user that bears a token; `None` if there is none here, or the token was revoked. An account is of the kind that it was made as, and only
/// a token of that kind opens it.
///
/// # Errors
/// [`StoreError`].
pub async fn user_of(store: &dyn Store, bearer: &Bearer) -> Result<Option<User>, StoreError> {
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
    fn a_name_from_elsewhere_is_made_to_fit() {
        assert_eq!(fitting("  Ada\t Lovelace\u{1b} "), Some("Ada Lovelace".into()));
        assert_eq!(fitting(&"é".repeat(70)), Some("é".repeat(64)));
        assert_eq!(fitting(&format!("{} x", "a".repeat(63))), Some("a".repeat(63)));
        assert_eq!(fitting(" \n"), None);
    }
}
