//! Over which time, and by what, counters are read.

/// The time that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Window {
    /// This minute and the nine before.
    #[value(name = "10m")]
    TenMinutes,
    /// This minute and the 59 before.
    #[value(name = "1h")]
    Hour,
    /// These ten minutes and the 143 before.
    #[value(name = "1d")]
    Day,
    /// Everything, halved with every 14 days (UTC) on which something was taken up: a silence makes nothing older, so one
    /// song played long after the rest of a log does not outweigh all of it.
    #[value(name = "decayed")]
    Decayed,
}

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Each item.
    Item,
    /// Each creator's items.
    Creator,
    /// The items of each category; one of several counts for each.
    Category,
    /// Each country's people, or where people without one were.
    Region,
}
