//! `tests/contract/*.schema.json` and `vocabulary.json` are what the types of [`super::contract`] say, and the golden
//! files are valid by them. `CONTRACT_WRITE=1` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};
use strum::VariantArray;

use super::contract::{
    ClaimRequest, ClaimResponse, JobKind, ObserveRequest, ObserveResponse, OutcomeState,
    ReportRequest, ReportResponse, Request, Response, StepCode,
};
use crate::code::{Code, Retry};

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "contract", name]
        .iter()
        .collect()
}

fn golden(name: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(file(name)).unwrap()).unwrap()
}

/// Compares a file with what it is to hold, or writes it.
fn same(name: &str, expected: &Value) {
    let text = serde_json::to_string_pretty(expected).unwrap() + "\n";
    if std::env::var_os("CONTRACT_WRITE").is_some() {
        fs::write(file(name), text).unwrap();
        return;
    }
    let found = fs::read_to_string(file(name)).unwrap_or_default();
    assert!(
        found == text,
        "tests/contract/{name} is not what the types say; `CONTRACT_WRITE=1 cargo test --lib schema_tests` writes it"
    );
}

/// The schema of what is sent: every member is there.
fn schema<T: JsonSchema>(title: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), json!(title));
    let mut schema = schema.to_value();
    in_words_of_json(&mut schema);
    schema
}

/// Descriptions are the types' comments, and speak of Rust.
pub(crate) fn in_words_of_json(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = text
                            .replace("`None`", "`null`")
                            .replace("`Some`", "Not `null`")
                            .replace("[`", "`")
                            .replace("`]", "`")
                            .replace("::", ".")
                            .replace('\n', " ");
                    }
                    _ => in_words_of_json(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(in_words_of_json),
        _ => {}
    }
}

fn schemas() -> [(&'static str, Value); 6] {
    [
        (
            "claim_request",
            schema::<Request<ClaimRequest>>("Parameters of claim"),
        ),
        (
            "claim_response",
            schema::<Response<ClaimResponse>>("Result of claim"),
        ),
        (
            "report_request",
            schema::<Request<ReportRequest>>("Parameters of report"),
        ),
        (
            "report_response",
            schema::<Response<ReportResponse>>("Result of report"),
        ),
        (
            "observe_request",
            schema::<Request<ObserveRequest>>("Parameters of observe"),
        ),
        (
            "observe_response",
            schema::<Response<ObserveResponse>>("Result of observe"),
        ),
    ]
}

#[test]
fn the_schemas_are_what_the_types_say() {
    for (name, schema) in schemas() {
        same(&format!("{name}.schema.json"), &schema);
    }
}

#[test]
fn the_golden_files_are_valid_and_what_lacks_a_member_is_not() {
    for (name, schema) in schemas() {
        let validator = jsonschema::validator_for(&schema).unwrap();
        let mut golden = golden(&format!("{name}.json"));
        let wrong: Vec<String> = validator
            .iter_errors(&golden)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {}", wrong.join("\n"));
        let members: Vec<String> = golden.as_object().unwrap().keys().cloned().collect();
        for member in members {
            let value = golden.as_object_mut().unwrap().remove(&member).unwrap();
            assert!(!validator.is_valid(&golden), "{name} without {member}");
            golden[&member] = value;
        }
    }
}

#[test]
fn a_job_is_valid_by_what_its_kind_needs() {
    let (_, schema) = schemas().into_iter().nth(1).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let golden = golden("claim_response.json");
    let valid = |job: Value| {
        let mut claim = golden.clone();
        claim["jobs"] = json!([job]);
        validator.is_valid(&claim)
    };
    let jobs = golden["jobs"].as_array().unwrap();
    for job in jobs {
        assert!(valid(job.clone()), "{}", job["kind"]);
        for kind in ["dance", "reset", "password", "adopt", "invitation"] {
            let mut other = job.clone();
            other["kind"] = json!(kind);
            assert_eq!(
                valid(other),
                job["kind"] == kind,
                "{} as {kind}",
                job["kind"]
            );
        }
    }
}

#[test]
fn the_vocabulary_is_what_the_types_say() {
    let codes = Code::VARIANTS.iter();
    let codes: BTreeMap<&str, Retry> = codes.map(|code| (code.as_str(), code.retry())).collect();
    same(
        "vocabulary.json",
        &json!({
            "job_kinds": JobKind::VARIANTS,
            "step_codes": StepCode::VARIANTS,
            "outcome_states": OutcomeState::VARIANTS,
            "error_codes": codes,
        }),
    );
}
