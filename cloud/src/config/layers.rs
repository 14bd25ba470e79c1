//! Defaults, then the file, then the environment, then flags: whoever comes later wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::file;
use super::keys::{self, KEYS, Key};
use super::settings::Settings;

/// Names the settings' file where no flag does.
pub const FILE_VARIABLE: &str = "SEGUE_CONFIG";
/// The file that is read where nothing names one.
const FILE: &str = "segue.toml";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file, and its line.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path, line) => write!(formatter, "{}, line {line}", path.display()),
            Self::Variable(name) => formatter.write_str(name),
            Self::Flag => formatter.write_str("command line"),
        }
    }
}

/// Something that cannot be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// `config_unreadable`, `config_syntax`, `config_key_unknown`, `config_secret` or `config_value_invalid`.
    pub code: &'static str,
    /// The file and line, the variable, or the command line.
    pub origin: String,
    /// The key.
    pub key: String,
    /// The value as it was written; empty where it may be a secret.
    pub value: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.origin, self.code)?;
        if !self.key.is_empty() {
            write!(formatter, ": {}", self.key)?;
        }
        if !self.value.is_empty() {
            write!(formatter, " = `{}`", self.value)?;
        }
        write!(formatter, ": {}", self.remedy)
    }
}

/// What the layers are made of.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that a flag or a variable names, which has to be there.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// Keys and values of the command line.
    pub flags: Vec<(&'static str, String)>,
}

impl Sources {
    /// The environment of this process, and what the command line says.
    #[must_use]
    pub fn of_process(file: Option<&Path>, flags: Vec<(&'static str, String)>) -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, value)| name.starts_with("SEGUE_") && !value.is_empty())
            .collect();
        let named = file.map(Path::to_owned).or_else(|| variables.get(FILE_VARIABLE).map(PathBuf::from));
        let file = named.or_else(|| Path::new(FILE).exists().then(|| FILE.into()));
        Self { file, variables, flags }
    }
}

/// The settings in force, where each comes from, and what could not be taken.
#[derive(Debug, Clone)]
pub struct Layers {
    /// The settings; what could not be taken is as the layer before says.
    pub settings: Settings,
    /// The file that was read.
    pub file: Option<PathBuf>,
    origins: BTreeMap<&'static str, Origin>,
    /// What could not be taken, file first.
    pub problems: Vec<Problem>,
}

impl Layers {
    /// Puts the layers over each other.
    #[must_use]
    pub fn read(sources: &Sources) -> Self {
        let mut layers = Self {
            settings: Settings::default(),
            file: sources.file.clone(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
        };
        if let Some(path) = &sources.file {
            layers.add_file(path);
        }
        layers.add_variables(&sources.variables);
        for (name, text) in &sources.flags {
            if let Some(key) = keys::find(name) {
                layers.set(key, text, Origin::Flag);
            }
        }
        layers
    }

    /// Where the value of a key comes from.
    #[must_use]
    pub fn origin(&self, key: &Key) -> Origin {
        self.origins.get(key.name).cloned().unwrap_or(Origin::Default)
    }

    /// The settings, if nothing is wrong with them.
    ///
    /// # Errors
    /// Names every problem.
    pub fn checked(self) -> anyhow::Result<Settings> {
        let problems: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        anyhow::ensure!(problems.is_empty(), "{}", problems.join("\n       "));
        Ok(self.settings)
    }

    /// Looks at what the settings of the service name, the player's files, the keys of services, and at whether they fit each other.
    pub fn check_places(&mut self) {
        let player = self.settings.player().err();
        let keys = self.settings.service_keys().err();
        let people = self.settings.people().err();
        let found = [
            ("serve.player", player),
            ("serve.keep_events", self.settings.keep_events().err()),
            ("serve.tls_certificate_file", self.settings.tls().err()),
            ("serve.service_keys_file", keys),
            ("serve.person_key_file", people),
        ];
        for (name, error) in found {
            if let (Some(key), Some(error)) = (keys::find(name), error) {
                let (origin, value) = (self.origin(key), (key.get)(&self.settings));
                self.refuse("config_value_invalid", &origin, key.name, &value, format!("{error:#}"));
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        let at = |line| Origin::File(path.to_owned(), line);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let remedy = format!("{error}; correct the path or its permissions");
                return self.refuse("config_unreadable", &at(1), "", "", remedy);
            }
        };
        match file::entries(&text) {
            Ok(entries) => entries.into_iter().for_each(|entry| match keys::find(&entry.name) {
                Some(key) => self.set(key, &entry.text, at(entry.line)),
                None => self.refuse_name(&entry.name, &entry.text, &at(entry.line)),
            }),
            Err((line, why)) => self.refuse("config_syntax", &at(line), "", "", format!("{why}; correct it")),
        }
    }

    fn add_variables(&mut self, variables: &BTreeMap<String, String>) {
        for key in KEYS {
            let name = key.variable();
            if let Some(text) = variables.get(&name) {
                self.set(key, text, Origin::Variable(name));
            }
        }
        let tables = ["SEGUE_TRACES_", "SEGUE_SERVE_", "SEGUE_LIMITS_", "SEGUE_REFRESH_", "SEGUE_FILTER_"];
        let of_tables =
            variables.iter().filter(|(name, _)| tables.iter().any(|table| name.starts_with(table)));
        for (name, text) in of_tables {
            if !KEYS.iter().any(|key| key.variable() == *name) {
                let key = name.trim_start_matches("SEGUE_").to_lowercase().replacen('_', ".", 1);
                self.refuse_name(&key, text, &Origin::Variable(name.clone()));
            }
        }
    }

    fn set(&mut self, key: &'static Key, text: &str, origin: Origin) {
        match (key.set)(&mut self.settings, text) {
            Ok(()) => drop(self.origins.insert(key.name, origin)),
            Err(remedy) => self.refuse("config_value_invalid", &origin, key.name, text, remedy),
        }
    }

    fn refuse_name(&mut self, name: &str, text: &str, origin: &Origin) {
        let may_be_secret = ["key", "secret", "token", "password"].iter().any(|word| name.contains(word));
        if may_be_secret {
            let remedy = "secrets do not belong here, and there is no such key: give signing keys in SEGUE_SIGNING_KEY, \
                 service keys in SEGUE_SERVICE_KEYS or in the file that serve.service_keys_file names";
            return self.refuse("config_secret", origin, name, "", remedy.to_owned());
        }
        let remedy = match nearest(name) {
            Some(key) => format!("there is no such key; did you mean {}?", key.name),
            None => "there is no such key; `segue config show` lists them".to_owned(),
        };
        self.refuse("config_key_unknown", origin, name, text, remedy);
    }

    fn refuse(&mut self, code: &'static str, origin: &Origin, key: &str, value: &str, remedy: String) {
        let origin = origin.to_string();
        self.problems.push(Problem { code, origin, key: key.to_owned(), value: value.to_owned(), remedy });
    }
}

/// The key that is spelled most alike, if one is.
fn nearest(name: &str) -> Option<&'static Key> {
    let near = KEYS.iter().map(|key| (distance(key.name, name), key));
    near.min_by_key(|(distance, _)| *distance).filter(|(distance, _)| *distance <= 3).map(|(_, key)| key)
}

/// Letters to change, add or leave out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut before = place;
        row[0] = place + 1;
        for (column, found) in other.iter().enumerate() {
            let change = before + usize::from(letter != *found);
            before = row[column + 1];
            row[column + 1] = change.min(row[column] + 1).min(before + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
