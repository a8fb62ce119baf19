//! The kubernetes room against a real API server: the one that KUBECONFIG names. Each test has a namespace of its own
//! and removes it.

#[path = "common/counting.rs"]
mod counting;

use std::collections::BTreeMap;
use std::io::Write;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use chandlery::ansible::Variables;
use chandlery::kubernetes::generated::{self, Alphabet, Rule};
use chandlery::kubernetes::logs;
use chandlery::kubernetes::namespace::{self, OurNamespace};
use chandlery::kubernetes::permissions::{NEEDED, NEEDED_CLUSTER_WIDE};
use chandlery::kubernetes::prune::Pruned;
use chandlery::kubernetes::{
    Access, App, Applied, Change, Cluster, Former, Health, IngressState, Keep, ObjectSeen,
    Observation, Owner, State, Stopped, WatchEvent, adopt, apply, apply_knowing, apply_object,
    changes, compare, delete, ingress, inventory, isolate, isolation, observe, prune, recall,
    start, stop, wait_until_ready,
};
use chandlery::manifest::{Rendered, Rules, check, parse, policy};
use chandlery::object::{Object, ObjectRef};
use chandlery::policy::{Limits, PodSecurity, Policy};
use chandlery::problem::Problem;
use chandlery::slot::Slots;
use chandlery::uid::Uid;
use counting::{Asked, Door};
use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, Node, PersistentVolumeClaim, Pod, ResourceQuota, Secret, ServiceAccount,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, Config, ResourceExt};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Long enough for a busy machine, never waited for in full.
const LIMIT: Duration = Duration::from_secs(300);

fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn kubeconfig() -> String {
    std::env::var("KUBECONFIG")
        .expect("set KUBECONFIG to a cluster for tests; `make test` brings one up")
}

fn access() -> Access {
    Access::Kubeconfig {
        path: kubeconfig().into(),
        context: None,
    }
}

/// A client of the cluster that KUBECONFIG names, never of another that the machine may know.
async fn client() -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Client::try_from(config).unwrap()
}

/// A namespace for one test, removed at its end however that comes.
struct Home {
    cluster: Cluster,
    client: Client,
    namespace: String,
    owner: Owner,
}

impl Home {
    fn app(&self) -> App {
        App {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            owner: self.owner.clone(),
        }
    }

    async fn new() -> Self {
        install_tls();
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let client = client().await;
        Self {
            cluster: Cluster::connect(&access()).await.unwrap(),
            client,
            namespace: format!("rooms-{}", &unique[..12]),
            owner: Owner {
                uid: unique.clone().try_into().unwrap(),
                instance: unique,
                app: 7,
                name: "shop".to_owned(),
                environment: "int".to_owned(),
            },
        }
    }

    async fn with_namespace() -> Self {
        let home = Self::new().await;
        assert!(namespace::ensure(&home.app()).await.unwrap());
        home
    }

    /// The same, whose cluster is watched from now on.
    async fn watched() -> Self {
        let home = Self::with_namespace().await;
        let mut changes = changes(&home.cluster, &home.owner.instance);
        while changes.next().await.unwrap().unwrap() != WatchEvent::Resync {}
        tokio::spawn(async move { while changes.next().await.is_some() {} });
        home
    }

    /// The same, whose cluster is reached through a door that counts; each write takes so much longer.
    async fn counted(holds: Duration) -> (Self, Door) {
        let home = Self::with_namespace().await;
        let door = Door::open(home.client.clone(), holds).await;
        let home = home.through(&door).await;
        home.cluster.kinds().await.unwrap();
        door.asked();
        (home, door)
    }

    /// As another worker reaches it, who knows nothing yet.
    async fn through(mut self, door: &Door) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), door.kubeconfig().to_string()).unwrap();
        let access = Access::Kubeconfig {
            path: file.path().into(),
            context: None,
        };
        self.cluster = Cluster::connect(&access).await.unwrap();
        self
    }

    /// Applies as a deploy does: with what the last one has noted, and noting it again.
    async fn deploys(&self, text: &str) -> Result<Applied, Problem> {
        let app = self.app();
        let known = namespace::bring(&app, BTreeMap::new()).await?.versions;
        let objects = self.objects(text).await;
        let (cluster, owner) = (&self.cluster, &self.owner);
        let mut applied = Applied::default();
        apply_knowing(cluster, &objects, owner, &known, &mut applied, |_| {}).await?;
        let (inventory, versions) = (&applied.inventory, &applied.versions);
        inventory::write_knowing(&app, inventory, versions).await?;
        Ok(applied)
    }

    /// Waits until the watches have told that the app is like this.
    async fn recalled(&self, is: impl Fn(&Observation) -> bool) -> Observation {
        let app = self.app();
        let found = async {
            loop {
                let seen = recall(&app).await.unwrap();
                if is(&seen) {
                    return seen;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LIMIT, found).await.unwrap()
    }

    /// Reads and checks a manifest for this namespace.
    async fn objects(&self, text: &str) -> Vec<Object> {
        let rendered = Rendered {
            title: "Test".to_owned(),
            url: "http://example.com/test.yml".to_owned(),
            text: text.to_owned(),
            template: String::new(),
            artefact: None,
            variables: Vec::new(),
        };
        let parsed = parse(&rendered, &Variables::new().resolve().unwrap()).unwrap();
        let kinds = self.cluster.kinds().await.unwrap();
        // What the policy refuses is not the matter here.
        let mut policy = Policy {
            pod_security: PodSecurity::Privileged,
            ..Policy::default()
        };
        policy
            .kinds
            .extend(["ClusterRole.rbac.authorization.k8s.io", "Pod"].map(str::to_owned));
        check(
            parsed.objects,
            &Rules {
                kinds: &kinds,
                policy: policy::Rules {
                    policy: &policy,
                    cluster: "demo",
                    ingress_class: "nobody",
                    namespace: &self.namespace,
                    hostname: &format!("{}.apps.localhost", self.namespace),
                    domains: &[],
                    siblings: &[],
                    node_ports: &[],
                    limits: None,
                    storage_classes: None,
                    inventory: Some(&[]),
                },
            },
        )
        .unwrap_or_else(|problem| panic!("{problem}"))
    }

    async fn apply(&self, text: &str) -> Result<Applied, Problem> {
        let objects = self.objects(text).await;
        let mut applied = Applied::default();
        apply(&self.cluster, &objects, &self.owner, &mut applied, |_| {})
            .await
            .map(|()| applied)
    }

    async fn delete(
        &self,
        inventory: &[ObjectRef],
        keep_volumes: bool,
    ) -> Result<chandlery::kubernetes::Deleted, Problem> {
        delete(
            &self.app(),
            inventory,
            match keep_volumes {
                true => Keep::Volumes,
                false => Keep::Nothing,
            },
            LIMIT,
            |_| {},
        )
        .await
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The app's only pod, once it has a node.
    async fn pod(&self) -> String {
        self.pod_that("has a node", |pod| {
            let spec = pod.spec.as_ref();
            spec.is_some_and(|spec| spec.node_name.is_some())
        })
        .await
    }

    /// The first pod of which something is true.
    async fn pod_that(&self, what: &str, is: impl Fn(&Pod) -> bool) -> String {
        let seen = watcher(self.api::<Pod>(), watcher::Config::default()).applied_objects();
        let found = seen.filter_map(|pod| std::future::ready(pod.ok().filter(&is)));
        let mut found = pin!(found);
        match tokio::time::timeout(LIMIT, found.next()).await {
            Ok(Some(pod)) => pod.name_any(),
            _ => panic!("no pod {what}"),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let namespace = self.namespace.clone();
        let cleanup = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let client = client().await;
                let namespaces: Api<Namespace> = Api::all(client.clone());
                let _ = namespaces
                    .delete(&namespace, &DeleteParams::background())
                    .await;
                let nodes: Api<Node> = Api::all(client.clone());
                let _ = nodes.delete(&namespace, &DeleteParams::background()).await;
                let roles: Api<ClusterRole> = Api::all(client);
                let _ = roles.delete(&namespace, &DeleteParams::background()).await;
            });
        });
        let _ = cleanup.join();
    }
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: registry.example.com/web:1
";

const CONFIG_MAP: &str = "
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  a: one
  b: two
";

const CLAIM: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Mi
";

fn together(texts: &[&str]) -> String {
    texts.join("---\n")
}

fn reference(kind: &str, inventory: &[ObjectRef]) -> ObjectRef {
    inventory
        .iter()
        .find(|reference| reference.kind == kind)
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_cluster_says_its_version_and_kinds() {
    let home = Home::new().await;
    assert!(home.cluster.version().await.unwrap().starts_with('v'));
    let kinds = home.cluster.kinds().await.unwrap();
    let deployment = kinds.get("apps/v1", "Deployment").unwrap();
    assert_eq!(deployment.plural, "deployments");
    assert!(deployment.namespaced);
    assert!(!kinds.get("v1", "Namespace").unwrap().namespaced);
    assert_eq!(home.cluster.missing_permissions(NEEDED).await.unwrap(), []);
}

#[tokio::test]
async fn a_cluster_that_cannot_be_reached_says_so_and_may_come_back() {
    install_tls();
    // A port that was free a moment ago, and one where nobody ever answers.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (address, words, patience) in [
        (closed, "cannot be reached", LIMIT),
        (
            silent.local_addr().unwrap(),
            "did not answer",
            Duration::from_millis(500),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        std::fs::write(&path, kubeconfig_text(&format!("http://{address}"), "x")).unwrap();
        let cluster = Cluster::connect(&Access::Kubeconfig {
            path,
            context: None,
        })
        .await
        .unwrap()
        .call_timeout(patience);
        let problem = cluster.version().await.unwrap_err();
        assert_eq!(problem.code.as_str(), "cluster_unreachable");
        assert!(problem.retry);
        assert!(problem.message.contains(words), "{problem}");
    }
}

#[tokio::test]
async fn a_wrong_kubeconfig_or_context_is_named() {
    install_tls();
    let missing = Access::Kubeconfig {
        path: "/nowhere/kubeconfig".into(),
        context: None,
    };
    let problem = Cluster::connect(&missing).await.map(drop).unwrap_err();
    assert_eq!(problem.code.as_str(), "cluster_settings");
    assert!(problem.message.contains("/nowhere/kubeconfig"), "{problem}");
    let context = Access::Kubeconfig {
        path: kubeconfig().into(),
        context: Some("no-such-context".to_owned()),
    };
    let problem = Cluster::connect(&context).await.map(drop).unwrap_err();
    assert!(problem.message.contains("no-such-context"), "{problem}");
}

/// Its command asks somebody who does not answer.
#[tokio::test]
async fn credentials_that_do_not_come_keep_no_slot() {
    install_tls();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    let text = kubeconfig_text("http://127.0.0.1:9", "token");
    let mut kubeconfig: Value = serde_json::from_str(&text).unwrap();
    kubeconfig["users"][0]["user"] = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sleep", "args": ["20"],
    }});
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let slots = Slots::new(1);
    let slot = slots.slot();
    let access = Access::Kubeconfig {
        path,
        context: None,
    };
    tokio::select! {
        _ = slot.work(Cluster::connect(&access)) => panic!("there are no credentials"),
        () = slots.freed() => {}
    }
}

fn kubeconfig_text(server: &str, token: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

#[tokio::test]
async fn what_the_worker_may_not_do_is_named() {
    let home = Home::with_namespace().await;
    let account: ServiceAccount =
        serde_json::from_value(json!({"metadata": {"name": "nobody"}})).unwrap();
    let accounts: Api<ServiceAccount> = home.api();
    accounts
        .create(&PostParams::default(), &account)
        .await
        .unwrap();
    let request =
        serde_json::from_value(json!({"spec": {"audiences": [], "expirationSeconds": 600}}))
            .unwrap();
    let token = accounts
        .create_token_request("nobody", &PostParams::default(), &request)
        .await
        .unwrap()
        .status
        .unwrap()
        .token;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig_text(home.cluster.url(), &token)).unwrap();
    let nobody = Cluster::connect(&Access::Kubeconfig {
        path,
        context: None,
    })
    .await
    .unwrap();

    let missing: Vec<String> = nobody
        .missing_permissions(&[NEEDED_CLUSTER_WIDE, NEEDED].concat())
        .await
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        missing.contains(&"patch deployments.apps".to_owned()),
        "{missing:?}"
    );
    assert!(
        missing.contains(&"create namespaces".to_owned()),
        "{missing:?}"
    );

    let stranger = App {
        cluster: nobody.clone(),
        ..home.app()
    };
    let problem = namespace::ensure(&stranger).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "cluster_forbidden");
    assert!(!problem.retry);
    let objects = home.objects(CONFIG_MAP).await;
    let kinds = home.cluster.kinds().await.unwrap();
    let problem = apply_object(&nobody, &kinds, &objects[0], &home.owner)
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "cluster_forbidden");
    assert_eq!(problem.object.as_deref(), Some("ConfigMap/settings"));
    assert!(problem.hint.unwrap().contains("chandlery check"));

    let path = folder.path().join("wrong");
    std::fs::write(&path, kubeconfig_text(home.cluster.url(), "not-a-token")).unwrap();
    let stranger = Cluster::connect(&Access::Kubeconfig {
        path,
        context: None,
    })
    .await
    .unwrap();
    let problem = namespace::list(&stranger, "x").await.unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("cluster_credentials", false)
    );
}

#[tokio::test]
async fn a_namespace_is_made_once_and_labelled_as_ours() {
    let home = Home::with_namespace().await;
    assert!(!namespace::ensure(&home.app()).await.unwrap());
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    let made = namespaces.get(&home.namespace).await.unwrap();
    let labels = made.labels();
    for (label, value) in home.owner.namespace_labels() {
        assert_eq!(labels.get(&label), Some(&value), "{label}");
    }
    assert_eq!(
        namespace::list(&home.cluster, &home.owner.instance)
            .await
            .unwrap(),
        [OurNamespace {
            namespace: home.namespace.clone(),
            object: made.uid().unwrap(),
            uid: Some(home.owner.uid.to_string()),
            app: Some(7),
            name: "shop".to_owned(),
            environment: "int".to_owned(),
            created_at: made.creation_timestamp().unwrap().0,
            labels: made.labels().clone(),
        }]
    );
}

#[tokio::test]
async fn a_namespace_of_somebody_else_is_never_taken_over() {
    let home = Home::new().await;
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    let foreign: Namespace =
        serde_json::from_value(json!({"metadata": {"name": home.namespace}})).unwrap();
    namespaces
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    for problem in [
        namespace::ensure(&home.app()).await.map(drop).unwrap_err(),
        observe(&home.app()).await.map(drop).unwrap_err(),
        home.delete(&[], false).await.map(drop).unwrap_err(),
        generated::read(&home.app()).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(
            (problem.code.as_str(), problem.retry),
            ("namespace_foreign", false)
        );
        assert!(problem.message.contains(&home.namespace), "{problem}");
    }
    let still = namespaces.get(&home.namespace).await.unwrap();
    assert!(still.metadata.deletion_timestamp.is_none());
}

/// "App ids repeat after a database restore, and a new customer's app with the same name and id was deployed into the old
/// customer's namespace and got his generated password."
#[tokio::test]
async fn an_app_of_the_same_name_and_id_but_another_uid_is_refused_and_gets_no_password() {
    let bob = Home::with_namespace().await;
    let rules = [Rule {
        key: "password".to_owned(),
        length: 24,
        alphabet: Alphabet::Hex,
    }];
    let passwords = generated::fill(generated::Generated::new(), &rules);
    generated::store(&bob.app(), &passwords).await.unwrap();
    let carol = Owner {
        uid: Uid::nobody(),
        ..bob.owner.clone()
    };
    let hers = App {
        owner: carol.clone(),
        ..bob.app()
    };
    for problem in [
        namespace::ensure(&hers).await.map(drop).unwrap_err(),
        generated::read(&hers).await.map(drop).unwrap_err(),
        observe(&hers).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(problem.code.as_str(), "namespace_foreign");
        assert!(problem.message.contains("another app"), "{problem}");
        assert!(problem.hint.unwrap().contains("New Namespace"));
    }

    // Nor where only the namespace has become hers, and not what is in it.
    let namespaces: Api<Namespace> = Api::all(bob.client.clone());
    let labels = json!({"metadata": {"labels": carol.namespace_labels()}});
    namespaces
        .patch(
            &bob.namespace,
            &PatchParams::default(),
            &Patch::Merge(labels),
        )
        .await
        .unwrap();
    for problem in [
        generated::read(&hers).await.map(drop).unwrap_err(),
        generated::store(&hers, &passwords).await.unwrap_err(),
    ] {
        assert_eq!(problem.code.as_str(), "object_foreign");
        assert_eq!(
            problem.object.as_deref(),
            Some("Secret/chandlery-generated")
        );
    }
}

#[tokio::test]
async fn a_foreign_namespace_is_refused_with_whose_it_is_and_the_way_out() {
    let home = Home::with_namespace().await;
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    for (labels, said, way_out) in [
        (
            json!({"chandlery.dev/uid": null}),
            "made by an older version of Chandlery for the app shop (int), number 7",
            "Namespaces Found",
        ),
        (
            json!({"chandlery.dev/instance": "elsewhere"}),
            "belongs to another Odoo database, elsewhere",
            "another name",
        ),
        (
            json!({"app.kubernetes.io/managed-by": "Helm"}),
            "was not made by Chandlery",
            "another name",
        ),
    ] {
        let patch = json!({"metadata": {"labels": labels}});
        namespaces
            .patch(
                &home.namespace,
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await
            .unwrap();
        let problem = namespace::ensure(&home.app()).await.unwrap_err();
        assert_eq!(problem.code.as_str(), "namespace_foreign");
        assert!(problem.message.contains(said), "{problem}");
        assert!(
            problem.hint.as_ref().unwrap().contains(way_out),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn applying_twice_changes_nothing_and_says_so() {
    let home = Home::with_namespace().await;
    let text = together(&[CONFIG_MAP, CLAIM, DEPLOYMENT]);
    let first = home.apply(&text).await.unwrap();
    assert_eq!((first.created, first.changed, first.unchanged), (3, 0, 0));
    let kinds: Vec<&str> = first
        .inventory
        .iter()
        .map(|reference| reference.kind.as_str())
        .collect();
    assert_eq!(kinds, ["ConfigMap", "PersistentVolumeClaim", "Deployment"]);
    assert!(
        first
            .inventory
            .iter()
            .all(|reference| reference.namespace.as_deref() == Some(home.namespace.as_str()))
    );
    wait_until_ready(&home.cluster, &first.inventory, LIMIT, |_| {})
        .await
        .unwrap();

    let second = home.apply(&text).await.unwrap();
    assert_eq!(
        (second.created, second.changed, second.unchanged),
        (0, 0, 3)
    );

    let third = home
        .apply(&text.replace("a: one", "a: other"))
        .await
        .unwrap();
    assert_eq!((third.created, third.changed, third.unchanged), (0, 1, 2));
    assert_eq!(first.inventory, third.inventory);
}

/// What was asked of these objects, as a list of methods with what came of them.
fn of_objects(asked: &[Asked], plurals: &[&str]) -> Vec<(String, u16)> {
    let path = |asked: &Asked| asked.request.uri().path().to_owned();
    let is_of = |asked: &&Asked| {
        let path = path(asked);
        plurals
            .iter()
            .any(|plural| path.contains(&format!("/{plural}")))
    };
    let told = asked.iter().filter(is_of);
    told.map(|asked| (asked.request.method().to_string(), asked.status))
        .collect()
}

const SERVICE: &str = "\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";

#[tokio::test]
async fn a_first_deploy_is_one_request_for_each_object() {
    let (home, door) = Home::counted(Duration::ZERO).await;
    let text = together(&[CONFIG_MAP, CLAIM, DEPLOYMENT, SERVICE]);
    let objects = home.objects(&text).await;
    let mut applied = Applied::default();
    apply(&home.cluster, &objects, &home.owner, &mut applied, |_| {})
        .await
        .unwrap();
    assert_eq!(applied.created, 4);
    let asked = door.asked();
    let told: Vec<(&str, u16)> = asked
        .iter()
        .map(|asked| (asked.request.method().as_str(), asked.status))
        .collect();
    assert_eq!(told, [("PATCH", 201); 4], "{asked:#?}");
}

/// By what a watch has told, and by what the last deploy has noted of kinds that are not watched.
#[tokio::test(flavor = "multi_thread")]
async fn applying_what_is_there_already_is_one_request_for_each_object_and_no_write() {
    let (home, door) = Home::counted(Duration::ZERO).await;
    let mut changes = changes(&home.cluster, &home.owner.instance);
    while changes.next().await.unwrap().unwrap() != WatchEvent::Resync {}
    tokio::spawn(async move { while changes.next().await.is_some() {} });
    let secret =
        "\napiVersion: v1\nkind: Secret\nmetadata:\n  name: login\nstringData:\n  password: x\n";
    let text = together(&[CONFIG_MAP, secret, CLAIM, DEPLOYMENT, SERVICE]);
    let first = home.deploys(&text).await.unwrap();
    assert_eq!(first.created, 5);
    wait_until_ready(&home.cluster, &first.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    home.recalled(|seen| seen.state == State::Running).await;
    let maps: Api<ConfigMap> = home.api();
    let deployments: Api<Deployment> = home.api();
    let versions = async || {
        let map = maps.get("settings").await.unwrap().resource_version();
        (
            map,
            deployments.get("web").await.unwrap().resource_version(),
        )
    };
    // Controllers write on it for a moment longer.
    let mut before = versions().await;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = versions().await;
        if std::mem::replace(&mut before, now.clone()) == now {
            break;
        }
    }
    door.asked();

    let second = home.deploys(&text).await.unwrap();
    assert_eq!((second.unchanged, second.changed), (5, 0));
    let plurals = [
        "configmaps",
        "secrets",
        "persistentvolumeclaims",
        "deployments",
        "services",
    ];
    let asked = door.asked();
    let told = of_objects(&asked, &plurals);
    let one = ("PATCH".to_owned(), 200);
    assert_eq!(told, vec![one.clone(); 5], "{asked:#?}");
    assert_eq!(versions().await, before);
    let of_namespace = asked.iter().filter(|asked| asked.is_write());
    assert_eq!(
        of_namespace.count(),
        5,
        "nor is anything noted anew: {asked:#?}"
    );

    // A worker that was started since knows it from the namespace.
    let again = home.through(&door).await;
    again.cluster.kinds().await.unwrap();
    door.asked();
    let third = again
        .deploys(&text.replace("a: one", "a: other"))
        .await
        .unwrap();
    assert_eq!((third.unchanged, third.changed), (4, 1));
    let asked = door.asked();
    let told = of_objects(&asked, &["configmaps", "secrets"]);
    assert_eq!(told, vec![one; 2], "{asked:#?}");
}

/// What was noted is no longer so: it is looked at, and then as if nothing had been noted.
#[tokio::test]
async fn what_is_otherwise_than_it_was_noted_is_looked_at_before_it_is_written() {
    let (home, door) = Home::counted(Duration::ZERO).await;
    home.deploys(CONFIG_MAP).await.unwrap();
    kubectl(&home, &["apply", "-f", "-"], LEGACY);
    door.asked();
    let second = home.deploys(CONFIG_MAP).await.unwrap();
    assert_eq!(second.changed, 1);
    let maps: Api<ConfigMap> = home.api();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "b"]);
    let told = of_objects(&door.asked(), &["configmaps"]);
    let methods: Vec<(&str, u16)> = told
        .iter()
        .map(|(method, status)| (method.as_str(), *status))
        .collect();
    // Refused; looked at; the fields taken over; applied.
    assert_eq!(
        methods,
        [("PATCH", 409), ("GET", 200), ("PATCH", 200), ("PATCH", 200)]
    );

    // Another object of the same name.
    maps.delete("settings", &DeleteParams::default())
        .await
        .unwrap();
    kubectl(&home, &["create", "configmap", "settings"], "");
    assert_eq!(home.deploys(CONFIG_MAP).await.unwrap().changed, 1);
    // Or none at all.
    maps.delete("settings", &DeleteParams::default())
        .await
        .unwrap();
    assert_eq!(home.deploys(CONFIG_MAP).await.unwrap().created, 1);
    assert_eq!(home.deploys(CONFIG_MAP).await.unwrap().unchanged, 1);
}

/// Also where somebody has written on the namespace that it is ours.
#[tokio::test]
async fn an_object_outside_the_namespace_is_not_touched_whatever_is_noted_of_it() {
    let (home, door) = Home::counted(Duration::ZERO).await;
    let roles: Api<ClusterRole> = Api::all(home.client.clone());
    let foreign: ClusterRole =
        serde_json::from_value(json!({"metadata": {"name": home.namespace}, "rules": []})).unwrap();
    let foreign = roles
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    let note = format!(
        "rbac.authorization.k8s.io/v1 ClusterRole {} {}:{}",
        home.namespace,
        foreign.uid().unwrap(),
        foreign.resource_version().unwrap()
    );
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    let noted = json!({"metadata": {"annotations": {"chandlery.dev/inventory": note}}});
    namespaces
        .patch(
            &home.namespace,
            &PatchParams::default(),
            &Patch::Merge(noted),
        )
        .await
        .unwrap();
    let text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {}\nrules:\n  - apiGroups: ['*']\n    resources: ['*']\n    verbs: ['*']\n",
        home.namespace
    );
    let problem = home.deploys(&text).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "object_foreign");
    let still = roles.get(&home.namespace).await.unwrap();
    assert_eq!(still.resource_version(), foreign.resource_version());
    let told = of_objects(&door.asked(), &["clusterroles"]);
    assert_eq!(told, [("GET".to_owned(), 200)]);
}

/// What keeps an app to itself is one request each, too, and one that is somebody else's stays so.
#[tokio::test]
async fn what_isolates_an_app_is_brought_in_one_request_each_and_never_taken_over() {
    let (home, door) = Home::counted(Duration::ZERO).await;
    let app = home.app();
    let policy = Policy::default();
    let limits: Limits = serde_json::from_value(
        json!({"cpu_millicores": 8000, "memory_mib": 12288, "storage_gib": 50, "pods": 20}),
    )
    .unwrap();
    let bring = async || {
        namespace::bring(&app, isolation::labels(&policy))
            .await
            .unwrap()
    };
    let versions = isolate(&app, &policy, &limits, &[], &bring().await)
        .await
        .unwrap();
    inventory::write_knowing(&app, &[], &versions)
        .await
        .unwrap();
    door.asked();
    let known = bring().await;
    assert_eq!(known.versions, versions);
    isolate(&app, &policy, &limits, &[], &known).await.unwrap();
    let asked = door.asked();
    for plural in ["limitranges", "networkpolicies", "serviceaccounts"] {
        assert_eq!(
            of_objects(&asked, &[plural]),
            [("PATCH".to_owned(), 200)],
            "{asked:#?}"
        );
    }
    // What is used is counted in its status: so it is looked at.
    let quota = of_objects(&asked, &["resourcequotas"]);
    assert_eq!(
        quota,
        [("GET".to_owned(), 200), ("PATCH".to_owned(), 200)],
        "{asked:#?}"
    );
    let namespaces = Api::<Namespace>::all(home.client.clone());
    let labels = namespaces
        .get(&home.namespace)
        .await
        .unwrap()
        .labels()
        .clone();
    for (label, value) in isolation::labels(&policy) {
        assert_eq!(labels[&label], value);
    }

    kubectl(&home, &["delete", "limitrange", "chandlery-limits"], "");
    let theirs = "apiVersion: v1\nkind: LimitRange\nmetadata: {name: chandlery-limits}\nspec: {limits: [{type: Container, max: {cpu: 7m}}]}\n";
    kubectl(&home, &["create", "-f", "-"], theirs);
    let problem = isolate(&app, &policy, &limits, &[], &bring().await)
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.object.as_deref()),
        ("object_foreign", Some("LimitRange/chandlery-limits"))
    );
    let ranges: Api<k8s_openapi::api::core::v1::LimitRange> = home.api();
    let still = ranges.get("chandlery-limits").await.unwrap();
    assert!(!still.labels().contains_key("chandlery.dev/uid"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_need_each_other_goes_together_after_what_it_reads() {
    let (home, door) = Home::counted(Duration::from_millis(300)).await;
    let services: Vec<String> = (0..12)
        .map(|number| SERVICE.replace("name: web", &format!("name: web-{number}")))
        .collect();
    let text = together(&[&services.join("---"), DEPLOYMENT, CONFIG_MAP, CLAIM]);
    let applied = home.apply(&text).await.unwrap();
    assert_eq!(applied.created, 15);
    let asked = door.asked();
    let plural = |asked: &Asked| {
        let path = asked.request.uri().path().to_owned();
        path.split('/').rev().nth(1).unwrap().to_owned()
    };
    let order: Vec<String> = asked.iter().map(plural).collect();
    let mut first = order[..2].to_vec();
    first.sort();
    assert_eq!(
        first,
        ["configmaps", "persistentvolumeclaims"],
        "{asked:#?}"
    );
    let beside: Vec<usize> = asked.iter().map(|asked| asked.beside).collect();
    assert!(beside[..2].iter().all(|beside| *beside <= 2), "{beside:?}");
    assert_eq!(beside.iter().max(), Some(&8), "{beside:?}");
    // Named in the order of the manifest, whichever was sooner.
    let names: Vec<&str> = applied
        .inventory
        .iter()
        .map(|object| object.name.as_str())
        .collect();
    assert_eq!(names[..4], ["settings", "data", "web-0", "web-1"]);
    assert_eq!(names.last(), Some(&"web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_objects_that_are_refused_the_first_is_named() {
    let (home, _) = Home::counted(Duration::ZERO).await;
    let wrong = |name: &str| {
        SERVICE
            .replace("name: web", &format!("name: {name}"))
            .replace("port: 80", "port: 99999")
    };
    let text = together(&[
        DEPLOYMENT,
        &wrong("first"),
        &SERVICE.replace("name: web", "name: well"),
        &wrong("second"),
    ]);
    for _ in 0..3 {
        let objects = home.objects(&text).await;
        let mut applied = Applied::default();
        let problem = apply(&home.cluster, &objects, &home.owner, &mut applied, |_| {})
            .await
            .unwrap_err();
        assert_eq!(problem.object.as_deref(), Some("Service/first"));
        assert_eq!(problem.field.as_deref(), Some("spec.ports[0].port"));
        assert_eq!(applied.under_way, []);
        let names: Vec<&str> = applied
            .inventory
            .iter()
            .map(|object| object.name.as_str())
            .collect();
        assert_eq!(names, ["web", "well"]);
    }
}

#[tokio::test]
async fn fields_that_a_manifest_leaves_out_later_are_removed() {
    let home = Home::with_namespace().await;
    home.apply(CONFIG_MAP).await.unwrap();
    // Somebody changes it by hand: what Chandlery owns is taken back, what is theirs stays.
    let maps: Api<ConfigMap> = home.api();
    let by_hand = json!({"data": {"a": "by hand", "theirs": "x"}});
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(by_hand))
        .await
        .unwrap();
    let applied = home
        .apply(&CONFIG_MAP.replace("  b: two\n", ""))
        .await
        .unwrap();
    assert_eq!(applied.changed, 1);
    let map = maps.get("settings").await.unwrap();
    assert_eq!(
        map.data.clone().unwrap(),
        BTreeMap::from([
            ("a".to_owned(), "one".to_owned()),
            ("theirs".to_owned(), "x".to_owned())
        ])
    );
    assert_eq!(
        map.labels().get("chandlery.dev/app").map(String::as_str),
        Some("7")
    );
}

/// Runs kubectl in the namespace, with a manifest as its input.
fn kubectl(home: &Home, words: &[&str], input: &str) {
    let mut child = Command::new(std::env::var_os("KUBECTL").unwrap_or("kubectl".into()))
        .args([
            "--kubeconfig",
            &kubeconfig(),
            "--namespace",
            &home.namespace,
        ])
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("kubectl runs; KUBECTL says where it is");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success(), "{words:?}");
}

fn keys(map: &ConfigMap) -> Vec<&str> {
    map.data
        .iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect()
}

const LEGACY: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  labels: {old: label}\n  annotations: {example.com/old: x}\ndata: {a: one, legacy: x}\n";

#[tokio::test]
async fn fields_of_kubectl_apply_that_the_manifest_lacks_go_with_its_annotation() {
    let last_applied = "kubectl.kubernetes.io/last-applied-configuration";
    for (how, words) in [
        ("apply", &["apply", "-f", "-"][..]),
        (
            "apply by another name",
            &["apply", "--field-manager=ci", "-f", "-"],
        ),
        (
            "apply on the server",
            &["apply", "--server-side", "-f", "-"],
        ),
        ("create", &["create", "-f", "-"]),
    ] {
        let home = Home::with_namespace().await;
        kubectl(&home, words, LEGACY);
        let applied = home.apply(CONFIG_MAP).await.unwrap();
        assert_eq!((applied.created, applied.changed), (0, 1), "{how}");
        let maps: Api<ConfigMap> = home.api();
        let map = maps.get("settings").await.unwrap();
        assert_eq!(keys(&map), ["a", "b"], "{how}");
        assert!(!map.labels().contains_key("old"), "{how}");
        assert!(!map.annotations().contains_key("example.com/old"), "{how}");
        assert!(!map.annotations().contains_key(last_applied), "{how}");
        let again = home.apply(CONFIG_MAP).await.unwrap();
        assert_eq!((again.changed, again.unchanged), (0, 1), "{how}");
    }
}

#[tokio::test]
async fn fields_go_that_kubectl_brought_into_an_object_of_ours_also_without_its_annotation() {
    let home = Home::with_namespace().await;
    home.apply(CONFIG_MAP).await.unwrap();
    let maps: Api<ConfigMap> = home.api();
    // First with the annotation, then without.
    kubectl(&home, &["apply", "-f", "-"], LEGACY);
    home.apply(CONFIG_MAP).await.unwrap();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "b"]);
    kubectl(&home, &["apply", "-f", "-"], LEGACY);
    let annotation = "kubectl.kubernetes.io/last-applied-configuration-";
    kubectl(
        &home,
        &["annotate", "configmap", "settings", annotation],
        "",
    );
    home.apply(CONFIG_MAP).await.unwrap();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "b"]);
    // `kubectl edit` writes the whole object back.
    let edited = json!({"data": {"edited": "x"}});
    let params = PatchParams {
        field_manager: Some("kubectl-edit".to_owned()),
        ..PatchParams::default()
    };
    maps.patch("settings", &params, &Patch::Merge(edited))
        .await
        .unwrap();
    home.apply(CONFIG_MAP).await.unwrap();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "b"]);
    kubectl(&home, &["replace", "-f", "-"], LEGACY);
    home.apply(CONFIG_MAP).await.unwrap();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "b"]);
}

/// Ansible's `kubernetes.core.k8s` creates, and merges what it is given later; Helm does the same by its own name.
#[tokio::test]
async fn fields_that_ansible_or_helm_brought_and_the_manifest_lacks_go() {
    for manager in ["OpenAPI-Generator", "helm"] {
        let home = Home::with_namespace().await;
        let maps: Api<ConfigMap> = home.api();
        let made: ConfigMap = serde_json::from_value(json!({
            "metadata": {"name": "settings"}, "data": {"a": "one", "legacy": "x"},
        }))
        .unwrap();
        let params = PostParams {
            field_manager: Some(manager.to_owned()),
            ..PostParams::default()
        };
        maps.create(&params, &made).await.unwrap();
        let params = PatchParams {
            field_manager: Some(manager.to_owned()),
            ..PatchParams::default()
        };
        let later = json!({"data": {"later": "x"}});
        maps.patch("settings", &params, &Patch::Merge(later))
            .await
            .unwrap();
        home.apply(CONFIG_MAP).await.unwrap();
        assert_eq!(
            keys(&maps.get("settings").await.unwrap()),
            ["a", "b"],
            "{manager}"
        );
    }
}

#[tokio::test]
async fn what_is_taken_over_goes_from_nested_maps_and_from_lists_by_their_keys() {
    let home = Home::with_namespace().await;
    let old = DEPLOYMENT
        .replace(
            "      containers:",
            "      nodeSelector: {kubernetes.io/os: linux}\n      volumes: [{name: old, emptyDir: {}}]\n      initContainers: [{name: old, image: \"registry.example.com/old:1\"}]\n      containers:",
        )
        .replace(
            "          image: registry.example.com/web:1\n",
            "          image: registry.example.com/web:0\n          env: [{name: OLD, value: x}]\n          args: [old]\n          ports: [{containerPort: 9999}]\n          volumeMounts: [{name: old, mountPath: /old}]\n",
        );
    assert!(old.contains("OLD"), "{old}");
    kubectl(&home, &["apply", "-f", "-"], &old);
    let applied = home.apply(DEPLOYMENT).await.unwrap();
    let deployments: Api<Deployment> = home.api();
    let deployment = deployments.get("web").await.unwrap();
    let pod = deployment.spec.unwrap().template.spec.unwrap();
    assert_eq!(pod.node_selector, None);
    assert_eq!(pod.volumes, None);
    assert_eq!(pod.init_containers, None);
    let [container] = pod.containers.as_slice() else {
        panic!("{:?}", pod.containers);
    };
    assert_eq!(
        container.image.as_deref(),
        Some("registry.example.com/web:1")
    );
    assert_eq!(
        (
            &container.env,
            &container.args,
            &container.ports,
            &container.volume_mounts
        ),
        (&None, &None, &None, &None)
    );
    // Its controller writes on it until then.
    let is_ready = wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {});
    is_ready.await.unwrap();
    let again = home.apply(DEPLOYMENT).await.unwrap();
    assert_eq!(again.unchanged, 1);
}

#[tokio::test]
async fn a_comparison_shows_what_taking_over_would_take_away_and_takes_nothing() {
    let home = Home::with_namespace().await;
    kubectl(&home, &["apply", "-f", "-"], LEGACY);
    let with_more = DEPLOYMENT.replace(
        "          image: registry.example.com/web:1\n",
        "          image: registry.example.com/web:1\n          env: [{name: OLD, value: x}]\n",
    );
    kubectl(&home, &["apply", "-f", "-"], &with_more);
    let objects = home.objects(&together(&[CONFIG_MAP, DEPLOYMENT])).await;
    let app = &home.app();
    let compared = compare(app, &objects, &[], |_| {}).await.unwrap();
    let [map, deployment] = compared.differences.as_slice() else {
        panic!("{compared:#?}");
    };
    let after = map.after.as_ref().unwrap();
    assert_eq!(after["data"], json!({"a": "one", "b": "two"}));
    assert!(after["metadata"]["labels"]["old"].is_null(), "{after}");
    assert!(after["metadata"]["annotations"].is_null(), "{after}");
    let container = |value: &Option<Value>| {
        value.as_ref().unwrap()["spec"]["template"]["spec"]["containers"][0].clone()
    };
    assert_eq!(container(&deployment.before)["env"][0]["name"], "OLD");
    assert!(
        container(&deployment.after)["env"].is_null(),
        "{deployment:#?}"
    );
    let maps: Api<ConfigMap> = home.api();
    assert_eq!(keys(&maps.get("settings").await.unwrap()), ["a", "legacy"]);

    home.apply(&together(&[CONFIG_MAP, DEPLOYMENT]))
        .await
        .unwrap();
    let compared = compare(app, &objects, &[], |_| {}).await.unwrap();
    assert_eq!(compared.differences, []);
}

#[tokio::test]
async fn who_looks_after_single_fields_keeps_them() {
    let home = Home::with_namespace().await;
    let text = DEPLOYMENT.replace("  replicas: 1\n", "");
    let with_replicas = DEPLOYMENT.replace("replicas: 1", "replicas: 2");
    kubectl(&home, &["apply", "-f", "-"], &with_replicas);
    let scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: web\nspec:\n  minReplicas: 2\n  maxReplicas: 5\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]\n";
    home.apply(scaler).await.unwrap();
    kubectl(&home, &["rollout", "restart", "deployment", "web"], "");
    kubectl(
        &home,
        &["annotate", "deployment", "web", "example.com/by-hand=x"],
        "",
    );
    home.apply(&text).await.unwrap();
    let deployments: Api<Deployment> = home.api();
    let found = deployments.get("web").await.unwrap();
    assert_eq!(found.annotations()["example.com/by-hand"], "x");
    assert!(
        found
            .annotations()
            .contains_key("deployment.kubernetes.io/revision")
    );
    let spec = found.spec.unwrap();
    assert_eq!(
        spec.replicas,
        Some(2),
        "the HorizontalPodAutoscaler's matter"
    );
    let annotations = spec.template.metadata.unwrap().annotations.unwrap();
    assert!(annotations.contains_key("kubectl.kubernetes.io/restartedAt"));
    // Without one, the manifest says how many by not saying it.
    kubectl(&home, &["delete", "hpa", "web"], "");
    home.apply(&text).await.unwrap();
    let found = deployments.get("web").await.unwrap();
    assert_eq!(found.spec.unwrap().replicas, Some(1));
    // What somebody scales by hand is not what a tool has brought.
    kubectl(&home, &["scale", "deployment", "web", "--replicas=3"], "");
    home.apply(&text).await.unwrap();
    let found = deployments.get("web").await.unwrap();
    assert_eq!(found.spec.unwrap().replicas, Some(3));
}

/// An operator gives an app a namespace that was somebody's before.
#[tokio::test]
async fn what_was_applied_to_an_adopted_namespace_goes_where_the_manifest_lacks_it() {
    let home = Home::with_namespace().await;
    home.apply(CONFIG_MAP).await.unwrap();
    kubectl(&home, &["apply", "-f", "-"], LEGACY);
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    let namespace = namespaces.get(&home.namespace).await.unwrap();
    let heir = Owner {
        uid: uuid::Uuid::new_v4()
            .simple()
            .to_string()
            .try_into()
            .unwrap(),
        ..home.owner.clone()
    };
    let former = Former {
        object: namespace.uid().unwrap(),
        uid: Some(home.owner.uid.to_string()),
        app: Some(home.owner.app),
    };
    let by_heir = App {
        owner: heir.clone(),
        ..home.app()
    };
    adopt(&by_heir, &former, &[]).await.unwrap();
    let mut applied = Applied::default();
    let objects = home.objects(CONFIG_MAP).await;
    apply(&home.cluster, &objects, &heir, &mut applied, |_| {})
        .await
        .unwrap();
    let maps: Api<ConfigMap> = home.api();
    let map = maps.get("settings").await.unwrap();
    assert_eq!(keys(&map), ["a", "b"]);
    assert_eq!(map.labels()["chandlery.dev/uid"], heir.uid.as_str());
}

#[tokio::test]
async fn a_misspelt_field_is_refused_with_its_line() {
    let home = Home::with_namespace().await;
    let text = together(&[CONFIG_MAP, &DEPLOYMENT.replace("image:", "imagee:")]);
    let objects = home.objects(&text).await;
    let mut applied = Applied::default();
    let problem = apply(&home.cluster, &objects, &home.owner, &mut applied, |_| {})
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "apply_refused");
    assert_eq!(problem.manifest.as_deref(), Some("Test"));
    assert_eq!(problem.document, Some(2));
    assert_eq!(problem.object.as_deref(), Some("Deployment/web"));
    assert_eq!(
        problem.field.as_deref(),
        Some("spec.template.spec.containers[0].imagee")
    );
    let line = text
        .lines()
        .position(|line| line.contains("imagee"))
        .unwrap()
        + 1;
    assert_eq!(problem.line.map(|line| line as usize), Some(line));
    assert!(
        problem.message.contains("field not declared in schema"),
        "{problem}"
    );
    assert!(!problem.retry);
    // What had been applied before is known.
    assert_eq!(applied.created, 1);
    assert_eq!(applied.inventory.len(), 1);
}

#[tokio::test]
async fn a_wrong_value_is_refused_with_the_servers_own_words() {
    let home = Home::with_namespace().await;
    let service = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  ports:\n    - port: 99999\n  selector: {app: web}\n";
    let problem = home.apply(service).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "apply_refused");
    assert_eq!(problem.field.as_deref(), Some("spec.ports[0].port"));
    assert_eq!(problem.line, Some(7));
    assert!(
        problem.message.contains("must be between 1 and 65535"),
        "{problem}"
    );

    let number =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: numbers\ndata:\n  password: 12345\n";
    let problem = home.apply(number).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "apply_refused");
    assert_eq!(
        (problem.field.as_deref(), problem.line),
        (Some("data.password"), Some(6)),
        "{problem}"
    );
    assert!(
        problem.hint.as_ref().unwrap().contains("Quote"),
        "{problem}"
    );
    assert!(!problem.to_string().contains("12345"), "{problem}");
}

#[tokio::test]
async fn a_field_that_cannot_be_changed_is_explained() {
    let home = Home::with_namespace().await;
    home.apply(DEPLOYMENT).await.unwrap();
    let problem = home
        .apply(&DEPLOYMENT.replace("app: web", "app: other"))
        .await
        .unwrap_err();
    assert_eq!(problem.code.as_str(), "apply_refused");
    assert!(
        problem
            .field
            .as_deref()
            .unwrap()
            .starts_with("spec.selector"),
        "{problem}"
    );
    assert!(problem.message.contains("immutable"), "{problem}");
    assert!(problem.hint.unwrap().contains("cannot be changed"));
}

#[tokio::test]
async fn an_object_outside_the_namespace_that_is_not_ours_is_never_taken_over() {
    let home = Home::with_namespace().await;
    let roles: Api<ClusterRole> = Api::all(home.client.clone());
    let foreign: ClusterRole =
        serde_json::from_value(json!({"metadata": {"name": home.namespace}, "rules": []})).unwrap();
    roles
        .create(&PostParams::default(), &foreign)
        .await
        .unwrap();
    let text = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {}\nrules:\n  - apiGroups: ['*']\n    resources: ['*']\n    verbs: ['*']\n",
        home.namespace
    );
    let problem = home.apply(&text).await.unwrap_err();
    assert_eq!(problem.code.as_str(), "object_foreign");
    assert!(
        roles
            .get(&home.namespace)
            .await
            .unwrap()
            .rules
            .unwrap_or_default()
            .is_empty()
    );
}

#[tokio::test]
async fn generated_values_stay_in_the_cluster_and_the_same() {
    let home = Home::new().await;
    let rules = [Rule {
        key: "postgres_password".to_owned(),
        length: 32,
        alphabet: Alphabet::Alphanumeric,
    }];
    assert!(generated::read(&home.app()).await.unwrap().is_empty());
    let values = generated::fill(generated::Generated::new(), &rules);
    namespace::ensure(&home.app()).await.unwrap();
    generated::store(&home.app(), &values).await.unwrap();
    generated::store(&home.app(), &values).await.unwrap();

    let read = generated::read(&home.app()).await.unwrap();
    assert_eq!(
        read["postgres_password"].expose_secret(),
        values["postgres_password"].expose_secret()
    );

    // A further rule adds its value and leaves the others.
    let more = [
        rules[0].clone(),
        Rule {
            key: "odoo_admin_password".to_owned(),
            length: 20,
            alphabet: Alphabet::Hex,
        },
    ];
    let filled = generated::fill(read, &more);
    generated::store(&home.app(), &filled).await.unwrap();
    let secrets: Api<Secret> = home.api();
    let secret = secrets.get("chandlery-generated").await.unwrap();
    let data = secret.data.clone().unwrap();
    assert_eq!(
        data.keys().collect::<Vec<_>>(),
        ["odoo_admin_password", "postgres_password"]
    );
    assert_eq!(
        data["postgres_password"].0,
        values["postgres_password"].expose_secret().as_bytes()
    );

    // Made by somebody else at the same moment: the next attempt uses those.
    let other = generated::fill(generated::Generated::new(), &rules);
    let problem = generated::store(&home.app(), &other).await.unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("generated_secret", true)
    );
    assert!(
        !problem
            .to_string()
            .contains(other["postgres_password"].expose_secret())
    );
}

#[tokio::test]
async fn pruning_removes_what_is_gone_from_the_manifests_but_never_volumes() {
    let home = Home::with_namespace().await;
    let old = home
        .apply(&together(&[
            CONFIG_MAP,
            CLAIM,
            &CONFIG_MAP.replace("settings", "stays"),
            &CONFIG_MAP.replace("settings", "theirs"),
        ]))
        .await
        .unwrap()
        .inventory;
    // Somebody took this one over by taking our label off.
    let maps: Api<ConfigMap> = home.api();
    let take_over = json!({"metadata": {"labels": {"chandlery.dev/uid": null}}});
    maps.patch("theirs", &PatchParams::default(), &Patch::Merge(take_over))
        .await
        .unwrap();
    let new = vec![
        old.iter()
            .find(|reference| reference.name == "stays")
            .unwrap()
            .clone(),
    ];

    let pruned = prune(&home.app(), &old, None, &new).await.unwrap();
    assert_eq!(
        pruned,
        Pruned {
            removed: vec![
                old.iter()
                    .find(|reference| reference.name == "settings")
                    .unwrap()
                    .clone()
            ],
            kept: vec![reference("PersistentVolumeClaim", &old)],
            ..Pruned::default()
        }
    );
    let mut names: Vec<String> = maps
        .list(&ListParams::default())
        .await
        .unwrap()
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    names.retain(|name| name != "kube-root-ca.crt");
    assert_eq!(names, ["stays", "theirs"]);
    assert_eq!(
        prune(&home.app(), &old, None, &new).await.unwrap().removed,
        []
    );
}

#[tokio::test]
async fn what_was_noted_before_it_was_applied_is_pruned_though_no_inventory_names_it() {
    let home = Home::with_namespace().await;
    let app = home.app();
    let no_note = inventory::announce(&app, None, &[]).await.unwrap();
    assert_eq!(no_note, None, "what was brought before may be anything");
    inventory::write(&app, &[]).await.unwrap();
    let applied = home
        .apply(&together(&[
            CONFIG_MAP,
            CLAIM,
            &CONFIG_MAP.replace("settings", "stays"),
        ]))
        .await
        .unwrap()
        .inventory;
    let mut wanted = applied.clone();
    wanted.push(ObjectRef {
        name: "not-yet".to_owned(),
        ..wanted[0].clone()
    });
    let before = inventory::announce(&app, None, &wanted).await.unwrap();
    assert_eq!(before, Some(Vec::new()));
    let seen = observe(&app).await.unwrap().objects;
    let gone = |seen: &&ObjectSeen| seen.health == Health::NotFound;
    assert_eq!(seen.iter().find(gone), None, "it was never there");

    // The attempt was killed here, and the next one brings one of the objects only.
    let stays: Vec<ObjectRef> = applied
        .iter()
        .filter(|object| object.name == "stays")
        .cloned()
        .collect();
    let noted = inventory::announce(&app, None, &stays).await.unwrap();
    assert_eq!(noted.as_ref(), Some(&wanted));
    let pruned = prune(&app, &[], noted.as_deref(), &stays).await.unwrap();
    let removed: Vec<&str> = pruned.removed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(removed, ["settings"]);
    assert_eq!(pruned.kept, [reference("PersistentVolumeClaim", &applied)]);
}

#[tokio::test]
async fn what_a_killed_attempt_has_applied_is_pruned_though_no_inventory_names_it() {
    let home = Home::with_namespace().await;
    let applied = home
        .apply(&together(&[
            CONFIG_MAP,
            CLAIM,
            &CONFIG_MAP.replace("settings", "stays"),
            &CONFIG_MAP.replace("settings", "chandlery-mail"),
        ]))
        .await
        .unwrap()
        .inventory;
    // A controller has given its own object our labels, as some do with the labels of what they work for.
    let maps: Api<ConfigMap> = home.api();
    let by_controller: ConfigMap = serde_json::from_value(json!({
        "metadata": {"name": "by-controller", "labels": home.owner.object_labels()},
    }))
    .unwrap();
    maps.create(&PostParams::default(), &by_controller)
        .await
        .unwrap();
    let stays = applied
        .iter()
        .find(|reference| reference.name == "stays")
        .unwrap();

    let pruned = prune(&home.app(), &[], None, std::slice::from_ref(stays))
        .await
        .unwrap();
    let removed: Vec<&str> = pruned.removed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(removed, ["settings"]);
    let left = maps.list(&ListParams::default()).await.unwrap();
    let mut names: Vec<String> = left.iter().map(ResourceExt::name_any).collect();
    names.retain(|name| name != "kube-root-ca.crt");
    assert_eq!(names, ["by-controller", "chandlery-mail", "stays"]);
    let claims: Api<PersistentVolumeClaim> = home.api();
    assert_eq!(
        claims
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .len(),
        1
    );
}

#[tokio::test]
async fn readiness_waits_for_deployments_and_volumes() {
    let home = Home::with_namespace().await;
    let applied = home.apply(&together(&[CLAIM, DEPLOYMENT])).await.unwrap();
    let mut told = Vec::new();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |message| {
        told.push(message.to_string())
    })
    .await
    .unwrap();
    assert!(told.iter().all(|message| !message.is_empty()));
    // After a change it waits for the new version, not for the old one that is still ready.
    home.apply(
        &DEPLOYMENT
            .replace("web:1", "web:2")
            .replace("replicas: 1", "replicas: 2"),
    )
    .await
    .unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    let pods: Api<Pod> = home.api();
    let new = pods
        .list(&ListParams::default().labels("app=web"))
        .await
        .unwrap()
        .iter()
        .filter(|pod| {
            pod.spec.as_ref().unwrap().containers[0].image.as_deref()
                == Some("registry.example.com/web:2")
        })
        .count();
    assert_eq!(new, 2);
}

#[tokio::test]
async fn a_pod_that_fits_on_no_node_is_named_after_the_wait() {
    let home = Home::with_namespace().await;
    let text = DEPLOYMENT.replace(
        "      containers:",
        "      nodeSelector: {no: such}\n      containers:",
    );
    let applied = home.apply(&text).await.unwrap();
    home.pod_that("waits for a node", |pod| {
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_ref());
        conditions.is_some_and(|all| {
            all.iter()
                .any(|one| one.reason.as_deref() == Some("Unschedulable"))
        })
    })
    .await;
    let mut told = Vec::new();
    let problem = wait_until_ready(
        &home.cluster,
        &applied.inventory,
        Duration::from_secs(1),
        |message| told.push(message.to_string()),
    )
    .await
    .unwrap_err();
    assert_eq!((problem.code.as_str(), problem.retry), ("not_ready", false));
    assert_eq!(problem.object.as_deref(), Some("Deployment/web"));
    assert!(
        problem
            .message
            .contains("cannot be scheduled: Unschedulable"),
        "{problem}"
    );
    assert!(told.last().unwrap().contains("Unschedulable"), "{told:?}");

    let seen = observe(&home.app()).await.unwrap();
    assert_eq!(seen.state, State::Degraded);
    assert!(seen.message.contains("Unschedulable"), "{}", seen.message);
    let [object] = &seen.objects[..] else {
        panic!("{:?}", seen.objects);
    };
    assert_eq!(object.object.to_string(), "Deployment/web");
    assert_eq!(object.health, Health::InProgress);
    assert!(object.message.contains("Unschedulable"), "{object:?}");
}

/// A Deployment on a node that nothing simulates, so that its pod's status is the test's own.
async fn on_a_node_of_our_own(home: &Home) -> Applied {
    let nodes: Api<Node> = Api::all(home.client.clone());
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": home.namespace, "labels": {"rooms": home.namespace}},
        "spec": {"taints": [{"key": "rooms", "effect": "NoSchedule"}]},
    }))
    .unwrap();
    nodes.create(&PostParams::default(), &node).await.unwrap();
    let status = json!({"status": {
        "capacity": {"cpu": "4", "memory": "4Gi", "pods": "10"},
        "allocatable": {"cpu": "4", "memory": "4Gi", "pods": "10"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "", "lastHeartbeatTime": null, "lastTransitionTime": null}],
    }});
    nodes
        .patch_status(
            &home.namespace,
            &PatchParams::default(),
            &Patch::Merge(status),
        )
        .await
        .unwrap();
    let text = DEPLOYMENT.replace(
        "      containers:",
        &format!("      nodeSelector: {{rooms: {}}}\n      tolerations: [{{operator: Exists}}]\n      containers:", home.namespace),
    );
    home.apply(&text).await.unwrap()
}

async fn set_waiting(home: &Home, state: Value) {
    let pods: Api<Pod> = home.api();
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [{
        "name": "web", "image": "registry.example.com/web:1", "imageID": "", "ready": false, "restartCount": 3, "state": state,
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }]}});
    pods.patch_status(
        &home.pod().await,
        &PatchParams::default(),
        &Patch::Merge(status),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn an_image_that_cannot_be_pulled_is_waited_for_and_then_named() {
    let home = Home::with_namespace().await;
    let applied = on_a_node_of_our_own(&home).await;
    set_waiting(
        &home,
        json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}),
    )
    .await;
    let problem = wait_until_ready(
        &home.cluster,
        &applied.inventory,
        Duration::from_secs(3),
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(
        problem
            .message
            .contains("cannot pull its image registry.example.com/web:1: ImagePullBackOff"),
        "{problem}"
    );
    assert!(problem.hint.unwrap().contains("registry"));

    set_waiting(&home, json!({"waiting": {"reason": "CrashLoopBackOff"}})).await;
    let problem = wait_until_ready(
        &home.cluster,
        &applied.inventory,
        Duration::from_secs(3),
        |_| {},
    )
    .await
    .unwrap_err();
    assert!(problem.message.contains("CrashLoopBackOff"), "{problem}");
    assert!(
        problem
            .message
            .contains("restarted 3 times, last exit code 1"),
        "{problem}"
    );
}

#[tokio::test]
async fn an_image_name_that_is_none_fails_at_once() {
    let home = Home::with_namespace().await;
    let applied = on_a_node_of_our_own(&home).await;
    set_waiting(
        &home,
        json!({"waiting": {"reason": "InvalidImageName", "message": "couldn't parse image name"}}),
    )
    .await;
    // So long nobody waits.
    let day = Duration::from_secs(24 * 60 * 60);
    let waiting = wait_until_ready(&home.cluster, &applied.inventory, day, |_| {});
    let ended = tokio::time::timeout(LIMIT, waiting).await;
    let problem = ended.expect("not at once").unwrap_err();
    assert!(problem.message.contains("InvalidImageName"), "{problem}");
}

#[tokio::test]
async fn the_ingress_is_read_with_hosts_addresses_and_tls() {
    let home = Home::with_namespace().await;
    home.apply(CONFIG_MAP).await.unwrap();
    let app = home.app();
    let read = || ingress::read(&app);
    assert_eq!(read().await.unwrap().state, IngressState::None);

    let host = format!("{}.apps.localhost", home.namespace);
    let text = format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\nspec:\n  ingressClassName: nobody\n  tls:\n    - hosts: [{host}]\n  rules:\n    - host: {host}\n      http:\n        paths:\n          - path: /\n            pathType: Prefix\n            backend:\n              service: {{name: web, port: {{number: 80}}}}\n"
    );
    home.apply(&text).await.unwrap();
    let waiting = read().await.unwrap();
    assert_eq!(waiting.state, IngressState::NoAddress);
    assert_eq!(waiting.hosts, std::slice::from_ref(&host));
    assert!(waiting.tls);
    assert!(
        waiting
            .message
            .contains("has not written an address to web"),
        "{}",
        waiting.message
    );

    // As an ingress controller does.
    let ingresses: Api<k8s_openapi::api::networking::v1::Ingress> = home.api();
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    ingresses
        .patch_status("web", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
    let ready = read().await.unwrap();
    assert_eq!(
        (ready.state, ready.addresses.as_slice()),
        (IngressState::Ready, ["192.0.2.1".to_owned()].as_slice())
    );
}

#[tokio::test]
async fn an_app_is_seen_missing_running_and_stopped() {
    let home = Home::new().await;
    let state = || async { observe(&home.app()).await.unwrap() };
    assert_eq!(state().await.state, State::Missing);
    namespace::ensure(&home.app()).await.unwrap();
    assert_eq!(state().await.state, State::Missing);
    let applied = home.apply(&together(&[CLAIM, DEPLOYMENT])).await.unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    let running = state().await;
    assert_eq!(
        (running.state, running.message.as_str()),
        (State::Running, "")
    );
    let stopped = home
        .apply(&DEPLOYMENT.replace("replicas: 1", "replicas: 0"))
        .await
        .unwrap();
    wait_until_ready(&home.cluster, &stopped.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    assert_eq!(state().await.state, State::Stopped);
}

/// Nothing is asked twice of the API server that a watch tells, and nothing is believed that is older than what was
/// applied.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_watched_cluster_is_known_what_was_applied_and_what_came_of_it() {
    let home = Home::watched().await;
    let ingress = format!(
        "\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\nspec:\n  ingressClassName: nobody\n  rules:\n    - host: {}.apps.localhost\n      http:\n        paths:\n          - path: /\n            pathType: Prefix\n            backend:\n              service: {{name: web, port: {{number: 80}}}}\n",
        home.namespace
    );
    let text = together(&[CLAIM, CONFIG_MAP, DEPLOYMENT, &ingress]);
    deploy(&home, &text).await;
    let running = home.recalled(|seen| seen.state == State::Running).await;
    let looked_at = Observation {
        seen_at: running.seen_at,
        ..observe(&home.app()).await.unwrap()
    };
    assert_eq!(running, looked_at);
    assert_eq!(running.ingress.state, IngressState::NoAddress);

    // A new version is under way from the moment on in which it was applied, whatever the watch has told by then.
    for tag in 2..7 {
        let newer = home
            .apply(&DEPLOYMENT.replace("web:1", &format!("web:{tag}")))
            .await
            .unwrap();
        wait_until_ready(&home.cluster, &newer.inventory, LIMIT, |_| {})
            .await
            .unwrap();
        let deployments: Api<Deployment> = home.api();
        let found = deployments.get("web").await.unwrap();
        let status = found.status.unwrap();
        assert_eq!(
            (status.observed_generation, status.updated_replicas),
            (found.metadata.generation, Some(1)),
            "it has not waited for the new one"
        );
    }

    kubectl(&home, &["scale", "deployment", "web", "--replicas=0"], "");
    home.recalled(|seen| seen.state == State::Stopped).await;
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    let ingresses: Api<k8s_openapi::api::networking::v1::Ingress> = home.api();
    ingresses
        .patch_status("web", &PatchParams::default(), &Patch::Merge(status))
        .await
        .unwrap();
    let ready = |seen: &Observation| seen.ingress.state == IngressState::Ready;
    home.recalled(ready).await;
    assert_eq!(
        ingress::read(&home.app()).await.unwrap().addresses,
        ["192.0.2.1"]
    );
    kubectl(&home, &["delete", "deployment", "web"], "");
    let gone = |seen: &Observation| seen.message.contains("it is no longer in the cluster");
    home.recalled(gone).await;
    kubectl(&home, &["delete", "namespace", &home.namespace], "");
    home.recalled(|seen| seen.state == State::Missing).await;
}

async fn seen(home: &Home) -> (State, String) {
    let seen = observe(&home.app()).await.unwrap();
    (seen.state, seen.message.to_string())
}

/// How each object of the app is, and whether it is known when it was made.
async fn healths(home: &Home) -> Vec<(String, Health, bool)> {
    let objects = observe(&home.app()).await.unwrap().objects;
    let one = |seen: ObjectSeen| {
        (
            seen.object.to_string(),
            seen.health,
            seen.created_at.is_some(),
        )
    };
    objects.into_iter().map(one).collect()
}

async fn deploy(home: &Home, text: &str) -> Vec<ObjectRef> {
    let inventory = home.apply(text).await.unwrap().inventory;
    wait_until_ready(&home.cluster, &inventory, LIMIT, |_| {})
        .await
        .unwrap();
    inventory::write(&home.app(), &inventory).await.unwrap();
    inventory
}

#[tokio::test]
async fn an_app_of_config_maps_and_services_alone_is_there_and_what_somebody_deletes_is_named() {
    let home = Home::with_namespace().await;
    let service = "\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";
    let more = CONFIG_MAP.replace("settings", "more");
    let secret = "\napiVersion: v1\nkind: Secret\nmetadata:\n  name: key\nstringData: {a: b}\n";
    deploy(&home, &together(&[CONFIG_MAP, service, &more, secret])).await;
    assert_eq!(seen(&home).await, (State::Running, String::new()));
    for (kind, name) in [("configmap", "settings"), ("secret", "key")] {
        kubectl(&home, &["delete", kind, name], "");
    }
    assert_eq!(
        seen(&home).await,
        (
            State::Degraded,
            "ConfigMap settings: it is no longer in the cluster; Secret key: it is no longer in the cluster".to_owned()
        )
    );
    kubectl(&home, &["delete", "configmap", "more"], "");
    kubectl(&home, &["delete", "service", "web"], "");
    let (state, message) = seen(&home).await;
    assert_eq!(state, State::Missing);
    assert!(message.starts_with("Nothing of the app is in"), "{message}");
}

#[tokio::test]
async fn of_an_app_that_runs_what_somebody_deletes_is_named_too() {
    let home = Home::with_namespace().await;
    deploy(&home, &together(&[CONFIG_MAP, DEPLOYMENT])).await;
    assert_eq!(seen(&home).await, (State::Running, String::new()));
    kubectl(&home, &["delete", "configmap", "settings"], "");
    let gone = "ConfigMap settings: it is no longer in the cluster".to_owned();
    assert_eq!(seen(&home).await, (State::Degraded, gone));
    assert_eq!(
        healths(&home).await,
        [
            ("ConfigMap/settings".to_owned(), Health::NotFound, false),
            ("Deployment/web".to_owned(), Health::Current, true),
        ]
    );
    // Nothing of it runs, whatever else is there.
    deploy(&home, &together(&[CONFIG_MAP, DEPLOYMENT])).await;
    kubectl(&home, &["delete", "deployment", "web"], "");
    let (state, message) = seen(&home).await;
    assert_eq!(state, State::Missing);
    assert!(message.starts_with("Nothing of the app runs"), "{message}");
}

#[tokio::test]
async fn an_app_of_a_job_alone_is_there_also_when_the_job_was_done_and_removed() {
    let home = Home::with_namespace().await;
    let job = "\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: once\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - name: once\n          image: registry.example.com/once:1\n";
    deploy(&home, job).await;
    assert_eq!(seen(&home).await, (State::Running, String::new()));
    kubectl(&home, &["delete", "job", "once"], "");
    assert_eq!(seen(&home).await, (State::Running, String::new()));
}

#[tokio::test]
async fn a_claim_that_no_pod_uses_is_there_though_it_waits_for_its_first_pod() {
    let home = Home::with_namespace().await;
    let class = format!(
        "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {{name: {}}}\nprovisioner: kubernetes.io/host-path\nvolumeBindingMode: WaitForFirstConsumer\n",
        home.namespace
    );
    kubectl(&home, &["apply", "-f", "-"], &class);
    let claim = CLAIM.replace(
        "spec:\n",
        &format!("spec:\n  storageClassName: {}\n", home.namespace),
    );
    deploy(&home, &claim).await;
    assert_eq!(seen(&home).await, (State::Running, String::new()));
    kubectl(&home, &["delete", "storageclass", &home.namespace], "");
}

#[tokio::test]
async fn an_app_with_nothing_to_stop_is_stopped_and_started_all_the_same() {
    let home = Home::with_namespace().await;
    deploy(&home, CONFIG_MAP).await;
    let app = &home.app();
    let stopped = stop(app, LIMIT, |_| {}).await.unwrap();
    assert_eq!(stopped, Stopped::default());
    assert_eq!(seen(&home).await, (State::Stopped, String::new()));
    assert_eq!(start(app).await.unwrap(), []);
    assert_eq!(seen(&home).await, (State::Running, String::new()));
}

/// By the rules of kstatus.
#[tokio::test]
async fn an_app_of_custom_resources_alone_is_as_these_say_themselves() {
    let home = Home::with_namespace().await;
    let group = format!("{}.example.com", home.namespace);
    let crd = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: things.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: Thing, plural: things}}\n  versions:\n    - name: v1\n      served: true\n      storage: true\n      subresources: {{status: {{}}}}\n      schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}\n"
    );
    kubectl(&home, &["apply", "-f", "-"], &crd);
    let name = format!("crd/things.{group}");
    kubectl(&home, &["wait", "--for=condition=Established", &name], "");
    let thing =
        format!("apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: one}}\nspec: {{a: 1}}\n");
    kubectl(&home, &["apply", "-f", "-"], &thing);
    // What the cluster serves is known for half a minute: this one has not asked yet.
    let app = App {
        cluster: Cluster::connect(&access()).await.unwrap(),
        ..home.app()
    };
    let inventory = [ObjectRef {
        api_version: format!("{group}/v1"),
        kind: "Thing".to_owned(),
        namespace: Some(home.namespace.clone()),
        name: "one".to_owned(),
    }];
    inventory::write(&app, &inventory).await.unwrap();
    let seen = || async {
        let seen = observe(&app).await.unwrap();
        (seen.state, seen.message.to_string())
    };
    assert_eq!(
        seen().await,
        (State::Running, String::new()),
        "it says nothing of itself"
    );
    let resource = format!("things.{group}");
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": format!("{kind} it is")});
    for (status, expected) in [
        (
            json!({"observedGeneration": 0}),
            "Thing one: its controller has not yet seen generation 1, only 0",
        ),
        (
            json!({"observedGeneration": 1, "conditions": [condition("Reconciling", "True")]}),
            "Thing one: Reconciling it is",
        ),
        (
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "False")]}),
            "Thing one: Ready it is",
        ),
        (
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "Unknown")]}),
            "Thing one: Ready it is",
        ),
        (
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "True"), condition("Stalled", "True")]}),
            "Thing one: Stalled it is",
        ),
        (
            json!({"observedGeneration": 1, "conditions": [condition("Ready", "True"), condition("Stalled", "False"), condition("Reconciling", "False")]}),
            "",
        ),
    ] {
        let patch = json!({"status": {"conditions": null}}).to_string();
        kubectl(
            &home,
            &[
                "patch",
                &resource,
                "one",
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ],
            "",
        );
        let patch = json!({"status": status}).to_string();
        kubectl(
            &home,
            &[
                "patch",
                &resource,
                "one",
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ],
            "",
        );
        let state = if expected.is_empty() {
            State::Running
        } else {
            State::Degraded
        };
        assert_eq!(seen().await, (state, expected.to_owned()));
        if expected.contains("Stalled") {
            let problem = wait_until_ready(&app.cluster, &inventory, LIMIT, |_| {})
                .await
                .unwrap_err();
            assert!(problem.message.contains("Stalled it is"), "{problem}");
        }
    }
    let held = json!({"metadata": {"finalizers": ["example.com/held"]}}).to_string();
    kubectl(
        &home,
        &["patch", &resource, "one", "--type=merge", "-p", &held],
        "",
    );
    kubectl(&home, &["delete", &resource, "one", "--wait=false"], "");
    assert_eq!(
        seen().await,
        (State::Degraded, "Thing one: it is being deleted".to_owned())
    );
    let let_go = json!({"metadata": {"finalizers": null}}).to_string();
    kubectl(
        &home,
        &["patch", &resource, "one", "--type=merge", "-p", &let_go],
        "",
    );
    assert_eq!(seen().await.0, State::Missing);
    kubectl(&home, &["delete", &name, "--wait=false"], "");
}

/// A cluster that answers as the test says.
async fn double() -> (Cluster, wiremock::MockServer, tempfile::TempDir) {
    install_tls();
    let server = wiremock::MockServer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig_text(&server.uri(), "token")).unwrap();
    let access = Access::Kubeconfig {
        path,
        context: None,
    };
    (Cluster::connect(&access).await.unwrap(), server, folder)
}

#[tokio::test]
async fn the_end_of_the_log_of_a_failed_job_is_that_of_its_newest_failed_pod() {
    use wiremock::matchers::{path, query_param};
    let (cluster, server, _folder) = double().await;
    let pod = |name: &str, at: &str, exit: i32| {
        json!({
            "metadata": {"name": name, "creationTimestamp": at},
            "status": {"phase": if exit == 0 { "Succeeded" } else { "Failed" }, "containerStatuses": [{
                "name": "copy", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": exit}},
            }]},
        })
    };
    let pods = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [
        pod("copy-old", "2026-11-21T08:00:00Z", 1),
        pod("copy-new", "2026-11-21T08:01:00Z", 1),
        pod("copy-good", "2026-11-21T08:02:00Z", 0),
    ]});
    wiremock::Mock::given(path("/api/v1/namespaces/shop/pods"))
        .and(query_param(
            "labelSelector",
            "batch.kubernetes.io/job-name=copy",
        ))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(pods))
        .mount(&server)
        .await;
    wiremock::Mock::given(path("/api/v1/namespaces/shop/pods/copy-new/log"))
        .and(query_param("container", "copy"))
        .and(query_param("tailLines", "20"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_string("dump\nno space left\n"))
        .mount(&server)
        .await;
    let end = logs::end_of_log(&cluster, "shop", "copy").await.unwrap();
    assert_eq!(
        (end.pod.as_str(), end.container.as_str()),
        ("copy-new", "copy")
    );
    assert_eq!(logs::last_bytes(&end.text), "dump\nno space left");

    let none = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []});
    wiremock::Mock::given(query_param(
        "labelSelector",
        "batch.kubernetes.io/job-name=gone",
    ))
    .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(none))
    .mount(&server)
    .await;
    let reason = logs::end_of_log(&cluster, "shop", "gone")
        .await
        .unwrap_err();
    assert_eq!(reason, "no pod of it is left");
}

#[tokio::test]
async fn the_logs_of_all_failing_containers_are_read_those_before_a_restart_too() {
    use wiremock::matchers::{path, query_param};
    let (cluster, server, _folder) = double().await;
    let container = |name: &str, state: Value, last: Value| {
        json!({
            "name": name, "image": "", "imageID": "", "ready": false, "restartCount": 2,
            "state": state, "lastState": last,
        })
    };
    let bad = json!({"terminated": {"exitCode": 1}});
    let crashing = json!({"waiting": {"reason": "CrashLoopBackOff"}});
    let pods = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [{
        "metadata": {"name": "web-1"},
        "status": {
            "initContainerStatuses": [container("migrate", bad.clone(), json!({}))],
            "containerStatuses": [container("web", crashing, bad)],
        },
    }]});
    wiremock::Mock::given(path("/api/v1/namespaces/shop/pods"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_json(pods))
        .mount(&server)
        .await;
    let log = |text: &str| wiremock::ResponseTemplate::new(200).set_body_string(text);
    wiremock::Mock::given(path("/api/v1/namespaces/shop/pods/web-1/log"))
        .and(query_param("container", "migrate"))
        .respond_with(log("no database\n"))
        .mount(&server)
        .await;
    wiremock::Mock::given(path("/api/v1/namespaces/shop/pods/web-1/log"))
        .and(query_param("container", "web"))
        .and(query_param("previous", "true"))
        .respond_with(log("no port\n"))
        .mount(&server)
        .await;
    let ends = logs::of_pods(&cluster, "shop", "app=web").await;
    let ends: Vec<(&str, &str)> = ends
        .iter()
        .map(|end| (end.container.as_str(), end.text.as_str()))
        .collect();
    assert_eq!(ends, [("migrate", "no database\n"), ("web", "no port\n")]);
}

#[tokio::test]
async fn a_delete_that_keeps_volumes_keeps_the_passwords_too_and_nothing_else() {
    let home = Home::with_namespace().await;
    let values = generated::fill(
        generated::Generated::new(),
        &[Rule {
            key: "x".to_owned(),
            length: 8,
            alphabet: Alphabet::Hex,
        }],
    );
    generated::store(&home.app(), &values).await.unwrap();
    let applied = home
        .apply(&together(&[CONFIG_MAP, CLAIM, DEPLOYMENT]))
        .await
        .unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    // The inventory may have lost one: it is found by its labels.
    let inventory: Vec<ObjectRef> = applied
        .inventory
        .iter()
        .filter(|reference| reference.kind != "ConfigMap")
        .cloned()
        .collect();

    let deleted = home.delete(&inventory, true).await.unwrap();
    assert!(!deleted.namespace_deleted);
    assert_eq!(deleted.objects, 2);
    assert_eq!(
        deleted.kept,
        [reference("PersistentVolumeClaim", &applied.inventory)]
    );
    let pods: Api<Pod> = home.api();
    assert_eq!(pods.list(&ListParams::default()).await.unwrap().items, []);
    let secrets: Api<Secret> = home.api();
    assert!(
        secrets
            .get_opt("chandlery-generated")
            .await
            .unwrap()
            .is_some()
    );
    let maps: Api<ConfigMap> = home.api();
    assert!(maps.get_opt("settings").await.unwrap().is_none());
    assert_eq!(observe(&home.app()).await.unwrap().state, State::Missing);

    // Once more: nothing left to do.
    assert_eq!(home.delete(&inventory, true).await.unwrap().objects, 0);
}

#[tokio::test]
async fn an_app_that_begins_anew_loses_its_volumes_and_keeps_its_passwords() {
    let home = Home::with_namespace().await;
    let rules = [Rule {
        key: "postgres_password".to_owned(),
        length: 16,
        alphabet: Alphabet::Hex,
    }];
    let values = generated::fill(Default::default(), &rules);
    generated::store(&home.app(), &values).await.unwrap();
    let inventory = home
        .apply(&together(&[CLAIM, DEPLOYMENT, CONFIG_MAP]))
        .await
        .unwrap()
        .inventory;
    // As a StatefulSet makes them: without our labels.
    let claims: Api<PersistentVolumeClaim> = home.api();
    let mut unnamed = claims.get("data").await.unwrap();
    unnamed.metadata = kube::core::ObjectMeta {
        name: Some("data-db-0".to_owned()),
        ..Default::default()
    };
    unnamed.spec.as_mut().unwrap().volume_name = None;
    claims
        .create(&PostParams::default(), &unnamed)
        .await
        .unwrap();

    for objects in [4, 0] {
        let deleted = delete(&home.app(), &inventory, Keep::Passwords, LIMIT, |_| {})
            .await
            .unwrap();
        assert_eq!(deleted.kept, []);
        assert!(!deleted.namespace_deleted);
        assert_eq!(deleted.objects, objects);
        assert_eq!(
            claims
                .list(&ListParams::default())
                .await
                .unwrap()
                .items
                .len(),
            0
        );
        let kept = generated::read(&home.app()).await.unwrap();
        assert_eq!(
            kept["postgres_password"].expose_secret(),
            values["postgres_password"].expose_secret()
        );
    }
}

#[tokio::test]
async fn a_delete_without_keeping_volumes_removes_the_namespace() {
    let home = Home::with_namespace().await;
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {}\nrules: []\n",
        home.namespace
    );
    let applied = home
        .apply(&together(&[CONFIG_MAP, CLAIM, &role]))
        .await
        .unwrap();
    let mut told = Vec::new();
    let deleted = delete(
        &home.app(),
        &applied.inventory,
        Keep::Nothing,
        LIMIT,
        |message| told.push(message.to_string()),
    )
    .await
    .unwrap();
    assert!(deleted.namespace_deleted);
    assert_eq!(deleted.objects, 3);
    assert!(told[0].contains(&home.namespace), "{told:?}");
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    assert!(namespaces.get_opt(&home.namespace).await.unwrap().is_none());
    let roles: Api<ClusterRole> = Api::all(home.client.clone());
    assert!(
        roles.get_opt(&home.namespace).await.unwrap().is_none(),
        "what stands outside goes too"
    );

    let again = home.delete(&applied.inventory, false).await.unwrap();
    assert!(again.namespace_deleted);
}

#[tokio::test]
async fn what_cannot_be_deleted_in_time_is_named() {
    let home = Home::with_namespace().await;
    let applied = home.apply(CONFIG_MAP).await.unwrap();
    let maps: Api<ConfigMap> = home.api();
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(hold))
        .await
        .unwrap();
    let problem = delete(
        &home.app(),
        &applied.inventory,
        Keep::Volumes,
        Duration::from_secs(1),
        |_| {},
    )
    .await
    .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("not_deleted", true)
    );
    assert!(problem.message.contains("ConfigMap/settings"), "{problem}");
    let release = json!({"metadata": {"finalizers": null}});
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(release))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_is_waited_for_by_trying_again() {
    let home = Home::with_namespace().await;
    home.apply(CONFIG_MAP).await.unwrap();
    let maps: Api<ConfigMap> = home.api();
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(hold))
        .await
        .unwrap();
    let namespaces: Api<Namespace> = Api::all(home.client.clone());
    namespaces
        .delete(&home.namespace, &DeleteParams::background())
        .await
        .unwrap();

    let problem = namespace::ensure(&home.app()).await.unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("namespace_terminating", true)
    );
    let problem = home
        .apply(&CONFIG_MAP.replace("settings", "late"))
        .await
        .unwrap_err();
    assert_eq!(
        (problem.code.as_str(), problem.retry),
        ("namespace_terminating", true)
    );
    let release = json!({"metadata": {"finalizers": null}});
    maps.patch("settings", &PatchParams::default(), &Patch::Merge(release))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_fails_fails_the_wait_and_one_that_completes_ends_it() {
    let home = Home::with_namespace().await;
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: NAME\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      nodeSelector: {no: such}\n      containers:\n        - name: once\n          image: registry.example.com/once:1\n";
    let failing = home.apply(&job.replace("NAME", "failing")).await.unwrap();
    let jobs: Api<k8s_openapi::api::batch::v1::Job> = home.api();
    jobs.patch(
        "failing",
        &PatchParams::default(),
        &Patch::Merge(json!({"spec": {"activeDeadlineSeconds": 1}})),
    )
    .await
    .unwrap();
    let problem = wait_until_ready(&home.cluster, &failing.inventory, LIMIT, |_| {})
        .await
        .unwrap_err();
    assert_eq!(problem.object.as_deref(), Some("Job/failing"));
    assert!(
        problem
            .message
            .contains("was active longer than specified deadline"),
        "{problem}"
    );

    let completing = home
        .apply(
            &job.replace("NAME", "completing")
                .replace("      nodeSelector: {no: such}\n", ""),
        )
        .await
        .unwrap();
    wait_until_ready(&home.cluster, &completing.inventory, LIMIT, |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn changes_are_counted_per_object() {
    let home = Home::with_namespace().await;
    let kinds = home.cluster.kinds().await.unwrap();
    let objects = home.objects(CONFIG_MAP).await;
    let change = || apply_object(&home.cluster, &kinds, &objects[0], &home.owner);
    assert_eq!(change().await.unwrap(), Change::Created);
    assert_eq!(change().await.unwrap(), Change::Unchanged);
}

/// Waits for an app until something is said of it.
async fn said_while_waiting(home: &Home, objects: &[ObjectRef], words: &str) {
    let (says, mut said) = tokio::sync::mpsc::unbounded_channel();
    let waiting = wait_until_ready(&home.cluster, objects, LIMIT, |message| {
        let _ = says.send(message.to_string());
    });
    let mut waiting = pin!(waiting);
    let mut last = String::new();
    loop {
        tokio::select! {
            ended = &mut waiting => panic!("{ended:?} instead of {words}; last: {last}"),
            message = said.recv() => {
                last = message.unwrap();
                if last.contains(words) {
                    return;
                }
            }
        }
    }
}

async fn with_quota(home: &Home, hard: Value) {
    let quota = json!({"metadata": {"name": "small"}, "spec": {"hard": hard}});
    let quotas: Api<ResourceQuota> = home.api();
    let quota = serde_json::from_value(quota).unwrap();
    quotas.create(&PostParams::default(), &quota).await.unwrap();
    let counted = watcher(quotas, watcher::Config::default()).applied_objects();
    let counted = counted.filter_map(|quota| {
        let status = quota.ok().and_then(|quota| quota.status);
        std::future::ready(status.and_then(|status| status.hard))
    });
    let mut counted = pin!(counted);
    tokio::time::timeout(LIMIT, counted.next()).await.unwrap();
}

#[tokio::test]
async fn a_quota_that_is_reached_while_scaling_is_told_at_once_though_a_pod_runs() {
    let home = Home::with_namespace().await;
    with_quota(&home, json!({"pods": "1"})).await;
    let applied = home.apply(DEPLOYMENT).await.unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    let more = home
        .apply(&DEPLOYMENT.replace("replicas: 1", "replicas: 3"))
        .await
        .unwrap();
    said_while_waiting(&home, &more.inventory, "exceeded quota: small").await;
}

#[tokio::test]
async fn a_stateful_set_whose_pods_are_refused_says_why() {
    let home = Home::with_namespace().await;
    with_quota(&home, json!({"pods": "0"})).await;
    let text = DEPLOYMENT
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace("spec:\n  replicas", "spec:\n  serviceName: web\n  replicas");
    let applied = home.apply(&text).await.unwrap();
    said_while_waiting(&home, &applied.inventory, "exceeded quota: small").await;
}

#[tokio::test]
async fn a_paused_deployment_is_named_at_once() {
    let home = Home::with_namespace().await;
    let applied = home
        .apply(&DEPLOYMENT.replace("  replicas: 1", "  paused: true\n  replicas: 1"))
        .await
        .unwrap();
    let day = Duration::from_secs(86_400);
    let waiting = wait_until_ready(&home.cluster, &applied.inventory, day, |_| {});
    let problem = tokio::time::timeout(LIMIT, waiting)
        .await
        .unwrap()
        .unwrap_err();
    assert!(problem.message.contains("spec.paused: true"), "{problem}");
    assert!(problem.hint.unwrap().contains("paused"));
}

#[tokio::test]
async fn a_job_that_is_done_and_removed_by_its_own_time_to_live_is_done() {
    let home = Home::with_namespace().await;
    let applied = home
        .apply("apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: quick\nspec:\n  ttlSecondsAfterFinished: 0\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        - {name: quick, image: registry.example.com/quick}\n")
        .await
        .unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
    let jobs: Api<k8s_openapi::api::batch::v1::Job> = home.api();
    let gone = kube::runtime::wait::await_condition(
        jobs,
        "quick",
        |job: Option<&k8s_openapi::api::batch::v1::Job>| job.is_none(),
    );
    tokio::time::timeout(LIMIT, gone).await.unwrap().unwrap();
    wait_until_ready(&home.cluster, &applied.inventory, LIMIT, |_| {})
        .await
        .unwrap();
}

#[tokio::test]
async fn a_claim_of_a_class_that_is_not_there_says_so() {
    let home = Home::with_namespace().await;
    let claim = CLAIM.replace("spec:", "spec:\n  storageClassName: nowhere");
    let applied = home.apply(&claim).await.unwrap();
    said_while_waiting(&home, &applied.inventory, "\"nowhere\" not found").await;
}

#[tokio::test]
async fn an_autoscaler_without_its_target_says_so() {
    let home = Home::with_namespace().await;
    let applied = home
        .apply("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: web\nspec:\n  maxReplicas: 2\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: nowhere}\n  metrics:\n    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}\n")
        .await
        .unwrap();
    // Its controller looks every 15 s.
    let scalers: Api<HorizontalPodAutoscaler> = home.api();
    let looked = kube::runtime::wait::await_condition(
        scalers,
        "web",
        |scaler: Option<&HorizontalPodAutoscaler>| {
            let status = scaler.and_then(|scaler| scaler.status.as_ref());
            status.is_some_and(|status| status.conditions.is_some())
        },
    );
    tokio::time::timeout(LIMIT, looked).await.unwrap().unwrap();
    said_while_waiting(&home, &applied.inventory, "\"nowhere\" not found").await;
}

/// A finalizer that nobody takes away.
async fn hold(home: &Home, name: &str, finalizers: Value) {
    let maps: Api<ConfigMap> = home.api();
    let held = Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    maps.patch(name, &PatchParams::default(), &held)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_a_finalizer_holds_is_not_said_to_be_removed() {
    let home = Home::with_namespace().await;
    let old = home.apply(CONFIG_MAP).await.unwrap().inventory;
    hold(&home, "settings", json!(["example.com/mine"])).await;
    for _ in 0..2 {
        let pruned = prune(&home.app(), &old, None, &[]).await.unwrap();
        assert_eq!(pruned.removed, []);
        assert_eq!(
            pruned.held[0].sentence().to_string(),
            "ConfigMap/settings (waits for the finalizer example.com/mine)"
        );
    }
    let again = home.apply(CONFIG_MAP).await.unwrap_err();
    assert_eq!(
        (again.code.as_str(), again.retry),
        ("object_terminating", true)
    );
    assert!(again.message.contains("example.com/mine"), "{again}");
    let app = home.app();
    let deleting = delete(&app, &old, Keep::Volumes, Duration::ZERO, |_| {});
    let problem = deleting.await.unwrap_err();
    assert!(
        problem
            .message
            .contains("ConfigMap/settings (waits for the finalizer example.com/mine)"),
        "{problem}"
    );
    hold(&home, "settings", json!(null)).await;
    assert_eq!(home.apply(CONFIG_MAP).await.unwrap().created, 1);
}
