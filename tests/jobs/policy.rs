//! The cluster's policy against a real API server: what it refuses, what stands in the namespace, and that our checks of
//! pods are the API server's.

use std::time::Instant;

use chandlery::kubernetes::isolation::{DEFAULT_DENY, LIMITS, QUOTA};
use chandlery::kubernetes::permissions::Kept;
use chandlery::kubernetes::{Access, Cluster};
use chandlery::manifest::policy::pod_security::findings;
use chandlery::policy::{POD_SECURITY_VERSION, PodSecurity};
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::DeleteParams;

use super::*;

/// How long the API server may take until a policy counts.
const PATIENCE: Duration = Duration::from_secs(120);

fn api<K>(app: &App) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    K::DynamicType: Default,
{
    Api::namespaced(app.client.clone(), &app.namespace)
}

async fn labels(app: &App) -> Value {
    let namespaces: Api<Namespace> = Api::all(app.client.clone());
    json!(
        namespaces
            .get(&app.namespace)
            .await
            .unwrap()
            .metadata
            .labels
    )
}

/// Which of quota, LimitRange and NetworkPolicy are there.
async fn there(app: &App) -> [bool; 3] {
    [
        api::<ResourceQuota>(app)
            .get_opt(QUOTA)
            .await
            .unwrap()
            .is_some(),
        api::<LimitRange>(app)
            .get_opt(LIMITS)
            .await
            .unwrap()
            .is_some(),
        api::<NetworkPolicy>(app)
            .get_opt(DEFAULT_DENY)
            .await
            .unwrap()
            .is_some(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_keeps_the_app_to_itself_and_the_next_one_brings_that_up_to_date() {
    with_app(|app| async move {
        let runner = runner();
        let (first, _) = run(&runner, app.job("deploy")).await;
        assert_done(&first);
        assert_eq!(there(&app).await, [true; 3]);
        let labels_before = labels(&app).await;
        for mode in ["enforce", "warn", "audit"] {
            let label = format!("pod-security.kubernetes.io/{mode}");
            assert_eq!(labels_before[&label], "baseline");
            assert_eq!(
                labels_before[format!("{label}-version")],
                POD_SECURITY_VERSION
            );
        }
        assert_eq!(labels_before["chandlery.dev/app"], app.id.to_string());
        let account = api::<ServiceAccount>(&app).get("default").await.unwrap();
        assert_eq!(account.automount_service_account_token, Some(false));
        // What a pod may write to its node's disk counts as well.
        let quota = api::<ResourceQuota>(&app).get(QUOTA).await.unwrap();
        let hard = quota.spec.unwrap().hard.unwrap();
        assert_eq!(hard["limits.ephemeral-storage"].0, "80Gi");
        assert_eq!(hard["requests.ephemeral-storage"].0, "80Gi");
        for pod in api::<Pod>(&app).list(&Default::default()).await.unwrap() {
            let resources = pod.spec.unwrap().containers[0].resources.clone().unwrap();
            let (limits, requests) = (resources.limits.unwrap(), resources.requests.unwrap());
            assert_eq!(limits["ephemeral-storage"].0, "2Gi");
            assert_eq!(requests["ephemeral-storage"].0, "0");
        }
        // Ours are in no inventory, and pruning leaves them.
        let inventory = json!(first.result.inventory).to_string();
        assert!(!inventory.contains("chandlery-"), "{inventory}");

        // Somebody takes it away, or widens it.
        let deleted = api::<NetworkPolicy>(&app);
        deleted
            .delete(DEFAULT_DENY, &DeleteParams::default())
            .await
            .unwrap();
        let mut more = after(app.job("deploy"), &first);
        more["app"]["limits"]["memory_mib"] = json!(2048);
        let (second, steps) = run(&runner, more.clone()).await;
        assert_done(&second);
        assert_eq!(
            message(&steps, StepCode::Applying),
            "5 objects, nothing changed"
        );
        assert_eq!(there(&app).await, [true; 3]);
        let quota = api::<ResourceQuota>(&app).get(QUOTA).await.unwrap();
        let hard = quota.spec.unwrap().hard.unwrap();
        assert_eq!(hard["limits.memory"].0, "2Gi");
        assert_eq!(labels(&app).await, labels_before);

        // Below `baseline` the worker brings no namespace while config/admission-pod-security.yaml is in force.
        let cluster = Cluster::connect(&Access::Kubeconfig {
            path: common::worker_kubeconfig(),
            context: None,
        })
        .await
        .unwrap();
        let until = Instant::now() + PATIENCE;
        while cluster.keeps_pods_from_nodes().await.unwrap() != Kept::Wholly {
            assert!(Instant::now() < until, "the policy is never in force");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let mut less = after(more, &second);
        less["cluster"]["policy"]["pod_security"] = json!("privileged");
        let (third, _) = run(&runner, less).await;
        let problem = third.error.unwrap();
        assert_eq!(problem.code.as_str(), "cluster_forbidden", "{problem}");
        assert!(problem.message.contains("neither lowers"), "{problem}");
        assert_eq!(labels(&app).await, labels_before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_has_no_more_objects_of_a_kind_than_the_quota_says() {
    with_app(|app| async move {
        let (first, _) = run(&runner(), app.job("deploy")).await;
        assert_done(&first);
        let budgets: Api<PodDisruptionBudget> = api(&app);
        let mut refused = None;
        for number in 0..200 {
            let budget = json!({"metadata": {"name": format!("budget-{number}")}, "spec": {"maxUnavailable": 1}});
            let budget = serde_json::from_value(budget).unwrap();
            if let Err(error) = budgets.create(&PostParams::default(), &budget).await {
                refused = Some((number, error.to_string()));
                break;
            }
        }
        let (number, message) = refused.unwrap();
        // The quota's controller counts again now and then, by what it has heard of until then.
        assert!((99..110).contains(&number), "{number}");
        assert!(message.contains("count/poddisruptionbudgets.policy"), "{message}");
    })
    .await;
}

/// Its claims take any volume that stands ready, whoever that is meant for.
#[tokio::test(flavor = "multi_thread")]
async fn a_class_without_a_provisioner_is_refused_unless_the_policy_names_it() {
    with_app(|app| async move {
        // A class is of the whole cluster: one of this test alone.
        let class = app.namespace.clone();
        let classes: Api<StorageClass> = Api::all(app.client.clone());
        let made =
            json!({"metadata": {"name": class}, "provisioner": "kubernetes.io/no-provisioner"});
        let made = serde_json::from_value(made).unwrap();
        classes.create(&PostParams::default(), &made).await.unwrap();
        let named = common::WORKLOAD.replace(
            "  accessModes: [ReadWriteOnce]\n",
            &format!("  accessModes: [ReadWriteOnce]\n  storageClassName: {class}\n"),
        );
        app.serve("claim.yml", &named).await;
        let job = |kind: &str| {
            let mut job = app.job(kind);
            job["manifests"][1]["url"] = json!(format!("{}/claim.yml", app.server.uri()));
            job
        };
        for kind in ["deploy", "diff"] {
            let (outcome, _) = run(&runner(), job(kind)).await;
            let problem = outcome.error.unwrap();
            assert_eq!(problem.code.as_str(), "manifest_policy", "{problem}");
            assert_eq!(problem.field.as_deref(), Some("spec.storageClassName"));
            assert!(problem.message.contains("has no provisioner"), "{problem}");
            let hint = problem.hint.unwrap();
            assert!(hint.contains("Policy: Static Storage Classes"), "{hint}");
        }
        let mut allowed = job("diff");
        allowed["cluster"]["policy"]["static_storage_classes"] = json!([class]);
        let (outcome, _) = run(&runner(), allowed).await;
        classes
            .delete(&class, &DeleteParams::default())
            .await
            .unwrap();
        assert_done(&outcome);
        // Without the class any volume of that name would do, too.
        let (outcome, _) = run(&runner(), job("diff")).await;
        let problem = outcome.error.unwrap();
        assert!(
            problem.message.contains("has no storage class"),
            "{problem}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_takes_the_ports_of_the_nodes_that_are_its_own_and_no_other() {
    with_app(|app| async move {
        // Tests share the nodes.
        let port = 30100 + app.id.rem_euclid(2000);
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: game}\nspec:\n  type: NodePort\n  selector: {app: web}\n  ports:\n";
        let with = |line: &str| format!("{service}  - {{port: 1, {line}}}\n");
        app.serve("own.yml", &with("nodePort: {{ node_ports[0] }}")).await;
        app.serve("other.yml", &with("nodePort: 32767")).await;
        app.serve("any.yml", &with("name: any")).await;
        let job = |name: &str, ports: Value| {
            let mut job = app.job("deploy");
            let url = format!("{}/{name}.yml", app.server.uri());
            job["manifests"] = json!([{"id": 1, "title": "Config", "url": url}]);
            job["app"]["node_ports"] = ports;
            job
        };
        for (name, line) in [("other", 8), ("any", 8)] {
            let (outcome, _) = run(&runner(), job(name, json!([port]))).await;
            let problem = outcome.error.unwrap();
            assert_eq!(problem.code.as_str(), "manifest_policy", "{problem}");
            assert_eq!(problem.field.as_deref(), Some("spec.ports[0].nodePort"));
            assert_eq!(problem.line, Some(line), "{problem}");
            let hint = problem.hint.unwrap();
            assert!(hint.contains(&port.to_string()), "{hint}");
        }
        let (outcome, _) = run(&runner(), job("own", json!([port]))).await;
        assert_done(&outcome);
        let made = api::<Service>(&app).get("game").await.unwrap();
        assert_eq!(made.spec.unwrap().ports.unwrap()[0].node_port, Some(port as i32));
        let quota = api::<ResourceQuota>(&app).get(QUOTA).await.unwrap();
        assert_eq!(quota.spec.unwrap().hard.unwrap()["services.nodeports"].0, "2");
        // Without ports of its own it is as it was.
        let (outcome, _) = run(&runner(), job("other", json!([]))).await;
        assert_eq!(outcome.error.unwrap().code.as_str(), "manifest_policy");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_turned_off_on_the_cluster_is_removed_by_the_next_deploy() {
    with_app(|app| async move {
        let runner = runner();
        let (first, _) = run(&runner, app.job("deploy")).await;
        assert_done(&first);
        let mut less = after(app.job("deploy"), &first);
        less["cluster"]["policy"]["quota"] = json!(false);
        let (second, _) = run(&runner, less.clone()).await;
        assert_done(&second);
        assert_eq!(there(&app).await, [false, false, true]);
        less["cluster"]["policy"]["network_policy"] = json!(false);
        let (third, _) = run(&runner, less).await;
        assert_done(&third);
        assert_eq!(there(&app).await, [false; 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_manifest_touches_nothing_in_deploy_comparison_and_reset() {
    with_app(|app| async move {
        app.serve(
            "refused.yml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  finalizers: [example.com/never]\n",
        )
        .await;
        for kind in ["deploy", "diff", "reset"] {
            let mut job = app.job(kind);
            job["manifests"][0]["url"] = json!(format!("{}/refused.yml", app.server.uri()));
            job["options"] = match kind {
                "reset" => json!({"reset": "empty"}),
                _ => json!({}),
            };
            let (outcome, _) = run(&runner(), job).await;
            assert_eq!(outcome.state, OutcomeState::Failed);
            let problem = outcome.error.unwrap();
            assert_eq!(problem.code.as_str(), "manifest_policy", "{problem}");
            assert_eq!(
                (problem.manifest.as_deref(), problem.line, problem.field.as_deref()),
                (Some("Config"), Some(5), Some("metadata.finalizers"))
            );
        }
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        assert!(namespaces.get_opt(&app.namespace).await.unwrap().is_none());
    })
    .await;
}

/// Without an app, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_preview_tells_all_that_the_policy_refuses() {
    with_app(|app| async move {
        app.serve(
            "refused.yml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostPID: true\n  containers: [{name: a, image: '{{ missing }}'}]\n",
        )
        .await;
        let mut job = app.job("preview");
        job["app"] = Value::Null;
        job["manifests"] =
            json!([{"id": 1, "title": "Config", "url": format!("{}/refused.yml", app.server.uri())}]);
        let told = |outcome: Outcome| -> Vec<String> {
            let problems = outcome.result.preview.unwrap().problems;
            problems
                .into_iter()
                .filter(|problem| problem.code.as_str() == "manifest_policy")
                .map(|problem| problem.field.unwrap())
                .collect()
        };
        let (outcome, _) = run(&runner(), job.clone()).await;
        assert_eq!(told(outcome), ["kind", "spec.hostPID"]);
        // Another cluster's policy.
        job["cluster"]["policy"]["kinds"] = json!(["Pod"]);
        let (outcome, _) = run(&runner(), job.clone()).await;
        assert_eq!(told(outcome), ["spec.hostPID"]);
        // None is known: the strict one.
        job["cluster"] = Value::Null;
        let (outcome, _) = run(&runner(), job).await;
        assert_eq!(told(outcome), ["kind", "spec.hostPID"]);
    })
    .await;
}

/// A pod that the level restricted admits.
fn pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "table"},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "main",
                "image": "busybox",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

/// Sets a value by its JSON pointer, making what is not there.
fn set(object: &mut Value, pointer: &str, value: &Value) {
    let mut place = object;
    for step in pointer.split('/').skip(1) {
        place = match step.parse::<usize>() {
            Ok(index) => {
                if place.is_null() {
                    *place = json!([]);
                }
                let items = place.as_array_mut().unwrap();
                if items.len() == index {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            Err(_) => &mut place[step],
        };
    }
    *place = value.clone();
}

/// S3: `tests/policy/pods.json`.
#[tokio::test(flavor = "multi_thread")]
async fn the_pod_security_checks_refuse_what_the_api_server_refuses_and_nothing_else() {
    with_app(|app| async move {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy/pods.json");
        let cases: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let namespaces: Api<Namespace> = Api::all(app.client.clone());
        let params = PostParams::default();
        let mut different = Vec::new();
        for level in [PodSecurity::Baseline, PodSecurity::Restricted] {
            let name = format!("{}-{}", app.namespace, level.as_str());
            let namespace = Namespace {
                metadata: ObjectMeta {
                    name: Some(name.clone()),
                    labels: Some(
                        [
                            ("enforce".to_owned(), level.as_str().to_owned()),
                            (
                                "enforce-version".to_owned(),
                                POD_SECURITY_VERSION.to_owned(),
                            ),
                        ]
                        .map(|(mode, value)| (format!("pod-security.kubernetes.io/{mode}"), value))
                        .into(),
                    ),
                    ..ObjectMeta::default()
                },
                ..Namespace::default()
            };
            namespaces.create(&params, &namespace).await.unwrap();
            let accounts: Api<ServiceAccount> = Api::namespaced(app.client.clone(), &name);
            let account: ServiceAccount =
                serde_json::from_value(json!({"metadata": {"name": "default"}})).unwrap();
            // The cluster makes it, too.
            let _ = accounts.create(&params, &account).await;
            let pods: Api<Pod> = Api::namespaced(app.client.clone(), &name);
            let dry_run = PostParams {
                dry_run: true,
                ..PostParams::default()
            };
            for case in cases.as_array().unwrap() {
                let mut pod = pod();
                for (pointer, value) in case["set"].as_object().unwrap() {
                    set(&mut pod, pointer, value);
                }
                let found = findings(&pod, "", level);
                let pod: Pod = serde_json::from_value(pod).unwrap();
                let refused = match pods.create(&dry_run, &pod).await {
                    Ok(_) => None,
                    Err(kube::Error::Api(status))
                        if status.message.contains("violates PodSecurity")
                            || status.message.contains("disallowed by cluster policy") =>
                    {
                        Some(status.message.clone())
                    }
                    Err(error) => panic!("{}: {error}", case["name"]),
                };
                if refused.is_some() == found.is_empty() {
                    different.push(format!("{} {level:?}: {refused:?} {found:?}", case["name"]));
                }
            }
            let _ = namespaces.delete(&name, &DeleteParams::background()).await;
        }
        assert!(different.is_empty(), "{}", different.join("\n"));
    })
    .await;
}
