//! Tokens of a test's own making, signed as the server signs, or by others.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_server::clock::{Clock, SystemClock};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use serde_json::{Value, json};

use super::{Guest, Server};

/// ms since the Unix epoch.
pub fn now_ms() -> u64 {
    SystemClock::start().now_ms()
}

/// A token under `secret`; `expires_s` in seconds since the Unix epoch.
pub fn sign(secret: &[u8], user: &str, expires_s: u64) -> String {
    let claims = json!({ "sub": user, "exp": expires_s, "iat": 0 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret)).unwrap()
}

impl Server {
    /// A token that this server takes for its own.
    pub fn token(&self, user: &str, expires_s: u64) -> String {
        sign(&std::fs::read(self.data_dir().join("secret")).unwrap(), user, expires_s)
    }
}

/// Somebody beside the server who signs tokens, for users of their own.
pub struct Signer {
    header: Header,
    key: EncodingKey,
}

impl Signer {
    /// With a secret: HS256.
    pub fn secret(secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { header: Header::new(Algorithm::HS256), key }
    }

    /// With the private key of `tests/keys/rsa.pub.pem`: RS256.
    pub fn rsa() -> Self {
        let private = RsaPrivateKey::from_pkcs8_pem(include_str!("../../keys/rsa.pem")).unwrap();
        let key = EncodingKey::from_rsa_der(private.to_pkcs1_der().unwrap().as_bytes());
        Self { header: Header::new(Algorithm::RS256), key }
    }

    /// With a key drawn from `seed`: EdDSA. Its public half, as a member of a set, is [`jwk`].
    pub fn ed25519(seed: u8) -> Self {
        let private = SigningKey::from_bytes(&[seed; 32]).to_pkcs8_der().unwrap();
        let key = EncodingKey::from_ed_der(private.as_bytes());
        Self { header: Header::new(Algorithm::EdDSA), key }
    }

    /// The same, naming its key.
    pub fn named(mut self, kid: &str) -> Self {
        self.header.kid = Some(kid.to_owned());
        self
    }

    /// A token that says this, and nothing else.
    pub fn sign(&self, claims: &Value) -> String {
        encode(&self.header, claims, &self.key).unwrap()
    }

    /// A user of theirs, with a token for an hour that names them.
    pub fn user(&self, id: &str, name: &str) -> Guest {
        self.user_until(id, name, now_ms() / 1000 + 3600)
    }

    /// The same; `expires_s` in seconds since the Unix epoch.
    pub fn user_until(&self, id: &str, name: &str, expires_s: u64) -> Guest {
        let token = self.sign(&json!({ "sub": id, "name": name, "exp": expires_s }));
        Guest { id: id.to_owned(), name: name.to_owned(), token }
    }
}

/// The public half of [`Signer::ed25519`].
pub fn jwk(kid: &str, seed: u8) -> Value {
    let public = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(public) })
}

/// Keeps `text` in a file of this name in `folder`; gives its path.
pub fn keep(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}
