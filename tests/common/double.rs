//! Mailgun's double as a program of its own, with a state of its own, for the tests that need it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The account's key.
pub const KEY: &str = "key-of-the-test";

/// The double with a state of its own; it ends with the test.
pub struct Double {
    pub process: Child,
    pub urls: BTreeMap<String, String>,
    pub http: reqwest::Client,
    /// Open as long as the double runs, which writes there.
    _output: BufReader<ChildStdout>,
    _state: tempfile::TempDir,
}

impl Double {
    pub fn start() -> Self {
        // Another test may have chosen it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let state = tempfile::tempdir().unwrap();
        let mut process = Command::new("python3")
            .args([
                "-B",
                "-m",
                "testbed.mailgun_double",
                "--port",
                "0",
                "--eu-port",
                "0",
            ])
            .args(["--key", KEY, "--state"])
            .arg(state.path())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs the double");
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let urls = (0..2)
            .map(|_| {
                let mut line = String::new();
                output.read_line(&mut line).unwrap();
                let (region, url) = line
                    .trim()
                    .split_once(' ')
                    .expect("the double says its addresses");
                (region.to_owned(), url.to_owned())
            })
            .collect();
        Self {
            process,
            urls,
            http: reqwest::Client::new(),
            _output: output,
            _state: state,
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/_double/{path}", self.urls["us"]);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}/_double/{path}", self.urls["us"]);
        let answer = self.http.get(url).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    pub async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    /// Whether SMTP would let them in.
    pub async fn lets_in(&self, login: &str, password: &str) -> bool {
        let given = json!({"login": login, "password": password});
        self.post("smtp-login", given).await["accepted"]
            .as_bool()
            .unwrap()
    }

    pub async fn domains(&self) -> Vec<String> {
        let shown = self.get("domains").await;
        shown
            .as_array()
            .unwrap()
            .iter()
            .map(|domain| domain["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
