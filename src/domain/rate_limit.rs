//! A token bucket over an injected clock.

/// How fast, and how much at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Allowed in the long run.
    pub per_second: u32,
    /// Allowed at once after a rest.
    pub burst: u32,
}

/// The state of one bucket: 16 bytes, since each session has one.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Thousandths of a token.
    level: u64,
    filled_at_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub fn full(rate: Rate, now_ms: u64) -> Self {
        Self { level: u64::from(rate.burst) * 1000, filled_at_ms: now_ms }
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, rate: Rate, now_ms: u64) -> bool {
        let gained =
            now_ms.saturating_sub(self.filled_at_ms).saturating_mul(rate.per_second.into());
        self.level = self.level.saturating_add(gained).min(u64::from(rate.burst) * 1000);
        self.filled_at_ms = now_ms;
        let enough = self.level >= 1000;
        if enough {
            self.level -= 1000;
        }
        enough
    }

    /// Would it be full by now? Then it need not be remembered.
    pub fn is_full(&self, rate: Rate, now_ms: u64) -> bool {
        let gained =
            now_ms.saturating_sub(self.filled_at_ms).saturating_mul(rate.per_second.into());
        self.level.saturating_add(gained) >= u64::from(rate.burst) * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_at_once_and_its_rate_in_the_long_run() {
        let rate = Rate { per_second: 2, burst: 3 };
        let mut bucket = Bucket::full(rate, 0);
        assert_eq!((0..5).filter(|_| bucket.take(rate, 0)).count(), 3);
        assert!(!bucket.take(rate, 499));
        assert!(bucket.take(rate, 500));
        assert_eq!((0..9).filter(|_| bucket.take(rate, 60_000)).count(), 3);
        assert!(!bucket.is_full(rate, 60_000) && bucket.is_full(rate, 61_500));
    }
}
