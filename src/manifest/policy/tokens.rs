//! Secrets and ServiceAccounts: none may give a token of the cluster.

use serde_json::Value;

use super::{Part, Report, Rule, Rules};
use crate::policy::PodSecurity;
use crate::sentence;

/// The types of Kubernetes' own that hold what their maker put there.
const SECRETS: [&str; 6] = [
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/dockercfg",
    "kubernetes.io/dockerconfigjson",
    "kubernetes.io/ssh-auth",
    "kubernetes.io/tls",
];

pub(super) fn check(whole: &Part, rules: &Rules, report: &mut Report) {
    match whole.get("kind").text() {
        "Secret" => check_secret(whole, report),
        "ServiceAccount" => check_account(whole, rules, report),
        _ => {}
    }
}

fn check_secret(whole: &Part, report: &mut Report) {
    let r#type = whole.get("type");
    if r#type.is_filled() && !SECRETS.contains(&r#type.text()) {
        report.refuse_with(Rule::Token, &r#type.path, sentence!("Secrets of the type {shown} are another program's: the cluster's token controller puts tokens into some.", shown = r#type.shown()), sentence!("Write `type: Opaque`."));
    }
}

fn check_account(whole: &Part, rules: &Rules, report: &mut Report) {
    let secrets = whole.get("secrets");
    if secrets.is_filled() {
        report.refuse(
            Rule::Token,
            &secrets.path,
            sentence!("A ServiceAccount may not name Secrets of tokens."),
        );
    }
    let automount = whole.get("automountServiceAccountToken");
    if rules.policy.pod_security != PodSecurity::Privileged
        && automount.value != &Value::Bool(false)
    {
        report.refuse_with(
            Rule::Pod,
            &automount.path,
            sentence!("Pods with this ServiceAccount would get a token of the cluster."),
            sentence!("Write `automountServiceAccountToken: false`."),
        );
    }
}
