//! Which variables templates use, what they are, and where that comes from: `chandlery render --explain`.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::ansible::{Resolved, Variables};

/// What names of secrets contain.
const SECRET_NAMES: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "private_key",
    "access_key",
];
/// Stands for a secret.
const HIDDEN: &str = "••••••";
/// Characters of a value that are shown.
const VALUE: usize = 60;

/// Whether a variable is called as secrets are.
pub fn looks_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// A template, and the variables that it mentions.
pub struct Used {
    pub template: String,
    pub variables: Vec<String>,
}

/// Says of each template which variables it uses; of each variable its value, where that stands, what it was made of,
/// and which others it takes the place of. `layers` are all that was given, of which later ones win.
pub fn explain(templates: &[Used], layers: &[Variables], values: &Resolved) -> String {
    let explaining = Explaining { layers, values };
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    for used in templates {
        let _ = writeln!(text, "{} uses", used.template);
        if used.variables.is_empty() {
            text.push_str("  no variables\n");
        }
        for name in &used.variables {
            explaining.variable(name, &mut Vec::new(), &mut seen, &mut text);
        }
        text.push('\n');
    }
    let unused: Vec<&str> = values
        .names()
        .filter(|name| !seen.contains(*name))
        .collect();
    if !unused.is_empty() {
        text.push_str("No template uses\n");
        for name in unused {
            let _ = writeln!(text, "  {name}: {}", explaining.places(name));
        }
    }
    text
}

struct Explaining<'a> {
    layers: &'a [Variables],
    values: &'a Resolved,
}

impl Explaining<'_> {
    /// One variable and, further right, those that its value needs.
    fn variable(
        &self,
        name: &str,
        path: &mut Vec<String>,
        seen: &mut BTreeSet<String>,
        text: &mut String,
    ) {
        let indent = "  ".repeat(path.len() + 1);
        let _ = writeln!(text, "{indent}{name} = {}", self.value(name));
        if self.values.given(name).is_some() {
            let _ = writeln!(text, "{indent}  from {}", self.places(name));
        }
        seen.insert(name.to_owned());
        let needs = self.values.needs(name);
        if needs.is_empty() || path.iter().any(|known| known == name) {
            return;
        }
        let _ = writeln!(text, "{indent}  made of");
        path.push(name.to_owned());
        path.push(String::new());
        for needed in &needs {
            self.variable(needed, path, seen, text);
        }
        path.truncate(path.len() - 2);
    }

    fn value(&self, name: &str) -> String {
        let Some(given) = self.values.given(name) else {
            return "(not set)".to_owned();
        };
        let is_made_of_secret = || {
            let needs = self.values.needs(name);
            needs.iter().any(|needed| self.values.is_secret(needed))
        };
        if given.secret || is_made_of_secret() {
            return HIDDEN.to_owned();
        }
        match self.values.value(name) {
            Ok(_) => match self.values.get(name) {
                Some(value) => shortened(&self.values.mask(&value.to_string())),
                None => "(a value that JSON has no word for)".to_owned(),
            },
            Err(problem) => format!("({})", problem.message.trim_end_matches('.')),
        }
    }

    /// Where it stands, the one that counts first.
    fn places(&self, name: &str) -> String {
        let given = self.layers.iter().filter_map(|layer| layer.get(name)).rev();
        let mut places = given.map(|variable| match &variable.written {
            Some(written) => format!("{}, line {}", variable.origin, written.line),
            None => variable.origin.clone(),
        });
        let first = places.next().unwrap_or_default();
        let others: Vec<String> = places.collect();
        match others.is_empty() {
            true => first,
            false => format!("{first} (instead of {})", others.join("; ")),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_told_with_its_place_and_what_it_is_made_of() {
        let mut secrets = Variables::new();
        secrets.set_secret("pw", "hunter2", "secret", false);
        let layers = [
            secrets,
            Variables::read("host: a.example.com\nport: 80\nunused: 1\n", "base.yml").unwrap(),
            Variables::read(
                "# ours\nhost: shop.example.com\nurl: \"https://{{ host }}:{{ port }}/\"\ndb_url: \"pg:{{ pw }}\"\n",
                "shop.yml",
            )
            .unwrap(),
        ];
        let mut all = Variables::new();
        layers.iter().for_each(|layer| all.extend(layer.clone()));
        let values = all.resolve().unwrap();
        let used = Used {
            template: "odoo.yml".to_owned(),
            variables: ["db_url", "nosuch", "url"].map(str::to_owned).to_vec(),
        };
        assert_eq!(
            explain(&[used], &layers, &values),
            "odoo.yml uses
  db_url = ••••••
    from shop.yml, line 4
    made of
      pw = ••••••
        from secret
  nosuch = (not set)
  url = \"https://shop.example.com:80/\"
    from shop.yml, line 3
    made of
      host = \"shop.example.com\"
        from shop.yml, line 2 (instead of base.yml, line 1)
      port = 80
        from base.yml, line 2

No template uses
  unused: base.yml, line 3
"
        );
    }

    #[test]
    fn a_ring_of_values_ends_the_explanation_too() {
        let layers = [Variables::read("a: \"{{ b }}\"\nb: \"{{ a }}\"\n", "vars.yml").unwrap()];
        let values = layers[0].resolve().unwrap();
        let used = Used {
            template: "odoo.yml".to_owned(),
            variables: vec!["a".to_owned()],
        };
        let text = explain(&[used], &layers, &values);
        assert!(text.contains("need one another: a → b → a"), "{text}");
    }
}
