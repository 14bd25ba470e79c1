//! Binary inputs, each kept once under the name of its content.

use std::collections::BTreeMap;

use segue_core::trust;

use super::Bytes;

/// Hexadecimal digits of the hash that make a name: enough for a few hundred files.
const DIGITS: usize = 16;

/// The files of `shared/` by name.
#[derive(Debug, Clone, Default)]
pub struct Shared(BTreeMap<String, Vec<u8>>);

impl Shared {
    /// Keeps `bytes` as a file that ends in `extension`.
    pub fn keep(&mut self, bytes: Vec<u8>, extension: &str) -> Bytes {
        let name = format!("{}.{extension}", &trust::hash(&bytes)[..DIGITS]);
        self.0.insert(name.clone(), bytes);
        Bytes::File(name)
    }

    /// The bytes of the file called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Vec<u8>> {
        self.0.get(name)
    }

    /// Names and bytes of all files.
    pub fn files(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.0.iter()
    }
}
