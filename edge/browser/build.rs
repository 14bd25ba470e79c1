//! Keeps the linker from running the static constructors at every call.

fn main() {
    // The edge worker builds with this file too; seen from either crate it lies here.
    println!("cargo::rerun-if-changed=../browser/build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|target| target == "wasm32") {
        // Without this export wasm-ld takes the module for a command and wraps each of its functions in a call of all
        // constructors, should a dependency bring some. `npm/src/start.ts` and the worker's `worker.mjs`
        // run them once instead.
        println!("cargo::rustc-cdylib-link-arg=--export=__wasm_call_ctors");
    }
}
