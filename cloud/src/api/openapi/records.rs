//! Records that the core describes, and those that the service makes of others' words.

use schemars::generate::SchemaSettings;
use segue_core::engine::Listed;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::Ref;
use utoipa::openapi::schema::{Array, ArrayBuilder};

use super::super::events::Body as EventBatch;
use crate::catalog::Event;

/// Events, in our words or in others'.
pub(in crate::api) fn event_rows() -> Array {
    ArrayBuilder::new().items(Ref::from_schema_name("EventRow")).build()
}

/// Places of a list.
pub(in crate::api) fn places() -> Array {
    ArrayBuilder::new().items(Ref::from_schema_name("Listed")).build()
}

/// The records by their names.
pub(super) fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<Event>();
    generator.subschema_for::<Listed>();
    let mut schemas = generator.take_definitions(true);
    schemas.insert("EventBatch".to_owned(), json!(EventBatch::schema()));
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    schemas.insert("OtherEvent".to_owned(), other_event());
    schemas.insert("EventRow".to_owned(), json!({"anyOf": [reference("Event"), reference("OtherEvent")]}));
    let batch_or_one = json!({"anyOf": [reference("EventBatch"), reference("EventRow")]});
    schemas.insert("Events".to_owned(), batch_or_one);
    schemas
}

/// What many pipelines send.
fn other_event() -> Value {
    json!({
        "type": "object",
        "description": "an event in the words of other pipelines; gets an id that follows from its content",
        "required": ["event", "timestamp"],
        "properties": {
            "user_id": {"type": "string", "description": "who"},
            "item_id": {"type": "string", "description": "what it is about"},
            "event": {"type": "string", "description": "the kind"},
            "duration_sec": {"type": "number", "description": "how much was played"},
            "timestamp": {"type": "number", "description": "when, in seconds or milliseconds since 1970"},
        },
    })
}
