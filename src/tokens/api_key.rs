//! The key by which servers of the operator ask: not a user's token, and above all users.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::guests::{draw_secret, load_or_create};

/// Bytes that a key must have at least.
const BYTES_MIN: usize = 32;

/// A key; never shown.
pub struct ApiKey(Vec<u8>);

impl ApiKey {
    /// The key in a file of the operator's; white space around it doesn't count.
    ///
    /// # Errors
    /// If it can't be read or is too short.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        Self::of(&std::fs::read(path)?)
    }

    /// The key in a file of ours, which is drawn first if there is none.
    ///
    /// # Errors
    /// If it can't be read or written.
    pub fn read_or_draw(path: &Path) -> anyhow::Result<Self> {
        let draw = || URL_SAFE_NO_PAD.encode(draw_secret()).into_bytes();
        Self::of(&load_or_create(path, draw)?)
    }

    fn of(text: &[u8]) -> anyhow::Result<Self> {
        let key = text.trim_ascii();
        anyhow::ensure!(key.len() >= BYTES_MIN, "a key has at least {BYTES_MIN} bytes");
        Ok(Self(key.to_owned()))
    }

    /// Is it this one? Takes as long whatever is wrong.
    pub fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(given).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_as_text_and_only_it_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-key");
        let key = ApiKey::read_or_draw(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() == 43 && text.is_ascii());
        assert!(ApiKey::read_or_draw(&path).unwrap().is(text.as_bytes()));
        std::fs::write(&path, format!(" {text}\n")).unwrap();
        assert!(ApiKey::read(&path).unwrap().is(text.as_bytes()));
        for wrong in ["", &text[1..], &format!("{text}x"), &"x".repeat(43)] {
            assert!(!key.is(wrong.as_bytes()), "{wrong}");
        }
        std::fs::write(&path, "short").unwrap();
        assert!(ApiKey::read(&path).is_err() && ApiKey::read_or_draw(&path).is_err());
    }
}
