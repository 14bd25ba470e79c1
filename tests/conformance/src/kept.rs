//! The checksums of what a host keeps, for tests that change it and want to be read all the same.

use segue_core::trust;

/// The mark and the format.
const HEADER: usize = 6;
/// The beginning of the SHA-256 of all other bytes.
const CHECKSUM: usize = 8;

/// Writes the checksum that fits the other bytes; too short ones stay as they are.
pub fn seal(bytes: &mut [u8]) {
    let Some((header, rest)) = bytes.split_at_mut_checked(HEADER) else { return };
    let Some((checksum, content)) = rest.split_at_mut_checked(CHECKSUM) else { return };
    checksum.copy_from_slice(&first_bytes(&[header, content].concat()));
}

/// The first `CHECKSUM` bytes of the SHA-256.
#[must_use]
pub fn first_bytes(bytes: &[u8]) -> [u8; CHECKSUM] {
    let hash = trust::hash(bytes);
    let byte =
        |at: usize| hash.get(2 * at..2 * at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    std::array::from_fn(|at| byte(at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use crate::world;

    #[test]
    fn a_sealed_session_is_read_again() {
        let mut bytes = world::engine(3).save_session().unwrap();
        let sound = bytes.clone();
        bytes[8] ^= 1;
        assert!(world::engine(3).restore_session(&bytes).is_err());
        super::seal(&mut bytes);
        assert_eq!(bytes, sound);
    }
}
