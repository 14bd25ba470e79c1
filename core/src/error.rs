//! One error for callers: a stable code, what was wrong, what to do about it.

use std::fmt;

/// The result of every fallible call in this crate.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($variant:ident = $name:literal, $remedy:literal;)+) => {
        /// What went wrong, as one stable word that is the same in every language and over HTTP.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!("`", $name, "`: ", $remedy)] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable word: `"signature_invalid"`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the caller can do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

codes! {
    TooLarge = "too_large", "Send less; the limits are in `limits`.";
    EnvelopeDamaged = "envelope_damaged", "The bytes are no signed envelope (truncated or corrupted): fetch them again.";
    SignatureInvalid = "signature_invalid", "The signature does not fit: fetch again, and report it if it persists.";
    SignerUnknown = "signer_unknown", "Signed by a key this client does not trust: fetch the key rotations, or check the root key.";
    FormatUnknown = "format_unknown", "Made by a newer version: update this client.";
    PayloadDamaged = "payload_damaged", "The signed content contradicts itself: report it to whoever made it.";
    PackWrongSubject = "pack_wrong_subject", "This pack was made for somebody else: fetch the one of this user.";
    PackWrongGeneration = "pack_wrong_generation", "The pack is not of the manifest's generation: fetch the manifest, then the pack.";
    PackWrongTowers = "pack_wrong_towers", "The pack's vectors are not of the manifest's towers: fetch the manifest, then the pack, and report it if it persists.";
    PackExpired = "pack_expired", "The pack expired before it was accepted: fetch a newer one.";
    GenerationOlder = "generation_older", "The manifest is older than one already accepted: fetch again.";
    ManifestExpired = "manifest_expired", "The manifest expired before it was accepted: fetch a newer one.";
    ManifestMissing = "manifest_missing", "Accept a manifest first.";
    PackMissing = "pack_missing", "Accept a pack first.";
    HashMismatch = "hash_mismatch", "The bytes are not those the manifest names: fetch them again.";
    ModelDamaged = "model_damaged", "The model cannot be read: export it again.";
    ModelOperatorUnknown = "model_operator_unknown", "The model uses an operator the engine does not run: see the list in `score`.";
    ModelInputsMismatch = "model_inputs_mismatch", "The model's inputs differ from its schema: export both together.";
    ModelWrongTowers = "model_wrong_towers", "The ranker was trained on the vectors of other towers: export both together, then refresh.";
    ScoresInvalid = "scores_invalid", "The model gave a value that is not finite: retrain or roll back.";
    SchemaInvalid = "schema_invalid", "The feature schema names something unknown: see `features`.";
    PolicyInvalid = "policy_invalid", "The policy cannot be read, or a value of it is out of range: see what is named.";
    SurfaceUnknown = "surface_unknown", "The manifest names no policy for this surface, or it has not been accepted.";
    EventInvalid = "event_invalid", "The event lacks a field or exceeds a limit: fix the host.";
    SessionDamaged = "session_damaged", "The saved session cannot be read: start a new one.";
    RequestInvalid = "request_invalid", "The request is outside of its stated ranges: see the value named.";
    OutboxFull = "outbox_full", "What waits to be sent is worth more than this event: send first, or leave the event.";
    StorageFailed = "storage_failed", "The device's storage refused: keep the event and hand it over again.";
    KeyInvalid = "key_invalid", "A key is 32 bytes, written as 64 hexadecimal digits.";
    KeyIsForTests = "key_is_for_tests", "This is the published test key, with which anybody can sign: trust a key of your own (`segue keys init`).";
    TrustDamaged = "trust_damaged", "The kept trust cannot be read or belongs to another root key: go on without it, then fetch rotations and manifest.";
}

/// What was wrong. Cheap to clone, meant to be branched upon by [`Error::code`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    detail: String,
}

impl Error {
    /// An error of `code` whose `detail` names the offending value.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Which value was wrong.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} {}", self.code.name(), self.detail, self.code.remedy())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_in_the_documents_table_with_its_remedy() {
        let table = include_str!("../../docs/ERRORS.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.name(), code.remedy());
            assert!(table.contains(&row), "docs/ERRORS.md lacks the row `{row}`");
        }
    }

    #[test]
    fn codes_are_distinct_words() {
        let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
