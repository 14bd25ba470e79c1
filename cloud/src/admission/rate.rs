//! How often each may ask: a bucket that fills by the second (the generic cell rate algorithm, ITU-T I.371).

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seconds whose requests may come at once.
const BURST_SECONDS: u32 = 10;
/// How many are remembered; who has a full bucket is forgotten first, and nobody can make the list longer.
const MOST: usize = 100_000;

/// The buckets of all of one kind.
#[derive(Debug)]
pub(super) struct Rates<Who> {
    interval: Duration,
    buckets: Mutex<Buckets<Who>>,
}

#[derive(Debug)]
struct Buckets<Who> {
    /// When each bucket will be full again.
    full: HashMap<Who, Instant>,
    /// When those that are full were last forgotten.
    swept: Option<Instant>,
}

impl<Who: Eq + Hash> Buckets<Who> {
    /// Makes room for another one, by looking through all at most once a second.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.full.len() >= MOST
            && self.swept.is_none_or(|swept| now.duration_since(swept) >= Duration::from_secs(1))
        {
            self.full.retain(|_, full| *full > now);
            self.swept = Some(now);
        }
        self.full.len() < MOST
    }
}

impl<Who: Eq + Hash> Rates<Who> {
    /// `rate` requests a second; none where that is 0, which is no limit.
    pub(super) fn new(rate: u32) -> Option<Self> {
        let interval = Duration::from_secs(1).checked_div(rate)?;
        Some(Self { interval, buckets: Mutex::new(Buckets { full: HashMap::new(), swept: None }) })
    }

    /// Takes one request out of a bucket; false where it is empty.
    pub(super) fn take(&self, who: Who, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.full.contains_key(&who) && !buckets.has_room(now) {
            return false;
        }
        let at = buckets.full.entry(who).or_insert(now);
        let next = (*at).max(now) + self.interval;
        let fits = next <= now + Duration::from_secs(1) * BURST_SECONDS;
        if fits {
            *at = next;
        }
        fits
    }
}

/// One household of IPv6 has 2^64 addresses to choose from.
pub(super) fn household(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_may_send_ten_seconds_worth_at_once_and_then_so_many_a_second() {
        let (rates, begun) = (Rates::new(2).unwrap(), Instant::now());
        assert_eq!((0..30).filter(|_| rates.take("u1", begun)).count(), 20);
        assert!(rates.take("u2", begun));
        let later = begun + Duration::from_secs(3);
        assert_eq!((0..30).filter(|_| rates.take("u1", later)).count(), 6);
        assert!(Rates::<&str>::new(0).is_none(), "0 is no limit");
    }

    #[test]
    fn a_crowd_takes_no_more_memory_and_makes_room_once_it_is_quiet() {
        let (rates, begun) = (Rates::new(1).unwrap(), Instant::now());
        assert!((0..MOST).all(|number| rates.take(number, begun)));
        assert!(!rates.take(MOST, begun));
        assert!(rates.take(0, begun));
        assert!(rates.take(MOST, begun + Duration::from_secs(60)));
    }

    #[test]
    fn a_network_of_one_household_is_one_client() {
        let household = |text: &str| super::household(text.parse().unwrap());
        assert_eq!(household("2001:db8::1"), household("2001:db8::ffff"));
        assert_ne!(household("2001:db8:0:1::1"), household("2001:db8::1"));
        assert_eq!(household("::ffff:10.0.0.1"), household("10.0.0.1"));
    }
}
