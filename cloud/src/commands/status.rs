//! `segue status`.

use super::settings::Examining;
use crate::doctor::Status;

/// Runs `segue status`: what is served, since when, and what is waiting. `segue doctor` says whether that is well.
///
/// # Errors
/// When the settings cannot be taken or no data folder is named.
pub fn run(examining: &Examining) -> anyhow::Result<()> {
    let status = Status::of(&examining.examined()?);
    if examining.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        println!("{status}");
    }
    Ok(())
}
