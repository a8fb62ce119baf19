//! What a program sets for its templates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use yaml_dialects::Data;

use crate::error::Error;
use crate::files::Files;
use crate::filters;
use crate::render;
use crate::value::limits::Limits;
use crate::value::settings::{self, Call, Settings};
use crate::variables::{Resolved, Variables};

/// Limits, and filters and tests of the program's own, beside those of Jinja2 and Ansible.
///
/// ```
/// use ansible_jinja::{Environment, Limits, Variables, render};
/// use yaml_dialects::Data;
///
/// let mut environment = Environment::new();
/// environment.set_limits(Limits { steps: 10_000, ..Limits::default() });
/// environment.add_filter("shout", |value, _| match value.as_str() {
///     Some(text) => Ok(Data::from(text.to_uppercase() + "!")),
///     None => Err("it needs a text".to_owned()),
/// });
/// environment.add_test("short", |value, _| Ok(value.as_str().is_some_and(|text| text.len() < 8)));
///
/// let variables = environment.resolve(&Variables::read("name: shop\n", "vars.yml")?);
/// let text = render("{{ name | shout if name is short }}", &variables)?.text;
/// assert_eq!(text, "SHOP!");
/// # Ok::<(), ansible_jinja::Error>(())
/// ```
#[derive(Clone)]
pub struct Environment(Arc<Settings>);

impl Default for Environment {
    fn default() -> Self {
        Self(filters::settings())
    }
}

impl Environment {
    /// With the usual limits, and nothing of its own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what one rendering may take.
    pub fn set_limits(&mut self, limits: Limits) {
        Arc::make_mut(&mut self.0).limits = limits;
    }

    /// Adds a filter, in place of one of this name. It gets values as YAML has them, none of them a template; an error
    /// counts as with filters of Ansible's: `default` does not hide it, `is defined` says no.
    pub fn add_filter(
        &mut self,
        name: &str,
        filter: impl Fn(&Data, &Call) -> Result<Data, String> + Send + Sync + 'static,
    ) {
        self.renamed()
            .filters
            .insert(name.to_owned(), Arc::new(filter));
    }

    /// Adds a test, in place of one of this name.
    pub fn add_test(
        &mut self,
        name: &str,
        test: impl Fn(&Data, &Call) -> Result<bool, String> + Send + Sync + 'static,
    ) {
        self.renamed().tests.insert(name.to_owned(), Arc::new(test));
    }

    fn renamed(&mut self) -> &mut Settings {
        static NAMES: AtomicU64 = AtomicU64::new(1);
        let settings = Arc::make_mut(&mut self.0);
        settings.names = NAMES.fetch_add(1, Ordering::Relaxed);
        settings
    }

    /// Makes variables ready for templates of this environment: see [`Variables::resolve`].
    pub fn resolve(&self, variables: &Variables) -> Resolved {
        variables.resolve_with(self.0.clone())
    }

    /// The names of the variables that a template and its files mention: see [`mentioned`](crate::mentioned).
    ///
    /// # Errors
    ///
    /// Where the template cannot be read.
    pub fn mentioned(&self, text: &str, files: &Files) -> Result<Vec<String>, Error> {
        settings::within(&self.0, || render::mentioned(text, files))
    }
}
