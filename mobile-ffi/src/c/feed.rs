//! What an engine is fed with: keys, manifest, policies, ranker and packs, and what it trusts by them.

use std::ffi::c_char;

use super::answer::answer;
use super::door::{Place, SegueBytes, bytes, text};
use super::engine::{ENGINES, SegueEngine};
use crate::record::PackInfo;

/// Follows the signed key rotations of `GET /api/v1/rotations`; `followed` may be null.
///
/// # Safety
/// `data` points to `length` bytes, `followed` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_rotations(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    followed: *mut u32,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (data, followed) = unsafe { (bytes(data, length)?, Place::wanted(followed)) };
        let count = ENGINES.get(engine)?.call(|core| core.accept_rotations(data))?;
        if let Some(followed) = followed {
            followed.put(u32::try_from(count).unwrap_or(u32::MAX));
        }
        Ok(())
    })
}

/// Verifies and takes the manifest of `GET /api/v1/manifest`; `manifest` receives it as JSON, or is null.
///
/// # Safety
/// `data` points to `length` bytes, `manifest` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_manifest(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    now_ms: i64,
    manifest: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (data, manifest) = unsafe { (bytes(data, length)?, Place::wanted(manifest)) };
        let accepted = ENGINES.get(engine)?.manifest(data, now_ms)?;
        manifest.map_or(Ok(()), |manifest| manifest.put_json(&accepted))
    })
}

/// Takes the policy of a surface; its hash has to be the manifest's.
///
/// # Safety
/// `surface` is text, `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_policy(
    engine: SegueEngine,
    surface: *const c_char,
    data: *const u8,
    length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let (surface, data) = unsafe { (text(surface)?, bytes(data, length)?) };
        ENGINES.get(engine)?.call(|core| core.accept_policy(surface, data))
    })
}

/// Takes the ranker and its feature schema; their hashes have to be the manifest's.
///
/// # Safety
/// Both pointers point to as many bytes as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_ranker(
    engine: SegueEngine,
    model: *const u8,
    model_length: usize,
    schema: *const u8,
    schema_length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for both.
        let model = unsafe { bytes(model, model_length) }?;
        // SAFETY: likewise.
        let schema = unsafe { bytes(schema, schema_length) }?;
        ENGINES.get(engine)?.ranker(model, schema)
    })
}

/// Verifies and takes the pack of `subject` (`user:u1` or `region:all`); `pack` receives what it holds as JSON, or is
/// null. After a refusal the last good pack stays.
///
/// # Safety
/// `data` points to `length` bytes, `subject` is text, `pack` can be written to or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_accept_pack(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
    subject: *const c_char,
    now_ms: i64,
    pack: *mut *mut c_char,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for all three.
        let (data, subject, pack) = unsafe { (bytes(data, length)?, text(subject)?, Place::wanted(pack)) };
        let accept = |core: &mut segue_core::Engine| {
            core.accept_pack(data, subject, now_ms).map(|pack| PackInfo::of(pack, now_ms))
        };
        let accepted = ENGINES.get(engine)?.call(accept)?;
        pack.map_or(Ok(()), |pack| pack.put_json(&accepted))
    })
}

/// The signed pack that a signed delta makes of the pack `base`, to be kept and accepted like any other. Changes nothing;
/// fetch the pack whole after an error.
///
/// # Safety
/// `base` and `delta` point to as many bytes as is said, `pack` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_patch_pack(
    engine: SegueEngine,
    base: *const u8,
    base_length: usize,
    delta: *const u8,
    delta_length: usize,
    pack: *mut SegueBytes,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let base = unsafe { bytes(base, base_length) }?;
        // SAFETY: likewise.
        let delta = unsafe { bytes(delta, delta_length) }?;
        // SAFETY: likewise.
        let pack = unsafe { Place::of(pack) }?;
        pack.put_bytes(ENGINES.get(engine)?.call(|core| core.patch_pack(base, delta))?);
        Ok(())
    })
}

/// What is trusted, as bytes to be kept by the host: save them whenever rotations or a manifest were accepted.
///
/// # Safety
/// `trust` can be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_save_trust(
    engine: SegueEngine,
    trust: *mut SegueBytes,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let trust = unsafe { Place::of(trust) }?;
        trust.put_bytes(ENGINES.get(engine)?.save_trust()?);
        Ok(())
    })
}

/// Takes up what `segue_engine_save_trust` gave, before anything is accepted.
///
/// # Safety
/// `data` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn segue_engine_restore_trust(
    engine: SegueEngine,
    data: *const u8,
    length: usize,
) -> *const c_char {
    answer(|| {
        // SAFETY: the caller vouches for it.
        let data = unsafe { bytes(data, length) }?;
        ENGINES.get(engine)?.call(|core| core.restore_trust(data))
    })
}
