//! Who asks: what a request says of whoever made it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use crate::call::Call;
use crate::privacy::is_private;
use crate::region::{self, EVERYWHERE};
use crate::session::COOKIE;
use crate::settings::Settings;

/// Circumstances that a visitor may tell about itself.
const TOLD: [&str; 4] = ["device", "network", "local_hour", "weekday"];

/// A visitor.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Whose pack it gets.
    pub region: String,
    /// Nothing is kept of it and nothing it does is forwarded.
    pub private: bool,
    /// The platform takes it for a program.
    pub is_bot: bool,
    /// What it carries of its session.
    pub token: Option<String>,
    /// It carries a cookie from before it objected.
    pub has_old_cookie: bool,
}

impl Visitor {
    /// What the request says of it.
    #[must_use]
    pub fn of(call: &Call, settings: &Settings) -> Self {
        let header = Some(call.header("segue-session")).filter(|token| !token.is_empty());
        let private = is_private(call, settings);
        // A cookie from before the visitor refused says nothing any more.
        let carried = header.or_else(|| call.cookie(COOKIE).filter(|_| !private));
        Self {
            region: region::of(call),
            private,
            // A score of 0 was not computed.
            is_bot: call.bot_score.is_some_and(|score| score > 0 && score < settings.least_bot_score),
            token: carried.map(str::to_owned),
            has_old_cookie: private && call.cookie(COOKIE).is_some(),
        }
    }

    /// Why nothing that the visitor does is forwarded, and what would change that; none where it is.
    #[must_use]
    pub fn withheld(&self) -> Option<&'static str> {
        match self {
            Self { private: true, .. } => Some(
                "the visitor objects or did not agree; send `segue-consent: granted` from when on they do",
            ),
            Self { is_bot: true, .. } => Some("the platform takes this visitor for a program"),
            _ => None,
        }
    }

    /// Circumstances of a request: those it may tell about itself, and the region, which it cannot choose.
    #[must_use]
    pub fn context(&self, told: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let region = (self.region != EVERYWHERE).then(|| ("region".to_owned(), self.region.clone()));
        let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), told.get(*name)?.clone())));
        told.chain(region).collect()
    }
}

/// Whom a limit counts: an IPv4 address, or the IPv6 network of 64 bits, of which one household has many addresses.
#[must_use]
pub fn limited_as(address: &str) -> String {
    match address.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        Ok(address) => address.to_string(),
        // The platform always says; without it all are one.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_ipv4_addresses_and_ipv6_networks() {
        assert_eq!(limited_as("192.0.2.1"), "192.0.2.1");
        assert_eq!(limited_as("::ffff:192.0.2.1"), "192.0.2.1");
        let [one, other] = ["2001:db8:0:7::1", "2001:db8::7:ffff:0:1:2"].map(limited_as);
        assert_eq!((one.as_str(), &one), ("2001:db8:0:7::/64", &other));
        assert_ne!(limited_as("2001:db8:0:8::1"), one);
        assert_eq!(limited_as("somewhere"), "");
    }
}
