//! The Pod Security Standards, check by check and under the names that Kubernetes' own admission gives them, as of
//! version 1.35 ([`crate::policy::POD_SECURITY_VERSION`]; k8s.io/pod-security-admission/policy): the same pods pass here and there.

use serde_json::Value;

use super::Part;
use crate::policy::PodSecurity;
use crate::sentence;
use crate::sentence::Sentence;

/// What a check refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Upstream's name of the check.
    pub check: &'static str,
    /// The level that it belongs to.
    pub level: PodSecurity,
    /// Path of the field within the object.
    pub field: String,
    pub message: Sentence,
}

/// Capabilities that a container may add at the level baseline.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const SELINUX_TYPES: [&str; 5] = [
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];
/// Volumes at the level restricted.
const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// What a level refuses of a pod, given as an object with `metadata` and `spec`: a Pod, or the template of one. `path`
/// says where in its object it stands.
pub fn findings(pod: &Value, path: &str, level: PodSecurity) -> Vec<Finding> {
    if level == PodSecurity::Privileged {
        return Vec::new();
    }
    let pod = Part {
        value: pod,
        path: path.to_owned(),
    };
    let spec = pod.get("spec");
    let looked = Pod {
        containers: containers(&spec),
        context: spec.get("securityContext"),
        restricted: level == PodSecurity::Restricted,
        // A pod with users of its own is root only there.
        own_users: spec.get("hostUsers").value == &Value::Bool(false),
        windows: spec.get("os").get("name").text() == "windows",
        spec,
    };
    let mut found = Vec::new();
    looked.host_namespaces(&mut found);
    looked.flags(&mut found);
    looked.capabilities(&mut found);
    looked.volumes(&mut found);
    looked.host_ports(&mut found);
    looked.app_armor(&pod.get("metadata"), &mut found);
    looked.se_linux(&mut found);
    looked.seccomp(&mut found);
    looked.sysctls(&mut found);
    looked.handlers(&mut found);
    if looked.restricted {
        looked.escalation(&mut found);
        looked.users(&mut found);
    }
    found
}

/// All containers of a pod, of every sort.
pub(super) fn containers<'a>(spec: &Part<'a>) -> Vec<Part<'a>> {
    ["initContainers", "containers", "ephemeralContainers"]
        .iter()
        .flat_map(|sort| listed(&spec.get(sort)))
        .collect()
}

fn listed<'a>(list: &Part<'a>) -> Vec<Part<'a>> {
    let items = list.value.as_array().into_iter().flatten().enumerate();
    items
        .map(|(index, value)| Part {
            value,
            path: format!("{}[{index}]", list.path),
        })
        .collect()
}

struct Pod<'a> {
    spec: Part<'a>,
    /// The pod's own.
    context: Part<'a>,
    containers: Vec<Part<'a>>,
    restricted: bool,
    own_users: bool,
    windows: bool,
}

/// Where a finding is put down.
type Found = Vec<Finding>;

fn baseline(found: &mut Found, check: &'static str, part: &Part, message: impl Into<Sentence>) {
    found.push(Finding {
        check,
        level: PodSecurity::Baseline,
        field: part.path.clone(),
        message: message.into(),
    });
}

fn restricted(found: &mut Found, check: &'static str, part: &Part, message: impl Into<Sentence>) {
    found.push(Finding {
        check,
        level: PodSecurity::Restricted,
        field: part.path.clone(),
        message: message.into(),
    });
}

/// Whether a flag is anything but absent or false.
fn is_on(part: &Part) -> bool {
    !matches!(part.value, Value::Null | Value::Bool(false))
}

impl<'a> Pod<'a> {
    /// The security contexts of the pod and of its containers.
    fn contexts(&self) -> Vec<Part<'a>> {
        let of_containers = self.containers.iter();
        std::iter::once(self.context.clone())
            .chain(of_containers.map(|container| container.get("securityContext")))
            .collect()
    }

    fn host_namespaces(&self, found: &mut Found) {
        for (name, what) in [
            ("hostNetwork", "network"),
            ("hostPID", "processes"),
            ("hostIPC", "memory"),
        ] {
            let part = self.spec.get(name);
            if is_on(&part) {
                baseline(
                    found,
                    "hostNamespaces",
                    &part,
                    sentence!("The pod would share the node's {what}.", what),
                );
            }
        }
    }

    fn flags(&self, found: &mut Found) {
        for container in &self.containers {
            let context = container.get("securityContext");
            let privileged = context.get("privileged");
            if is_on(&privileged) {
                baseline(
                    found,
                    "privileged",
                    &privileged,
                    sentence!("A privileged container owns the node."),
                );
            }
            let mount = context.get("procMount");
            if mount.is_set() && mount.text() != "Default" && (self.restricted || !self.own_users) {
                let tell = match self.own_users {
                    true => restricted,
                    false => baseline,
                };
                tell(
                    found,
                    match self.restricted {
                        true => "procMount_restricted",
                        false => "procMount",
                    },
                    &mount,
                    sentence!("The container would see more of the node's /proc than others."),
                );
            }
        }
        for context in self.contexts() {
            let process = context.get("windowsOptions").get("hostProcess");
            if is_on(&process) {
                baseline(
                    found,
                    "windowsHostProcess",
                    &process,
                    sentence!("The container would be a process of the node."),
                );
            }
        }
    }

    fn capabilities(&self, found: &mut Found) {
        if self.restricted && self.windows {
            return;
        }
        for container in &self.containers {
            let all = container.get("securityContext").get("capabilities");
            let drop = all.get("drop");
            if self.restricted && !listed(&drop).iter().any(|dropped| dropped.text() == "ALL") {
                restricted(
                    found,
                    "capabilities_restricted",
                    &drop,
                    sentence!("The container must drop all capabilities: `drop: [ALL]`."),
                );
            }
            for add in listed(&all.get("add")) {
                let name = add.text();
                if !CAPABILITIES.contains(&name) {
                    baseline(
                        found,
                        "capabilities_baseline",
                        &add,
                        sentence!(
                            "The capability {shown} reaches beyond the container.",
                            shown = add.shown()
                        ),
                    );
                } else if self.restricted && name != "NET_BIND_SERVICE" {
                    restricted(
                        found,
                        "capabilities_restricted",
                        &add,
                        sentence!(
                            "The capability {name} may not be added: only NET_BIND_SERVICE.",
                            name
                        ),
                    );
                }
            }
        }
    }

    fn volumes(&self, found: &mut Found) {
        for volume in listed(&self.spec.get("volumes")) {
            for (name, part) in volume.members() {
                if name == "name" || !part.is_set() {
                    continue;
                }
                if name == "hostPath" {
                    baseline(
                        found,
                        "hostPathVolumes",
                        &part,
                        sentence!("The volume is a folder of the node."),
                    );
                } else if self.restricted && !VOLUMES.contains(&name) {
                    restricted(
                        found,
                        "restrictedVolumes",
                        &part,
                        sentence!("Volumes of the type {name} may not be mounted.", name),
                    );
                }
            }
        }
    }

    fn host_ports(&self, found: &mut Found) {
        for container in &self.containers {
            for port in listed(&container.get("ports")) {
                let port = port.get("hostPort");
                if port.is_set() && port.value != &Value::from(0) {
                    baseline(
                        found,
                        "hostPorts",
                        &port,
                        sentence!("The container would take a port of the node."),
                    );
                }
            }
        }
    }

    fn app_armor(&self, metadata: &Part, found: &mut Found) {
        for context in self.contexts() {
            let profile = context.get("appArmorProfile");
            let r#type = profile.get("type");
            if profile.is_set() && !["RuntimeDefault", "Localhost"].contains(&r#type.text()) {
                baseline(
                    found,
                    "appArmorProfile",
                    &r#type,
                    sentence!("The AppArmor profile must be RuntimeDefault or Localhost."),
                );
            }
        }
        for (key, value) in metadata.get("annotations").members() {
            let profile = value.text();
            if key.starts_with(APPARMOR)
                && value.is_set()
                && !(profile.is_empty()
                    || profile == "runtime/default"
                    || profile.starts_with("localhost/"))
            {
                baseline(
                    found,
                    "appArmorProfile",
                    &value,
                    sentence!("The AppArmor profile must be runtime/default or localhost/…."),
                );
            }
        }
    }

    fn se_linux(&self, found: &mut Found) {
        for context in self.contexts() {
            let options = context.get("seLinuxOptions");
            let r#type = options.get("type");
            if r#type.is_set()
                && !(r#type.value.is_string() && SELINUX_TYPES.contains(&r#type.text()))
            {
                baseline(
                    found,
                    "seLinuxOptions",
                    &r#type,
                    sentence!(
                        "The SELinux type {shown} is not one of containers.",
                        shown = r#type.shown()
                    ),
                );
            }
            for name in ["user", "role"] {
                let part = options.get(name);
                if part.is_filled() {
                    baseline(
                        found,
                        "seLinuxOptions",
                        &part,
                        sentence!("The SELinux {name} may not be set.", name),
                    );
                }
            }
        }
    }

    fn seccomp(&self, found: &mut Found) {
        if self.restricted && self.windows {
            return;
        }
        let check = match self.restricted {
            true => "seccompProfile_restricted",
            false => "seccompProfile_baseline",
        };
        let is_good =
            |profile: &Part| ["RuntimeDefault", "Localhost"].contains(&profile.get("type").text());
        for context in self.contexts() {
            let profile = context.get("seccompProfile");
            if profile.is_set() && !is_good(&profile) {
                baseline(
                    found,
                    check,
                    &profile.get("type"),
                    sentence!("The seccomp profile must be RuntimeDefault or Localhost."),
                );
            }
        }
        if self.restricted && !is_good(&self.context.get("seccompProfile")) {
            for container in &self.containers {
                let profile = container.get("securityContext").get("seccompProfile");
                if !profile.is_set() {
                    restricted(
                        found,
                        check,
                        &profile,
                        sentence!(
                            "The pod or the container must have the seccomp profile RuntimeDefault or Localhost."
                        ),
                    );
                }
            }
        }
    }

    fn sysctls(&self, found: &mut Found) {
        for sysctl in listed(&self.context.get("sysctls")) {
            let name = sysctl.get("name");
            if !SYSCTLS.contains(&name.text()) {
                baseline(
                    found,
                    "sysctls",
                    &name,
                    sentence!(
                        "The setting {shown} is not the pod's alone.",
                        shown = name.shown()
                    ),
                );
            }
        }
    }

    fn handlers(&self, found: &mut Found) {
        for container in &self.containers {
            let lifecycle = container.get("lifecycle");
            for handler in [
                container.get("livenessProbe"),
                container.get("readinessProbe"),
                container.get("startupProbe"),
                lifecycle.get("postStart"),
                lifecycle.get("preStop"),
            ] {
                for way in ["httpGet", "tcpSocket"] {
                    let host = handler.get(way).get("host");
                    if host.is_filled() {
                        baseline(
                            found,
                            "hostProbesAndHostLifecycle",
                            &host,
                            sentence!("The node would ask another host on the pod's behalf."),
                        );
                    }
                }
            }
        }
    }

    fn escalation(&self, found: &mut Found) {
        if self.windows {
            return;
        }
        for container in &self.containers {
            let escalation = container
                .get("securityContext")
                .get("allowPrivilegeEscalation");
            if escalation.value != &Value::Bool(false) {
                restricted(
                    found,
                    "allowPrivilegeEscalation",
                    &escalation,
                    sentence!("The container must set allowPrivilegeEscalation to false."),
                );
            }
        }
    }

    fn users(&self, found: &mut Found) {
        if self.own_users {
            return;
        }
        let of_pod = self.context.get("runAsNonRoot");
        for context in self.contexts() {
            let non_root = context.get("runAsNonRoot");
            let is_pod = context.path == self.context.path;
            let wrong = match non_root.value {
                Value::Bool(true) => false,
                Value::Null => !is_pod && of_pod.value != &Value::Bool(true),
                _ => true,
            };
            if wrong {
                restricted(
                    found,
                    "runAsNonRoot",
                    &non_root,
                    sentence!("The pod or the container must set runAsNonRoot to true."),
                );
            }
            let user = context.get("runAsUser");
            if user.is_set() && user.value.as_f64().is_none_or(|user| user == 0.0) {
                restricted(
                    found,
                    "runAsUser",
                    &user,
                    sentence!("The container must not run as root."),
                );
            }
        }
    }
}
