//! What is judged for `docs/QUALITY.md`.

/// One set of data and how it comes into a folder.
pub(super) struct Set {
    pub(super) name: &'static str,
    /// Arguments of `segue` that fill the folder; `SOURCE` is the folder beside the checkout, `TRUTH` a file.
    pub(super) fill: &'static [&'static str],
    /// The folder beside the checkout, for imported sets.
    pub(super) source: Option<&'static str>,
    /// Sessions judged; 0 is every one.
    pub(super) limit: &'static str,
    /// What is judged.
    pub(super) models: &'static [Model],
}

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Model {
    /// The demo's.
    Demo,
    /// The data's own, trained first.
    Own,
    /// None: the policy's linear weights.
    None,
    /// Smaller ones than the data's own, beside it.
    Smaller,
}

impl Model {
    /// Its word in commands and folders.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Own => "own",
            Self::None => "none",
            Self::Smaller => "smaller",
        }
    }
}

const fn generated(name: &'static str, fill: &'static [&'static str]) -> Set {
    Set { name, fill, source: None, limit: "200", models: &[Model::Demo] }
}

const fn imported(
    name: &'static str,
    fill: &'static [&'static str],
    folder: &'static str,
    limit: &'static str,
) -> Set {
    Set { name, fill, source: Some(folder), limit, models: &[Model::Own, Model::None] }
}

impl Set {
    /// Everything that decides its figures but the program.
    pub(super) fn words(&self) -> String {
        let models: Vec<&str> = self.models.iter().map(|model| model.word()).collect();
        format!("{} {} {}", self.fill.join(" "), self.limit, models.join(" "))
    }
}

/// Seeds that nothing was trained on, and every set of the public data; obd has no sessions, only propensities. Last what smaller
/// rankers cost, on a set that is judged in minutes.
pub(super) const SETS: [Set; 10] = [
    generated(
        "generated-21",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "21", "--truth", "TRUTH"],
    ),
    generated(
        "generated-22",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "22", "--truth", "TRUTH"],
    ),
    generated(
        "generated-23",
        &["generate", "--tracks", "20000", "--users", "2000", "--seed", "23", "--truth", "TRUTH"],
    ),
    imported("lastfm", &["import", "lastfm", "SOURCE"], "lastfm", "0"),
    imported("cpcd", &["import", "cpcd", "SOURCE"], "cpcd", "0"),
    imported("segmm", &["import", "segmm", "SOURCE"], "segmm", "0"),
    imported("movielens", &["import", "movielens", "SOURCE"], "ml-latest-small", "500"),
    imported("eshop", &["import", "eshop", "SOURCE"], "eshop", "1000"),
    Set { models: &[Model::None], ..imported("obd", &["import", "obd", "SOURCE"], "obd-small", "0") },
    Set { models: &[Model::Smaller], ..imported("compress", &["import", "lastfm", "SOURCE"], "lastfm", "0") },
];
