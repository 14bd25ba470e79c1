//! What can be found.

use std::fmt;

use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something will not work soon, or works worse.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $severity:ident, $remedy:literal;)+) => {
        /// What was found, for programs; the name never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order in which they are looked for.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As programs read it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                }
            }

            /// What to do; `D` is the data folder.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)+
                }
            }
        }
    };
}

codes! {
    /// There is no data folder, or nothing was imported into it.
    DataMissing = "data_missing", Error, "correct --data, or fill the folder with `segue import` or `segue generate`";
    /// A folder cannot be written or a file cannot be read by this user.
    PermissionDenied = "permission_denied", Error, "give the folder to the user that runs segue: `chown -R USER D`";
    /// Nothing more can be written.
    DiskFull = "disk_full", Error, "free space where D lies, or keep fewer generations (refresh.keep); events are taken in again by themselves";
    /// Soon nothing more can be written.
    DiskNearlyFull = "disk_nearly_full", Warning, "free space where D lies, or keep fewer generations (refresh.keep)";
    /// There is no key to sign with.
    KeysMissing = "keys_missing", Error, "put D/keys back from a backup; only where no client was ever built, `segue keys init`";
    /// The key does not fit, or others can read it.
    KeysUnusable = "keys_unusable", Error, "do what the message says: `chmod 600 D/keys/signing.key`, or put the right key back";
    /// Nothing was published.
    GenerationMissing = "generation_missing", Error, "run `segue refresh --data D`";
    /// The pointer names no generation that is there.
    PointerDamaged = "pointer_damaged", Error, "write the number of the newest folder of D/served/generations that holds `artefacts` into D/served/current";
    /// A file of the served generation is not what was written.
    GenerationDamaged = "generation_damaged", Error, "run `segue rollback --data D`, and `segue refresh --data D` where that has nothing to go back to";
    /// A model or policy that the manifest names is missing or another one.
    ArtefactDamaged = "artefact_damaged", Error, "run `segue refresh --data D`: it writes the file again";
    /// The manifest is no longer accepted by clients that have none.
    GenerationExpired = "generation_expired", Error, "run `segue refresh --data D`; clients go on with the packs that they have";
    /// That is so within a day.
    GenerationExpiring = "generation_expiring", Warning, "run `segue refresh --data D`, and see why it did not run by itself";
    /// The generation is older than two periods.
    RefreshLate = "refresh_late", Warning, "see the refresh's log for why; run `segue refresh --data D`, with --deadline where it takes longer than its period";
    /// A finished run was not let through the gates.
    RefreshRefused = "refresh_refused", Warning, "read the file that is named; waive the gate there, or mend the cause and run `segue refresh --data D`";
    /// Something was written in the future of this clock.
    ClockBehind = "clock_behind", Error, "set the machine's clock (`timedatectl set-ntp true`), then restart the service";
    /// Acknowledged events cannot be read, or are missing.
    LogDamaged = "log_damaged", Error, "stop the service, run `segue mend-log --data D --from BACKUP` as the user that runs segue, or without --from where there is no backup: what neither can read is lost, nothing else";
    /// The log was written by a newer version.
    LogNewer = "log_newer", Error, "start the newer segue again";
    /// The log ends in the middle of a commit that nobody was told about.
    LogTorn = "log_torn", Warning, "nothing: the next start of the service cuts it off and keeps what was cut";
    /// Nobody can say how far old events left the log.
    OldEventsStay = "old_events_stay", Error, "run `segue expire-events --data D` as the user that runs segue and do what it says";
    /// Events were refused three times.
    DeadLetters = "dead_letters", Warning, "read `segue dead-letters list`; mend their senders or start the newer segue, then stop the service and run `segue dead-letters replay`, or remove D/dead_letters";
    /// Hours of the training log that are due are not written.
    TrainingLogLate = "training_log_late", Warning, "start the service, whose log says why it does not write them, or run `segue training-log --data D`";
    /// Nobody can say who is to be forgotten.
    TombstonesDamaged = "tombstones_damaged", Error, "put D/erased.jsonl back from a backup; nothing is served from the folder until then";
    /// Rows of somebody who is to be forgotten are still there.
    ErasureLate = "erasure_late", Warning, "start the service, whose log says why it does not take their rows out; it tries again every half minute";
    /// The changes of items cannot be read.
    ItemChangesDamaged = "item_changes_damaged", Error, "stop the service, put D/item_changes.jsonl back from a backup; without one move it away and send what changed since the last import again";
    /// The model in use lacks a file or cannot be read.
    ModelDamaged = "model_damaged", Error, "run `segue train --data D`, or put the model's folder back";
    /// The model was trained for other attributes and categories.
    ModelUnfit = "model_unfit", Warning, "run `segue train --data D`; lists come from metadata and co-occurrence until then";
    /// There is a model and nothing to run it with.
    RuntimeMissing = "runtime_missing", Error, "name ONNX Runtime's library in ORT_DYLIB_PATH, as the message says; the generation before is served until then";
    /// Nothing answers where the service should.
    ServiceUnreachable = "service_unreachable", Error, "start `segue serve`, or correct serve.listen or --service; over TLS do what the message says of the certificate";
    /// It serves another generation than the one in force.
    ServiceBehind = "service_behind", Error, "see its log for why it does not take the new one; the one before is served meanwhile";
    /// Whoever reaches it may ask for anybody's data.
    PeopleUnchecked = "people_unchecked", Warning, "name the key of the app's sign-in in serve.person_key_file or SEGUE_PERSON_SECRET, or let only a gateway that knows who is who reach serve.listen";
    /// It could not store events.
    EventsFailing = "events_failing", Error, "see its log and the disk; where a write could not be made durable, restart the service once the disk is well";
    /// Events wait for longer than a minute.
    EventsLate = "events_late", Error, "look at the disk's latency; clients keep what is not acknowledged";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is, for programs.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What was found where.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Finding {
    pub(super) fn new(code: Code, what: impl Into<String>) -> Self {
        Self { code, severity: code.severity(), what: what.into(), remedy: code.remedy() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(formatter, "{severity}  {}: {}", self.code.name(), self.what)?;
        write!(formatter, "         -> {}", self.remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_in_the_documents_table_with_its_remedy() {
        let document = include_str!("../../../docs/OPERATIONS.md");
        for code in Code::ALL {
            let row = format!("| `{}` | ", code.name());
            let line = document.lines().find(|line| line.starts_with(&row));
            let line = line.unwrap_or_else(|| panic!("docs/OPERATIONS.md lacks a row `{}`", code.name()));
            assert!(line.ends_with(&format!("| {} |", code.remedy())), "{line}\nlacks: {}", code.remedy());
        }
    }

    #[test]
    fn every_entry_of_the_runbook_names_tests_that_there_are() {
        let document = include_str!("../../../docs/OPERATIONS.md");
        let (_, runbook) = document.split_once("## At two in the morning\n").unwrap();
        let runbook = runbook.split("\n## ").next().unwrap();
        let entries: Vec<&str> = runbook.split("\n\n").filter(|part| part.starts_with("**")).collect();
        assert!(entries.len() >= 5, "{entries:?}");
        for entry in entries {
            let (_, tried) = entry.split_once("\nTried: ").unwrap_or_else(|| panic!("not tried: {entry}"));
            let (mut text, mut tests) = (String::new(), 0);
            for name in tried.split('`').skip(1).step_by(2) {
                if name.ends_with(".rs") {
                    let file = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
                    text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
                } else {
                    assert!(text.contains(&format!("fn {name}()")), "no test {name}: {entry}");
                    tests += 1;
                }
            }
            assert!(tests > 0, "{entry}");
        }
    }
}
