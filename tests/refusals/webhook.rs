//! A server for admission webhooks, of which each path answers in another way. Its certificate is for 127.0.0.1.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

const CERTIFICATE: &[u8] = include_bytes!("webhook.crt");
const KEY: &[u8] = include_bytes!("webhook.key");

pub struct Webhook {
    address: String,
}

impl Webhook {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                std::thread::spawn(move || answer(config, stream));
            }
        });
        Self { address }
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// What registers a webhook for the config maps of one namespace.
    pub fn configuration(&self, name: &str, namespace: &str) -> Value {
        let mut config = json!({"caBundle": STANDARD.encode(CERTIFICATE)});
        match name {
            // Nobody listens on port 1.
            "down" => config["url"] = "https://127.0.0.1:1/".into(),
            "missing" => config["service"] = json!({"namespace": namespace, "name": "guard"}),
            _ => config["url"] = format!("https://{}/{name}", self.address).into(),
        }
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": namespace},
            "webhooks": [{
                "name": "guard.example.com",
                "clientConfig": config,
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}],
            }],
        })
    }
}

fn answer(config: Arc<ServerConfig>, stream: TcpStream) -> Option<()> {
    let connection = ServerConnection::new(config).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(given) = line.to_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let review: Value = serde_json::from_slice(&body).ok()?;
    let mut response = json!({"uid": review["request"]["uid"], "allowed": false});
    if first.contains("/denies") {
        response["status"] = json!({"code": 403, "message": "config maps need the label team"});
    }
    let text = match first.contains("/nonsense") {
        true => "<html>Bad gateway</html>".to_owned(),
        false => json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).to_string(),
    };
    let stream = reader.get_mut();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(text.as_bytes()).ok()?;
    stream.flush().ok()
}
