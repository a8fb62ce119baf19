//! How fast the API server of KUBECONFIG takes objects by server-side apply, and nothing else is done: what `make bench`
//! measures the worker by.
//!
//! The file in OBJECTS holds a list of apps, each a list of objects that are applied one after the other. WRITERS of them
//! are under way at once. Prints `created<TAB>seconds` and `unchanged<TAB>seconds`: all apps once, then all once more.

use std::collections::HashMap;
use std::error::Error;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::ApiResource;
use kube::discovery::{Discovery, Scope};
use kube::{Client, Config};
use serde_json::Value;

type Kinds = HashMap<(String, String), (ApiResource, Scope)>;

fn main() -> Result<(), Box<dyn Error>> {
    let setting = |name: &str| std::env::var(name);
    // `cargo test --benches` asks for nothing.
    let (Ok(objects), Ok(writers)) = (setting("OBJECTS"), setting("WRITERS")) else {
        return Ok(());
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let apps: Vec<Vec<Value>> = serde_json::from_str(&std::fs::read_to_string(objects)?)?;
    let writers: usize = writers.parse()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure(&apps, writers))
}

async fn measure(apps: &[Vec<Value>], writers: usize) -> Result<(), Box<dyn Error>> {
    let kubeconfig = Kubeconfig::read_from(std::env::var("KUBECONFIG")?)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    let client = Client::try_from(config)?;
    let discovery = Discovery::new(client.clone()).run_aggregated().await?;
    let resources = discovery
        .groups()
        .flat_map(|group| group.recommended_resources());
    let kinds: Kinds = resources
        .map(|(resource, capabilities)| {
            let name = (resource.api_version.clone(), resource.kind.clone());
            (name, (resource, capabilities.scope))
        })
        .collect();
    for what in ["created", "unchanged"] {
        let began = Instant::now();
        stream::iter(apps.iter().map(|app| apply_all(&client, &kinds, app)))
            .buffer_unordered(writers)
            .try_collect::<Vec<()>>()
            .await?;
        println!("{what}\t{:.3}", began.elapsed().as_secs_f64());
    }
    Ok(())
}

async fn apply_all(client: &Client, kinds: &Kinds, app: &[Value]) -> Result<(), Box<dyn Error>> {
    for object in app {
        let text = |pointer: &str| {
            let value = object.pointer(pointer).and_then(Value::as_str);
            value.unwrap_or_default()
        };
        let name = (text("/apiVersion").to_owned(), text("/kind").to_owned());
        let Some((resource, scope)) = kinds.get(&name) else {
            return Err(format!("the cluster has no {} of {}", name.1, name.0).into());
        };
        let api: Api<DynamicObject> = match scope {
            Scope::Namespaced => {
                Api::namespaced_with(client.clone(), text("/metadata/namespace"), resource)
            }
            Scope::Cluster => Api::all_with(client.clone(), resource),
        };
        let params = PatchParams::apply("bench").force();
        let patch = Patch::Apply(object);
        let patched = api.patch(text("/metadata/name"), &params, &patch);
        patched.await?;
    }
    Ok(())
}
