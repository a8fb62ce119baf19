//! What operators do from a terminal: the same calls as Odoo's buttons make, with the operator's own API key, and so with
//! the operator's own rights.
//!
//! Arguments → [`Odoo`] → calls of public methods by Odoo's external API → a table or JSON. Exit status 0 when all is well,
//! 1 when something is not (a job failed, something would change, an update is needed), 2 when it could not be asked.

pub mod app;
mod client;
mod domains;
mod job;
pub mod repo;
pub mod upgrade_check;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Value;

pub use client::Odoo;

use super::refuse;
use crate::code::Code;
use crate::loopback::is_loopback;
use crate::problem::Problem;

/// Exit status where something is not as it should be.
const NOT_WELL: u8 = 1;
/// Exit status where Odoo could not be asked, or refuses.
const REFUSED: u8 = 2;
/// The variable that holds the key itself: arguments are seen by everybody on the machine.
const KEY_VARIABLE: &str = "ODOO_API_KEY";

/// Where Odoo is, who asks, and how the answer is printed.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Odoo")]
pub struct Connection {
    /// Odoo's address
    #[arg(long, value_name = "URL", env = "ODOO_URL", global = true)]
    url: Option<String>,
    /// The database, where Odoo serves several
    #[arg(long, value_name = "NAME", env = "ODOO_DB", global = true)]
    database: Option<String>,
    /// A file that holds an operator's API key; without it, the variable ODOO_API_KEY holds the key
    #[arg(long, value_name = "FILE", env = "ODOO_API_KEY_FILE", global = true)]
    key_file: Option<PathBuf>,
    /// Sends the key to another machine unencrypted
    #[arg(long, global = true)]
    allow_http: bool,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

impl Connection {
    /// The door to Odoo.
    fn odoo(&self) -> Result<Odoo, Problem> {
        let missing = |what: &str, hint: &str| {
            Problem::new(Code::Settings, format!("{what} is not known.")).hint(hint)
        };
        let text = self.url.as_deref().ok_or_else(|| {
            missing(
                "Odoo's address",
                "Give it by --url or in the variable ODOO_URL.",
            )
        })?;
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                Problem::new(Code::Settings, format!("'{text}' is no address of Odoo."))
                    .hint("Write it as https://odoo.example.com.")
            })?;
        if url.scheme() == "http" && !is_loopback(&url) && !self.allow_http {
            return Err(Problem::new(
                Code::Settings,
                format!("{text} would send the API key unencrypted."),
            )
            .hint("Use https://, or --allow-http where nobody else is on the way."));
        }
        let key = match &self.key_file {
            Some(file) => std::fs::read_to_string(file).map_err(|error| {
                Problem::new(
                    Code::Settings,
                    format!("The API key in {} cannot be read: {error}.", file.display()),
                )
            })?,
            None => std::env::var(KEY_VARIABLE).unwrap_or_default(),
        };
        if key.trim().is_empty() {
            return Err(missing(
                "The API key",
                "Make one in Odoo (your picture > My Preferences > Security > Add API Key), write it into a file that only you may read and name it by --key-file, or set ODOO_API_KEY.",
            ));
        }
        let database = self.database.clone().unwrap_or_default();
        Odoo::new(url, database, SecretString::from(key.trim()))
    }
}

/// The end of a command: what is printed, and whether all is well.
struct Answer {
    json: Value,
    table: String,
    well: bool,
}

impl Answer {
    fn well(json: Value, table: impl Into<String>) -> Self {
        Self {
            json,
            table: table.into(),
            well: true,
        }
    }
}

/// Prints what came of a command.
fn end(answer: Result<Answer, Problem>, output: Output) -> ExitCode {
    match answer {
        Ok(Answer { json, table, well }) => {
            match output {
                Output::Json => println!("{json:#}"),
                Output::Table if table.is_empty() => {}
                Output::Table => println!("{}", table.trim_end_matches('\n')),
            }
            match well {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(NOT_WELL),
            }
        }
        Err(problem) => refuse(&[problem], REFUSED),
    }
}

/// Rows under a heading, each column as wide as its longest cell.
fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heading[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut heading.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| line(&mut row.iter().map(String::as_str))),
    );
    lines.join("\n")
}

/// A member of a record as people read it: Odoo says `false` for what is empty, and `[id, name]` for another record.
fn text(record: &Value, name: &str) -> String {
    match &record[name] {
        Value::String(text) => text.clone(),
        Value::Array(pair) if pair.len() == 2 => pair[1].as_str().unwrap_or_default().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(true) => "yes".to_owned(),
        _ => String::new(),
    }
}

/// The id of a record, or of the one that a member of it names.
fn id(value: &Value) -> Option<i64> {
    match value {
        Value::Array(pair) => pair.first().and_then(Value::as_i64),
        value => value.as_i64(),
    }
}

/// The id of a record that was read.
fn number(record: &Value) -> Result<i64, Problem> {
    id(&record["id"]).ok_or_else(|| Problem::new(Code::OdooUnreadable, "A record has no id."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let rows = vec![
            vec!["shop".to_owned(), "running".to_owned()],
            vec!["größe-1".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["APP", "STATE"], &rows),
            "APP      STATE\nshop     running\ngröße-1"
        );
    }

    #[test]
    fn what_odoo_calls_false_is_empty_and_a_record_is_its_name() {
        let record = json!({"a": false, "b": [7, "Nora"], "c": "x", "d": 3});
        let texts: Vec<String> = ["a", "b", "c", "d", "e"]
            .iter()
            .map(|name| text(&record, name))
            .collect();
        assert_eq!(texts, ["", "Nora", "x", "3", ""]);
        assert_eq!(id(&record["b"]), Some(7));
    }
}
