//! What an operator decides: the variables and secrets of `wrangler.toml`.

use crate::seal::Seal;

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In a sealed token that the visitor carries.
    Token,
    /// In a Durable Object; the visitor carries its name.
    Durable,
}

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the cloud is, `https://segue.example.com`, without a slash at the end.
    pub origin: String,
    /// The root public key, 64 hexadecimal digits.
    pub root: String,
    /// What the worker shows the cloud, so that its limits for clients do not count the worker.
    pub service_key: Option<String>,
    /// What seals tokens; the first secret seals, all of them open.
    pub seal: Seal,
    /// Regions that the schedule pulls packs for.
    pub regions: Vec<String>,
    /// Where sessions are kept.
    pub keeping: Keeping,
    /// Whether visitors are asked for consent: nothing is kept or forwarded before `Segue-Consent: granted`.
    pub asks_consent: bool,
    /// Visitors below this bot score are answered, and their events are not forwarded.
    pub least_bot_score: u32,
    /// Whether a ranker that is not the bundled one is fetched and its plans are built in a request.
    pub builds_plans: bool,
}

impl Settings {
    /// Reads the variables by name.
    ///
    /// # Errors
    /// In words, the variable that is missing or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let wanted = |name: &str| variable(name).filter(|text| !text.is_empty());
        let needed = |name: &str| {
            wanted(name).ok_or_else(|| format!("{name} is not set: write it into wrangler.toml, a secret by `npx wrangler secret put {name}`"))
        };
        let flag = |name: &str, yes: &str, no: &str| match wanted(name).as_deref() {
            None => Ok(false),
            Some(text) if text == no => Ok(false),
            Some(text) if text == yes => Ok(true),
            Some(other) => Err(format!("{name} is `{other}`: write `{yes}` or `{no}`")),
        };
        let regions = wanted("REGIONS").unwrap_or_else(|| "all".to_owned());
        let durable = flag("SESSIONS", "durable", "token")?;
        let score = wanted("LEAST_BOT_SCORE").map_or(Ok(0), |text| text.parse());
        let regions: Vec<String> = regions.split(',').map(|region| region.trim().to_owned()).collect();
        let is_country =
            |region: &str| region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
        if let Some(region) = regions.iter().find(|region| *region != "all" && !is_country(region)) {
            return Err(format!(
                "REGIONS names `{region}`: write `all` or two capital letters, as in `all,DE`"
            ));
        }
        let origin = needed("ORIGIN")?.trim_end_matches('/').to_owned();
        if !origin.starts_with("https://") && !origin.starts_with("http://") {
            return Err(format!("ORIGIN is `{origin}`: write where the cloud answers, `https://...`"));
        }
        let root = needed("ROOT_KEY")?;
        segue_core::trust::PublicKey::from_hex(&root)
            .map_err(|_| "ROOT_KEY is no public key: `segue keys show` prints 64 hexadecimal digits")?;
        Ok(Self {
            origin,
            root,
            service_key: wanted("SERVICE_KEY"),
            seal: Seal::new(&needed("SESSION_SECRET")?)?,
            regions,
            keeping: if durable { Keeping::Durable } else { Keeping::Token },
            asks_consent: !flag("CONSENT", "assumed", "asked")?,
            least_bot_score: score
                .map_err(|_| "LEAST_BOT_SCORE is no whole number: write 0 to 99".to_owned())?,
            builds_plans: flag("BUILD_PLANS", "yes", "no")?,
        })
    }
}
