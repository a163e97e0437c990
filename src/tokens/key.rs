//! Keys that an operator signs with, or their public halves. A key decides its algorithm: what a token says of itself
//! can only be right or wrong.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::{Algorithm, DecodingKey};
use rsa::RsaPublicKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use serde::Deserialize;

/// Bytes of a secret at least: as many as SHA-256 gives (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Bits of an RSA key at least (RFC 7518 §3.3).
const RSA_BITS_MIN: usize = 2048;
/// Keys of one set.
const KEYS_MAX: usize = 100;

/// What is wrong with a key, in words that tell nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub &'static str);

/// Checks signatures of one algorithm.
#[derive(Clone)]
pub struct Key {
    /// Its name in a set.
    pub kid: Option<String>,
    pub algorithm: Algorithm,
    pub decode: DecodingKey,
}

impl Key {
    /// A secret: HS256.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, Unusable> {
        if secret.starts_with(b"-----BEGIN") {
            // Whoever knows a public key could sign with it.
            return Err(Unusable(
                "this is a key in PEM, not a secret: give it as auth.public_key_file",
            ));
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(Unusable("a secret has at least 32 bytes"));
        }
        let decode = DecodingKey::from_secret(secret);
        Ok(Self { kid: None, algorithm: Algorithm::HS256, decode })
    }

    /// A public key in PEM. RSA: RS256, Ed25519: EdDSA.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, Unusable> {
        let text = std::str::from_utf8(pem).map(str::trim).unwrap_or_default();
        if text.contains("PRIVATE KEY-----") {
            return Err(Unusable(
                "this is the private key, which should stay where tokens are made: give the public one",
            ));
        }
        if let Ok(key) = VerifyingKey::from_public_key_pem(text) {
            return Ok(Self::ed25519(&key));
        }
        let rsa = RsaPublicKey::from_public_key_pem(text).ok();
        match rsa.or_else(|| RsaPublicKey::from_pkcs1_pem(text).ok()) {
            Some(key) => Self::rsa(&key),
            None => Err(Unusable("no public key in PEM, of RSA or Ed25519")),
        }
    }

    fn rsa(key: &RsaPublicKey) -> Result<Self, Unusable> {
        if key.n().bits() < RSA_BITS_MIN {
            return Err(Unusable("an RSA key has at least 2048 bits"));
        }
        let (n, e) = (key.n().to_bytes_be(), key.e().to_bytes_be());
        let decode = DecodingKey::from_rsa_raw_components(&n, &e);
        Ok(Self { kid: None, algorithm: Algorithm::RS256, decode })
    }

    fn ed25519(key: &VerifyingKey) -> Self {
        let decode = DecodingKey::from_ed_der(key.as_bytes());
        Self { kid: None, algorithm: Algorithm::EdDSA, decode }
    }
}

/// A key of a set (RFC 7517).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    used_for: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    k: Option<String>,
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// The keys of a set. Those for other uses and of other algorithms are passed over, as RFC 7517 §5 asks.
///
/// # Errors
/// [`Unusable`]: no set, none left, a key that isn't what it says, or two of one `kid`.
pub fn keys_of_set(json: &[u8]) -> Result<Vec<Key>, Unusable> {
    let set: Jwks = serde_json::from_slice(json).map_err(|_| Unusable("no JSON Web Key Set"))?;
    let mut keys: Vec<Key> = Vec::new();
    for jwk in &set.keys {
        let Some(key) = jwk.key()? else { continue };
        if key.kid.is_some() && keys.iter().any(|it| it.kid == key.kid) {
            return Err(Unusable("two keys have the same kid"));
        }
        keys.push(key);
    }
    match keys.len() {
        0 => Err(Unusable("the set has no key for RS256, EdDSA or HS256")),
        1..=KEYS_MAX => Ok(keys),
        _ => Err(Unusable("the set has more than 100 keys")),
    }
}

impl Jwk {
    /// `None`: not one for us.
    fn key(&self) -> Result<Option<Key>, Unusable> {
        if self.used_for.as_deref().is_some_and(|it| it != "sig") {
            return Ok(None);
        }
        let key = match (self.kty.as_str(), self.crv.as_deref(), self.alg.as_deref()) {
            ("RSA", _, None | Some("RS256")) => {
                let (n, e) = (bytes(self.n.as_ref())?, bytes(self.e.as_ref())?);
                let number = |bytes: &[u8]| rsa::BigUint::from_bytes_be(bytes);
                let key = RsaPublicKey::new(number(&n), number(&e));
                Key::rsa(&key.map_err(|_| Unusable("a key of kty RSA is none"))?)?
            }
            ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => {
                let x = <[u8; 32]>::try_from(bytes(self.x.as_ref())?);
                let key = x.ok().and_then(|x| VerifyingKey::from_bytes(&x).ok());
                Key::ed25519(&key.ok_or(Unusable("a key of crv Ed25519 is none"))?)
            }
            ("oct", _, None | Some("HS256")) => Key::from_secret(&bytes(self.k.as_ref())?)?,
            _ => return Ok(None),
        };
        Ok(Some(Key { kid: self.kid.clone(), ..key }))
    }
}

fn bytes(text: Option<&String>) -> Result<Vec<u8>, Unusable> {
    let text = text.ok_or(Unusable("a key lacks one of its parts"))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable("a part of a key is not base64url"))
}

#[cfg(test)]
mod tests;
