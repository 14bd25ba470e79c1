//! The policies Segue ships, ready to be published or copied.

/// Music radio: the next track from the live session.
pub const RADIO: &[u8] = include_bytes!("../policies/radio.json");
/// Video home: a first screen of films or videos.
pub const HOME: &[u8] = include_bytes!("../policies/home.json");
/// Short-video feed.
pub const FEED: &[u8] = include_bytes!("../policies/feed.json");
/// Shops.
pub const SHOP: &[u8] = include_bytes!("../policies/shop.json");
/// A playlist a week: nothing the person has heard.
pub const WEEKLY: &[u8] = include_bytes!("../policies/weekly.json");

/// All of them by surface.
pub const ALL: &[(&str, &[u8])] =
    &[("feed", FEED), ("home", HOME), ("radio", RADIO), ("shop", SHOP), ("weekly", WEEKLY)];
