//! The golden vectors through the C functions.

#![expect(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "calls what C calls: texts end with a zero, bytes have their length, answers go to places of the caller, and what the \
              library made is given back once"
)]

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use segue_conformance::vectors::{self, Bytes, Case, Step, compare};
use segue_mobile::c::*;
use serde::Serialize;
use serde_json::{Value, json};

type Outcome = Result<Value, String>;

/// What a host keeps between calls.
#[derive(Default)]
struct Host {
    engine: SegueEngine,
    session: Vec<u8>,
    trust: Vec<u8>,
}

fn code(code: *const c_char) -> Result<(), String> {
    if code.is_null() {
        return Ok(());
    }
    Err(unsafe { CStr::from_ptr(code) }.to_str().unwrap().to_owned())
}

fn c(text: impl Into<Vec<u8>>) -> CString {
    CString::new(text).unwrap()
}

fn record(value: &impl Serialize) -> CString {
    c(serde_json::to_string(value).unwrap())
}

fn taken(json: *mut c_char) -> Value {
    let text = unsafe { CStr::from_ptr(json) }.to_str().unwrap().to_owned();
    unsafe { segue_text_free(json) };
    serde_json::from_str(&text).unwrap()
}

fn kept(bytes: SegueBytes) -> Vec<u8> {
    let copy = unsafe { std::slice::from_raw_parts(bytes.data, bytes.length) }.to_vec();
    unsafe { segue_bytes_free(bytes) };
    copy
}

fn given(bytes: &Bytes) -> Vec<u8> {
    match bytes {
        Bytes::File(name) => vectors::read_shared(name),
        Bytes::Zeros { zeros } => vec![0; *zeros],
    }
}

const NO_BYTES: SegueBytes = SegueBytes { data: ptr::null_mut(), length: 0 };

impl Host {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::NewEngine { root } => {
                segue_engine_free(self.engine);
                self.engine = 0;
                code(unsafe { segue_engine_new(c(root.as_str()).as_ptr(), &mut self.engine) })?;
                Ok(json!({}))
            }
            Step::AcceptRotations { bytes } => {
                let (bytes, mut followed) = (given(bytes), 0);
                code(unsafe {
                    segue_engine_accept_rotations(self.engine, bytes.as_ptr(), bytes.len(), &mut followed)
                })?;
                Ok(json!({ "followed": followed }))
            }
            Step::AcceptManifest { bytes, now_ms } => {
                let (bytes, mut manifest) = (given(bytes), ptr::null_mut());
                let data = bytes.as_ptr();
                code(unsafe {
                    segue_engine_accept_manifest(self.engine, data, bytes.len(), *now_ms, &mut manifest)
                })?;
                Ok(json!({ "generation": taken(manifest)["generation"] }))
            }
            Step::AcceptPolicy { surface, bytes } => {
                let (bytes, surface) = (given(bytes), c(surface.as_str()));
                let (name, data) = (surface.as_ptr(), bytes.as_ptr());
                code(unsafe { segue_engine_accept_policy(self.engine, name, data, bytes.len()) })
                    .map(|()| json!({}))
            }
            Step::AcceptRanker { model, schema } => {
                let (model, schema) = (given(model), given(schema));
                let (one, other) = (model.as_ptr(), schema.as_ptr());
                code(unsafe {
                    segue_engine_accept_ranker(self.engine, one, model.len(), other, schema.len())
                })
                .map(|()| json!({}))
            }
            Step::AcceptPack { bytes, subject, now_ms } => {
                let (bytes, subject, mut pack) = (given(bytes), c(subject.as_str()), ptr::null_mut());
                let (data, owner) = (bytes.as_ptr(), subject.as_ptr());
                code(unsafe {
                    segue_engine_accept_pack(self.engine, data, bytes.len(), owner, *now_ms, &mut pack)
                })?;
                Ok(json!({ "candidates": taken(pack)["candidates"] }))
            }
            _ => self.session_step(step),
        }
    }

    fn session_step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Apply { event } => {
                let (event, mut applied) = (record(event), ptr::null());
                code(unsafe { segue_engine_apply(self.engine, event.as_ptr(), &mut applied) })?;
                Ok(json!({ "applied": unsafe { CStr::from_ptr(applied) }.to_str().unwrap() }))
            }
            Step::Rank { request, units } => self.rank(&record(request), *units),
            Step::ResetSession => code(segue_engine_reset_session(self.engine)).map(|()| json!({})),
            Step::NextSession => code(segue_engine_next_session(self.engine)).map(|()| json!({})),
            Step::Refill { now_ms } => {
                let mut refill = ptr::null_mut();
                code(unsafe { segue_engine_refill(self.engine, *now_ms, &mut refill) })?;
                Ok(json!({ "refill": taken(refill) }))
            }
            _ => self.kept_step(step),
        }
    }

    fn kept_step(&mut self, step: &Step) -> Outcome {
        let mut bytes = NO_BYTES;
        match step {
            Step::SaveSession => {
                code(unsafe { segue_engine_save_session(self.engine, &mut bytes) })?;
                self.session = kept(bytes);
            }
            Step::SaveTrust => {
                code(unsafe { segue_engine_save_trust(self.engine, &mut bytes) })?;
                self.trust = kept(bytes);
            }
            Step::PatchPack { base, delta, target } => {
                let (base, delta) = (given(base), given(delta));
                let (one, other) = (base.as_ptr(), delta.as_ptr());
                code(unsafe {
                    segue_engine_patch_pack(self.engine, one, base.len(), other, delta.len(), &mut bytes)
                })?;
                return Ok(json!({ "is_target": kept(bytes) == given(target) }));
            }
            Step::RestoreSession { bytes } => {
                let bytes = bytes.as_ref().map_or_else(|| self.session.clone(), given);
                code(unsafe { segue_engine_restore_session(self.engine, bytes.as_ptr(), bytes.len()) })?;
            }
            Step::RestoreTrust { bytes } => {
                let bytes = bytes.as_ref().map_or_else(|| self.trust.clone(), given);
                code(unsafe { segue_engine_restore_trust(self.engine, bytes.as_ptr(), bytes.len()) })?;
            }
            other => panic!("a call that C has no function for: {other:?}"),
        }
        Ok(json!({}))
    }

    fn rank(&self, request: &CStr, units: Option<u32>) -> Outcome {
        let (mut slate, mut whole, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
        code(match units {
            Some(units) => unsafe { segue_engine_replay(self.engine, request.as_ptr(), units, &mut slate) },
            None => unsafe {
                segue_engine_rank(self.engine, request.as_ptr(), SEGUE_NO_DEADLINE, &mut slate)
            },
        })?;
        code(unsafe { segue_slate_json(slate, &mut whole) })?;
        let places = unsafe { segue_slate_places(slate, &mut count) };
        let places = unsafe { std::slice::from_raw_parts(places, count) };
        let whole = taken(whole);
        for (place, told) in places.iter().zip(whole["places"].as_array().unwrap()) {
            assert_eq!(unsafe { CStr::from_ptr(place.item) }.to_str().unwrap(), told["item"]);
            assert_eq!(unsafe { CStr::from_ptr(place.reason) }.to_str().unwrap(), told["reason"]["code"]);
            assert_eq!(place.propensity, told["propensity"]);
        }
        unsafe { segue_slate_free(slate) };
        Ok(whole)
    }
}

fn outcomes(case: &Case) -> Vec<Value> {
    let mut host = Host::default();
    let outcomes =
        case.steps.iter().map(|step| host.step(step).unwrap_or_else(|code| json!({ "error": code })));
    let outcomes = outcomes.collect();
    segue_engine_free(host.engine);
    outcomes
}

#[test]
fn every_committed_case_gives_what_is_expected() {
    let differences: Vec<String> = vectors::names()
        .into_iter()
        .filter_map(|name| {
            let (case, expected) = vectors::load(&name);
            let different = compare(&json!(expected.steps), &json!(outcomes(&case))).err()?;
            Some(format!("{name}: {different}"))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(vectors::names().len() >= 40);
}
