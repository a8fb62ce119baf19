//! An app for integration tests: manifests on a server of their own, a namespace of its own in the real cluster.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The database that all tests belong to.
pub const DATABASE: &str = "11111111-aaaa-4bbb-8ccc-000000000001";

/// An app as Odoo would describe it.
pub struct App {
    pub namespace: String,
    pub id: i64,
    pub uid: String,
    pub server: MockServer,
    pub client: kube::Client,
}

/// The kubeconfig of the cluster that the tests run on.
pub fn kubeconfig() -> PathBuf {
    std::env::var_os("KUBECONFIG")
        .expect("KUBECONFIG must name a kubeconfig of a cluster to test on (python3 -m testbed kubernetes-up)")
        .into()
}

/// A kubeconfig with exactly the rights that config/ gives the worker: made as config/rbac.yaml says in its first lines.
pub fn worker_kubeconfig() -> PathBuf {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
        symlink(config, folder.path().join("config")).unwrap();
        let kubectl = std::env::var_os("KUBECTL").map(PathBuf::from);
        if let Some(kubectl) = kubectl {
            symlink(kubectl, folder.path().join("kubectl")).unwrap();
        }
        let text = std::fs::read_to_string(format!("{config}/rbac.yaml")).unwrap();
        let head = text.lines().take_while(|line| line.starts_with('#'));
        let mut recipe: Vec<&str> = head.filter_map(|line| line.strip_prefix("#   ")).collect();
        // As on a new installation.
        recipe.push("kubectl apply -f config/admission-pod-security.yaml");
        let mut path = folder.path().as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let output = Command::new("sh")
            .args(["-euc", &recipe.join("\n")])
            .current_dir(folder.path())
            .env("KUBECONFIG", kubeconfig())
            .env("PATH", path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        folder
    });
    folder.path().join("kubeconfig")
}

pub const CONFIG: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  password: "{{ postgres_password }}"
  title: "{{ title }}"
"#;

pub const WORKLOAD: &str = r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Mi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      nodeSelector: {{ node_selector }}
      containers:
        - name: web
          image: "{{ image }}"
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: data
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
    - port: 80
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
spec:
  ingressClassName: "{{ ingress_class }}"
  rules:
    - host: "{{ hostname }}"
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: web
                port:
                  number: 80
"#;

impl App {
    /// An app with the manifests `config.yml` and `workload.yml`.
    pub async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig()).unwrap();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default())
            .await
            .unwrap();
        let app = Self {
            namespace: format!("job-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]),
            id: (uuid::Uuid::new_v4().as_u128() % 1_000_000_000) as i64,
            uid: uuid::Uuid::new_v4().simple().to_string(),
            server: MockServer::start().await,
            client: kube::Client::try_from(config).unwrap(),
        };
        app.serve("config.yml", CONFIG).await;
        app.serve("workload.yml", WORKLOAD).await;
        app
    }

    /// Puts a manifest onto the server.
    pub async fn serve(&self, name: &str, content: impl AsRef<[u8]>) {
        Mock::given(path(format!("/{name}")))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(content.as_ref()))
            .with_priority(self.priority().await)
            .mount(&self.server)
            .await;
    }

    /// What is served later wins.
    async fn priority(&self) -> u8 {
        let served = self
            .server
            .received_requests()
            .await
            .map_or(0, |requests| requests.len());
        u8::try_from(200_usize.saturating_sub(served))
            .unwrap_or(1)
            .max(1)
    }

    /// A job of this app as a claim gives it.
    pub fn job(&self, kind: &str) -> Value {
        json!({
            "id": self.id,
            "uid": format!("{:032x}", self.id),
            "kind": kind,
            "attempt": 1,
            "token": uuid::Uuid::new_v4().simple().to_string(),
            "options": {},
            "cluster": {
                "name": "demo",
                "domain": "apps.localhost",
                "ingress_class": "traefik",
                "policy": chandlery::policy::Policy::default(),
            },
            "app": {
                "id": self.id,
                "uid": self.uid,
                "name": "web",
                "environment": "int",
                "is_production": false,
                "hostname": format!("{}.apps.localhost", self.namespace),
                "url": format!("http://{}.apps.localhost", self.namespace),
                "namespace": self.namespace,
                "wanted_state": "running",
                "limits": {"cpu_millicores": 8000, "memory_mib": 12288, "storage_gib": 50, "pods": 20},
                "siblings": [],
                "mail_domain": null,
                "mail_mark": "app",
                "inventory": [],
            },
            "production": null,
            "manifests": [
                {"id": 1, "title": "Config", "url": format!("{}/config.yml", self.server.uri())},
                {"id": 2, "title": "Workload", "url": format!("{}/workload.yml", self.server.uri())},
            ],
            "reset_manifests": [],
            "config_map": [
                {"key": "title", "type": "string", "value": "The {{ app_name }}"},
                {"key": "image", "type": "string", "value": "docker.io/library/web:1"},
                {"key": "node_selector", "type": "yaml", "value": "{}"},
            ],
            "secret": [
                {"key": "postgres_password", "type": "string", "value": null,
                 "generate": {"length": 24, "alphabet": "alphanumeric"}},
            ],
            "message": null,
        })
    }

    /// Removes what the test has left. Does not wait for it.
    pub async fn clean_up(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await;
    }
}
