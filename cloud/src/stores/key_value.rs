//! Small values by name.

use std::fmt::Debug;
use std::io;

/// Small values by name: whoever reads one gets what somebody wrote, whole, and the latest that was acknowledged.
///
/// Names are parts divided by `/`, none of which is empty or begins with a dot.
pub trait KeyValue: Debug + Send + Sync {
    /// The value of a key, if it has one.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, key: &str) -> io::Result<Option<Vec<u8>>>;

    /// Puts a value in the place of the one before; it survives a power cut when this returns.
    ///
    /// # Errors
    /// Either value may be there; it is whole.
    fn put(&self, key: &str, value: &[u8]) -> io::Result<()>;

    /// As [`KeyValue::put`], if the value is `expected`, which is nothing for a key without one; false where it is another. Of
    /// several who expect the same, in whatever process, one succeeds.
    ///
    /// # Errors
    /// As [`KeyValue::put`].
    fn compare_and_set(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> io::Result<bool>;

    /// What to call the place of a key towards a person who has to look at it.
    fn place(&self, key: &str) -> String;
}
