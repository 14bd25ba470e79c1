//! `segue keys`.

use std::path::PathBuf;

use anyhow::Context;

use crate::keys::{KEY_VARIABLE, KeyStore, Keys, NEXT_KEY_VARIABLE};

/// Arguments of `segue keys`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with the keys.
#[derive(clap::Subcommand)]
enum Action {
    /// Make the signing key and the root public key of a data folder.
    Init(Folder),
    /// Make a new signing key, signed by the old one; the root public key stays.
    Rotate(Folder),
    /// Print the public keys.
    Show(Shown),
}

/// Which data folder.
#[derive(clap::Args)]
struct Folder {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Which data folder, and how to print.
#[derive(clap::Args)]
struct Shown {
    #[command(flatten)]
    folder: Folder,
    /// Print one JSON object: `root`, `signing` (public keys, hexadecimal) and `rotations`.
    #[arg(long)]
    json: bool,
}

/// Runs `segue keys`.
///
/// # Errors
/// Says what could not be read or written.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (folder, done) = match &arguments.action {
        Action::Init(folder) => (folder, "made"),
        Action::Rotate(folder) => (folder, "rotated"),
        Action::Show(shown) => (&shown.folder, "in use"),
    };
    let store = KeyStore::new(&folder.data);
    let keys = match &arguments.action {
        Action::Init(_) => store.init(),
        Action::Rotate(_) => store.rotate(),
        Action::Show(_) => store.load(),
    };
    let keys = keys.with_context(|| format!("keys of {}", folder.data.display()))?;
    match &arguments.action {
        Action::Show(Shown { json: true, .. }) => print_json(&keys),
        _ => print(&keys, done),
    }
    if matches!(arguments.action, Action::Rotate(_)) {
        println!("run `segue refresh` next: packs and manifest are signed with the new key from then on");
        if keys.from_environment() {
            println!("set {KEY_VARIABLE} to the value of {NEXT_KEY_VARIABLE} before");
        }
    }
    Ok(())
}

fn print(keys: &Keys, done: &str) {
    let place = if keys.from_environment() { KEY_VARIABLE } else { "keys/signing.key" };
    println!("keys {done}");
    println!("root public key     {}", keys.root().to_hex());
    println!("signing public key  {}", keys.signing().public().to_hex());
    println!("rotations           {}", keys.rotations());
    println!("private key         in {place}");
}

fn print_json(keys: &Keys) {
    let [root, signing] = [keys.root(), &keys.signing().public()].map(segue_core::trust::PublicKey::to_hex);
    println!("{}", serde_json::json!({ "root": root, "signing": signing, "rotations": keys.rotations() }));
}
