//! What the linker is told about the shared library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "android") {
        // Android reads relocations packed since 6.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--pack-dyn-relocs=android");
        // Devices with pages of 16 KiB load nothing that is aligned to less.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,max-page-size=16384");
    }
}
