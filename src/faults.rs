//! Injection points: an actor panics where a test wants it to.
//!
//! A point panics if it was armed, each time as often as it was armed for. Only builds with the feature `faults` can arm
//! one (tests have it; `cargo build` does not); in all others a point is nothing at all.

#[cfg(feature = "faults")]
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    sync::{Mutex, PoisonError},
};

/// Panics left over all points: a look at it is all that a point costs while none is armed.
#[cfg(feature = "faults")]
static LEFT: AtomicUsize = AtomicUsize::new(0);
#[cfg(feature = "faults")]
static ARMED: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

/// Panics here if `point` is armed.
#[inline]
pub fn panic_if_armed(point: &'static str) {
    #[cfg(feature = "faults")]
    if LEFT.load(Ordering::Relaxed) > 0 && take(point) {
        panic!("injected at {point}");
    }
    #[cfg(not(feature = "faults"))]
    let _ = point;
}

/// Makes `point` panic the next `times` times that it is passed.
#[cfg(feature = "faults")]
pub fn arm(point: &str, times: usize) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    *armed.get_or_insert_default().entry(point.to_owned()).or_default() += times;
    LEFT.fetch_add(times, Ordering::Relaxed);
}

#[cfg(feature = "faults")]
fn take(point: &str) -> bool {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    match armed.as_mut().and_then(|armed| armed.get_mut(point)) {
        Some(left) if *left > 0 => {
            *left -= 1;
            LEFT.fetch_sub(1, Ordering::Relaxed);
            true
        }
        _ => false,
    }
}
