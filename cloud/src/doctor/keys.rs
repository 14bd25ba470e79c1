//! The signing keys.

use super::{Code, Examined, Finding};
use crate::keys::KeyStore;

pub(super) fn examine(examined: &Examined) -> Option<Finding> {
    let store = KeyStore::new(&examined.data);
    if !store.exist() {
        let folder = examined.data.join("keys");
        let what =
            format!("{} holds no signing key and root key, and the environment gives none", folder.display());
        return Some(Finding::new(Code::KeysMissing, what));
    }
    store.load().err().map(|error| Finding::new(Code::KeysUnusable, format!("{error:#}")))
}
