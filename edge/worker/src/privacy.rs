//! What a visitor agreed to: without it nothing is kept and nothing is forwarded.

use crate::call::Call;
use crate::settings::Settings;

/// The visitor's wishes. `Sec-GPC` is the signal of Global Privacy Control (<https://www.w3.org/TR/gpc/>).
#[must_use]
pub fn is_private(call: &Call, settings: &Settings) -> bool {
    let refused = ["sec-gpc", "dnt"].iter().any(|name| call.header(name).trim() == "1");
    let granted = !settings.asks_consent || call.header("segue-consent").trim() == "granted";
    refused || !granted
}
