//! Any JSON as an answer of Odoo's: it is read or refused, and of a job that cannot be read it is known whose it is.

#![no_main]

use chandlery::job::variables::rules;
use chandlery::odoo::contract::{ClaimResponse, Job, ObserveResponse, ReportResponse};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return;
    };
    match Job::read(&value) {
        Ok(job) => {
            assert_eq!(Some(job.id), value["id"].as_i64());
            let _ = rules(job.secret());
        }
        Err(unreadable) => assert_eq!(unreadable.id, value.get("id").and_then(Value::as_i64)),
    }
    if let Ok(claim) = serde_json::from_value::<ClaimResponse>(value.clone()) {
        for job in claim.jobs {
            let _ = Job::read(&job);
        }
    }
    let _ = serde_json::from_value::<ReportResponse>(value.clone());
    let _ = serde_json::from_value::<ObserveResponse>(value);
});
