//! Differences as people read them: a unified diff of each object's YAML, in which no secret can be read, not even one
//! that is just being replaced.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Map, Value};
use similar::TextDiff;

use crate::dependence::{Dependent, Items, Lines, beginning, set_by};
use crate::kubernetes::{Comparison, Difference};
use crate::odoo::contract::{Diff, DiffAction, ObjectDiff};
use crate::redact::{self, Redactor};

/// Stands for a secret.
const HIDDEN: &str = "••••••";
/// Stands for a secret that is another one than before.
const HIDDEN_CHANGED: &str = "•••••• (changed)";
/// One object's text is cut after so many bytes, …
const TEXT: usize = 64 * 1024;
/// … and later objects have no text once all have come to this.
const ALL_TEXT: usize = 1024 * 1024;
/// Longer is not looked for the shortest difference of two texts.
const TIME: Duration = Duration::from_secs(1);

/// Writes a comparison down. What depends on a secret is hidden wherever it stands, and the secrets that are known in all
/// else.
pub fn readable(comparison: &Comparison, redactor: &Redactor) -> Diff {
    let mut left = ALL_TEXT;
    let objects = comparison.differences.iter().map(|difference| {
        let text = cut(text(difference, redactor), TEXT.min(left));
        left = left.saturating_sub(text.len());
        ObjectDiff {
            object: name(difference, redactor),
            action: match (&difference.before, &difference.after) {
                (_, None) => DiffAction::Delete,
                (None, Some(_)) => DiffAction::Create,
                (Some(_), Some(_)) => DiffAction::Change,
            },
            text,
        }
    });
    Diff {
        objects: objects.collect(),
        unchanged: comparison.unchanged,
    }
}

/// Kind and name. No secret decides those that manifests with secrets give.
fn name(difference: &Difference, redactor: &Redactor) -> String {
    let name = format!("{} {}", difference.object.kind, difference.object.name);
    match difference.stand_in {
        Some(_) => name,
        None => redactor.text(&name),
    }
}

fn text(difference: &Difference, redactor: &Redactor) -> String {
    let mut of_manifest = HashSet::new();
    if let Some(stand_in) = &difference.stand_in {
        lines(stand_in, &mut of_manifest);
    }
    let hiding = Hiding {
        redactor,
        of_manifest,
    };
    let (before, after) = hiding.object(
        difference.before.as_ref(),
        difference.after.as_ref(),
        &difference.dependent,
    );
    match (before, after) {
        (_, None) => String::new(),
        (None, Some(after)) => yaml(&after)
            .lines()
            .map(|line| format!("+{line}\n"))
            .collect(),
        (Some(before), Some(after)) => {
            let (before, after) = (yaml(&before), yaml(&after));
            let diff = TextDiff::configure()
                .timeout(TIME)
                .diff_lines(&before, &after);
            diff.unified_diff().context_radius(3).to_string()
        }
    }
}

/// YAML that reads well: texts of several lines as such.
fn yaml(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        folded_wrap_chars: usize::MAX,
    };
    serde_saphyr::to_string_with_options(value, options)
        .unwrap_or_else(|_| serde_json::to_string_pretty(value).unwrap_or_default())
}

/// Cuts a text after a line.
fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text[..end].rfind('\n').map_or(0, |end| end + 1);
    let left_out = text[kept..].lines().count();
    format!("{}… {left_out} more lines\n", &text[..kept])
}

/// Hides secrets in an object as it is and as it would be, both together: the old value of a secret that changes is
/// known to nobody but the cluster.
struct Hiding<'a> {
    redactor: &'a Redactor,
    /// What the manifest says itself, line by line, with stand-ins for all secrets. Nothing is hidden in it: that would tell
    /// which of many guesses in a manifest is the secret.
    of_manifest: HashSet<String>,
}

/// All lines of all texts of a value, and what of them says only what they set.
fn lines(value: &Value, found: &mut HashSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|member| lines(member, found)),
        Value::Array(items) => items.iter().for_each(|item| lines(item, found)),
        Value::String(text) => {
            for line in text.lines() {
                found.insert(line.to_owned());
                found.insert(line[..beginning(line, line)].to_owned());
            }
        }
        Value::Number(number) => {
            found.insert(number.to_string());
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The same value as it is and as it would be.
type Both = (Option<Value>, Option<Value>);

impl Hiding<'_> {
    fn object(&self, before: Option<&Value>, after: Option<&Value>, part: &Dependent) -> Both {
        let is_secret = [before, after]
            .into_iter()
            .flatten()
            .any(|object| object["kind"] == "Secret");
        let (mut old, mut new) = self.value(before, after, part);
        if is_secret {
            for member in ["data", "stringData"] {
                let (before, after) = self.all(
                    before.and_then(|object| object.get(member)),
                    after.and_then(|object| object.get(member)),
                );
                put(&mut old, member, before);
                put(&mut new, member, after);
            }
        }
        (old, new)
    }

    /// Hides all that a mapping holds.
    fn all(&self, before: Option<&Value>, after: Option<&Value>) -> Both {
        let hide = |one: Option<&Value>, other: Option<&Value>, changed: &str| {
            let members = one?.as_object()?;
            let hidden = members.iter().map(|(key, value)| {
                let other = other.and_then(|other| other.get(key));
                let same = other.is_none_or(|other| other == value);
                let text = if same { HIDDEN } else { changed };
                (key.clone(), Value::from(text))
            });
            Some(Value::Object(hidden.collect()))
        };
        (
            hide(before, after, HIDDEN),
            hide(after, before, HIDDEN_CHANGED),
        )
    }

    /// `part` is what of the value depends on a secret.
    fn value(&self, before: Option<&Value>, after: Option<&Value>, part: &Dependent) -> Both {
        if *part == Dependent::All {
            return hidden_both(before, after);
        }
        let (no_members, no_items) = (Map::new(), Vec::new());
        match (before, after) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let (old, new) = self.members(old, new, part);
                (Some(Value::Object(old)), Some(Value::Object(new)))
            }
            (Some(Value::Array(old)), Some(Value::Array(new))) => {
                let (old, new) = self.items(old, new, part);
                (Some(Value::Array(old)), Some(Value::Array(new)))
            }
            (Some(Value::Object(old)), other) => {
                let (old, _) = self.members(old, &no_members, part);
                (Some(Value::Object(old)), self.alone(other, part))
            }
            (Some(Value::Array(old)), other) => {
                let (old, _) = self.items(old, &no_items, part);
                (Some(Value::Array(old)), self.alone(other, part))
            }
            (other, Some(Value::Object(new))) => {
                let (_, new) = self.members(&no_members, new, part);
                (self.alone(other, part), Some(Value::Object(new)))
            }
            (other, Some(Value::Array(new))) => {
                let (_, new) = self.items(&no_items, new, part);
                (self.alone(other, part), Some(Value::Array(new)))
            }
            (before, after) => self.scalars(before, after, part),
        }
    }

    fn alone(&self, value: Option<&Value>, part: &Dependent) -> Option<Value> {
        match part {
            Dependent::Nothing => self.value(value, None, part).0,
            // It stands where something that depends on a secret will stand.
            _ => hidden_both(value, None).0,
        }
    }

    fn members(
        &self,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
        part: &Dependent,
    ) -> (Map<String, Value>, Map<String, Value>) {
        // Beside a member that depends on a secret, one that goes may have held the secret before.
        let is_secret =
            |key: &str| matches!(part.member(key), Dependent::All | Dependent::Lines(_));
        let all_secret = new.keys().any(|key| is_secret(key));
        let shown_old = old.iter().filter_map(|(key, value)| {
            let gone = all_secret && !new.contains_key(key) && !is_structure(value);
            let both = match gone {
                true => hidden_both(Some(value), None),
                false => self.value(Some(value), new.get(key), part.member(key)),
            };
            Some((key.clone(), both.0?))
        });
        let shown_new = new.iter().filter_map(|(key, value)| {
            let both = self.value(old.get(key), Some(value), part.member(key));
            Some((key.clone(), both.1?))
        });
        (shown_old.collect(), shown_new.collect())
    }

    /// Items that have names belong together by these, others by their place.
    fn items(&self, old: &[Value], new: &[Value], part: &Dependent) -> (Vec<Value>, Vec<Value>) {
        let nothing = Items::default();
        let items = match part {
            Dependent::Items(items) => items,
            _ => &nothing,
        };
        let any = items.any();
        let of_new = |item: &Value, index: usize| match item["name"].as_str() {
            Some(name) => items
                .by_name
                .get(name)
                .or_else(|| items.by_index.get(&index)),
            None if new.len() == items.length => items.by_index.get(&index),
            None => Some(&any),
        };
        // An item that goes, or whose place says nothing, may hold what the secret was before.
        let of_old = |item: &Value, partner: Option<&Value>| match (item["name"].as_str(), partner)
        {
            (Some(name), Some(_)) => items.by_name.get(name),
            _ if new.contains(item) => {
                let index = new
                    .iter()
                    .position(|other| other == item)
                    .unwrap_or_default();
                of_new(item, index)
            }
            _ => Some(&any),
        };
        let nothing = Dependent::Nothing;
        let shown_old = old.iter().enumerate().filter_map(|(index, item)| {
            let partner = partner(item, index, new);
            let part = of_old(item, partner).unwrap_or(&nothing);
            self.value(Some(item), partner, part).0
        });
        let shown_new = new.iter().enumerate().filter_map(|(index, item)| {
            let part = of_new(item, index).unwrap_or(&nothing);
            self.value(partner(item, index, old), Some(item), part).1
        });
        (shown_old.collect(), shown_new.collect())
    }

    fn scalars(&self, before: Option<&Value>, after: Option<&Value>, part: &Dependent) -> Both {
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        let (old, new) = (text(before), text(after));
        let (old_text, new_text) = (
            old.as_deref().unwrap_or_default(),
            new.as_deref().unwrap_or_default(),
        );
        let (old_hidden, new_hidden) = match part {
            Dependent::Nothing => self.texts(old_text, new_text),
            Dependent::Lines(lines) => self.lines(old_text, new_text, lines),
            _ => return hidden_both(before, after),
        };
        // A number stays one unless it is a secret.
        let put = |value: Option<&Value>, shown: Option<String>, hidden: String| match shown {
            Some(shown) if shown != hidden => Some(Value::from(hidden)),
            _ => value.cloned(),
        };
        (put(before, old, old_hidden), put(after, new, new_hidden))
    }

    /// Hides the lines of a text that depend on a secret, and of the text that was there all that may be one: lines that
    /// neither stay nor set what a line sets that is shown.
    fn lines(&self, old: &str, new: &str, secret: &Lines) -> (String, String) {
        let old_lines: Vec<&str> = old.lines().collect();
        let new_lines: Vec<&str> = new.lines().collect();
        let start = |number: usize, line: &'_ str| -> Option<String> {
            let kept = secret.by_number.get(&number)?;
            Some(self.hidden(line.get(..*kept).unwrap_or_default()))
        };
        let numbered = || new_lines.iter().copied().enumerate();
        let new_hidden: Vec<String> = numbered()
            .map(|(number, line)| match start(number, line) {
                None => self.hidden(line),
                Some(kept) if old.is_empty() || old_lines.contains(&line) => kept + HIDDEN,
                Some(kept) => kept + HIDDEN_CHANGED,
            })
            .collect();
        let old_hidden: Vec<String> = old_lines
            .iter()
            .map(|&line| {
                if let Some(number) = new_lines.iter().position(|new| *new == line) {
                    return match start(number, line) {
                        None => self.hidden(line),
                        Some(kept) => kept + HIDDEN,
                    };
                }
                let mut starts = numbered().filter_map(|(number, line)| start(number, line));
                let alike =
                    starts.find(|kept| !kept.trim().is_empty() && line.starts_with(kept.as_str()));
                let shown = numbered().filter(|(number, _)| !secret.by_number.contains_key(number));
                let mut shown = shown.filter_map(|(_, new)| set_by(new));
                let name = set_by(line).filter(|name| !secret.names.contains(*name));
                match alike {
                    Some(kept) => kept + HIDDEN,
                    None if name.is_some_and(|name| shown.any(|new| new == name)) => {
                        self.hidden(line)
                    }
                    None if line.trim().is_empty() => line.to_owned(),
                    None => HIDDEN.to_owned(),
                }
            })
            .collect();
        let end = |text: &str| if text.ends_with('\n') { "\n" } else { "" };
        (
            old_hidden.join("\n") + end(old),
            new_hidden.join("\n") + end(new),
        )
    }

    /// Hides secrets in a text as it is and as it would be, line by line. Where a line of the new text holds a secret,
    /// the line that begins alike in the old one holds the secret that was there before.
    fn texts(&self, old: &str, new: &str) -> (String, String) {
        let old_lines: Vec<&str> = old.lines().collect();
        let mut beginnings = Vec::new();
        let mut has_bare = false;
        let mut new_hidden = Vec::new();
        for line in new.lines() {
            let hidden = self.hidden(line);
            if hidden == line {
                new_hidden.push(hidden);
                continue;
            }
            let beginning = hidden.split(HIDDEN).next().unwrap_or_default().to_owned();
            has_bare |= beginning.trim().is_empty();
            let was_there = old.is_empty() || old_lines.contains(&line);
            new_hidden.push(match was_there {
                true => hidden,
                false => hidden.replacen(HIDDEN, HIDDEN_CHANGED, 1),
            });
            beginnings.push(beginning);
        }
        let new_lines: Vec<&str> = new.lines().collect();
        let old_hidden: Vec<String> = old_lines
            .iter()
            .map(|&line| {
                let hidden = self.hidden(line);
                if hidden != line || new_lines.contains(&line) {
                    return hidden;
                }
                let alike = beginnings
                    .iter()
                    .find(|beginning| !beginning.trim().is_empty() && line.starts_with(*beginning));
                match alike {
                    Some(beginning) => format!("{beginning}{HIDDEN}"),
                    None if has_bare => HIDDEN.to_owned(),
                    None => hidden,
                }
            })
            .collect();
        let end = |text: &str| if text.ends_with('\n') { "\n" } else { "" };
        (
            old_hidden.join("\n") + end(old),
            new_hidden.join("\n") + end(new),
        )
    }

    fn hidden(&self, line: &str) -> String {
        if self.of_manifest.contains(line) {
            return line.to_owned();
        }
        let masked = self.redactor.text(line);
        match masked == line {
            true => masked,
            false => masked.replace(redact::HIDDEN, HIDDEN),
        }
    }
}

/// Hides a value as it is and as it would be, but not that it is another one.
fn hidden_both(before: Option<&Value>, after: Option<&Value>) -> Both {
    let changed = before.is_some_and(|before| after.is_some_and(|after| after != before));
    let shown = if changed { HIDDEN_CHANGED } else { HIDDEN };
    (
        before.map(|_| Value::from(HIDDEN)),
        after.map(|_| Value::from(shown)),
    )
}

fn is_structure(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The item of another list that belongs to this one.
fn partner<'a>(item: &Value, index: usize, others: &'a [Value]) -> Option<&'a Value> {
    match &item["name"] {
        Value::String(name) => others.iter().find(|other| other["name"] == name.as_str()),
        _ => others.get(index).filter(|other| !other["name"].is_string()),
    }
}

fn put(object: &mut Option<Value>, member: &str, value: Option<Value>) {
    if let (Some(object), Some(value)) = (object, value) {
        object[member] = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use serde_json::json;

    fn shown(kind: &str, before: Option<Value>, after: Option<Value>) -> ObjectDiff {
        shown_but(kind, before, after, Dependent::Nothing)
    }

    fn shown_but(
        kind: &str,
        before: Option<Value>,
        after: Option<Value>,
        dependent: Dependent,
    ) -> ObjectDiff {
        let difference = Difference {
            object: ObjectRef {
                api_version: "v1".to_owned(),
                kind: kind.to_owned(),
                namespace: None,
                name: "odoo".to_owned(),
            },
            before,
            after,
            dependent,
            stand_in: None,
        };
        let comparison = Comparison {
            differences: vec![difference],
            ..Comparison::default()
        };
        let redactor = Redactor::new(["n3w-secret", "kept-secret"].map(str::to_owned));
        readable(&comparison, &redactor).objects.remove(0)
    }

    #[test]
    fn a_change_is_a_unified_diff_of_yaml() {
        let diff = shown(
            "Deployment",
            Some(json!({"kind": "Deployment", "spec": {"replicas": 1, "paused": false}})),
            Some(json!({"kind": "Deployment", "spec": {"replicas": 2, "paused": false}})),
        );
        assert_eq!(
            (diff.object.as_str(), diff.action),
            ("Deployment odoo", DiffAction::Change)
        );
        assert_eq!(
            diff.text,
            "@@ -1,4 +1,4 @@\n kind: Deployment\n spec:\n-  replicas: 1\n+  replicas: 2\n   paused: false\n"
        );
    }

    #[test]
    fn a_changed_secret_is_seen_to_be_changed_and_never_seen() {
        let diff = shown(
            "Secret",
            Some(json!({"kind": "Secret", "data": {"a": "b2xk", "b": "c2FtZQ=="}})),
            Some(json!({"kind": "Secret", "data": {"a": "bmV3", "b": "c2FtZQ==", "c": "YWRk"}})),
        );
        assert!(
            diff.text.contains("-  a: ••••••\n+  a: •••••• (changed)\n"),
            "{}",
            diff.text
        );
        assert!(
            diff.text.contains("   b: ••••••\n+  c: ••••••\n"),
            "{}",
            diff.text
        );
        let created = shown(
            "Secret",
            None,
            Some(json!({"kind": "Secret", "stringData": {"password": "x"}})),
        );
        assert_eq!(
            created.text,
            "+kind: Secret\n+stringData:\n+  password: ••••••\n"
        );
        assert_eq!(created.action, DiffAction::Create);
    }

    #[test]
    fn the_old_value_of_a_secret_outside_of_secrets_is_hidden_too() {
        let diff = shown(
            "ConfigMap",
            Some(json!({"data": {
                "odoo.conf": "[options]\ndb_password = old-secret\nadmin = kept-secret\nworkers = 2\n",
                "bare": "old-secret",
            }})),
            Some(json!({"data": {
                "odoo.conf": "[options]\ndb_password = n3w-secret\nadmin = kept-secret\nworkers = 4\n",
                "bare": "n3w-secret",
            }})),
        );
        assert!(!diff.text.contains("secret"), "{}", diff.text);
        let expected = "-    db_password = ••••••\n+    db_password = •••••• (changed)\n     admin = ••••••\n\
            -    workers = 2\n-  bare: ••••••\n+    workers = 4\n+  bare: •••••• (changed)\n";
        assert!(diff.text.ends_with(expected), "{}", diff.text);
    }

    /// S15b: what a field holds that depends on a secret is hidden as it is and as it would be, in whatever form.
    #[test]
    fn what_depends_on_a_secret_is_hidden_on_both_sides_and_its_change_is_not() {
        let object = |secret: &str, title: &str| {
            json!({
                "kind": "Deployment",
                "metadata": {"annotations": {"a/hash": secret, "a/plain": title}},
                "spec": {
                    "args": ["--title", format!("--password={secret}")],
                    "env": [{"name": "TITLE", "value": title}, {"name": "DSN", "value": secret}],
                    "conf": format!("[options]\ntitle = {title}\ndb_password = {secret}\n"),
                    "number": 7,
                },
            })
        };
        let (stand_in, after) = (object("qwrtz", "new"), object("2d3n", "new"));
        let dependent = Dependent::between(&after, &stand_in).unwrap();
        let mut before = object("1d3n", "old");
        // What goes, and what stood elsewhere, may be the secret of before.
        before["metadata"]["annotations"]["a/old-hash"] = json!("1d3n");
        before["spec"]["args"] = json!(["--password=1d3n", "--title"]);
        before["spec"]["env"][0]["name"] = json!("OLD");
        before["spec"]["env"][0]["value"] = json!("1d3n");
        before["spec"]["conf"] =
            json!("[options]\ntitle = old\npassword = 1d3n\n1d3n\ndb_password = 1d3n\n");
        let diff = shown_but(
            "Deployment",
            Some(before),
            Some(after.clone()),
            dependent.clone(),
        );
        assert!(!diff.text.contains("d3n"), "{}", diff.text);
        for line in [
            "-    a/plain: old\n",
            "+    a/plain: new\n",
            "-    title = old\n",
            "+    title = new\n",
            "+    a/hash: •••••• (changed)\n",
            "-    db_password = ••••••\n",
            "+    db_password = •••••• (changed)\n",
        ] {
            assert!(diff.text.contains(line), "{line}: {}", diff.text);
        }
        let created = shown_but("Deployment", None, Some(after), dependent);
        assert!(!created.text.contains("d3n"), "{}", created.text);
        assert!(created.text.contains("+  number: 7\n"), "{}", created.text);
        assert!(created.text.contains("--title\n"), "{}", created.text);
    }

    #[test]
    fn items_with_names_belong_together_wherever_they_stand() {
        let env =
            |items: Value| Some(json!({"spec": {"containers": [{"name": "odoo", "env": items}]}}));
        let diff = shown(
            "Deployment",
            env(json!([{"name": "PASSWORD", "value": "old-secret"}])),
            env(
                json!([{"name": "FIRST", "value": "1"}, {"name": "PASSWORD", "value": "n3w-secret"}]),
            ),
        );
        assert!(!diff.text.contains("secret"), "{}", diff.text);
        assert!(diff.text.contains("(changed)"), "{}", diff.text);
    }

    #[test]
    fn what_is_too_long_is_cut_after_a_line_and_says_so() {
        let lines: String = (0..10).map(|number| format!("line {number}\n")).collect();
        assert_eq!(cut(lines.clone(), 1000), lines);
        assert_eq!(cut(lines.clone(), 16), "line 0\nline 1\n… 8 more lines\n");
        assert_eq!(cut(lines, 0), "… 10 more lines\n");
    }
}
