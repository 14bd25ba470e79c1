//! What is judged for `docs/QUALITY.md`.

/// One set of data and how it comes into a folder.
pub(super) struct Set {
    pub(super) name: &'static str,
    /// Arguments of `segue` that fill the folder; `SOURCE` is the folder beside the checkout, `TRUTH` a file.
    pub(super) fill: &'static [&'static str],
    /// Which edition it is and where it comes from, for the document.
    pub(super) origin: &'static str,
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

/// Where the public sets come from, as far as what was had with them tells.
const LASTFM: &str = "Last.fm of HetRec 2011 (GroupLens; for no commercial use) as sequences, each with 99 negatives, as S3-Rec has it: \
    `LastFM.txt`, `LastFM_sample.txt` and `LastFM_item2attributes.json` in `data` of github.com/aHuiWang/CIKM2020-S3Rec, commit 49a890d.";
const CPCD: &str = "Conversational Playlist Curation Dataset 1.0 (CC BY 4.0), the 400 sessions of \
    `data/cpcd_v1.dialogs.dev.train.jsonl` in github.com/google-research-datasets/cpcd, commit 39638a2.";
const SEGMM: &str = "The sample of 10,000 views that SegMM's authors publish (Kuaishou; it names no licence): \
    `SegMM_inter_sample.csv` in github.com/hezy18/SegMMInterest, commit 2671251.";
const MOVIELENS: &str = "MovieLens ml-latest-small of GroupLens (grouplens.org/datasets; for research, by its README), the edition \
    of October 2016, in a copy that lacks one of its 100,004 ratings. GroupLens replaces it under the same name: another edition gives other figures.";
const ESHOP: &str = "E-shop clothing 2008, the clickstream of the UCI Machine Learning Repository (number 553), all 165,474 clicks.";
const OBD: &str = "The small version of the Open Bandit Dataset (ZOZOTOWN), 10,000 impressions for each policy of the campaigns `men` and \
    `women`: `obd` in github.com/st-tech/zr-obp, commit 8cbd5fa.";
const GENERATED: &str = "Made by the program itself, by the laws of [GENERATED.md](GENERATED.md); `TRUTH` is a file that it writes.";
const COMPRESS: &str = "The data of the section `lastfm`.";

const fn generated(name: &'static str, fill: &'static [&'static str]) -> Set {
    Set { name, fill, origin: GENERATED, source: None, limit: "200", models: &[Model::Demo] }
}

const fn imported(
    name: &'static str,
    fill: &'static [&'static str],
    origin: &'static str,
    folder: &'static str,
    limit: &'static str,
) -> Set {
    Set { name, fill, origin, source: Some(folder), limit, models: &[Model::Own, Model::None] }
}

impl Set {
    /// Everything that decides its figures but the program.
    pub(super) fn words(&self) -> String {
        let models: Vec<&str> = self.models.iter().map(|model| model.word()).collect();
        format!("{} {} {}", self.fill.join(" "), self.limit, models.join(" "))
    }

    /// How its section begins: what it is, and the command that fills its folder.
    pub(super) fn heading(&self) -> String {
        let Self { name, origin, fill, .. } = self;
        format!("\n### {name}\n\n{origin}\n\n```sh\nsegue {} --data D\n```\n", fill.join(" "))
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
    imported("lastfm", &["import", "lastfm", "SOURCE"], LASTFM, "lastfm", "0"),
    imported("cpcd", &["import", "cpcd", "SOURCE"], CPCD, "cpcd", "0"),
    imported("segmm", &["import", "segmm", "SOURCE"], SEGMM, "segmm", "0"),
    imported("movielens", &["import", "movielens", "SOURCE"], MOVIELENS, "ml-latest-small", "500"),
    imported("eshop", &["import", "eshop", "SOURCE"], ESHOP, "eshop", "1000"),
    Set { models: &[Model::None], ..imported("obd", &["import", "obd", "SOURCE"], OBD, "obd-small", "0") },
    Set {
        models: &[Model::Smaller],
        ..imported("compress", &["import", "lastfm", "SOURCE"], COMPRESS, "lastfm", "0")
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_says_what_its_data_is_before_the_command_that_fills_it() {
        for set in SETS {
            let heading = set.heading();
            let (told, command) = heading.split_once("```sh\n").unwrap();
            assert!(
                told.starts_with(&format!("\n### {}\n\n", set.name)) && told.contains(set.origin),
                "{told}"
            );
            assert!(command.starts_with(&format!("segue {} ", set.fill[0])), "{command}");
            assert!(!set.origin.trim().is_empty() && !set.origin.contains("  "), "{}", set.origin);
        }
    }
}
