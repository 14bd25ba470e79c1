//! `segue doctor`.

use serde_json::json;

use super::settings::From;
use crate::doctor::{Examined, Severity, examine};

/// Arguments of `segue doctor`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// Where the service should answer, `none` not to look for it; where the settings say, without it.
    #[arg(long, value_name = "ADDRESS")]
    service: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue doctor`: prints what is wrong, the worst first.
///
/// # Errors
/// When something does not work; what only will not work soon is no error.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut examined = Examined::of(&arguments.from.settings([])?)?;
    match arguments.service.as_deref() {
        Some("none") => examined.service = None,
        Some(address) => examined.service = Some(address.to_owned()),
        None => {}
    }
    let findings = examine(&examined);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if arguments.json {
        println!("{}", json!({"ok": errors == 0, "data": examined.data, "findings": findings}));
    } else if findings.is_empty() {
        println!("nothing is wrong with {}", examined.data.display());
    } else {
        findings.iter().for_each(|finding| println!("{finding}"));
    }
    anyhow::ensure!(errors == 0, "findings that are errors: {errors}");
    Ok(())
}
