//! How often one address may knock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;
use crate::domain::rate_limit::{Bucket, Rate};
use crate::metrics;

/// Addresses remembered at a time; when there are more, those at rest are forgotten.
const ADDRESSES_MAX: usize = 64 * 1024;

/// One limit, counted per address.
pub struct PerAddress {
    name: &'static str,
    /// `None`: limits are off.
    rate: Option<Rate>,
    clock: Arc<dyn Clock>,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

impl PerAddress {
    /// A limit; `name` is its metric label.
    pub fn new(name: &'static str, rate: Option<Rate>, clock: Arc<dyn Clock>) -> Self {
        Self { name, rate, clock, buckets: Mutex::default() }
    }

    /// May `address` do it once more? One that is not known (a Unix socket) always may.
    pub fn pass(&self, address: Option<IpAddr>) -> bool {
        let (Some(rate), Some(address)) = (self.rate, address.map(network)) else { return true };
        let now = self.clock.monotonic_ms();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= ADDRESSES_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(rate, now));
        }
        let full = buckets.len() >= ADDRESSES_MAX && !buckets.contains_key(&address);
        let passes = !full
            && buckets.entry(address).or_insert_with(|| Bucket::full(rate, now)).take(rate, now);
        if !passes {
            metrics::RATE_LIMITED.with_label_values(&[self.name]).inc();
        }
        passes
    }
}

/// An IPv6 host owns a /64, so that is what is counted.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The limits at the door.
pub struct Gate {
    pub connects: PerAddress,
    pub guests: PerAddress,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn each_address_has_its_own_bucket_and_an_ipv6_network_shares_one() {
        let rate = Some(Rate { per_second: 0, burst: 2 });
        let gate = PerAddress::new("test", rate, Arc::new(SystemClock::start()));
        let pass = |address: &str| gate.pass(Some(address.parse().unwrap()));
        assert!(pass("10.0.0.1") && pass("10.0.0.1") && !pass("10.0.0.1"));
        assert!(pass("10.0.0.2"));
        assert!(pass("2001:db8::1") && pass("2001:db8::2") && !pass("2001:db8::3"));
        assert!(!pass("::ffff:10.0.0.1"), "a mapped address is the same host");
        assert!(gate.pass(None));
    }
}
