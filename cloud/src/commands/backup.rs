//! `segue backup`.

use std::path::PathBuf;

use super::settings::From;
use crate::backup::take;

/// Arguments of `segue backup`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    from: From,
    /// The folder to make; better on another disk.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Leave the private signing key out; without it a restored folder serves and cannot refresh.
    #[arg(long)]
    without_keys: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `segue backup`, beside a service that goes on.
///
/// # Errors
/// Says what could not be copied.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = arguments.from.settings([])?;
    let contents = take(settings.data()?, &arguments.to, !arguments.without_keys)?;
    let (files, bytes) = (contents.files.len(), contents.bytes());
    if arguments.json {
        let generation = contents.generation;
        let made = serde_json::json!({"to": arguments.to, "files": files, "bytes": bytes, "generation": generation, "keys": contents.keys});
        println!("{made}");
    } else {
        println!("{files} files, {bytes} bytes in {}", arguments.to.display());
        if contents.keys {
            println!("the signing key is among them: keep the folder as safe as the key");
        }
    }
    Ok(())
}
