//! The description as one page of HTML without a script.

use std::fmt::Write as _;

use serde_json::Value;

const HEAD: &str = include_str!("page.html");

/// The page of a document.
pub(super) fn html(document: &Value) -> String {
    let mut page = HEAD.to_owned();
    for (path, item) in entries(&document["paths"]) {
        for (method, operation) in entries(item) {
            operation_of(&mut page, path, method, operation);
        }
    }
    page.push_str("<h1>Records</h1>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        let _ = writeln!(page, "<section id=\"{}\"><h2>{}</h2>", escaped(name), escaped(name));
        fields(&mut page, schema);
        page.push_str("</section>\n");
    }
    page
}

fn operation_of(page: &mut String, path: &str, method: &str, operation: &Value) {
    let (method, id) = (method.to_uppercase(), text(&operation["operationId"]));
    let _ = writeln!(page, "<section id=\"{id}\"><h2><b>{method}</b> <code>{}</code></h2>", escaped(path));
    for part in ["summary", "description"] {
        paragraph(page, &operation[part]);
    }
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    table(
        page,
        parameters.map(|parameter| {
            let place = text(&parameter["in"]);
            [
                code(&parameter["name"]),
                format!("{place}, {}", kind(&parameter["schema"])),
                text(&parameter["description"]),
            ]
        }),
    );
    let bodies = entries(&operation["requestBody"]["content"]);
    table(page, bodies.map(|(name, body)| ["body".to_owned(), escaped(name), kind(&body["schema"])]));
    let answers = entries(&operation["responses"]).map(|(status, answer)| {
        let mut bodies = entries(&answer["content"]);
        let body = bodies.next().map(|(name, body)| format!("{} {}", escaped(name), kind(&body["schema"])));
        [code(&Value::from(status.as_str())), body.unwrap_or_default(), text(&answer["description"])]
    });
    table(page, answers);
    page.push_str("</section>\n");
}

fn fields(page: &mut String, schema: &Value) {
    paragraph(page, &schema["description"]);
    if !schema["properties"].is_object() {
        let _ = writeln!(page, "<p>{}</p>", kind(schema));
    }
    table(
        page,
        entries(&schema["properties"]).map(|(name, field)| {
            [code(&Value::from(name.as_str())), kind(field), text(&field["description"])]
        }),
    );
}

/// What kind of value a schema means, in a few words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("<a href=\"#{0}\">{0}</a>", escaped(name));
    }
    for several in ["anyOf", "oneOf", "allOf"] {
        if let Some(schemas) = schema[several].as_array() {
            return schemas.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match (&schema["type"], &schema["const"]) {
        (_, Value::String(word)) => format!("<code>{}</code>", escaped(word)),
        (Value::String(word), _) if word == "array" => format!("list of {}", kind(&schema["items"])),
        (Value::String(word), _) => escaped(word),
        (Value::Array(words), _) => {
            let is_list = words.iter().any(|word| word == "array");
            let words: Vec<String> = words.iter().map(text).collect();
            if is_list { format!("list of {} or null", kind(&schema["items"])) } else { words.join(" or ") }
        }
        _ => String::new(),
    }
}

fn table(page: &mut String, rows: impl Iterator<Item = [String; 3]>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    page.push_str("<table>\n");
    for [first, second, third] in rows {
        let _ = writeln!(page, "<tr><td>{first}<td>{second}<td>{third}");
    }
    page.push_str("</table>\n");
}

fn paragraph(page: &mut String, value: &Value) {
    if value.is_string() {
        let _ = writeln!(page, "<p>{}</p>", text(value));
    }
}

fn code(value: &Value) -> String {
    format!("<code>{}</code>", text(value))
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The members of an object; nothing of anything else.
fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
