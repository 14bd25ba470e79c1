//! Who asks: what a request says of whoever made it.

use std::collections::BTreeMap;

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

    /// Circumstances of a request: those it may tell about itself, and the region, which it cannot choose.
    #[must_use]
    pub fn context(&self, told: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let region = (self.region != EVERYWHERE).then(|| ("region".to_owned(), self.region.clone()));
        let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), told.get(*name)?.clone())));
        told.chain(region).collect()
    }
}
