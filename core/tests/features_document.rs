//! The tables of `docs/FEATURES.md` are those of the code. `UPDATE=1 cargo test -p segue-core --test
//! features_document` writes them again.

use std::fmt::Write as _;

use segue_core::features::{CANDIDATE, CONTEXT, EVENT, LIVE, Source, TRANSFORMS};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FEATURES.md");
const BEGINS: &str = "<!-- written by core/tests/features_document.rs -->\n";
const ENDS: &str = "<!-- end -->\n";

#[test]
fn the_documents_tables_are_those_of_the_code() {
    let document = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = document.split_once(BEGINS).expect("FEATURES.md has lost its first mark");
    let (_, after) = rest.split_once(ENDS).expect("FEATURES.md has lost its second mark");
    let expected = format!("{before}{BEGINS}{}{ENDS}{after}", tables());
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(PATH, expected).unwrap();
        return;
    }
    assert!(document == expected, "run this test again with UPDATE=1 and commit docs/FEATURES.md");
}

fn tables() -> String {
    let mut text = String::new();
    table(&mut text, "Sources of `candidate`: what is fixed while a pack is in use.", &rows(CANDIDATE));
    table(&mut text, "Sources of `live`: what the session says about a candidate.", &rows(LIVE));
    table(&mut text, "Sources of `event`: each remembered event, newest first.", &rows(EVENT));
    table(&mut text, "Sources of `context`: the request.", &rows(CONTEXT));
    text += "\nTransforms (`transform.kind`). Absent values and values that are not finite become zeros.\n\n";
    text += "| kind | parameters | columns | value |\n|---|---|---|---|\n";
    lines(&mut text, TRANSFORMS);
    text + "\n"
}

fn rows<S>(table: &[Source<S>]) -> Vec<[&'static str; 4]> {
    table.iter().map(|one| [one.name, one.unit, one.range, one.meaning]).collect()
}

fn table(text: &mut String, title: &str, rows: &[[&str; 4]]) {
    *text += &format!("\n{title}\n\n| source | unit | range | meaning |\n|---|---|---|---|\n");
    lines(text, rows);
}

fn lines(text: &mut String, rows: &[[&str; 4]]) {
    for [name, second, third, fourth] in rows {
        writeln!(text, "| `{name}` | {second} | {third} | {fourth} |").unwrap();
    }
}
