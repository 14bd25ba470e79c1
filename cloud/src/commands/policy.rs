//! `segue policy`.

use std::path::PathBuf;

use anyhow::Context;
use segue_core::policy::Policy;

/// Arguments of `segue policy`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

/// What to do with a policy.
#[derive(clap::Subcommand)]
enum Action {
    /// Say whether a policy file is valid, or which value is not and what is allowed.
    Check(Check),
    /// Print the JSON Schema of policy files, for editors.
    Schema,
}

/// Which file.
#[derive(clap::Args)]
struct Check {
    /// The policy file (JSON, see docs/POLICY.md).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `segue policy`.
///
/// # Errors
/// Says which value is out of its range, or that the file cannot be read.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.action {
        Action::Check(arguments) => check(arguments),
        Action::Schema => {
            println!("{:#}", Policy::json_schema());
            Ok(())
        }
    }
}

fn check(Check { file, json }: &Check) -> anyhow::Result<()> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let checked = Policy::from_json(&bytes);
    if *json {
        println!("{}", report(&checked));
    } else if let Ok(policy) = &checked {
        println!("{} is a valid policy for the surface {:?}", file.display(), policy.surface);
    }
    checked.map(|_| ()).with_context(|| format!("{} is not valid", file.display()))
}

fn report(checked: &segue_core::Result<Policy>) -> serde_json::Value {
    match checked {
        Ok(policy) => serde_json::json!({ "valid": true, "surface": policy.surface }),
        Err(error) => serde_json::json!({
            "valid": false,
            "code": error.code().name(),
            "detail": error.detail(),
            "remedy": error.code().remedy(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_that_is_wrong_is_named_with_its_range() {
        let good = segue_core::policies::SHOP;
        assert_eq!(report(&Policy::from_json(good))["surface"], "shop");
        let text = String::from_utf8(good.to_vec()).unwrap().replace("\"share\": 0.4", "\"share\": 1.4");
        let refused = report(&Policy::from_json(text.as_bytes()));
        assert_eq!((&refused["valid"], &refused["code"]), (&false.into(), &"policy_invalid".into()));
        assert_eq!(refused["detail"], "list.category.share is 1.4, allowed is above 0 to 1.");
    }
}
