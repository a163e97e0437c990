//! Waiting for what another process does.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Between two looks at a process or its files.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Looks until `look` sees something.
///
/// # Errors
/// What `look` fails with, at once; a deadline that names `what`, when nothing was seen `within`.
pub(crate) fn until<T>(
    what: impl FnOnce() -> String,
    within: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if Instant::now() >= deadline {
            return Err(Error::Deadline { what: what(), within });
        }
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "other processes don't wake us, and no runtime is here"
)]
fn pause() {
    std::thread::sleep(LOOK_AGAIN);
}
