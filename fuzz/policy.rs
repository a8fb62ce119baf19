//! Manifests with one forbidden field among harmless ones, made of any bytes: for the fuzz target `policy` and for the
//! worker's own tests.

use serde_json::{Value, json};

/// Values that no strict policy lets pass, by their place in a pod's description.
const OF_PODS: &[(&str, &str)] = &[
    ("/hostNetwork", "true"),
    ("/hostNetwork", "\"true\""),
    ("/hostPID", "true"),
    ("/hostIPC", "1"),
    ("/HostNetwork", "true"),
    ("/nodeName", "\"n\""),
    ("/schedulerName", "\"mine\""),
    ("/runtimeClassName", "\"host\""),
    ("/priority", "2000001000"),
    ("/priorityClassName", "\"system-node-critical\""),
    ("/priorityClassName", "\"production\""),
    ("/automountServiceAccountToken", "true"),
    ("/serviceAccountName", "\"admin\""),
    ("/serviceAccount", "\"admin\""),
    ("/terminationGracePeriodSeconds", "601"),
    ("/resourceClaims/0", "{\"name\": \"a\"}"),
    ("/tolerations/0", "{\"operator\": \"Exists\"}"),
    (
        "/tolerations/0",
        "{\"key\": \"dedicated\", \"operator\": \"Exists\"}",
    ),
    (
        "/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0",
        "{\"topologyKey\": \"kubernetes.io/os\", \"namespaceSelector\": {}}",
    ),
    (
        "/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/namespaces/0",
        "\"victim-prod\"",
    ),
    (
        "/tolerations/0",
        "{\"key\": \"node-role.kubernetes.io/control-plane\", \"operator\": \"Exists\"}",
    ),
    ("/nodeSelector/node-role.kubernetes.io~1master", "\"\""),
    (
        "/securityContext/sysctls/0",
        "{\"name\": \"kernel.msgmax\", \"value\": \"1\"}",
    ),
    (
        "/securityContext/seccompProfile",
        "{\"type\": \"Unconfined\"}",
    ),
    ("/securityContext/seccompProfile", "{}"),
    (
        "/securityContext/appArmorProfile",
        "{\"type\": \"Unconfined\"}",
    ),
    ("/securityContext/seLinuxOptions/user", "\"u\""),
    ("/securityContext/windowsOptions/hostProcess", "true"),
    (
        "/volumes/0",
        "{\"name\": \"a\", \"hostPath\": {\"path\": \"/\"}}",
    ),
    (
        "/volumes/0",
        "{\"name\": \"a\", \"nfs\": {\"server\": \"s\", \"path\": \"/\"}}",
    ),
    (
        "/volumes/0",
        "{\"name\": \"a\", \"csi\": {\"driver\": \"d\"}}",
    ),
    (
        "/volumes/0",
        "{\"name\": \"a\", \"projected\": {\"sources\": [{\"serviceAccountToken\": {\"path\": \"t\"}}]}}",
    ),
    (
        "/volumes/0",
        "{\"name\": \"a\", \"ephemeral\": {\"volumeClaimTemplate\": {\"spec\": {\"volumeName\": \"v\"}}}}",
    ),
];
/// The same in a container's.
const OF_CONTAINERS: &[(&str, &str)] = &[
    ("/securityContext/privileged", "true"),
    ("/securityContext/privileged", "\"yes\""),
    ("/securityContext/capabilities/add/0", "\"SYS_ADMIN\""),
    ("/securityContext/capabilities/add/0", "\"ALL\""),
    ("/securityContext/procMount", "\"Unmasked\""),
    (
        "/securityContext/seccompProfile",
        "{\"type\": \"Unconfined\"}",
    ),
    (
        "/securityContext/appArmorProfile",
        "{\"type\": \"Unconfined\"}",
    ),
    ("/securityContext/seLinuxOptions/type", "\"spc_t\""),
    ("/securityContext/windowsOptions/hostProcess", "true"),
    ("/ports/0", "{\"containerPort\": 1, \"hostPort\": 1}"),
    (
        "/ports/0",
        "{\"containerPort\": 1, \"hostIP\": \"192.0.2.1\"}",
    ),
    ("/livenessProbe/httpGet/host", "\"h\""),
    ("/lifecycle/preStop/tcpSocket/host", "\"h\""),
    (
        "/volumeMounts/0",
        "{\"name\": \"a\", \"mountPropagation\": \"Bidirectional\"}",
    ),
    ("/resources/claims/0", "{\"name\": \"a\"}"),
    ("/Image", "\"x\""),
];
/// The same in the metadata of any object.
const OF_METADATA: &[(&str, &str)] = &[
    ("/finalizers/0", "\"a/b\""),
    ("/ownerReferences/0", "{\"kind\": \"ConfigMap\"}"),
    ("/uid", "\"u\""),
    ("/resourceVersion", "\"1\""),
    ("/labels/chandlery.dev~1app", "\"1\""),
    ("/labels/a.chandlery.dev~1x", "\"1\""),
    (
        "/labels/pod-security.kubernetes.io~1enforce",
        "\"privileged\"",
    ),
    (
        "/annotations/external-dns.alpha.kubernetes.io~1hostname",
        "\"h\"",
    ),
    (
        "/annotations/nginx.ingress.kubernetes.io~1server-snippet",
        "\"\"",
    ),
    (
        "/annotations/kubernetes.io~1service-account.name",
        "\"default\"",
    ),
];
const OF_SERVICES: &[(&str, &str)] = &[
    ("/spec/type", "\"LoadBalancer\""),
    ("/spec/type", "\"NodePort\""),
    ("/spec/type", "\"ExternalName\""),
    ("/spec/type", "\"loadBalancer\""),
    ("/spec/externalIPs/0", "\"192.0.2.1\""),
    ("/spec/externalName", "\"h\""),
    ("/spec/loadBalancerIP", "\"192.0.2.1\""),
    ("/spec/clusterIP", "\"10.96.0.10\""),
    ("/spec/clusterIPs/0", "\"10.96.0.10\""),
    ("/spec/ports/0/nodePort", "30000"),
    ("/spec/selector", "{}"),
    ("/spec/selector", "null"),
    ("/spec/ExternalIPs/0", "\"192.0.2.1\""),
];
const OF_INGRESSES: &[(&str, &str)] = &[
    ("/spec/rules/0/host", "\"victim.apps.example.com\""),
    ("/spec/rules/0/host", "\"*.apps.example.com\""),
    ("/spec/rules/0/host", "\"SHOP.apps.example.com\""),
    ("/spec/rules/0/host", "null"),
    ("/spec/rules/0/host", "\"\""),
    ("/spec/rules/1", "{\"http\": {}}"),
    ("/spec/tls/0/hosts/0", "\"victim.apps.example.com\""),
    ("/spec/tls/0/secretName", "\"chandlery-smtp\""),
    ("/spec/defaultBackend", "{\"service\": {\"name\": \"a\"}}"),
    ("/spec/ingressClassName", "\"internal\""),
    (
        "/metadata/annotations/kubernetes.io~1ingress.class",
        "\"internal\"",
    ),
    ("/spec/rules/0/http/paths/0/path", "\"/`)\""),
    (
        "/spec/rules/0/http/paths/0/backend",
        "{\"resource\": {\"kind\": \"Bucket\"}}",
    ),
];
const OF_CLAIMS: &[(&str, &str)] = &[
    ("/volumeName", "\"v\""),
    ("/selector", "{\"matchLabels\": {\"a\": \"b\"}}"),
    ("/storageClassName", "\"\""),
    ("/storageClassName", "\"disks\""),
    ("/storageClassName", "\"unheard-of\""),
    (
        "/dataSourceRef",
        "{\"kind\": \"PersistentVolumeClaim\", \"name\": \"a\", \"namespace\": \"victim\"}",
    ),
    ("/dataSource", "{\"kind\": \"Populator\", \"name\": \"a\"}"),
    ("/resources/requests/storage", "\"1Pi\""),
    ("/resources/requests/storage", "\"-1\""),
];
const OF_NETWORK_POLICIES: &[(&str, &str)] = &[
    ("/spec/ingress/0", "{}"),
    ("/spec/ingress/0/from", "[]"),
    ("/spec/ingress/0/from/0", "{}"),
    ("/spec/ingress/0/from/0", "{\"namespaceSelector\": {}}"),
    (
        "/spec/ingress/0/from/0",
        "{\"namespaceSelector\": {\"matchLabels\": {\"chandlery.dev/name\": \"shop\"}}}",
    ),
    (
        "/spec/ingress/0/from/0",
        "{\"ipBlock\": {\"cidr\": \"0.0.0.0/0\"}}",
    ),
    ("/spec/egress/0", "{}"),
    (
        "/spec/egress/0",
        "{\"to\": [{\"ipBlock\": {\"cidr\": \"0.0.0.0/0\"}}]}",
    ),
    (
        "/spec/egress/0",
        "{\"to\": [{\"ipBlock\": {\"cidr\": \"::ffff:169.254.169.254/128\"}}]}",
    ),
    ("/spec/egress/0", "{\"ports\": [{\"port\": 53}]}"),
    (
        "/spec/egress/0",
        "{\"to\": [{\"ipBlock\": {\"cidr\": \"fec0::/10\"}}]}",
    ),
    (
        "/spec/egress/0",
        "{\"to\": [{\"namespaceSelector\": {\"matchLabels\": {\"kubernetes.io/metadata.name\": \"kube-system\"}}}]}",
    ),
];
const OF_SECRETS: &[(&str, &str)] = &[
    ("/type", "\"kubernetes.io/service-account-token\""),
    ("/type", "\"bootstrap.kubernetes.io/token\""),
];
const KINDS: &[(&str, &str)] = &[
    ("v1", "Pod"),
    ("v1", "Namespace"),
    ("v1", "Endpoints"),
    ("v1", "ResourceQuota"),
    ("apps/v1", "DaemonSet"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("externaldns.k8s.io/v1alpha1", "DNSEndpoint"),
    ("traefik.io/v1alpha1", "IngressRoute"),
    ("example.com/v1", "ConfigMap"),
];

/// Takes choices out of bytes; behind their end all choices are the first.
struct Choices<'a> {
    bytes: &'a [u8],
}

impl Choices<'_> {
    fn below(&mut self, end: usize) -> usize {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        usize::from(*first) % end
    }

    fn of<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        let index = self.below(all.len());
        &all[index]
    }
}

/// A manifest of these choices: once with only harmless fields, once with a forbidden one as well, which is named.
pub struct Made {
    pub harmless: String,
    pub forbidden: String,
    pub what: String,
}

/// Makes one.
pub fn make(bytes: &[u8]) -> Made {
    let mut choices = Choices { bytes };
    let (mut object, places) = object(&mut choices);
    noise(&mut object, &mut choices);
    let harmless = object.clone();
    let (base, table) = choices.of(&places).clone();
    let what = if table.is_empty() {
        let (api_version, kind) = *choices.of(KINDS);
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        format!("{kind} of {api_version}")
    } else {
        let (pointer, text) = *choices.of(table);
        let value: Value = serde_json::from_str(text).expect("JSON");
        set(&mut object, &format!("{base}{pointer}"), &value);
        format!("{base}{pointer}: {text}")
    };
    let frame = choices.below(4);
    Made {
        harmless: framed(&harmless, frame),
        forbidden: framed(&object, frame),
        what,
    }
}

/// Places in an object, each with what may not stand below it; no table stands for the kind.
type Places = Vec<(String, &'static [(&'static str, &'static str)])>;

fn object(choices: &mut Choices) -> (Value, Places) {
    let shapes = [
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("v1", "Service"),
        ("v1", "PersistentVolumeClaim"),
        ("networking.k8s.io/v1", "Ingress"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("batch/v1", "Job"),
        ("batch/v1", "CronJob"),
    ];
    let (api_version, kind) = *choices.of(&shapes);
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}});
    let mut places: Places = vec![("/metadata".to_owned(), OF_METADATA), (String::new(), &[])];
    let claim =
        json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    let own = |table| (String::new(), table);
    match kind {
        "Secret" => places.push(own(OF_SECRETS)),
        "Service" => {
            object["spec"] = json!({"selector": {"a": "b"}, "ports": [{"port": 80}]});
            places.push(own(OF_SERVICES));
        }
        "PersistentVolumeClaim" => {
            object["spec"] = claim;
            places.push(("/spec".to_owned(), OF_CLAIMS));
        }
        "Ingress" => {
            let backend = json!({"service": {"name": "a", "port": {"number": 80}}});
            object["spec"] = json!({
                "ingressClassName": "traefik",
                "tls": [{"hosts": ["shop.apps.example.com"], "secretName": "a"}],
                "rules": [{
                    "host": "shop.apps.example.com",
                    "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                }],
            });
            places.push(own(OF_INGRESSES));
        }
        "NetworkPolicy" => {
            object["spec"] = json!({
                "podSelector": {},
                "ingress": [{"from": [{"podSelector": {}}]}],
                "egress": [{"to": [{"podSelector": {}}]}],
            });
            places.push(own(OF_NETWORK_POLICIES));
        }
        "Deployment" | "StatefulSet" | "Job" | "CronJob" => {
            let template = match kind {
                "CronJob" => "/spec/jobTemplate/spec/template",
                _ => "/spec/template",
            };
            let container = json!({"name": "a", "image": "a"});
            let pod = json!({"spec": {"containers": [container, container], "initContainers": [container]}});
            set(&mut object, template, &pod);
            places.push((format!("{template}/metadata"), OF_METADATA));
            places.push((format!("{template}/spec"), OF_PODS));
            let sorts = [
                "containers/0",
                "containers/1",
                "initContainers/0",
                "ephemeralContainers/0",
            ];
            let sort = choices.of(&sorts);
            places.push((format!("{template}/spec/{sort}"), OF_CONTAINERS));
            if kind == "StatefulSet" {
                object["spec"]["volumeClaimTemplates"] =
                    json!([{"metadata": {"name": "a"}, "spec": claim}]);
                places.push(("/spec/volumeClaimTemplates/0/spec".to_owned(), OF_CLAIMS));
                places.push((
                    "/spec/volumeClaimTemplates/0/metadata".to_owned(),
                    OF_METADATA,
                ));
            }
        }
        _ => {}
    }
    (object, places)
}

/// Fields that harm nobody.
fn noise(object: &mut Value, choices: &mut Choices) {
    let harmless = [
        ("/metadata/labels/app", "\"a\""),
        ("/metadata/labels/app.kubernetes.io~1name", "\"a\""),
        ("/metadata/annotations/checksum~1config", "\"a\""),
        ("/metadata/annotations", "null"),
        ("/metadata/finalizers", "[]"),
        ("/metadata/creationTimestamp", "null"),
        ("/metadata/ownerReferences", "null"),
        ("/status", "{}"),
    ];
    for _ in 0..choices.below(4) {
        let (pointer, text) = *choices.of(&harmless);
        set(object, pointer, &serde_json::from_str(text).expect("JSON"));
    }
}

/// The same object in other documents: alone, behind another, in a `List`, with a key that stands there twice.
fn framed(object: &Value, frame: usize) -> String {
    match frame {
        0 => object.to_string(),
        1 => format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: first}}\n---\n{object}\n"),
        2 => json!({"apiVersion": "v1", "kind": "List", "items": [object]}).to_string(),
        _ => {
            let members = object.as_object().expect("an object").iter();
            let members = members.map(|(name, value)| format!("{}: {value}\n", json!(name)));
            format!(
                "kind: ConfigMap\nspec: {{}}\n{}",
                members.collect::<String>()
            )
        }
    }
}

/// Sets a value by its JSON pointer, making what is not there.
fn set(object: &mut Value, pointer: &str, value: &Value) {
    let mut place = object;
    for step in pointer.split('/').skip(1) {
        let step = step.replace("~1", "/");
        place = match step.parse::<usize>() {
            Ok(index) => {
                if !place.is_array() {
                    *place = json!([]);
                }
                let items = place.as_array_mut().expect("a list");
                while items.len() <= index {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            Err(_) => &mut place[step],
        };
    }
    *place = value.clone();
}
