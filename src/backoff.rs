//! How long to wait before trying again: doubling from a least to a greatest, half of it left to chance, so that what
//! failed together doesn't come back together.

use std::time::Duration;

/// One thing that is tried again.
#[derive(Clone, Debug)]
pub struct Backoff {
    least: Duration,
    greatest: Duration,
    in_a_row: u32,
}

impl Backoff {
    /// The first wait is about `least`, none is longer than `greatest`.
    pub const fn new(least: Duration, greatest: Duration) -> Self {
        Self { least, greatest, in_a_row: 0 }
    }

    /// The next wait, from half of it to all of it.
    pub fn wait(&mut self) -> Duration {
        let full = self.least.saturating_mul(1 << self.in_a_row.min(16));
        self.in_a_row += 1;
        full.min(self.greatest).mul_f64(rand::random_range(0.5..=1.0))
    }

    /// It went well: the next failure is a first one.
    pub const fn reset(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_its_bound_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_secs(2));
        for upper_ms in [20, 40, 80, 160, 320, 640, 1280, 2000, 2000] {
            let (wait, upper) = (backoff.wait(), Duration::from_millis(upper_ms));
            assert!(wait >= upper / 2 && wait <= upper, "{wait:?} of {upper:?}");
        }
        backoff.reset();
        assert!(backoff.wait() <= Duration::from_millis(20));
    }
}
