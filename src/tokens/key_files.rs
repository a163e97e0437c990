//! The files that an operator's keys are in. They are read again while the server runs, so that keys can be exchanged.
//!
//! Not by their time of change: that has a grain, and a file may be written twice within it. They are small, so at most
//! once a second, when a token comes, their bytes are read and compared.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::key::{Key, Unusable, keys_of_set};

/// How long what was read counts as fresh.
const FRESH_MS: u64 = 1_000;
/// Bytes of a key file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes of a secret; a line end at its end isn't part of it.
    HmacSecret,
    /// One public key in PEM.
    PublicKey,
    /// A JSON Web Key Set.
    Jwks,
}

impl Kind {
    /// The option that names the file.
    pub const fn option(self) -> &'static str {
        match self {
            Self::HmacSecret => "auth.hmac_secret_file",
            Self::PublicKey => "auth.public_key_file",
            Self::Jwks => "auth.jwks_file",
        }
    }
}

/// A file that the node can't start with.
#[derive(Debug, thiserror::Error)]
#[error("{option}: {} can't be used: {problem}", .path.display())]
pub struct KeyFileError {
    option: &'static str,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Key(#[from] Unusable),
}

/// One of them.
struct KeyFile {
    kind: Kind,
    path: PathBuf,
    /// What was in it when it was last looked at; `None`: it couldn't be read.
    seen: Option<[u8; 32]>,
    /// The keys of the last time that all was well.
    keys: Vec<Key>,
}

impl KeyFile {
    fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if !std::fs::metadata(&self.path)?.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        let file = std::fs::File::open(&self.path)?;
        if file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)? as u64 > FILE_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than a mebibyte"));
        }
        Ok(bytes)
    }

    fn parse(&self, bytes: &[u8]) -> Result<Vec<Key>, Unusable> {
        match self.kind {
            Kind::HmacSecret => {
                let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
                Ok(vec![Key::from_secret(secret.strip_suffix(b"\r").unwrap_or(secret))?])
            }
            Kind::PublicKey => Ok(vec![Key::from_pem(bytes)?]),
            Kind::Jwks => keys_of_set(bytes),
        }
    }

    /// Takes its keys in if what is in it is new; `false` if it isn't.
    fn look(&mut self, own_secret: &[u8]) -> Result<bool, Problem> {
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(_) if self.seen.is_none() => return Ok(false),
            Err(err) => {
                self.seen = None;
                return Err(err.into());
            }
        };
        let now = Some(Sha256::digest(&bytes).into());
        if now == self.seen {
            return Ok(false);
        }
        self.seen = now;
        let keys = self.parse(&bytes)?;
        check(&keys, own_secret)?;
        self.keys = keys;
        Ok(true)
    }
}

/// All of them.
pub struct KeyFiles {
    files: Vec<KeyFile>,
    /// No file may hold this one.
    own_secret: Vec<u8>,
    keys: Arc<[Key]>,
    /// ms since the Unix epoch.
    looked_at: u64,
}

impl KeyFiles {
    /// Reads them for the first time.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn open(files: Vec<(Kind, PathBuf)>) -> Result<Self, KeyFileError> {
        let mut opened = Vec::new();
        for (kind, path) in files {
            let mut file = KeyFile { kind, path, seen: Some([0; 32]), keys: Vec::new() };
            if let Err(problem) = file.look(&[]) {
                return Err(KeyFileError { option: kind.option(), path: file.path, problem });
            }
            opened.push(file);
        }
        let keys = all(&opened);
        Ok(Self { files: opened, own_secret: Vec::new(), keys, looked_at: 0 })
    }

    /// The same, as long as none of them is `own_secret`, which this server signs with: tokens of both kinds must stay
    /// apart.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn without(mut self, own_secret: &[u8]) -> Result<Self, KeyFileError> {
        for file in &self.files {
            check(&file.keys, own_secret).map_err(|problem| KeyFileError {
                option: file.kind.option(),
                path: file.path.clone(),
                problem: problem.into(),
            })?;
        }
        self.own_secret = own_secret.to_vec();
        Ok(self)
    }

    /// The keys that are good now. May wait for the disk.
    pub fn keys(&mut self, now_ms: u64) -> Arc<[Key]> {
        if self.looked_at.abs_diff(now_ms) >= FRESH_MS {
            self.looked_at = now_ms;
            self.look();
        }
        self.keys.clone()
    }

    fn look(&mut self) {
        for file in &mut self.files {
            let option = file.kind.option();
            match file.look(&self.own_secret) {
                Ok(false) => {}
                Ok(true) => tracing::info!(option, keys = file.keys.len(), "keys were read again"),
                // Said once for each change: what is in the file is known from now on.
                Err(err) => {
                    tracing::error!(option, %err, "a key file can't be used; its keys of before stay");
                }
            }
        }
        self.keys = all(&self.files);
    }
}

fn check(keys: &[Key], own_secret: &[u8]) -> Result<(), Unusable> {
    if keys.iter().any(|key| key.decode.try_get_as_bytes().is_ok_and(|it| it == own_secret)) {
        return Err(Unusable("this is what the server signs guests' tokens with: draw another"));
    }
    Ok(())
}

fn all(files: &[KeyFile]) -> Arc<[Key]> {
    files.iter().flat_map(|file| file.keys.iter().cloned()).collect()
}

#[cfg(test)]
mod tests;
