//! Starting many at once.

use std::thread;

use crate::error::{Error, Result};

/// Runs `start` for `0..count`, all at the same time; what they made, in that order.
///
/// # Errors
/// The first one that failed, by number. What the others made is dropped.
pub(crate) fn all<T: Send>(
    count: usize,
    start: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = (0..count).map(|i| scope.spawn(move || start(i))).collect();
        let made: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        made.into_iter().map(|made| made.unwrap_or_else(|_| Err(panicked()))).collect()
    })
}

fn panicked() -> Error {
    Error::Refused { asked: "to start a service".to_owned(), answer: "a panic".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_one_failure_is_enough() {
        assert_eq!(all(3, Ok).unwrap(), [0, 1, 2]);
        let start = |i| if i == 1 { Err(panicked()) } else { Ok(i) };
        assert!(matches!(all(3, start), Err(Error::Refused { .. })));
    }
}
