//! The AAR for Android.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::library;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{maven, rust_target};

/// Android's names of processors and the compiler's.
const PROCESSORS: [(&str, &str); 3] = [
    ("arm64-v8a", "aarch64-linux-android"),
    ("armeabi-v7a", "armv7-linux-androideabi"),
    ("x86_64", "x86_64-linux-android"),
];

/// The oldest Android it runs on: 8.0.
const OLDEST_API: &str = "26";

const MANIFEST: &str = "<manifest xmlns:android=\"http://schemas.android.com/apk/res/android\" package=\"dev.segue\">\n  \
     <uses-sdk android:minSdkVersion=\"26\" />\n  <uses-permission android:name=\"android.permission.INTERNET\" />\n</manifest>\n";

/// Names that JNA looks up by reflection, and desktop classes that it names and Android has not.
const PROGUARD: &str =
    "-keep class com.sun.jna.** { *; }\n-keep class dev.segue.bindings.** { *; }\n-dontwarn java.awt.**\n";

/// What Maven and Gradle read beside the AAR.
const POM: &str = "mobile-ffi/kotlin/android/pom.xml";

/// Builds the AAR; says what is missing where it cannot.
pub(super) fn run(paths: &Paths, steps: &Steps) -> Option<PathBuf> {
    steps.run("what it needs", |_| check_tools())?;
    let output = paths.target.join("mobile-android");
    let libraries = output.join("jni");
    steps.run("library for three processors", |step| build(paths, step, &libraries))?;
    let classes = steps.run("Kotlin", |step| classes(paths, step, &output))?;
    let aar = output.join("segue-0.1.0.aar");
    steps.run("AAR", |_| pack(File::create(&aar).context("cannot write the AAR")?, &classes, &libraries))?;
    steps.run("local Maven repository", |step| install(paths, step, &aar))?;
    Some(aar)
}

/// Puts the AAR into the local Maven repository as `dev.segue:segue-android`.
fn install(paths: &Paths, step: &Step, aar: &Path) -> anyhow::Result<()> {
    let mut command = maven::command(paths, &paths.file("mobile-ffi/kotlin"), &paths.target.join("maven"));
    command.args(["--non-recursive", "org.apache.maven.plugins:maven-install-plugin:3.1.4:install-file"]);
    command.arg(format!("-Dfile={}", aar.display())).arg(format!("-DpomFile={}", paths.file(POM).display()));
    shell::run(step, &mut command)?;
    Ok(())
}

/// Names everything that is missing at once.
fn check_tools() -> anyhow::Result<()> {
    let mut missing = Vec::new();
    if std::env::var_os("ANDROID_NDK_HOME").is_none_or(|folder| !Path::new(&folder).is_dir()) {
        missing.push("the Android NDK r27 or newer, from https://developer.android.com/ndk/downloads, with ANDROID_NDK_HOME set to its folder");
    }
    if shell::on_path("cargo-ndk").is_none() {
        missing.push("cargo-ndk: `cargo install --locked cargo-ndk`");
    }
    if maven::find().is_none() {
        missing.push("Maven and a JDK 17 or newer");
    }
    if missing.is_empty() {
        return Ok(());
    }
    bail!("an AAR cannot be built here; missing:\n  - {}", missing.join("\n  - "))
}

fn build(paths: &Paths, step: &Step, libraries: &Path) -> anyhow::Result<()> {
    let mut command = shell::cargo(paths, ["ndk", "--platform", OLDEST_API, "-o"]);
    command.arg(libraries);
    for (name, target) in PROCESSORS {
        rust_target::ensure(paths, step, target)?;
        command.args(["-t", name]);
    }
    shell::run(step, command.arg("rustc").args(library::shipping("cdylib")))?;
    Ok(())
}

/// The jar without any library inside: Android finds it in the AAR.
fn classes(paths: &Paths, step: &Step, output: &Path) -> anyhow::Result<PathBuf> {
    let mut command = maven::command(paths, &paths.file("mobile-ffi/kotlin"), &output.join("maven"));
    shell::run(step, command.args(["-DskipTests", "--projects", "segue", "--also-make", "package"]))?;
    Ok(output.join("maven/segue/segue-0.1.0.jar"))
}

/// An AAR is a zip of a manifest, classes and libraries.
fn pack<W: Write + std::io::Seek>(output: W, classes: &Path, libraries: &Path) -> anyhow::Result<()> {
    let mut aar = ZipWriter::new(output);
    let mut add = |name: &str, bytes: &[u8]| -> anyhow::Result<()> {
        aar.start_file(name, SimpleFileOptions::default())?;
        aar.write_all(bytes)?;
        Ok(())
    };
    add("AndroidManifest.xml", MANIFEST.as_bytes())?;
    add("proguard.txt", PROGUARD.as_bytes())?;
    add("R.txt", b"")?;
    add("classes.jar", &read(classes)?)?;
    for (name, _) in PROCESSORS {
        let file = libraries.join(name).join("libsegue_mobile.so");
        add(&format!("jni/{name}/libsegue_mobile.so"), &read(&file)?)?;
    }
    aar.finish()?;
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn an_aar_holds_manifest_classes_and_a_library_for_each_processor() {
        let folder = std::env::temp_dir().join(format!("segue-aar-{}", std::process::id()));
        for (name, _) in PROCESSORS {
            std::fs::create_dir_all(folder.join(name)).unwrap();
            std::fs::write(folder.join(name).join("libsegue_mobile.so"), name).unwrap();
        }
        std::fs::write(folder.join("classes.jar"), "classes").unwrap();
        let mut bytes = Cursor::new(Vec::new());
        pack(&mut bytes, &folder.join("classes.jar"), &folder).unwrap();
        let aar = zip::ZipArchive::new(bytes).unwrap();
        let mut names: Vec<&str> = aar.file_names().collect();
        names.sort_unstable();
        let expected = [
            "AndroidManifest.xml",
            "R.txt",
            "classes.jar",
            "jni/arm64-v8a/libsegue_mobile.so",
            "jni/armeabi-v7a/libsegue_mobile.so",
            "jni/x86_64/libsegue_mobile.so",
            "proguard.txt",
        ];
        assert_eq!(names, expected);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_artifact_asks_for_the_versions_that_are_tested() {
        let project = |file: &str| {
            std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)).unwrap()
        };
        let version = |pom: &str, artifact: &str| {
            let (_, rest) = pom.split_once(&format!("<artifactId>{artifact}</artifactId>")).unwrap();
            let (_, rest) = rest.split_once("<version>").unwrap();
            rest.split_once("</version>").unwrap().0.to_owned()
        };
        let android = project(POM);
        let (all, library) =
            (project("mobile-ffi/kotlin/pom.xml"), project("mobile-ffi/kotlin/segue/pom.xml"));
        for (theirs, ours, pom) in [
            ("kotlinx-coroutines-android", "kotlinx-coroutines-core-jvm", &all),
            ("jna", "jna", &library),
            ("okhttp", "okhttp-jvm", &library),
        ] {
            assert_eq!(version(&android, theirs), version(pom, ours), "{theirs}");
        }
    }

    #[test]
    fn the_manifest_names_the_oldest_android() {
        assert!(MANIFEST.contains(&format!("android:minSdkVersion=\"{OLDEST_API}\"")));
    }
}
