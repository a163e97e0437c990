//! Whose tokens are taken, as the configuration says.

use super::StartError;
use crate::config::Config;
use crate::tokens::{Guests, KeyFiles, Kind, Operator, Rules, Tokens};

/// Reads the operator's keys, if any are named.
///
/// # Errors
/// [`StartError::KeyFile`].
pub fn keys(config: &Config) -> Result<Option<KeyFiles>, StartError> {
    let a = &config.auth;
    let mut files = vec![
        (Kind::HmacSecret, a.hmac_secret_file.clone()),
        (Kind::PublicKey, a.public_key_file.clone()),
        (Kind::Jwks, a.jwks_file.clone()),
    ];
    files.retain(|(_, path)| !path.as_os_str().is_empty());
    Ok(if files.is_empty() { None } else { Some(KeyFiles::open(files)?) })
}

/// Tokens of guests, signed with `secret`, and of the operator's users, signed with `keys`.
///
/// # Errors
/// [`StartError::KeyFile`].
pub fn tokens(
    config: &Config,
    secret: &[u8],
    keys: Option<KeyFiles>,
) -> Result<Tokens, StartError> {
    let a = &config.auth;
    let lifetime_ms = config.token.lifetime_days * 24 * 3600 * 1000;
    let guests = a.guests.then(|| Guests::new(secret, lifetime_ms));
    let rules = Rules {
        issuer: a.issuer.clone(),
        audience: a.audience.clone(),
        leeway_ms: a.leeway_s * 1000,
    };
    let operator = match keys {
        Some(keys) => Some(Operator::new(rules, keys.without(secret)?)),
        None => None,
    };
    Ok(Tokens::new(guests, operator))
}
