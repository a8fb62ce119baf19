//! The cluster's policy against a real API server: what it refuses, what stands in the namespace, and that our checks of
//! pods are the API server's.

use chandlery::kubernetes::isolation::{DEFAULT_DENY, LIMITS, QUOTA};
use chandlery::manifest::policy::pod_security::findings;
use chandlery::policy::{POD_SECURITY_VERSION, PodSecurity};
use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::DeleteParams;

use super::*;

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

/// S3
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
        more["cluster"]["policy"]["pod_security"] = json!("privileged");
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
        assert_eq!(
            labels(&app).await["pod-security.kubernetes.io/enforce"],
            "privileged"
        );
        let account = api::<ServiceAccount>(&app).get("default").await.unwrap();
        assert_eq!(account.automount_service_account_token, None);
    })
    .await;
}

/// S3
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
        assert!(number <= 100, "{number}");
        assert!(message.contains("count/poddisruptionbudgets.policy"), "{message}");
    })
    .await;
}

/// S3
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

/// S3
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
            assert_eq!(problem.code, "manifest_policy", "{problem}");
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

/// S3: without an app, too.
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
                .filter(|problem| problem.code == "manifest_policy")
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
