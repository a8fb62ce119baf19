//! `src/package/package.schema.json` is what the types of [`super::description`] say, `index.schema.json` what those of
//! [`super::index`] do. `PACKAGE_WRITE=1` writes them anew.

use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Description;
use super::index::Index;
use crate::odoo::schema_tests::in_words_of_json;

#[test]
fn the_schemas_are_what_the_types_say() {
    same::<Description>("package.yml", "package.schema.json");
    same::<Index>("index.json", "index.schema.json");
}

fn same<T: JsonSchema>(title: &str, file: &str) {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    let mut schema = schema.to_value();
    in_words_of_json(&mut schema);
    without_nulls(&mut schema);
    let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/package");
    if std::env::var_os("PACKAGE_WRITE").is_some() {
        fs::write(folder.join(file), text).unwrap();
        return;
    }
    assert!(
        fs::read_to_string(folder.join(file)).unwrap_or_default() == text,
        "`PACKAGE_WRITE=1 cargo test --lib package::schema_tests` writes src/package/{file}"
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
