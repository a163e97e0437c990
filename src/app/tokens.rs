//! Whose tokens are taken, as the configuration says.

use std::path::PathBuf;

use super::StartError;
use crate::config::Config;
use crate::tokens::{ApiKey, Guests, KeyFiles, Kind, Operator, Rules, Tokens};

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

/// The key of the operator's servers, if there is one.
///
/// # Errors
/// [`StartError::ApiKey`].
pub fn api_key(config: &Config) -> Result<Option<ApiKey>, StartError> {
    let (given, drawn): (_, PathBuf) =
        (&config.auth.api_key_file, config.store.data_dir.join("api-key"));
    let is_alone = config.postgres.url.is_empty();
    let key = match (given.as_os_str().is_empty(), is_alone) {
        (false, _) => ApiKey::read(given).map_err(|err| StartError::ApiKey(given.clone(), err))?,
        (true, true) => {
            ApiKey::read_or_draw(&drawn).map_err(|err| StartError::ApiKey(drawn, err))?
        }
        (true, false) => return Ok(None),
    };
    Ok(Some(key))
}
