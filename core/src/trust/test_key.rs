//! The key of tests, which everybody knows.

use super::PublicKey;
use crate::error::{Code, Error, Result};

/// The public half of the published test key, as 64 hexadecimal digits: that of the first test of
/// [RFC 8032](https://www.rfc-editor.org/rfc/rfc8032#section-7.1).
///
/// Golden vectors are signed with it. A release build refuses to trust it with `key_is_for_tests`, unless it is
/// built with the feature `test-support`.
pub const TEST_PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

/// Its private half.
#[cfg(feature = "encode")]
pub const TEST_PRIVATE_KEY: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

const IS_ALLOWED: bool = cfg!(any(debug_assertions, feature = "test-support"));

/// Whether the key may be trusted by this build.
pub(super) fn refuse(key: &PublicKey) -> Result<()> {
    check(key, IS_ALLOWED)
}

fn check(key: &PublicKey, is_allowed: bool) -> Result<()> {
    if is_allowed || key.to_hex() != TEST_PUBLIC_KEY {
        return Ok(());
    }
    Err(Error::new(Code::KeyIsForTests, format!("{TEST_PUBLIC_KEY}.")))
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    #[test]
    fn a_release_build_refuses_the_test_key_and_no_other() {
        let test_key = PrivateKey::from_hex(TEST_PRIVATE_KEY).unwrap().public();
        assert_eq!(test_key.to_hex(), TEST_PUBLIC_KEY);
        assert_eq!(check(&test_key, false).unwrap_err().code(), Code::KeyIsForTests);
        check(&test_key, true).unwrap();
        check(&PrivateKey::from_seed([1; 32]).public(), false).unwrap();
    }

    #[test]
    fn it_is_refused_exactly_where_neither_debugging_nor_test_support_is_on() {
        let root = crate::Engine::new(TEST_PUBLIC_KEY).map(|_| ()).map_err(|error| error.code());
        let expected = if IS_ALLOWED { Ok(()) } else { Err(Code::KeyIsForTests) };
        assert_eq!(root, expected);
    }
}
