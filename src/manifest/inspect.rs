//! All that can be said of one template without a cluster: what it uses, what is missing, what it makes, and everything
//! that is wrong with it, by its place in the template.

use yaml_dialects::Data;

use super::{Source, Values, parse, policy, render, stand_ins, well_formed, with_stand_ins};
use crate::ansible::{self, Failure, Files, Variable, Variables};
use crate::object::Object;
use crate::problem::Problem;

/// Stands for a value that nobody gives, so that what comes after it can be looked at, too.
const PLACEHOLDER: &str = "example";
/// Another one: what is said of both alike does not come from them.
const OTHER_PLACEHOLDER: &str = "another";
/// A name that is no variable: Ansible gives it everywhere.
const OMIT: &str = "omit";
/// With more missing variables than this the first few say enough.
const MISSING_LOOKED_AT: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inspection {
    /// The variables that the template mentions, sorted.
    pub variables: Vec<String>,
    /// The variables that nobody gives and that it cannot do without, or that the values it uses cannot.
    pub missing: Vec<String>,
    /// The same as problems, each where it is first met.
    pub undefined: Vec<Problem>,
    /// What else is wrong.
    pub problems: Vec<Problem>,
    /// What is probably not meant.
    pub warnings: Vec<Problem>,
    /// What it makes, as far as that can be told. Values that are missing are made up.
    pub objects: Vec<Object>,
}

/// Looks at a template, and holds what it makes against a policy. Fails only for want of a file. The variables must hold
/// stand-ins for their secrets: what is found is told to people, and tells of the values.
pub fn inspect(
    source: &Source,
    variables: &Variables,
    rules: &policy::Rules,
) -> Result<Inspection, Failure> {
    let mut found = Inspection::default();
    match mentioned(source) {
        Ok(names) => found.variables = names,
        Err(problem) => {
            found.problems.push(problem);
            return Ok(found);
        }
    }
    let refused = |resolved| stand_ins::refuse_files(source, &resolved);
    if let Err(problem) = variables.resolve().and_then(refused) {
        found.problems.push(problem);
        return Ok(found);
    }
    let problem = match made(source, variables)? {
        Ok(made) => {
            read(&made, &mut found, Problems::Told);
            if found.problems.is_empty() {
                found.problems.extend(dependence(source, variables).err());
            }
            let refused = policy::violations(&found.objects, rules);
            let told = refused.iter().map(|one| one.problem(rules.cluster));
            let told: Vec<Problem> = told
                .map(|problem| made.resolved.mask_problem(problem))
                .collect();
            found.problems.extend(told);
            return Ok(found);
        }
        Err(problem) if source.artefact.is_some() => {
            // Which values it lacks its tool alone knows.
            found.problems.push(problem);
            return Ok(found);
        }
        Err(problem) => problem,
    };
    // With all but one of the missing variables made up, what goes wrong is that one's.
    let absent = absent(&found.variables, variables);
    let with = filled(variables, &absent, None, PLACEHOLDER);
    let Ok(all_made) = made(source, &with)? else {
        found.missing = absent;
        found.problems.push(problem);
        return Ok(found);
    };
    for name in absent.iter().take(MISSING_LOOKED_AT) {
        if let Err(problem) = made(source, &filled(variables, &absent, Some(name), PLACEHOLDER))? {
            found.missing.push(name.clone());
            found.undefined.push(problem);
        }
    }
    found
        .undefined
        .sort_by_key(|problem| (problem.line, problem.column));
    read(&all_made, &mut found, Problems::OfMadeUpValues);
    // What is refused whatever the missing values are.
    let with = filled(variables, &absent, None, OTHER_PLACEHOLDER);
    if let Ok(other_made) = made(source, &with)? {
        let mut other = Inspection::default();
        read(&other_made, &mut other, Problems::OfMadeUpValues);
        let same = policy::violations(&other.objects, rules);
        let refused = policy::violations(&found.objects, rules);
        let told = refused.iter().filter(|one| {
            let key = |one: &policy::Violation| (one.rule, one.field.clone(), one.message.clone());
            same.iter().any(|other| key(other) == key(one))
        });
        let told: Vec<Problem> = told
            .map(|one| all_made.resolved.mask_problem(one.problem(rules.cluster)))
            .collect();
        found.problems.extend(told);
    }
    Ok(found)
}

/// The variables that a template mentions. An archive's tool does not tell.
fn mentioned(source: &Source) -> Result<Vec<String>, Problem> {
    match source.artefact {
        Some(_) => Ok(Vec::new()),
        None => ansible::mentioned(&source.title, &source.url, &source.text, &source.files),
    }
}

/// A template's text and the variables it was made with.
struct Made {
    rendered: super::Rendered,
    resolved: ansible::Resolved,
}

/// What is wrong is wanted here; what is missing is not.
fn made(source: &Source, variables: &Variables) -> Result<Result<Made, Problem>, Failure> {
    let resolved = match variables.resolve() {
        Ok(resolved) => resolved,
        Err(problem) => return Ok(Err(problem)),
    };
    match render(source, &resolved) {
        Ok(rendered) => Ok(Ok(Made { rendered, resolved })),
        Err(Failure::Problem(problem)) => Ok(Err(*problem)),
        Err(needs) => Err(needs),
    }
}

/// Whether what cannot be read is the template's fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Problems {
    Told,
    /// It may be that of the values that were made up.
    OfMadeUpValues,
}

/// Reads what was rendered as kubectl does.
fn read(made: &Made, found: &mut Inspection, problems: Problems) {
    match parse(&made.rendered, &made.resolved) {
        Ok(parsed) => {
            found.warnings = parsed.warnings;
            for object in parsed.objects {
                match well_formed(&object) {
                    Ok(()) => found.objects.push(object),
                    Err(problem) => found.problems.push(made.resolved.mask_problem(problem)),
                }
            }
        }
        Err(problem) if problems == Problems::Told => found.problems.push(problem),
        Err(_) => {}
    }
}

/// Refuses what must not depend on a secret.
fn dependence(source: &Source, variables: &Variables) -> Result<(), Problem> {
    if !variables.hold_secrets() {
        return Ok(());
    }
    match with_stand_ins(source, &Values::new(variables)?) {
        Ok(_) => Ok(()),
        Err(Failure::Problem(problem)) => Err(*problem),
        Err(Failure::Needs(_)) => Ok(()),
    }
}

/// The variables that nobody gives, of those that are used and of those that their values need.
fn absent(used: &[String], variables: &Variables) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    let mut open: Vec<String> = used.to_vec();
    while let Some(name) = open.pop() {
        if known.contains(&name) || name == OMIT {
            continue;
        }
        if let Some(Variable {
            value,
            literal: false,
            ..
        }) = variables.get(&name)
        {
            texts(value, &mut |text| {
                open.extend(
                    ansible::mentioned("", "", text, &Files::default()).unwrap_or_default(),
                );
            });
        }
        known.push(name);
    }
    known.retain(|name| variables.get(name).is_none());
    known.sort();
    known
}

fn texts(value: &Data, heard: &mut impl FnMut(&str)) {
    match value {
        Data::Text(text) => heard(text),
        Data::List(items) => items.iter().for_each(|item| texts(item, heard)),
        Data::Map(pairs) => pairs.iter().for_each(|(_, item)| texts(item, heard)),
        _ => {}
    }
}

/// The variables with all that is absent made up, but for one.
fn filled(
    variables: &Variables,
    absent: &[String],
    but: Option<&str>,
    placeholder: &str,
) -> Variables {
    let mut filled = variables.clone();
    for name in absent.iter().filter(|name| Some(name.as_str()) != but) {
        filled.set(name, placeholder, "made up");
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use serde_json::json;

    fn look(text: &str, given: &[(&str, serde_json::Value)]) -> Inspection {
        let mut variables = Variables::new();
        for (name, value) in given {
            variables.set(name, value.clone(), "config map");
        }
        let source = Source::new("Odoo", "http://example.com/odoo.yml", text.to_owned());
        inspect(
            &source,
            &variables,
            &policy::Rules::of_tests(&Policy::default()),
        )
        .unwrap()
    }

    #[test]
    fn every_missing_variable_is_named_where_it_is_met_and_the_objects_all_the_same() {
        let found = look(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ odoo_nmae }}\n  labels:\n    a: {{ label }}\n    b: {{ other | default('x') }}\n    c: {{ odoo_name }}\n",
            &[("odoo_name", json!("odoo"))],
        );
        assert_eq!(
            found.variables,
            ["label", "odoo_name", "odoo_nmae", "other"]
        );
        assert_eq!(
            found.missing,
            ["label", "odoo_nmae"],
            "a default is enough for `other`"
        );
        let lines: Vec<Option<u32>> = found.undefined.iter().map(|one| one.line).collect();
        assert_eq!(lines, [Some(4), Some(6)]);
        let first = &found.undefined[0];
        assert!(
            first.to_string().contains("Did you mean 'odoo_name'?"),
            "{first}"
        );
        assert_eq!(found.objects[0].kind(), "ConfigMap");
        assert_eq!(found.problems, []);
    }

    #[test]
    fn what_the_policy_refuses_is_told_also_where_values_are_missing() {
        let found = look(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ name }}\n  finalizers: [a/b]\ntype: {{ type }}\n",
            &[],
        );
        let told: Vec<&str> = found
            .problems
            .iter()
            .map(|problem| problem.field.as_deref().unwrap())
            .collect();
        assert_eq!(told, ["metadata.finalizers"], "the type may be a good one");
    }

    #[test]
    fn a_variable_that_only_a_value_needs_is_missing_too() {
        let found = look(
            "name: {{ volume }}\n",
            &[("volume", json!("{{ host }}-data"))],
        );
        assert_eq!(found.missing, ["host"]);
    }

    #[test]
    fn an_error_of_syntax_has_its_line_and_column() {
        let found = look("a: 1\nb: {{ x | }}\n", &[]);
        assert_eq!(found.problems.len(), 1);
        assert_eq!(found.problems[0].line, Some(2));
        assert!(found.problems[0].column.is_some());
    }

    #[test]
    fn what_yaml_refuses_is_marked_in_the_template_not_in_the_rendered_text() {
        let text = "{% for n in range(3) %}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a-{{ n }}\n{% endfor %}\n---\nkind: [broken\n";
        let found = look(text, &[]);
        let problem = &found.problems[0];
        assert_eq!(problem.code.as_str(), "manifest_parse");
        let line = problem.line.unwrap();
        assert!((8..=9).contains(&line), "{problem}");
    }

    #[test]
    fn objects_that_lack_kind_or_name_are_all_named() {
        let found = look(
            "kind: Service\n---\napiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            &[],
        );
        assert_eq!(found.problems.len(), 2, "{:?}", found.problems);
        assert_eq!(found.objects.len(), 1);
    }
}
