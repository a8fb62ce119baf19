//! `src/package/package.schema.json` is what the types of [`super::description`] say. `PACKAGE_WRITE=1` writes it anew.

use std::fs;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Description;
use crate::odoo::schema_tests::in_words_of_json;

#[test]
fn the_schema_is_what_the_types_say() {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Description>();
    schema.insert("title".to_owned(), json!("package.yml"));
    let mut schema = schema.to_value();
    in_words_of_json(&mut schema);
    without_nulls(&mut schema);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/package/package.schema.json");
    if std::env::var_os("PACKAGE_WRITE").is_some() {
        fs::write(file, text).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(file).unwrap() == text,
        "`PACKAGE_WRITE=1 cargo test --lib package::schema_tests` writes src/package/package.schema.json"
    );
}

/// What is not there has no default.
fn without_nulls(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, member| name != "default" || !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
