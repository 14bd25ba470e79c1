//! One error for every language, and the net under every call.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What every fallible call of this crate gives.
pub(crate) type Result<T> = std::result::Result<T, SegueError>;

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
pub enum SegueError {
    /// What was accepted before stays in use; nothing is half accepted.
    Refused {
        /// Stable code to branch on, such as `pack_expired`: one of `docs/ERRORS.md`.
        code: String,
        /// Which value was wrong.
        detail: String,
        /// What to do about it.
        remedy: String,
    },
}

impl SegueError {
    /// The object is in use by another thread for longer than the caller wanted to wait.
    pub(crate) fn busy() -> Self {
        Self::own(
            "engine_busy",
            "Another thread is inside the engine.",
            "Show the list you have and ask again, or give more time.",
        )
    }

    /// A handle that names nothing: never opened, or closed.
    pub(crate) fn closed(detail: impl Into<String>) -> Self {
        Self::own("closed", detail, "Open another one.")
    }

    fn own(code: &str, detail: impl Into<String>, remedy: &str) -> Self {
        Self::Refused { code: code.to_owned(), detail: detail.into(), remedy: remedy.to_owned() }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        let Self::Refused { code, .. } = self;
        code
    }
}

impl fmt::Display for SegueError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Refused { code, detail, remedy } = self;
        write!(formatter, "{code}: {detail} {remedy}")
    }
}

impl std::error::Error for SegueError {}

impl From<segue_core::Error> for SegueError {
    fn from(error: segue_core::Error) -> Self {
        Self::own(error.code().name(), error.detail(), error.code().remedy())
    }
}

/// Does `work`; a panic inside becomes an error with the code `unexpected`.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic may leave half done is a cache or a session, which the next pack or restore replaces.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let detail = format!("The library failed inside: {}.", words(payload.as_ref()));
        Err(SegueError::own("unexpected", detail, "Report it; go on with the list you have."))
    })
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use segue_core::Code;

    #[test]
    fn a_panic_becomes_a_code_that_names_it() {
        let error = guarded::<()>(|| panic!("row {}", 7)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unexpected: The library failed inside: row 7. Report it; go on with the list you have."
        );
        assert_eq!(guarded(|| Ok(1)), Ok(1));
    }

    #[test]
    fn an_error_of_the_core_keeps_its_code_detail_and_remedy() {
        for code in Code::ALL {
            let SegueError::Refused { code: word, detail, remedy } =
                segue_core::Error::new(*code, "the value").into();
            assert_eq!(
                (word.as_str(), detail.as_str(), remedy.as_str()),
                (code.name(), "the value", code.remedy())
            );
        }
    }

    #[test]
    fn every_code_of_its_own_is_in_the_documents_table() {
        let table = include_str!("../../docs/ERRORS.md");
        for code in ["engine_busy", "closed", "unexpected"] {
            assert!(table.contains(&format!("| `{code}` |")), "docs/ERRORS.md lacks {code}");
        }
    }
}
