//! The runbook of `docs/OPERATIONS.md`, carried out with the commands that it names.

#[path = "support/catalogue.rs"]
mod catalogue;
#[path = "support/skipped.rs"]
mod skipped;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use catalogue::{filled, ok, run};
use serde_json::Value;
use support::{Serve, answer, command, post, segue, stored};

const LIBRARY: &str = "ORT_DYLIB_PATH";

/// The codes that `segue doctor` finds, but for how full this machine's disk is, and whether it found an error.
fn doctor(data: &Path, service: &str) -> (Vec<String>, bool) {
    let found = run(&["doctor", "--json", "--service", service], data);
    let answer: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(answer["ok"].as_bool(), Some(found.status.success()));
    let codes = answer["findings"].as_array().unwrap().iter();
    let codes = codes.map(|finding| finding["code"].as_str().unwrap().to_owned());
    (codes.filter(|code| code != "disk_nearly_full").collect(), found.status.success())
}

#[test]
fn what_writes_the_training_log_for_a_service_ends_with_it() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("D");
    filled(&data);
    fs::create_dir_all(data.join("training")).unwrap();
    // Somebody else is writing: it waits.
    let lock = fs::File::create(data.join("training/.lock")).unwrap();
    lock.lock().unwrap();
    let mut writer = Command::new(env!("CARGO_BIN_EXE_segue"));
    writer.args(["training-log", "--attended", "--data"]).arg(&data).stdin(Stdio::piped());
    let mut writer = writer.spawn().unwrap();
    drop(writer.stdin.take());
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = writer.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(!status.success());
    drop(lock);
}

#[test]
fn a_backup_taken_beside_the_service_is_restored_and_served() {
    let home = tempfile::tempdir().unwrap();
    let (data, backup, restored) = (home.path().join("D"), home.path().join("B"), home.path().join("R"));
    filled(&data);
    let serve = Serve::start(&data);
    assert!(post(&serve.address, &["e1".to_owned()]));
    assert_eq!(doctor(&data, &serve.address), (Vec::new(), true));
    let status = ok(&run(&["status", "--service", &serve.address], &data));
    assert!(status.contains("serves generation 1") && status.contains("1 in the log"), "{status}");
    ok(&segue().arg("backup").arg("--data").arg(&data).arg("--to").arg(&backup).output().unwrap());
    drop(serve);
    let mut restore = segue();
    restore.arg("restore").arg("--from").arg(&backup).arg("--data").arg(&restored);
    let refused = restore.output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--nobody-erased-since"));
    ok(&restore.arg("--nobody-erased-since").output().unwrap());
    assert_eq!(stored(&restored), ["e1"]);
    let serve = Serve::start(&restored);
    assert_eq!(doctor(&restored, &serve.address), (Vec::new(), true));
    assert!(answer(&serve.address, &["e1".to_owned()]).contains("\"duplicates\":1"));
}

/// With this certificate of the samples in the environment, and the key of the one that the service has.
fn with_certificate<'a>(command: &'a mut Command, certificate: &str) -> &'a mut Command {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tls_samples");
    command
        .env("SEGUE_SERVE_TLS_CERTIFICATE_FILE", samples.join(certificate))
        .env("SEGUE_SERVE_TLS_KEY_FILE", samples.join("key.pem"))
}

#[test]
fn the_tools_ask_a_service_that_speaks_tls_and_believe_no_other_than_the_one_in_the_settings() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("D");
    filled(&data);
    let serve = Serve::run(with_certificate(&mut command(&data), "certificate.pem").stderr(Stdio::null()));
    assert!(serve.address.starts_with("https://127.0.0.1:"), "{}", serve.address);
    let plain = serve.address.trim_start_matches("https://").to_owned();
    let asked = |words: &[&str], address: &str, certificate: &str| {
        let mut command = segue();
        command.args(words).args(["--service", address, "--data"]).arg(&data);
        let output = with_certificate(&mut command, certificate).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    // An address without a scheme is asked as the settings say.
    for address in [&serve.address, &plain] {
        let (_, status) = asked(&["status"], address, "certificate.pem");
        assert!(status.contains("serves generation 1"), "{status}");
        let (_, found) = asked(&["doctor"], address, "certificate.pem");
        assert!(!found.contains("service_unreachable"), "{found}");
        let (is_there, said) = asked(&["status", "--check"], address, "certificate.pem");
        assert!(is_there, "{said}");
    }
    let (is_there, said) = asked(&["status", "--check"], &serve.address, "other-certificate.pem");
    assert!(!is_there && said.contains("serve.tls_certificate_file"), "{said}");
    let (_, found) = asked(&["doctor"], &serve.address, "other-certificate.pem");
    assert!(found.contains("service_unreachable"), "{found}");
    let (is_there, said) = asked(&["status", "--check"], &format!("http://{plain}"), "certificate.pem");
    assert!(!is_there, "{said}");
    // Without a certificate in the settings there is nothing to trust.
    let untrusting = segue()
        .args(["status", "--check", "--service", &serve.address, "--data"])
        .arg(&data)
        .output()
        .unwrap();
    let said = String::from_utf8(untrusting.stderr).unwrap();
    assert!(!untrusting.status.success() && said.contains("no certificate is trusted"), "{said}");
    drop(serve);
    assert!(!asked(&["status", "--check"], &plain, "certificate.pem").0, "nothing answers there any more");
}

#[test]
fn a_polite_stop_in_the_middle_of_traffic_keeps_everything_that_was_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(data.path());
    let (heard, hear) = mpsc::channel();
    let address = serve.address.clone();
    let sender = std::thread::spawn(move || {
        for number in 0.. {
            let id = format!("e{number}");
            if !post(&address, std::slice::from_ref(&id)) {
                return;
            }
            heard.send(id).unwrap();
        }
    });
    let mut acknowledged: BTreeSet<String> = hear.iter().take(20).collect();
    ok(&Command::new("kill").arg("-TERM").arg(serve.child.id().to_string()).output().unwrap());
    assert!(serve.child.wait().unwrap().success());
    sender.join().unwrap();
    acknowledged.extend(hear.iter());
    let found: BTreeSet<String> = stored(data.path()).into_iter().collect();
    assert!(acknowledged.is_subset(&found));
}

#[test]
fn the_model_without_its_library_fails_the_refresh_in_words_and_the_generation_before_is_served() {
    let data = tempfile::tempdir().unwrap();
    ok(&run(&["generate", "--tracks", "200", "--users", "3"], data.path()));
    let refresh = |library: Option<&Path>| {
        let mut command = segue();
        command.args(["refresh", "--data"]).arg(data.path()).env_remove(LIBRARY);
        library.map(|library| command.env(LIBRARY, library));
        command.output().unwrap()
    };
    for library in [None, Some(Path::new("/does/not/exist.so"))] {
        let output = refresh(library);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && words.contains(LIBRARY) && words.contains("onnxruntime"),
            "{words}"
        );
    }
    let examined =
        segue().args(["doctor", "--service", "none", "--data"]).arg(data.path()).env_remove(LIBRARY).output();
    let words = String::from_utf8_lossy(&examined.unwrap().stdout).into_owned();
    assert!(words.contains("runtime_missing") && words.contains("generation_missing"), "{words}");
    match std::env::var_os(LIBRARY) {
        Some(library) => drop(ok(&refresh(Some(Path::new(&library))))),
        None => skipped::note("no ONNX Runtime is named: the remedy was not tried", "cargo xtask test"),
    }
}

#[test]
fn a_folder_of_somebody_else_is_named() {
    let data = tempfile::tempdir().unwrap();
    let program = data.path().join("segue");
    fs::copy(env!("CARGO_BIN_EXE_segue"), &program).unwrap();
    let folder = data.path().join("D");
    filled(&folder);
    fs::set_permissions(data.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    let mut doctor = Command::new(&program);
    doctor.args(["doctor", "--service", "none", "--data"]).arg(&folder).current_dir("/");
    if fs::metadata(&folder).unwrap().uid() == 0 {
        // Root may do everything: somebody else has to look.
        doctor.uid(65_534);
    }
    let found = doctor.output().unwrap();
    let words = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(!found.status.success() && words.contains("permission_denied"), "{words}");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let words = run(&["doctor", "--service", "none"], &folder);
    assert!(!String::from_utf8_lossy(&words.stdout).contains("permission_denied"));
}

/// The same command where no file may become longer: blocks are of 512 bytes, in some shells of 1,024. What is too long
/// fails as on a full disk, with another number.
fn limited(command: &Command, blocks: u32) -> Command {
    let mut limited = Command::new("sh");
    limited.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"")).arg("sh");
    limited.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

#[test]
fn a_batch_that_finds_no_room_is_refused_as_a_whole_and_what_finds_some_is_taken_without_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path().join("D");
    filled(&data);
    let mut serving = command(&data);
    // The next segment has room again.
    serving.env("SEGUE_LIMITS_SEGMENT_BYTES", "65536");
    let serve = Serve::run(limited(&serving, 140).stderr(Stdio::null()));
    assert!(post(&serve.address, &["before".to_owned()]));
    let many: Vec<String> = (0..1_000).map(|number| format!("{number:0>120}")).collect();
    for _ in 0..2 {
        let refused = answer(&serve.address, &many);
        assert!(refused.contains("HTTP/1.1 503") && refused.contains("events_unavailable"), "{refused}");
        assert!(refused.contains("retry-after"), "{refused}");
    }
    let (codes, well) = doctor(&data, &serve.address);
    assert!(!well && codes.contains(&"events_failing".to_owned()), "{codes:?}");
    let mut stream = TcpStream::connect(&serve.address).unwrap();
    let asked = b"GET /api/v1/packs/u1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(asked).unwrap();
    let mut pack = Vec::new();
    stream.read_to_end(&mut pack).unwrap();
    assert!(pack.starts_with(b"HTTP/1.1 200"), "packs are served");
    let mut refresh = segue();
    refresh.args(["refresh", "--index", "exact", "--data"]).arg(&data);
    assert!(!limited(&refresh, 1).output().unwrap().status.success());
    for few in many.chunks(10) {
        assert!(post(&serve.address, few));
    }
    ok(&refresh.output().unwrap());
    let (codes, _) = doctor(&data, &serve.address);
    assert!(!codes.contains(&"events_failing".to_owned()), "nothing was restarted: {codes:?}");
    drop(serve);
    let mut found = stored(&data);
    found.sort_unstable();
    let mut sent = [many.as_slice(), &["before".to_owned()]].concat();
    sent.sort_unstable();
    assert_eq!(found, sent, "each once, and nothing of what was refused");
    assert_eq!(doctor(&data, "none"), (Vec::new(), true));
}

/// A file system of its own, unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    /// None where this user may not mount.
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "segue-test"])
            .arg(folder.path())
            .output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

#[test]
fn on_a_full_disk_events_are_refused_packs_served_and_all_goes_on_once_there_is_room() {
    let Some(small) = Small::new("64m") else {
        return skipped::note(
            "this user may not mount a file system, to fill it",
            "run the tests as root, in a machine or container of their own",
        );
    };
    let data = small.0.path().join("D");
    filled(&data);
    let serve = Serve::start(&data);
    assert!(post(&serve.address, &["before".to_owned()]));
    let ballast = small.0.path().join("ballast");
    assert!(fs::write(&ballast, vec![0; 100 << 20]).is_err());
    let ids: Vec<String> = (0..400).map(|number| format!("{number:0>100}")).collect();
    let refused = answer(&serve.address, &ids);
    assert!(refused.contains("HTTP/1.1 503") && refused.contains("events_unavailable"), "{refused}");
    assert!(refused.contains("retry-after"), "{refused}");
    let (codes, well) = doctor(&data, &serve.address);
    assert!(
        !well && codes.contains(&"disk_full".to_owned()) && codes.contains(&"events_failing".to_owned()),
        "{codes:?}"
    );
    let refreshed = run(&["refresh", "--index", "exact"], &data);
    assert!(!refreshed.status.success());
    fs::remove_file(&ballast).unwrap();
    assert!(post(&serve.address, &ids));
    ok(&run(&["refresh", "--index", "exact"], &data));
    let (codes, _) = doctor(&data, &serve.address);
    assert!(!codes.contains(&"events_failing".to_owned()), "nothing was restarted: {codes:?}");
    drop(serve);
    let found: BTreeSet<String> = stored(&data).into_iter().collect();
    assert!(found.contains("before") && ids.iter().all(|id| found.contains(id)));
    assert_eq!(doctor(&data, "none"), (Vec::new(), true));
}

/// One request, its answer's head and body; nothing where there is none.
fn ask(address: &str, what: &str, credentials: &str, body: &str) -> String {
    let head = format!("{what} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json");
    let head = format!("{head}\r\nauthorization: Bearer {credentials}\r\ncontent-length: {}", body.len());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn no_secret_and_nobodys_id_is_in_the_log_whatever_is_asked() {
    const KEY: &str = "quagga-key-of-a-service-0123456789abcdef";
    const SECRET: &str = "okapi-secret-of-people-0123456789abcdef";
    const WHO: &str = "zebra";
    let home = tempfile::tempdir().unwrap();
    let (data, log) = (home.path().join("D"), home.path().join("log"));
    filled(&data);
    let claims = serde_json::json!({"sub": WHO, "exp": 4_000_000_000_u64});
    let secret = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &secret).unwrap();
    let mut command = command(&data);
    command.env("SEGUE_SERVICE_KEYS", KEY).env("SEGUE_PERSON_SECRET", SECRET);
    command.env("SEGUE_LOG", "debug").env("SEGUE_LOG_FORMAT", "json").stderr(fs::File::create(&log).unwrap());
    let mut serve = Serve::run(&mut command);
    let row = |kind: &str, time: &str| {
        format!(
            "{{\"event_id\":\"{kind}\",\"user\":\"{WHO}\",\"item\":\"t1\",\"kind\":\"{kind}\",\"time_ms\":{time}}}"
        )
    };
    let events = format!("{{\"events\":[{},{}]}}", row("like", "5"), row("skip", "\"noon\""));
    let told = [
        ("POST /api/v1/events", &events),
        // Refused for the third time it becomes a dead letter.
        ("POST /api/v1/events", &events),
        ("POST /api/v1/events", &events),
        ("POST /api/v1/recommendations", &format!("{{\"user\":\"{WHO}\",\"surface\":\"radio\"}}")),
        ("POST /api/v1/onboarding", &format!("{{\"user\":\"{WHO}\",\"items\":[\"t2\"]}}")),
        ("POST /api/v1/items", &"{\"items\":[{\"item\":\"t1\",\"title\":\"T\"}]}".to_owned()),
    ];
    let none = String::new();
    let asked = [
        "GET /api/v1/packs/",
        "POST /api/v1/packs/",
        "GET /api/v1/collections/",
        "GET /api/v1/users/",
        "GET /api/v1/recommendations?user=",
        "DELETE /api/v1/users/",
    ];
    let asked = asked.map(|what| format!("{what}{WHO}"));
    let all = told.iter().copied().chain(asked.iter().map(|what| (what.as_str(), &none)));
    for (what, body) in all {
        for credentials in [KEY, &token, "gnu-credentials-of-nobody"] {
            let answer = ask(&serve.address, what, credentials, body);
            assert!(
                answer.starts_with("HTTP/1.1 ") && !answer.starts_with("HTTP/1.1 500"),
                "{what}: {answer}"
            );
        }
    }
    let is_done = || fs::read_to_string(&log).unwrap().contains("people were forgotten");
    (0..200).take_while(|_| !is_done()).for_each(|_| std::thread::sleep(Duration::from_millis(50)));
    ok(&Command::new("kill").arg("-TERM").arg(serve.child.id().to_string()).output().unwrap());
    serve.child.wait().unwrap();
    let log = fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let said = |text: &str| {
        lines.iter().any(|line| line["message"].as_str().is_some_and(|said| said.contains(text)))
    };
    assert!(said("answered") && said("kept apart") && said("forgotten"), "{log}");
    let keys = fs::read_dir(data.join("keys")).unwrap().map(|entry| entry.unwrap().path());
    let private = keys.filter(|path| fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0);
    let private: Vec<String> =
        private.map(|path| fs::read_to_string(path).unwrap().trim().to_owned()).collect();
    assert!(!private.is_empty() && private.iter().all(|key| key.len() >= 64));
    let words = [KEY, SECRET, WHO, &token, "gnu-credentials-of-nobody"].into_iter();
    for secret in words.chain(private.iter().map(String::as_str)) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is in {line:?}");
    }
}

#[test]
fn settings_that_cannot_be_taken_are_named_for_people_and_programs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("segue.toml");
    fs::write(&file, "data = \"D\"\n[limits]\nusers = 0\n").unwrap();
    let asked = |arguments: &[&str]| {
        segue()
            .args(arguments)
            .current_dir(folder.path())
            .env("SEGUE_SERVE_LISTEN", "127.0.0.1:1")
            .output()
            .unwrap()
    };
    let checked = asked(&["config", "check"]);
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        !checked.status.success()
            && words.contains("segue.toml, line 3: config_value_invalid: limits.users = `0`"),
        "{words}"
    );
    let checked = asked(&["config", "check", "--json"]);
    let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(
        (answer["ok"].as_bool(), answer["problems"][0]["key"].as_str()),
        (Some(false), Some("limits.users"))
    );
    let serve = asked(&["serve"]);
    assert!(!serve.status.success() && String::from_utf8_lossy(&serve.stderr).contains("limits.users"));
    fs::write(&file, "data = \"D\"\n").unwrap();
    let shown = ok(&asked(&["config", "show"]));
    let listen = shown.lines().find(|line| line.starts_with("serve.listen")).unwrap();
    assert!(listen.ends_with("SEGUE_SERVE_LISTEN") && listen.contains("127.0.0.1:1"), "{listen}");
    assert!(
        shown.lines().any(|line| line.starts_with("data") && line.ends_with("segue.toml, line 1")),
        "{shown}"
    );
}

#[test]
fn the_unit_and_the_image_start_commands_that_there_are() {
    let unit = include_str!("../deploy/segue.service");
    let image = include_str!("../deploy/Dockerfile");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("ExecStart")?.split_once('='));
    let commands: Vec<&str> = lines.map(|(_, command)| command).collect();
    assert_eq!(commands, ["/usr/local/bin/segue config check", "/usr/local/bin/segue serve"]);
    assert!(image.contains("ENTRYPOINT [\"segue\"]\nCMD [\"serve\"]"));
    assert!(image.contains("CMD [\"segue\", \"status\", \"--check\"]"));
    for text in [unit, image] {
        let words = text.split_whitespace().find_map(|word| word.strip_prefix("SEGUE_SERVE_REFRESH_EVERY="));
        assert_eq!(words, Some("30m"));
    }
    for command in ["config check", "serve", "status --check"] {
        ok(&segue().args(command.split(' ')).arg("--help").output().unwrap());
    }
    let names: BTreeSet<String> = segue_cloud::config::KEYS.iter().map(|key| key.variable()).collect();
    for text in [unit, image] {
        let words = text.split(|letter: char| !letter.is_ascii_uppercase() && letter != '_');
        for word in words.filter(|word| word.starts_with("SEGUE_") && *word != "SEGUE_CONFIG") {
            assert!(names.contains(word), "{word} is no setting");
        }
    }
    let fetched =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/xtask/src/tools/onnxruntime.rs"))
            .unwrap();
    let version = image.split("onnxruntime==").nth(1).unwrap().split(' ').next().unwrap();
    assert!(fetched.contains(&format!("\"{version}\"")), "the image takes ONNX Runtime {version}");
}
