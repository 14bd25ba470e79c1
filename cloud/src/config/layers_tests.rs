//! Which layer wins, and what is said about each kind of mistake.

use super::*;

fn file(folder: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("segue.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn read(text: &str, variables: &[(&str, &str)], flags: Vec<(&'static str, String)>) -> (Layers, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, text);
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (Layers::read(&Sources { file: Some(path.clone()), variables: variables.collect(), flags }), path)
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_defaults() {
    let text = "[serve]\nlisten = \"a:1\"\nrefresh_every = \"30m\"\n[limits]\nusers = 5\nitem_ids = 7\n";
    let variables = [("SEGUE_SERVE_LISTEN", "b:2"), ("SEGUE_LIMITS_USERS", "6"), ("SEGUE_SIGNING_KEY", "x")];
    let (layers, path) = read(text, &variables, vec![("serve.listen", "c:3".to_owned())]);
    assert_eq!(layers.problems, []);
    let settings = &layers.settings;
    assert_eq!(settings.serve.listen, "c:3");
    assert_eq!(
        (settings.limits.users, settings.limits.item_ids, settings.limits.batch_events),
        (6, 7, 1_000)
    );
    let origin = |name| layers.origin(keys::find(name).unwrap());
    assert_eq!(origin("serve.listen"), Origin::Flag);
    assert_eq!(origin("limits.users"), Origin::Variable("SEGUE_LIMITS_USERS".to_owned()));
    assert_eq!(origin("limits.item_ids"), Origin::File(path, 6));
    assert_eq!(origin("limits.batch_events"), Origin::Default);
}

#[test]
fn each_mistake_is_named_with_its_place_value_and_remedy() {
    let text = "[limits]\nbody_bytes = 3\nbody_byte = 4\n[serve]\nlisten = \"nowhere\"\n";
    let (layers, path) =
        read(text, &[("SEGUE_REFRESH_EVERY_DAY", "1"), ("SEGUE_REFRESH_KEEP", "0")], Vec::new());
    let said: Vec<String> = layers.problems.iter().map(Problem::to_string).collect();
    let shown = path.display();
    for expected in [
        format!(
            "{shown}, line 2: config_value_invalid: limits.body_bytes = `3`: write a whole number from 1024"
        ),
        format!(
            "{shown}, line 3: config_key_unknown: limits.body_byte = `4`: there is no such key; did you mean limits.body_bytes?"
        ),
        format!(
            "{shown}, line 5: config_value_invalid: serve.listen = `nowhere`: write an address and a port"
        ),
        "SEGUE_REFRESH_KEEP: config_value_invalid: refresh.keep = `0`: write a whole number from 1"
            .to_owned(),
        "SEGUE_REFRESH_EVERY_DAY: config_key_unknown: refresh.every_day = `1`: there is no such key"
            .to_owned(),
    ] {
        assert!(said.iter().any(|line| line.starts_with(&expected)), "{expected}\nis not in\n{said:#?}");
    }
    assert_eq!(said.len(), 5);
    assert!(layers.checked().unwrap_err().to_string().contains("line 2"));
}

#[test]
fn a_secret_in_the_file_is_refused_and_never_repeated() {
    let (layers, _) =
        read("signing_key = \"abcdef\"\n[serve]\nservice_keys = [\"abcdef\"]\n", &[], Vec::new());
    assert_eq!(layers.problems.len(), 2);
    for problem in &layers.problems {
        assert_eq!(problem.code, "config_secret");
        assert!(!format!("{problem:?}{problem}").contains("abcdef"));
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_a_problem_with_its_line() {
    let missing = Sources { file: Some("/does/not/exist.toml".into()), ..Sources::default() };
    assert_eq!(Layers::read(&missing).problems[0].code, "config_unreadable");
    let (layers, path) = read("data = \"D\"\nlog =\n", &[], Vec::new());
    assert_eq!(layers.problems[0].code, "config_syntax");
    assert_eq!(layers.problems[0].origin, format!("{}, line 2", path.display()));
}

#[test]
fn places_that_the_settings_name_are_looked_at() {
    let (mut layers, path) = read("[serve]\nplayer = \"/does/not/exist\"\n", &[], Vec::new());
    layers.check_places();
    let [problem] = &layers.problems[..] else { panic!("{:?}", layers.problems) };
    assert_eq!((problem.key.as_str(), problem.code), ("serve.player", "config_value_invalid"));
    assert_eq!(problem.origin, format!("{}, line 2", path.display()));
    assert!(problem.remedy.contains("index.html"));
}

#[test]
fn events_are_kept_for_as_long_as_their_ids_are_known() {
    let limits = "data = \"D\"\n[limits]\ndedup_window = \"5d\"\n[serve]\n";
    for (keep, is_taken) in [("4d", false), ("5d", true), ("none", true)] {
        let (mut layers, path) = read(&format!("{limits}keep_events = \"{keep}\"\n"), &[], Vec::new());
        assert_eq!(layers.settings.config().is_ok(), is_taken, "{keep}");
        layers.check_places();
        let said: Vec<String> = layers.problems.iter().map(ToString::to_string).collect();
        assert_eq!(said.is_empty(), is_taken, "{said:?}");
        let expected = format!("{}, line 5: config_value_invalid: serve.keep_events", path.display());
        assert!(
            said.iter().all(|said| said.starts_with(&expected) && said.contains("dedup_window")),
            "{said:?}"
        );
    }
}
