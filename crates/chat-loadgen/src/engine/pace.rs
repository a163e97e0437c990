//! When the next publication is due.

use std::time::{Duration, Instant};

/// Deals out sends: as fast as windows allow, or evenly over time.
///
/// Paced sends carry the time at which they were *due*: should server or generator fall behind,
/// the wait counts as latency instead of vanishing from the record.
#[derive(Debug)]
pub struct Pacer {
    per_second: Option<f64>,
    since: Instant,
    taken: u64,
}

impl Pacer {
    pub(super) fn new(per_second: Option<f64>, since: Instant) -> Self {
        Self { per_second, since, taken: 0 }
    }

    pub(super) fn is_paced(&self) -> bool {
        self.per_second.is_some()
    }

    /// How many were taken so far.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// When the next one was due, if that is not in the future.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.next().filter(|next| *next <= now)
    }

    pub(super) fn take(&mut self) {
        self.taken += 1;
    }

    /// How long the loop may sleep. Whole milliseconds only, because epoll rounds up: the rest is
    /// spun away on the generator's own core. `None` waits for events.
    pub(super) fn until_due(&self, now: Instant) -> Option<Duration> {
        let wait = self.next()?.saturating_duration_since(now);
        Some(Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }

    fn next(&self) -> Option<Instant> {
        let per_second = self.per_second?;
        Some(self.since + Duration::from_secs_f64(self.taken as f64 / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paced_sends_are_due_at_even_intervals_whatever_happened_before() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Some(10.0), start);
        assert_eq!(pacer.due(start), Some(start));
        pacer.take();
        assert_eq!(pacer.due(start), None);
        assert_eq!(pacer.until_due(start), Some(Duration::from_millis(100)));
        let late = start + Duration::from_millis(350);
        let mut dues = 0;
        while pacer.due(late).is_some() {
            pacer.take();
            dues += 1;
        }
        assert_eq!(dues, 3);
    }

    #[test]
    fn sleep_ends_before_the_due_time() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Some(3.0), start);
        pacer.take();
        assert_eq!(pacer.until_due(start), Some(Duration::from_millis(333)));
    }

    #[test]
    fn saturation_is_never_due_and_never_sleeps_by_the_clock() {
        let start = Instant::now();
        let pacer = Pacer::new(None, start);
        assert!(!pacer.is_paced() && pacer.due(start).is_none());
        assert_eq!(pacer.until_due(start), None);
    }
}
