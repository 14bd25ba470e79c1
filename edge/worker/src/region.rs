//! Which pack a visitor gets: that of the country the platform saw the request come from, and never one the request
//! itself asks for.

use crate::call::Call;

/// The region of those whose country nobody knows.
pub const EVERYWHERE: &str = "all";

/// The visitor's region: two capital letters, or `all`. `XX` and `T1` (unknown, Tor) are no countries.
#[must_use]
pub fn of(call: &Call) -> String {
    let country = call.country.as_deref().unwrap_or_default();
    let is_country = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_country && country != "XX" { country.to_owned() } else { EVERYWHERE.to_owned() }
}

/// The subject of a region's pack.
#[must_use]
pub fn subject(region: &str) -> String {
    format!("region:{region}")
}
