//! What the linker is told about the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A third of a megabyte of relocations; Android reads them packed since 6.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "android") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,--pack-dyn-relocs=android");
    }
}
