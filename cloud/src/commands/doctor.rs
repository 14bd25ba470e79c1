//! `segue doctor`.

use serde_json::json;

use super::settings::Examining;
use crate::doctor::{Severity, examine};

/// Runs `segue doctor`: prints what is wrong, the worst first.
///
/// # Errors
/// When something does not work; what only will not work soon is no error.
pub fn run(examining: &Examining) -> anyhow::Result<()> {
    let examined = examining.examined()?;
    let findings = examine(&examined);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if examining.json {
        println!("{}", json!({"ok": errors == 0, "data": examined.data, "findings": findings}));
    } else if findings.is_empty() {
        println!("nothing is wrong with {}", examined.data.display());
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    anyhow::ensure!(errors == 0, "findings that are errors: {errors}");
    Ok(())
}
