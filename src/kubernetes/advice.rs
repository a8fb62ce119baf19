//! The way out of what the API server refuses, one for each kind of refusal.

use std::fmt;

use serde_json::Value;

use crate::object::Object;
use crate::sentence;
use crate::sentence::Sentence;

/// What is wrong.
pub(super) enum Kind<'a> {
    /// A field that does not exist.
    Unknown,
    /// A value that is not of the field's type.
    Type(&'a Mismatch<'a>),
    Quantity(&'a Value),
    Base64,
    /// A fraction where only whole numbers are.
    Whole,
    /// A number out of range.
    Large,
    /// In the server's own words.
    Other(&'a str),
}

/// In what a value is not of its field's type.
pub(super) enum Mismatch<'a> {
    /// What it must be, and what stands there.
    Type(Wanted<'a>, &'a Value),
    /// An item without this field, by which those of its list are told apart.
    Lacks(&'a str),
    /// An item with the same fields as another one.
    Twice(String),
    /// In the server's own words.
    Other(String),
}

/// What a value must be.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    Text,
    Number,
    Flag,
    List,
    Mapping,
    /// In the server's own word.
    Other(&'a str),
}

impl fmt::Display for Mismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(wanted, value) => {
                write!(
                    f,
                    "must be {wanted}, but {} stands there",
                    what_stands(value)
                )
            }
            Self::Lacks(name) => write!(
                f,
                "must have a `{name}`: by it the items of this list are told apart"
            ),
            Self::Twice(fields) => write!(f, "stands in the list twice: {fields}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::List => "a list",
            Self::Mapping => "a mapping",
            Self::Other(word) => word,
        })
    }
}

pub(super) fn what_stands(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(true) => "`true`",
        Value::Bool(false) => "`false`",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

pub(super) fn webhook_down() -> Sentence {
    sentence!(
        "A program that must agree to every such object does not answer. The cluster's administrator finds it with `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations` and brings it back, or removes its configuration; the job is tried again."
    )
}

pub(super) fn uncounted() -> Sentence {
    sentence!(
        "The quota is new and not counted yet; the job is tried again. If it stays so, the cluster's controller manager does not run."
    )
}

pub(super) fn shrunk() -> Sentence {
    sentence!(
        "Put the old size back. Less space needs a claim of another name: it begins empty, and the old volume stays until somebody deletes it."
    )
}

/// Mappings whose keys are anybody's.
const FREE: [&str; 5] = [
    "data",
    "stringData",
    "binaryData",
    "metadata.labels",
    "metadata.annotations",
];
fn label() -> Sentence {
    sentence!(
        "Use lower-case letters, digits and `-` only, with a letter or digit at both ends, for example by `{{{{ name | lower | regex_replace('[^a-z0-9]+', '-') }}}}`."
    )
}

fn label_value() -> Sentence {
    sentence!(
        "Use letters, digits, `-`, `_` and `.` only, at most 63 of them, with a letter or digit at both ends. Other text belongs under metadata.annotations."
    )
}

/// What to do about one finding.
pub(super) fn of(kind: &Kind, object: &Object, path: &str) -> Sentence {
    match kind {
        Kind::Unknown => sentence!(
            "Check the spelling of `{field}` and its indentation. {command} lists the fields that there are.",
            field = last(path),
            command = explain(object, parent(path))
        ),
        Kind::Type(mismatch) => of_type(mismatch, object, path),
        Kind::Quantity(value) => of_quantity(value),
        Kind::Base64 if object.kind() == "Secret" => {
            sentence!(
                "Values under `data` are base64: write `{{{{ value | b64encode }}}}`, or put the plain text under `stringData`."
            )
        }
        Kind::Base64 => {
            sentence!(
                "This value is base64: write `{{{{ value | b64encode }}}}`; plain text belongs under `data`."
            )
        }
        Kind::Whole => sentence!("Write a whole number, for example by `{{{{ value | int }}}}`."),
        Kind::Large => sentence!(
            "Write a smaller number. {command} says what it means.",
            command = explain(object, path)
        ),
        Kind::Other(words) => of_words(words, object, path),
    }
}

fn of_type(mismatch: &Mismatch, object: &Object, path: &str) -> Sentence {
    match mismatch {
        Mismatch::Type(Wanted::Text, Value::Object(_) | Value::Array(_)) => {
            sentence!(
                "Write it as one text: `|` behind the name and the lines indented below, or `{{{{ value | to_json | to_json }}}}`."
            )
        }
        Mismatch::Type(Wanted::Text, _) => {
            sentence!(
                "Quote what stands there, for example `\"{{{{ value }}}}\"` or `{{{{ value | string | to_json }}}}`: without quotes, digits become a number and `yes` a boolean."
            )
        }
        Mismatch::Type(Wanted::Number, _) => {
            sentence!("Write the number without quotes and without a unit.")
        }
        Mismatch::Type(Wanted::Flag, _) => {
            sentence!(
                "Write `true` or `false` without quotes, for example by `{{{{ value | bool | to_json }}}}`."
            )
        }
        Mismatch::Type(Wanted::List, _) => {
            sentence!("Write a list: a line that begins with `- ` for each item.")
        }
        Mismatch::Type(Wanted::Mapping, _) => {
            sentence!("Write a mapping: a line `name: value` for each field, indented below.")
        }
        Mismatch::Lacks(_) => sentence!("Add it to this item of the list."),
        Mismatch::Twice(_) => sentence!("Remove one of the two, or name it otherwise."),
        Mismatch::Type(Wanted::Other(_), _) | Mismatch::Other(_) => {
            sentence!(
                "{command} says what belongs there.",
                command = explain(object, path)
            )
        }
    }
}

fn of_quantity(value: &Value) -> Sentence {
    let given = value.as_str().unwrap_or_default();
    let number: String = given
        .chars()
        .take_while(|one| one.is_ascii_digit() || *one == '.')
        .collect();
    let unit = given[number.len()..].trim().to_lowercase();
    let example = match unit.as_str() {
        "kb" | "kib" => "Ki",
        "mb" | "mib" => "Mi",
        "gb" | "gib" => "Gi",
        "tb" | "tib" => "Ti",
        _ => "",
    };
    let example = match (number.as_str(), example) {
        ("", _) | (_, "") => String::new(),
        (number, unit) => format!(": `{number}{unit}` instead of `{given}`"),
    };
    sentence!(
        "Write a number, directly followed by a unit where one is needed (Ki, Mi, Gi, Ti; k, M, G, T; m for thousandths){example}.",
        example
    )
}

fn of_words(words: &str, object: &Object, path: &str) -> Sentence {
    let field = last(path);
    let has = |text: &str| words.contains(text);
    if let Some(values) = words
        .split_once("supported values: ")
        .map(|(_, values)| values)
    {
        return sentence!(
            "Write one of these: {values}.",
            values = values.replace('"', "`")
        );
    }
    if has("must be either") || has("must be '") {
        return sentence!(
            "Write one of the values that it names. {command} says what they mean.",
            command = explain(object, path)
        );
    }
    if path.ends_with("schedule") {
        return match has("TZ") {
            true => sentence!(
                "Take the time zone out of the schedule, and write it as `timeZone: Europe/Berlin` beside it."
            ),
            false => sentence!(
                "A schedule has five parts: minute (0-59), hour (0-23), day of the month (1-31), month (1-12), day of the week (0-6, Sunday is 0). Every night at three is `0 3 * * *`."
            ),
        };
    }
    if has("time zone") {
        return sentence!(
            "Write a name of the time zone database, such as `Europe/Berlin` or `Etc/UTC`."
        );
    }
    if words.starts_with("Required value") {
        return of_required(words, object, path);
    }
    if words.starts_with("Not found: ") && path.contains("volumeMounts") {
        return sentence!(
            "Add a volume of this name under `volumes` of the pod, or correct the name."
        );
    }
    if words.starts_with("Not found: ") {
        return sentence!("Correct the name, or add to the manifest what is meant by it.");
    }
    if words.starts_with("Duplicate value") || has("duplicate") {
        return sentence!("Remove one of the two, or name it otherwise.");
    }
    if has("must be no more than") || words.starts_with("Too long") {
        return of_length(words, object, path);
    }
    if words.starts_with("Too many") {
        return sentence!("Remove some items of the list, or divide them among several objects.");
    }
    if has("DNS-1035 label") {
        return sentence!(
            "Use lower-case letters, digits and `-` only, with a letter at the beginning and a letter or digit at the end."
        );
    }
    if has("RFC 1123 label") || has("RFC 1123 subdomain") {
        return label();
    }
    if path.contains("labels") && has("must consist of") || has("valid label") {
        return label_value();
    }
    if has("environment variable name") {
        return sentence!("Use letters, digits and `_` in the names of environment variables.");
    }
    if has("valid config key") || path.starts_with("data.") && has("must consist of") {
        return sentence!("Use letters, digits, `-`, `_` and `.` in the names of keys.");
    }
    if has("must consist of") || has("must contain only") || has("must contain at least") {
        return sentence!("Write `{field}` with the characters that it names.", field);
    }
    if has("valid percent string") || has("%") {
        return sentence!(
            "Write a number of pods, or a percentage from 0% to 100% without a blank."
        );
    }
    if has("(octal)") {
        return sentence!("Write the mode in octal with a zero in front, such as `0644`.");
    }
    if has("absolute path") {
        return sentence!("Begin the path with `/`.");
    }
    if has("limit of") {
        return sentence!(
            "Raise the limit of this resource to at least its request, or lower the request."
        );
    }
    if has("does not match template") {
        return sentence!(
            "Write the same labels under `spec.selector.matchLabels` and `spec.template.metadata.labels`."
        );
    }
    if has("not auto-generated") {
        return sentence!("Remove `spec.selector`: the cluster writes it for every Job.");
    }
    if has("more than 1 volume type") || has("more than 1 handler type") {
        return sentence!(
            "Keep one of the two and remove the other; each volume and each probe is of one type."
        );
    }
    if has("cannot be both")
        || has("cannot set both")
        || has("may not be specified when")
        || has("may not be set when")
    {
        return sentence!(
            "Keep one of the two. {command} says what each means.",
            command = explain(object, parent(path))
        );
    }
    if has("either `defaultBackend` or `rules`") {
        return sentence!("Add `rules` with `host: {{{{ hostname }}}}` and a path to a Service.");
    }
    if has("API group") {
        return sentence!("Write the whole apiVersion, such as `apps/v1`.");
    }
    if has("valid IP address") || has("not in the valid range") {
        return sentence!(
            "Remove the address: the cluster gives the Service one, and its name leads there."
        );
    }
    if let Some(range) = between(words, "must be between ", ", inclusive") {
        return sentence!("Write a number between {range}.", range);
    }
    if let Some((_, least)) = words.split_once("must be greater than or equal to ") {
        return sentence!(
            "Write {least} or more.",
            least = least.trim_end_matches('.')
        );
    }
    if has("must be greater than") {
        return sentence!("Write a larger number.");
    }
    if has("must be less than") {
        return sentence!("Write a smaller number.");
    }
    if let Some((_, pattern)) = words.split_once("should match '") {
        return sentence!(
            "Write a value that matches the pattern `{pattern}`.",
            pattern = pattern.trim_end_matches('\'')
        );
    }
    if words.starts_with("Forbidden") {
        return sentence!("Remove `{field}`, or change what excludes it.", field);
    }
    match path {
        "" => sentence!(
            "Change the object so that it holds. {command} describes it.",
            command = explain(object, path)
        ),
        _ => sentence!(
            "Change what stands there so that it holds. {command} describes the field.",
            command = explain(object, path)
        ),
    }
}

fn of_required(words: &str, object: &Object, path: &str) -> Sentence {
    if path.ends_with("restartPolicy") {
        return sentence!(
            "Write `restartPolicy: Never` or `restartPolicy: OnFailure` in the pod's template: a Job ends."
        );
    }
    if words.contains("handler type") {
        return sentence!("Add `httpGet`, `tcpSocket`, `exec` or `grpc` to the probe.");
    }
    if path.ends_with("pathType") {
        return sentence!("Add `pathType: Prefix` (or `Exact`).");
    }
    if path.starts_with("spec.ports") && path.ends_with("name") {
        return sentence!(
            "Give each port of the Service a `name`: with more than one they need it."
        );
    }
    if path.ends_with("backend") {
        return sentence!("Add `port.number` or `port.name` of the Service.");
    }
    if path.ends_with("accessModes") {
        return sentence!("Add `accessModes: [ReadWriteOnce]`.");
    }
    sentence!(
        "Add `{field}`. {command} describes it.",
        field = last(path),
        command = explain(object, path)
    )
}

fn of_length(words: &str, object: &Object, path: &str) -> Sentence {
    if words.contains("bytes") && path.starts_with("metadata.annotations") {
        return sentence!(
            "All annotations of an object together may have 256 KiB. Put long text into a ConfigMap instead."
        );
    }
    let most = words
        .split(|one: char| !one.is_ascii_digit())
        .rfind(|part| !part.is_empty());
    match (most, object.kind()) {
        (Some("52"), "CronJob") => sentence!(
            "Shorten the name to at most 52 characters: the cluster adds 11 to the names of its Jobs."
        ),
        (Some(most), _) => sentence!(
            "Shorten it to at most {most} characters, for example by `{{{{ value[:{most}] }}}}`.",
            most
        ),
        (None, _) => sentence!("Shorten it."),
    }
}

/// An object that has too many bytes.
pub(super) fn too_large(object: &Object) -> Sentence {
    match object.kind() {
        kind @ ("ConfigMap" | "Secret") => sentence!(
            "A {kind} may have 1 MiB. Divide it among several of other names, or have the pod fetch the data: from its image, from a volume, or by an init container.",
            kind
        ),
        kind => sentence!(
            "An object may have about 1.5 MiB. Move what makes this {kind} so large into ConfigMaps of less than 1 MiB each, or out of the cluster.",
            kind
        ),
    }
}

/// An object in the cluster that its kind's schema has left behind.
pub(super) fn outgrown(object: &Object) -> Sentence {
    sentence!(
        "The definition of the kind was changed since it was applied. Delete it with `{command}` and deploy again.",
        command = delete(object)
    )
}

/// Fields that are in the cluster and exclude what the manifest says.
pub(super) fn left_over(left: &[String], object: &Object) -> Sentence {
    let nulls: Vec<String> = left
        .iter()
        .map(|path| format!("`{}: null`", last(path)))
        .collect();
    let below = parent(&left[0]);
    sentence!(
        "Write {nulls} under `{below}` of the {kind}: that removes it from the cluster.",
        nulls = nulls.join(" and "),
        below,
        kind = object.kind()
    )
}

/// What cannot be changed on an object that exists.
pub(super) fn immutable(object: &Object, path: &str) -> Sentence {
    let kind = object.kind();
    let delete = delete(object);
    let way = match kind {
        "Job" => sentence!(
            "A Job cannot be changed once it is there. Give it a name that changes with what it does, such as `{name}-{{{{ version }}}}`: the deploy then removes the old one. Or delete it with `{delete}` and deploy again.",
            name = object.name(),
            delete
        ),
        "StatefulSet" => sentence!(
            "Put the old value back. Or delete the StatefulSet alone with `{delete} --cascade=orphan`, which leaves its pods and volumes as they are, and deploy again: it is made anew around them. Volumes that exist keep their size.",
            delete
        ),
        "PersistentVolumeClaim" => sentence!(
            "Put the old value back. A volume that is otherwise needs a claim of another name: it begins empty, and the old volume stays until somebody deletes it."
        ),
        "ConfigMap" | "Secret" if path != "type" => sentence!(
            "It is marked `immutable: true`. Give the {kind} another name, and use that in the pods: the deploy then removes the old one. Or delete it with `{delete}` and deploy again.",
            kind,
            delete
        ),
        "Service" => sentence!(
            "Put the old value back, or delete the Service with `{delete}` and deploy again: it gets another address under the same name.",
            delete
        ),
        "Deployment" | "DaemonSet" => sentence!(
            "Put the old value back. Or give the {kind} another name: the deploy then removes the old one with its pods. Or delete it with `{delete}` and deploy again; it does not run meanwhile.",
            kind,
            delete
        ),
        _ => sentence!(
            "Put the old value back. Or give the object another name: the deploy then removes the old one. Or delete it with `{delete}` and deploy again.",
            delete
        ),
    };
    match kind {
        "Job" => way,
        _ => sentence!("This cannot be changed on an object that exists.").and(" ", way),
    }
}

/// What to do about the words of admission, and the field that they mean, where they mean one.
pub(super) fn of_admission(words: &str, object: &Object) -> (String, Sentence) {
    let has = |text: &str| words.contains(text);
    let whole = |advice: Sentence| (String::new(), advice);
    if let Some(advice) = of_own_quota(words) {
        return whole(advice);
    }
    if let Some(name) = between(words, "exceeded quota: ", ",") {
        return whole(sentence!(
            "The ResourceQuota {name} is not Chandlery's: whoever made it raises it, or the manifest asks for less.",
            name
        ));
    }
    if let Some(missing) = between(words, "must specify ", " for") {
        return whole(sentence!(
            "The namespace's quota counts {missing}: write it under `resources` of each container.",
            missing
        ));
    }
    if has("maximum") && has(" usage per ")
        || has("minimum") && has(" usage per ")
        || has("ratio per")
    {
        return whole(sentence!(
            "Ask for an amount within these limits. They are the namespace's LimitRange's: what the app gets is raised on its page Limits."
        ));
    }
    if has("violates PodSecurity") {
        return whole(sentence!(
            "Remove from the pod what is named. An administrator may allow it in the cluster's policy: Pod Security."
        ));
    }
    if has("denied the request") {
        return whole(sentence!(
            "A program of the cluster's administrator refuses it: do what it says, or have its rule changed (`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`)."
        ));
    }
    if has("ValidatingAdmissionPolicy") {
        return whole(sentence!(
            "A rule of the cluster's administrator refuses it: do what it says, or have the policy changed (`kubectl get validatingadmissionpolicies`)."
        ));
    }
    if has("can be resized") {
        return (
            "spec.resources.requests.storage".to_owned(),
            sentence!(
                "Put the old size back, or have the administrator set `allowVolumeExpansion: true` on the StorageClass, if its driver can. A larger volume by another name begins empty."
            ),
        );
    }
    if has("service account") {
        return (
            "spec.serviceAccountName".to_owned(),
            sentence!(
                "Add the ServiceAccount to the manifest, before what uses it, or correct its name."
            ),
        );
    }
    if has("PriorityClass") {
        return (
            "spec.priorityClassName".to_owned(),
            sentence!("Remove it, or write a class that `kubectl get priorityclasses` lists."),
        );
    }
    if has("could not find the requested resource") {
        return (
            "apiVersion".to_owned(),
            sentence!(
                "The cluster no longer serves this kind: install what provides it, or correct apiVersion and kind."
            ),
        );
    }
    whole(sentence!(
        "The cluster refuses the object as a whole, in these words. {command} describes its fields; `kubectl apply --server-side --dry-run=server` tries it without a deploy.",
        command = explain(object, "")
    ))
}

/// The way out where the app's own quota refuses something.
pub(super) fn of_own_quota(words: &str) -> Option<Sentence> {
    let (_, words) = words.split_once("exceeded quota: chandlery-quota")?;
    let asked = words
        .split_once(", used:")
        .map_or(words, |(asked, _)| asked);
    let of = |beginning: &str| {
        let (_, found) = asked.split_once(beginning)?;
        found.split('=').next()
    };
    Some(if let Some(plural) = of("count/") {
        sentence!(
            "The app has as many of these objects as any app may have, whatever its limits are. Have the manifests hold fewer, or delete those that nobody needs: `kubectl get {plural}` in its namespace lists them.",
            plural
        )
    } else if of("services.").is_some() {
        sentence!("An administrator may allow such Services in the cluster's policy.")
    } else if asked.contains("ephemeral-storage") {
        sentence!(
            "What an app may write to the disks of its nodes grows with its Pods: raise these on its page Limits and press Apply, or write a smaller `ephemeral-storage` under `resources.limits`."
        )
    } else {
        sentence!(
            "Raise what the app gets on its page Limits and press Apply, or lower what the manifest asks for."
        )
    })
}

/// `kubectl explain deployment.spec.template.spec`.
fn explain(object: &Object, path: &str) -> String {
    let free = FREE.iter().find(|of| path.starts_with(**of));
    let parts = free.map_or(path, |of| of).split_inclusive(']');
    let words: String = parts.filter_map(|part| part.split('[').next()).collect();
    let kind = object.kind().to_lowercase();
    match words.trim_matches('.') {
        "" => format!("`kubectl explain {kind}`"),
        path => format!("`kubectl explain {kind}.{path}`"),
    }
}

fn delete(object: &Object) -> String {
    let namespace = object
        .namespace()
        .map(|name| format!(" -n {name}"))
        .unwrap_or_default();
    format!(
        "kubectl delete {} {}{namespace}",
        object.kind().to_lowercase(),
        object.name()
    )
}

fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

/// The last name of a path; those of a mapping's free keys may have dots.
fn last(path: &str) -> &str {
    match FREE
        .iter()
        .find_map(|of| path.strip_prefix(of)?.strip_prefix('.'))
    {
        Some(key) => key,
        None => path.rsplit('.').next().unwrap_or(path),
    }
}

/// What stands between two marks.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::of_own_quota;

    #[test]
    fn the_way_out_of_the_apps_own_quota_is_one_that_helps() {
        let advice = |asked: &str| {
            let words = format!(
                "pods \"a\" is forbidden: exceeded quota: chandlery-quota, requested: {asked}, used: limits.memory=1Gi, limited: limits.memory=1Gi"
            );
            of_own_quota(&words).unwrap()
        };
        let counted = advice("count/deployments.apps=1");
        assert!(
            counted.contains("`kubectl get deployments.apps`"),
            "{counted}"
        );
        assert!(!counted.contains("page Limits"), "{counted}");
        assert!(advice("services.nodeports=1").contains("policy"));
        assert!(advice("limits.ephemeral-storage=9Gi").contains("Pods"));
        assert!(advice("limits.memory=2Gi").starts_with("Raise what the app gets"));
        assert_eq!(of_own_quota("exceeded quota: small, requested: x=1"), None);
    }
}
