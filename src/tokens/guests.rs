//! Guests' tokens, signed by this server's secret, which is drawn at the first start and never leaves it.

use std::io::Write;
use std::path::Path;

use chat_protocol::UserId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;

use super::{Account, Bearer, Claims};
use crate::domain::session::Denied;

/// Bytes of a secret: as many as HMAC-SHA-256 can use.
const SECRET_BYTES: usize = 32;

#[derive(Serialize)]
struct Issued<'a> {
    sub: &'a UserId,
    exp: u64,
    iat: u64,
}

/// Signs and reads guests' tokens.
pub struct Guests {
    sign: EncodingKey,
    read: DecodingKey,
    validation: Validation,
    lifetime_ms: u64,
}

impl Guests {
    /// Tokens under `secret` that live for `lifetime_ms`.
    pub fn new(secret: &[u8], lifetime_ms: u64) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false; // compared by us, with a clock that tests can set
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self {
            sign: EncodingKey::from_secret(secret),
            read: DecodingKey::from_secret(secret),
            validation,
            lifetime_ms,
        }
    }

    /// A token for `user` and when it expires (ms since the Unix epoch).
    ///
    /// # Errors
    /// If signing fails, which HMAC has no reason to.
    pub fn issue(&self, user: &UserId, now_ms: u64) -> anyhow::Result<(String, u64)> {
        let exp = (now_ms + self.lifetime_ms) / 1000;
        let claims = Issued { sub: user, exp, iat: now_ms / 1000 };
        Ok((jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)?, exp * 1000))
    }

    /// Who bears `token`; `None` if it isn't one of these.
    pub(super) fn read(&self, token: &str, now_ms: u64) -> Option<Result<Bearer, Denied>> {
        let read = jsonwebtoken::decode::<Claims>(token, &self.read, &self.validation).ok()?;
        Some(read.claims.bearer(Account::Guest, now_ms, 0))
    }
}

/// Reads the secret that guests' tokens are signed with, or draws one and keeps it there, readable by its owner only.
///
/// # Errors
/// If it can't be read or written, or has been cut short.
pub fn load_or_create_secret(path: &Path) -> anyhow::Result<Vec<u8>> {
    load_or_create(path, draw_secret)
}

/// The same for whatever secret `draw` makes.
pub(super) fn load_or_create(path: &Path, draw: impl Fn() -> Vec<u8>) -> anyhow::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::read(path) {
        Ok(secret) if secret.len() >= SECRET_BYTES => return Ok(secret),
        Ok(_) => anyhow::bail!("{} is damaged: remove it, and another is made", path.display()),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
        Err(err) => return Err(err.into()),
    }
    let secret = draw();
    // Written aside and renamed: a crash leaves no half secret behind.
    let aside = path.with_extension("new");
    let _ = std::fs::remove_file(&aside);
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    std::fs::rename(&aside, path)?;
    Ok(secret)
}

/// A new secret.
pub fn draw_secret() -> Vec<u8> {
    rand::random::<[u8; SECRET_BYTES]>().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::revocation::TokenMark;

    #[test]
    fn a_token_is_good_until_it_expires_and_only_under_its_secret() {
        let guests = Guests::new(b"one", 10_000);
        let user = UserId::parse("u").unwrap();
        let (token, expires_at) = guests.issue(&user, 5_000).unwrap();
        assert_eq!(expires_at, 15_000);
        let (account, issued_at) = (Account::Guest, Some(5_000));
        let bearer = Bearer { user, account, expires_at, mark: TokenMark { issued_at, id: None } };
        assert_eq!(guests.read(&token, 14_999), Some(Ok(bearer)));
        assert_eq!(guests.read(&token, 15_000), Some(Err(Denied::Expired)));
        assert_eq!(Guests::new(b"two", 1).read(&token, 5_000), None);
        assert_eq!(guests.read("a.b.c", 0), None);
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", token.split('.').nth(1).unwrap());
        assert_eq!(guests.read(&unsigned, 0), None);
    }

    #[test]
    fn a_secret_is_drawn_once_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secret = load_or_create_secret(&path).unwrap();
        assert_eq!(load_or_create_secret(&path).unwrap(), secret);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(load_or_create_secret(&path).is_err());
    }
}
