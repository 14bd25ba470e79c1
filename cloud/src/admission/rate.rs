//! How often each client may ask: a bucket that fills by the second (the generic cell rate algorithm, ITU-T I.371).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Seconds whose requests may come at once.
const BURST_SECONDS: u32 = 10;
/// Clients remembered; who has a full bucket is forgotten first, and nobody can make the list longer.
const CLIENTS: usize = 100_000;

/// The buckets of all clients.
#[derive(Debug)]
pub(super) struct Rates {
    interval: Duration,
    buckets: Mutex<Buckets>,
}

#[derive(Debug, Default)]
struct Buckets {
    /// When each client's bucket will be full again.
    full: HashMap<IpAddr, Instant>,
    /// When those that are full were last forgotten.
    swept: Option<Instant>,
}

impl Buckets {
    /// Makes room for another client, by looking through all at most once a second.
    fn has_room(&mut self, now: Instant) -> bool {
        if self.full.len() >= CLIENTS
            && self.swept.is_none_or(|swept| now.duration_since(swept) >= Duration::from_secs(1))
        {
            self.full.retain(|_, full| *full > now);
            self.swept = Some(now);
        }
        self.full.len() < CLIENTS
    }
}

impl Rates {
    /// `rate` requests a second, more than 0.
    pub(super) fn new(rate: u32) -> Self {
        Self { interval: Duration::from_secs(1) / rate, buckets: Mutex::default() }
    }

    /// Takes one request out of the client's bucket; false where it is empty.
    pub(super) fn take(&self, client: IpAddr, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let client = household(client);
        if !buckets.full.contains_key(&client) && !buckets.has_room(now) {
            return false;
        }
        let at = buckets.full.entry(client).or_insert(now);
        let next = (*at).max(now) + self.interval;
        let fits = next <= now + Duration::from_secs(1) * BURST_SECONDS;
        if fits {
            *at = next;
        }
        fits
    }
}

/// One client of IPv6 has 2^64 addresses to choose from.
fn household(client: IpAddr) -> IpAddr {
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
        let (rates, begun) = (Rates::new(2), Instant::now());
        let client = "10.0.0.1".parse().unwrap();
        assert_eq!((0..30).filter(|_| rates.take(client, begun)).count(), 20);
        assert!(rates.take("10.0.0.2".parse().unwrap(), begun));
        let later = begun + Duration::from_secs(3);
        assert_eq!((0..30).filter(|_| rates.take(client, later)).count(), 6);
    }

    #[test]
    fn a_crowd_takes_no_more_memory_and_makes_room_once_it_is_quiet() {
        let (rates, begun) = (Rates::new(1), Instant::now());
        let client = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        assert!((0..CLIENTS).all(|number| rates.take(client(number), begun)));
        assert!(!rates.take(client(CLIENTS), begun));
        assert!(rates.take(client(0), begun));
        assert!(rates.take(client(CLIENTS), begun + Duration::from_secs(60)));
    }

    #[test]
    fn a_network_of_one_household_is_one_client() {
        let household = |text: &str| super::household(text.parse().unwrap());
        assert_eq!(household("2001:db8::1"), household("2001:db8::ffff"));
        assert_ne!(household("2001:db8:0:1::1"), household("2001:db8::1"));
        assert_eq!(household("::ffff:10.0.0.1"), household("10.0.0.1"));
    }
}
