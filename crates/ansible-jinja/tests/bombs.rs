//! Templates, values and manifests that are made to do harm: each ends in a clear error, by what it takes of steps and
//! bytes and never by the clock, and small.
//!
//! Each runs in a process of its own, which measures its peak memory above what it had before, and its processor time
//! for whoever reads it: `cargo test --release --test bombs -- --nocapture` shows them all.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use ansible_jinja::{Error, Variables, render};
use yaml_dialects::{Limits, divergence};

/// After this much processor time, far beyond what the slowest takes, a bomb is taken for one that never ends.
const NEVER: Duration = Duration::from_secs(600);
/// What a rendering says that only the clock has stopped: nothing counted what it did.
const BY_THE_CLOCK: &str = "takes more than 60 seconds";
/// In KiB.
const MEMORY: u64 = 64 * 1024;
/// Says to a child where the file of its bomb is, named for what it is put into.
const BOMB: &str = "BOMB";

/// What Ansible makes harmless, and so do we: a list that is put into itself is copied first.
const HARMLESS: [&str; 7] = [
    "a list within itself printed",
    "a list within itself dumped",
    "a list within itself flattened",
    "lists within themselves compared",
    "lists within themselves twice",
    "a mapping within itself combined",
    "a mapping within itself sorted",
];

struct Bomb {
    name: &'static str,
    into: &'static str,
    text: String,
}

#[test]
fn every_bomb_is_stopped_by_what_is_counted_and_small_in_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let mut names = BTreeSet::new();
    for Bomb { name, into, text } in bombs() {
        assert!(names.insert(name), "two bombs are named {name}");
        let file = folder.path().join(into);
        std::fs::write(&file, text).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "set_off", "--ignored", "--nocapture"])
            .env(BOMB, file)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout).into_owned();
        let report = output
            .lines()
            .find_map(|line| {
                line.split_once("BOMB ")
                    .map(|(_, report)| report.to_owned())
            })
            .unwrap_or_else(|| format!("crashed: {}", child.status));
        println!("{name:44} {report}");
        let wanted = match HARMLESS.contains(&name) {
            true => "harmless",
            false => "fine",
        };
        if !report.starts_with(wanted) {
            wrong.push(format!("{name}: {report}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} bombs do harm:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A child's part: sets off one bomb and measures it.
#[test]
#[ignore = "a part of the other test, which starts it"]
fn set_off() {
    let Some(file) = std::env::var_os(BOMB).map(PathBuf::from) else {
        return;
    };
    // What the source itself takes is not counted.
    let text = std::fs::read_to_string(&file).unwrap();
    let into = file.file_name().unwrap().to_str().unwrap();
    let (memory, time) = (peak(), used());
    std::thread::spawn(move || {
        while used() - time < NEVER {
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("BOMB does not end");
        std::process::exit(1);
    });
    let result = explode(into, text);
    let (memory, time) = (peak() - memory, used() - time);
    let measured = format!("{:5} ms {:6} KiB", time.as_millis(), memory);
    let verdict = match &result {
        Ok(length) if *length < 100 && memory < MEMORY => "harmless".to_owned(),
        Ok(length) => format!("gives {length} bytes"),
        Err(stopped) if !stopped.placed => "says not where".to_owned(),
        Err(stopped) if stopped.text.contains(BY_THE_CLOCK) => "not counted".to_owned(),
        Err(_) if memory > MEMORY => "takes too much".to_owned(),
        Err(_) => "fine".to_owned(),
    };
    let message = result.err().map(|stopped| {
        let text = stopped.text.replace('\n', " ");
        text.chars().take(160).collect::<String>()
    });
    println!(
        "BOMB {verdict:15} {measured}  {}",
        message.unwrap_or_default()
    );
}

/// What stopped a bomb, and whether it says where.
struct Stopped {
    placed: bool,
    text: String,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self {
            placed: error.line().is_some() && error.column().is_some(),
            text: error.to_string(),
        }
    }
}

impl From<yaml_dialects::Error> for Stopped {
    fn from(error: yaml_dialects::Error) -> Self {
        Self {
            placed: true,
            text: error.to_string(),
        }
    }
}

fn explode(into: &str, text: String) -> Result<usize, Stopped> {
    match into {
        "a template" => {
            let resolved = Variables::read("x: 1\n", "vars.yml")?.resolve();
            Ok(render(&text, &resolved)?.text.len())
        }
        "a vars file" => {
            let resolved = Variables::read(&text, "vars.yml")?.resolve();
            Ok(format!("{:?}", resolved.value("x")?).len())
        }
        _ => {
            let read = divergence::read(&text, &Limits::default())?;
            Ok(read.documents.len())
        }
    }
}

/// The most memory that this process ever had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    word.expect("VmHWM").parse().unwrap()
}

/// The processor time of this process: fields 14 and 15 of its `stat`, in hundredths of a second.
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    Duration::from_millis(ticks.map(|field| field.parse::<u64>().unwrap() * 10).sum())
}

fn bombs() -> Vec<Bomb> {
    let mut bombs = Vec::new();
    let mut add = |name, into, text| bombs.push(Bomb { name, into, text });
    for (name, text) in [
        // Loops
        (
            "a loop over range(10**9)",
            "{% for i in range(10**9) %}{% endfor %}",
        ),
        (
            "a long sequence",
            "{{ q('sequence', start=0, end=10**12) | length }}",
        ),
        (
            "a sequence of long texts",
            "{{ q('sequence', '9999:%9999d') | length }}",
        ),
        (
            "a sequence backwards",
            "{{ q('sequence', start=10**12, end=1, stride=-1) | length }}",
        ),
        (
            "sequences in a loop",
            "{% for i in range(10**4) %}{% set _ = q('sequence', '1-999') %}{% endfor %}",
        ),
        (
            "nested lists",
            "{% set l = range(300) | list %}{{ q('nested', l, l, l) | length }}",
        ),
        (
            "the product of lists",
            "{% set l = range(300) | list %}{{ q('cartesian', l, l, l) | length }}",
        ),
        (
            "the product of many short lists",
            "{% set l = [[1, 2]] * 40 %}{{ q('cartesian', *l) | length }}",
        ),
        (
            "nested many short lists",
            "{% set l = [[1, 2]] * 40 %}{{ q('nested', *l) | length }}",
        ),
        (
            "long lists together",
            "{% set l = [range(10**4) | list] * 999 %}{{ q('together', *l) | length }}",
        ),
        (
            "flattened again and again",
            "{% set n = namespace(l=[1, 2]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ q('flattened', n.l) | length }}",
        ),
        (
            "variables by name again and again",
            "{% for i in range(10**4) %}{% for j in range(10**4) %}{% set _ = lookup('vars', 'nosuch' ~ i, default=1) %}{% endfor %}{% endfor %}",
        ),
        (
            "all names again and again",
            "{% for i in range(10**4) %}{% for j in range(10**4) %}{% set _ = q('varnames', '(a|b)*c' ~ i) %}{% endfor %}{% endfor %}",
        ),
        (
            "elements of elements",
            "{% set l = [{'k': range(3000) | list}] * 3000 %}{{ q('subelements', l, 'k') | length }}",
        ),
        (
            "a filter that looks at all that follows",
            "{% for x in range(10**4) if loop is undefined %}{% for y in range(10**4) if false %}{% endfor %}{% endfor %}",
        ),
        (
            "loops within loops",
            "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        ),
        (
            "loops within loops with a filter",
            "{% for a in range(9999) %}{% for b in range(9999) if false %}{% endfor %}{% endfor %}",
        ),
        (
            "a loop that lengthens its list",
            "{% set l = [1] %}{% for i in range(400000) %}{% set _ = l.extend(l) %}{% endfor %}",
        ),
        (
            "a loop that doubles a text",
            "{% set n = namespace(t='ab') %}{% for i in range(99) %}{% set n.t = n.t ~ n.t %}{% endfor %}{{ n.t }}",
        ),
        (
            "a loop that doubles a text by +",
            "{% set n = namespace(t='ab') %}{% for i in range(99) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
        ),
        (
            "a loop that prints much",
            "{% for i in range(400000) %}{{ 'x' * 1000 }}{% endfor %}",
        ),
        (
            "a loop that keeps all it makes",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append('x' * 1000 ~ i) %}{% endfor %}",
        ),
        (
            "a loop that keeps small lists",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append([i]) %}{% endfor %}",
        ),
        (
            "a loop that keeps small mappings",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append({'a': i}) %}{% endfor %}",
        ),
        (
            "a loop that keeps namespaces",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append(namespace(a=i)) %}{% endfor %}",
        ),
        (
            "a loop that keeps cyclers",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append(cycler(1, 2)) %}{% endfor %}",
        ),
        (
            "a mapping that grows",
            "{% set d = {} %}{% for i in range(400000) %}{% set _ = d.update({i: i}) %}{% endfor %}",
        ),
        (
            "a mapping that grows by setdefault",
            "{% set d = {} %}{% for i in range(400000) %}{% set _ = d.setdefault(i, i) %}{% endfor %}",
        ),
        (
            "a loop that calls itself for ever",
            "{% for i in [[1]] recursive %}{{ loop([i]) }}{% endfor %}",
        ),
        (
            "a loop that calls itself twice",
            "{% for i in [1, 2] recursive %}{{ loop([i, i]) }}{% endfor %}",
        ),
        (
            "nested lists printed",
            "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
        ),
        (
            "nested lists dumped",
            "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | to_json }}",
        ),
        (
            "nested lists as YAML",
            "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | to_yaml }}",
        ),
        (
            "nested lists compared",
            "{% set n = namespace(l=[1], m=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% set n.m = [n.m, n.m] %}{% endfor %}{{ n.l == n.m }}",
        ),
        (
            "nested lists flattened",
            "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | flatten | length }}",
        ),
        (
            "nested lists with something undefined",
            "{% set n = namespace(l=[1]) %}{% for i in range(40) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l ~ nosuch }}",
        ),
        (
            "nested tuples hashed",
            "{% set n = namespace(l=(1,)) %}{% for i in range(40) %}{% set n.l = (n.l, n.l) %}{% endfor %}{{ {n.l: 1} }}",
        ),
        (
            "a deep list printed",
            "{% set n = namespace(l=[1]) %}{% for i in range(10**5) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}",
        ),
        (
            "a deep list dropped",
            "{% set n = namespace(l=[1]) %}{% for i in range(400000) %}{% set n.l = [n.l] %}{% endfor %}{{ nosuch }}",
        ),
        (
            "a deep mapping dropped",
            "{% set n = namespace(l=1) %}{% for i in range(10**5) %}{% set n.l = {'a': n.l} %}{% endfor %}{{ nosuch }}",
        ),
        (
            "a deep tuple dropped",
            "{% set n = namespace(l=1) %}{% for i in range(10**5) %}{% set n.l = (n.l,) %}{% endfor %}{{ nosuch }}",
        ),
        (
            "deep lists compared",
            "{% set n = namespace(l=[1], m=[1]) %}{% for i in range(10**5) %}{% set n.l = [n.l] %}{% set n.m = [n.m] %}{% endfor %}{{ n.l == n.m }}",
        ),
        (
            "a list within itself printed",
            "{% set l = [1] %}{% set _ = l.append(l) %}{{ l }}",
        ),
        (
            "a list within itself dumped",
            "{% set l = [1] %}{% set _ = l.append(l) %}{{ l | to_json }}",
        ),
        (
            "a list within itself flattened",
            "{% set l = [1] %}{% set _ = l.append(l) %}{{ l | flatten }}",
        ),
        (
            "lists within themselves compared",
            "{% set l = [1] %}{% set _ = l.append(l) %}{% set m = [1] %}{% set _ = m.append(m) %}{{ l == m }}",
        ),
        (
            "lists within themselves twice",
            "{% set l = [1] %}{% set _ = l.append(l) %}{% set _ = l.append(l) %}{{ l | to_nice_json }}",
        ),
        (
            "a mapping within itself combined",
            "{% set d = {'a': {}} %}{% set _ = d.a.update({'a': d.a}) %}{{ d | combine(d, recursive=true) | to_json }}",
        ),
        (
            "a mapping within itself sorted",
            "{% set l = [1] %}{% set _ = l.append(l) %}{{ [l, l] | sort }}",
        ),
        (
            "a namespace within itself",
            "{% set n = namespace() %}{% set n.n = [n] %}{{ n.n | to_json }}",
        ),
        // Calls
        (
            "a macro that calls itself",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        ),
        (
            "a macro that calls itself twice",
            "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(99) }}",
        ),
        (
            "macros that call each other",
            "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        ),
        (
            "a caller that calls itself",
            "{% macro m() %}{{ caller() }}{% endmacro %}{% macro r() %}{% call m() %}{{ r() }}{% endcall %}{% endmacro %}{{ r() }}",
        ),
        ("a template that includes itself", "{% include 'bomb' %}"),
        (
            "a macro with many arguments",
            "{% macro m() %}{{ varargs | length }}{% endmacro %}{{ m(*range(10**9)) }}",
        ),
        // Texts
        ("a text times 10**9", "{{ 'x' * 10**9 }}"),
        ("a list times 10**9", "{{ [1] * 10**9 }}"),
        ("a tuple times 10**9", "{{ (1, 2) * 10**9 }}"),
        ("center", "{{ 'x'.center(10**9) }}"),
        ("ljust", "{{ 'x'.ljust(10**9) }}"),
        ("rjust", "{{ 'x'.rjust(10**9) }}"),
        ("zfill", "{{ 'x'.zfill(10**9) }}"),
        ("expandtabs", "{{ '\\t'.expandtabs(10**9) }}"),
        ("the filter center", "{{ 'x' | center(10**9) }}"),
        ("indent", "{{ 'x\\ny' | indent(10**9) }}"),
        (
            "wordwrap",
            "{{ ('x' * 10**6) | wordwrap(1) | length * 10**3 * 'y' }}",
        ),
        (
            "replace of nothing",
            "{{ ('x' * 10**6).replace('', 'y' * 10**3) }}",
        ),
        (
            "the filter replace",
            "{{ ('x' * 10**6) | replace('x', 'y' * 10**3) }}",
        ),
        (
            "regex_replace",
            "{{ ('x' * 10**6) | regex_replace('x', 'y' * 10**3) }}",
        ),
        (
            "regex_replace with groups",
            "{{ ('x' * 10**4) | regex_replace('(x+)', '\\\\1' * 10**4) }}",
        ),
        ("join", "{{ range(10**5) | join('x' * 10**4) }}"),
        ("the method join", "{{ ('x' * 10**4).join(['a'] * 10**5) }}"),
        (
            "translate",
            "{{ ('x' * 10**6).translate({120: 'y' * 10**3}) }}",
        ),
        ("a wide format", "{{ '%1000000000d' % 1 }}"),
        ("a precise format", "{{ '%.1000000000f' % 1 }}"),
        ("a format with a star", "{{ '%*d' % (10**9, 1) }}"),
        ("str.format with a width", "{{ '{:1000000000}'.format(1) }}"),
        (
            "str.format with a nested width",
            "{{ '{:{}}'.format(1, 10**9) }}",
        ),
        (
            "str.format with a precision",
            "{{ '{:.1000000000f}'.format(1.5) }}",
        ),
        ("the filter format", "{{ '%1000000000s' | format(1) }}"),
        (
            "many wide formats",
            "{{ ('%9999s' * 10**5) % ((1,) * 10**5) }}",
        ),
        (
            "comment with a long decoration",
            "{{ ('x\\n' * 10**5) | comment(decoration='y' * 10**4) }}",
        ),
        (
            "to_nice_json with a wide indent",
            "{{ {'a': [1] * 1000} | to_nice_json(indent=10**6) }}",
        ),
        (
            "tojson with a wide indent",
            "{{ {'a': [1] * 1000} | tojson(indent=10**7) }}",
        ),
        (
            "escape",
            "{{ ('<' * 8000000) | e }}{{ ('<' * 8000000) | e }}",
        ),
        ("urlencode", "{{ ('ä' * 4000000) | urlencode }}"),
        ("b64encode", "{{ (('x' * 8000000) | b64encode) * 9 }}"),
        ("list of a long text", "{{ ('x' * 8000000) | list }}"),
        (
            "split of a long text",
            "{{ ('x,' * 10**6).split(',') * 99 }}",
        ),
        (
            "a long text in utf-32",
            "{{ ('x' * 8000000) | b64encode(encoding='utf-32') }}",
        ),
        ("urlize", "{{ ('http://a.b ' * 10**6) | urlize }}"),
        (
            "striptags",
            "{{ ('<' * 10**6) | striptags }}{{ 'x' * 10**9 }}",
        ),
        (
            "wordcount of a long text many times",
            "{% set t = 'x ' * 10**6 %}{% for i in range(10**4) %}{{ t | wordcount }}{% endfor %}",
        ),
        (
            "upper of a long text many times",
            "{% set t = 'x ' * 10**6 %}{% for i in range(10**4) %}{% set _ = t | upper %}{% endfor %}",
        ),
        (
            "find in a long text many times",
            "{% set t = 'x' * 10**6 %}{% for i in range(10**5) %}{% set _ = t.find('y') %}{% endfor %}",
        ),
        (
            "length of a long text many times",
            "{% set t = 'x' * 8000000 %}{% for i in range(10**5) %}{% set _ = t | length %}{% endfor %}",
        ),
        (
            "index of a long text many times",
            "{% set t = 'ä' * 10**6 %}{% for i in range(400000) %}{% set _ = t[-1] %}{% endfor %}",
        ),
        (
            "in a long text many times",
            "{% set t = 'x' * 8000000 %}{% for i in range(10**5) %}{% set _ = 'y' in t %}{% endfor %}",
        ),
        (
            "long texts compared many times",
            "{% set t = 'x' * 8000000 %}{% set u = 'x' * 8000000 %}{% for i in range(400000) %}{% set _ = t == u %}{% endfor %}",
        ),
        (
            "a long text stripped of many characters",
            "{% for i in range(10**4) %}{% set _ = ('x' * 4000000).strip('y' * 4000000 ~ 'x') %}{% endfor %}",
        ),
        (
            "a long text asked for digits many times",
            "{% set t = '1' * 8000000 %}{% for i in range(10**5) %}{% set _ = t.isdigit() %}{% endfor %}",
        ),
        (
            "lines of a long text",
            "{{ ('\\n' * 8000000).splitlines() | length }}",
        ),
        (
            "a long text split from the right",
            "{{ ('x,' * 4000000).rsplit(',', 10**9) | length }}",
        ),
        (
            "maketrans of a long text",
            "{{ ''.maketrans('x' * 4000000, 'y' * 4000000) | length }}",
        ),
        (
            "translate of a long text many times",
            "{% set t = 'x' * 8000000 %}{% for i in range(10**5) %}{% set _ = t.translate({120: none}) %}{% endfor %}",
        ),
        (
            "hashes of a long text",
            "{% set t = 'x' * 8000000 %}{% for i in range(10**4) %}{% set _ = t | hash('sha512') %}{% endfor %}",
        ),
        // Numbers
        ("a tower of powers", "{{ 10 ** (10 ** 10) }}"),
        ("a big power", "{{ 7 ** (10 ** 8) }}"),
        (
            "a big power of a big number",
            "{{ (10 ** 1000) ** 100000 }}",
        ),
        (
            "powers multiplied",
            "{% set n = namespace(x=3) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}{{ n.x }}",
        ),
        ("a big number printed", "{{ 7 ** (10 ** 6) }}"),
        (
            "powers many times",
            "{% for i in range(400000) %}{% set _ = 7 ** 35000 %}{% endfor %}",
        ),
        (
            "big numbers multiplied many times",
            "{% set n = 7 ** 17000 %}{% for i in range(400000) %}{% set _ = n * n %}{% endfor %}",
        ),
        (
            "big numbers divided many times",
            "{% set n = 7 ** 35000 %}{% set m = 3 ** 30000 %}{% for i in range(400000) %}{% set _ = n // m %}{% endfor %}",
        ),
        (
            "long numbers read many times",
            "{% set t = '9' * 4000 %}{% for i in range(400000) %}{% set _ = t | int %}{% endfor %}",
        ),
        (
            "a number that is shifted on and on",
            "{% set n = namespace(x=1) %}{% for i in range(400000) %}{% set n.x = n.x.__lshift__(90000) %}{% endfor %}{{ n.x }}",
        ),
        (
            "a long number read",
            "{{ ('9' * 10**7) | int }}{{ 'x' * 10**9 }}",
        ),
        ("a long literal", "{{ 1 ~ 'x' * 10**9 }}"),
        ("range kept whole", "{{ range(10**9) | list | length }}"),
        ("range summed", "{{ range(10**9) | sum }}"),
        (
            "range sorted backwards",
            "{{ range(10**9) | reverse | list | length }}",
        ),
        (
            "something in a range",
            "{{ range(10**9) | map('string') | list | length }}",
        ),
        // Lists
        (
            "product",
            "{{ range(1000) | product(range(1000), range(1000)) | list | length }}",
        ),
        (
            "product of many",
            "{{ [0, 1] | product(*([[0, 1]] * 40)) | list | length }}",
        ),
        (
            "permutations",
            "{{ range(20) | permutations | list | length }}",
        ),
        (
            "combinations",
            "{{ range(50) | combinations(25) | list | length }}",
        ),
        (
            "unique of lists",
            "{{ range(10**5) | batch(1) | list | unique | length }}",
        ),
        (
            "union of lists",
            "{{ (range(30000) | zip(range(30000)) | list) | union(range(30000, 60000) | zip(range(30000)) | list) | length }}",
        ),
        (
            "difference of unhashable",
            "{% set a = range(30000) | batch(1) | list %}{{ a | difference(a) | length }}{{ a | symmetric_difference(a) | length }}{{ a | unique | length }}",
        ),
        ("batch", "{{ [1] | batch(10**9, 'x') | list }}"),
        ("slice", "{{ [1] | slice(10**9) | list }}"),
        (
            "zip_longest",
            "{{ [1] | zip_longest(range(10**9)) | list | length }}",
        ),
        (
            "sort many times",
            "{% set l = range(10**5) | reverse | list %}{% for i in range(10**4) %}{% set _ = l | sort %}{% endfor %}",
        ),
        (
            "groupby of many",
            "{% set l = range(10**5) | batch(1) | list %}{% for i in range(10**3) %}{% set _ = l | groupby(0) %}{% endfor %}",
        ),
        (
            "list.count many times",
            "{% set l = range(10**5) | list %}{% for i in range(10**5) %}{% set _ = l.count(-1) %}{% endfor %}",
        ),
        (
            "list.insert many times",
            "{% set l = range(10**5) | list %}{% for i in range(400000) %}{% set _ = l.insert(0, 1) %}{% endfor %}",
        ),
        (
            "in a long list many times",
            "{% set l = range(10**5) | list %}{% for i in range(10**5) %}{% set _ = -1 in l %}{% endfor %}",
        ),
        (
            "index of a long list many times",
            "{% set l = range(10**5) | list %}{% for i in range(10**5) %}{% set _ = l.index(99999) %}{% endfor %}",
        ),
        (
            "copies of a long list",
            "{% set l = range(10**5) | list %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(l + [i]) %}{% endfor %}",
        ),
        (
            "slices of a long list",
            "{% set l = range(10**5) | list %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(l[i:]) %}{% endfor %}",
        ),
        (
            "slices of a long text",
            "{% set t = 'x' * 10**6 %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(t[i:]) %}{% endfor %}",
        ),
        (
            "map of a long list many times",
            "{% set l = range(10**5) | list %}{% for i in range(10**4) %}{% set _ = l | map('string') | list %}{% endfor %}",
        ),
        (
            "subelements",
            "{{ ([{'a': range(1000) | list}] * 10000) | subelements('a') | length }}",
        ),
        ("shuffle", "{{ range(10**9) | shuffle(seed=1) | length }}"),
        (
            "random of much",
            "{{ (10**10000) | random(seed=1) }}{{ 'x' * 10**9 }}",
        ),
        ("lipsum", "{{ lipsum(10**9) }}"),
        (
            "dict of many",
            "{{ dict(range(10**9) | zip(range(10**9))) | length }}",
        ),
        (
            "combine of many",
            "{% set n = namespace(d={}) %}{% for i in range(10**5) %}{% set n.d = n.d | combine({i: i}) %}{% endfor %}",
        ),
        (
            "a long mapping asked for what it lacks",
            "{% set d = dict(range(20000) | map('string') | zip(range(20000))) %}{% for i in range(400000) %}{% set _ = d.nosuch | default(1) %}{% endfor %}",
        ),
        (
            "a mapping asked for a long key",
            "{% set d = {'abcdefgh': 1} %}{% set t = 'x' * 8000000 %}{% for i in range(400000) %}{% set _ = d[t] | default(1) %}{% endfor %}",
        ),
        (
            "long texts put in order",
            "{% set l = ['x' * 8000000, 'x' * 8000000 ~ 'y'] %}{% for i in range(400000) %}{% set _ = l[0] < l[1] %}{% endfor %}",
        ),
        (
            "one long text sorted without case",
            "{% set l = ['X' * 8000000] * 10000 %}{{ l | sort | length }}",
        ),
        (
            "a long text as a seed many times",
            "{% set t = 'x' * 8000000 %}{% for i in range(400000) %}{% set _ = 9 | random(seed=t) %}{% endfor %}",
        ),
        (
            "a slice of a long range",
            "{% set l = [] %}{% for i in range(400000) %}{% set _ = l.append(range(10**9)[i:][0]) %}{% endfor %}{{ 'x' * 10**9 }}",
        ),
        (
            "slices of a long tuple",
            "{% set t = (1,) * 10**5 %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(t[i:]) %}{% endfor %}",
        ),
        (
            "slices of long bytes",
            "{% set t = ('x' * 10**6).encode() %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(t[i:]) %}{% endfor %}",
        ),
        (
            "long bytes kept",
            "{% set t = 'x' * 10**6 %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(t.encode('utf-16')) %}{% endfor %}",
        ),
        (
            "keys of a long mapping kept",
            "{% set d = dict(range(20000) | zip(range(20000))) %}{% set m = [] %}{% for i in range(10**4) %}{% set _ = m.append(d.keys()) %}{% endfor %}",
        ),
        // Languages within
        (
            "a regex that goes back and forth",
            "{{ ('a' * 40) is match('(a+)+$b') }}{{ ('a' * 40 ~ 'b') is search('^(a|aa|a?a)+$') }}{{ 'x' * 10**9 }}",
        ),
        (
            "a regex with a back reference",
            "{{ ('a' * 5000) is search('(a*)(a*)(a*)\\\\1\\\\2b') }}{{ 'x' * 10**9 }}",
        ),
        (
            "a regex that looks ahead",
            "{{ ('a' * 3000) is search('(?=(a+))(?:a+)+b') }}{{ 'x' * 10**9 }}",
        ),
        (
            "a regex that looks ahead at a long text",
            "{{ ('a' * 10**6) is search('(?:(?=a*$)a)*b') }}{{ nosuch }}",
        ),
        (
            "a regex that looks ahead within looking ahead",
            "{{ ('a' * 5000) is search('(?=(?>(?:(?=a*\\\\Z)a)*))b') }}{{ nosuch }}",
        ),
        (
            "a regex that finds groups ahead for nothing",
            "{{ ('a' * 10**5) is search('(?=(a*))c') }}{{ nosuch }}",
        ),
        (
            "a regex that finds many groups ahead for nothing",
            "{{ ('a' * 10**5) is search('(?=(a*)(a*)(a*)(a*))c') }}{{ nosuch }}",
        ),
        (
            "a regex that tries groups for themselves for nothing",
            "{{ ('a' * 10**5) is search('(?>(a*))c') }}{{ nosuch }}",
        ),
        (
            "a regex with a back reference to much",
            "{{ ('a' * 8000000) is search('(a*)(?:\\\\1)*b') }}{{ nosuch }}",
        ),
        (
            "a regex with many states at every character",
            "{{ ('01' * 4000000) is search('[01]*1[01]{9999}x') }}{{ nosuch }}",
        ),
        (
            "a regex with many states many times",
            "{% for i in range(400000) %}{% set _ = ('01' * 500) is search('[01]*1[01]{99}x') %}{% endfor %}",
        ),
        (
            "a regex that repeats nothing",
            "{{ 'a' is search('(?:(?>)){999999999}x') }}{{ nosuch }}",
        ),
        (
            "a regex that repeats looking ahead",
            "{{ 'a' is search('(?:(?:(?=a?)){1000}){1000}x') }}{{ nosuch }}",
        ),
        (
            "a regex that is tried from every character to the end",
            "{{ ('a' * 10**6) | regex_findall('.*[^a-z]|[a-z]') | length }}{{ nosuch }}",
        ),
        (
            "a regex that finds the whole rest at every character",
            "{{ ('a' * 10**6) | regex_findall('(?=(a*))') | length }}",
        ),
        (
            "a regex that finds nothing at every character",
            "{{ ('a' * 10**6) | regex_replace('b*', '') | length }}{{ nosuch }}",
        ),
        (
            "a regex of the whole text many times",
            "{% for i in range(400000) %}{% set _ = 'a' is regex('\\\\w{' ~ i % 50 ~ '}', match_type='fullmatch') %}{% endfor %}",
        ),
        (
            "a regex of open braces many times",
            "{% set t = '{' * 16000 %}{% for i in range(400000) %}{% set _ = 'a' is search(t ~ i) %}{% endfor %}",
        ),
        (
            "a regex that repeats much",
            "{{ 'a' is match('((a{1,1000}){1,1000}){1,1000}') }}",
        ),
        (
            "a regex that is deep",
            "{{ 'a' is match('(' * 100000 ~ 'a' ~ ')' * 100000) }}",
        ),
        (
            "a regex that is long",
            "{{ 'a' is match('(a|b)' * 1000000) }}",
        ),
        (
            "many regexes",
            "{% for i in range(400000) %}{% set _ = 'a' is match('a{' ~ i ~ '}') %}{% endfor %}",
        ),
        (
            "regex_findall with nothing",
            "{{ ('x' * 10**6) | regex_findall('') | length * 10**4 * 'y' }}",
        ),
        (
            "json_query of flattened lists",
            "{{ [[[[[[range(20) | list] * 20] * 20] * 20] * 20] * 20] | json_query('[][][][][][][]') | length }}",
        ),
        (
            "a json_query that is deep",
            "{{ {} | json_query('a' ~ '[' * 100000 ~ ']' * 100000) }}",
        ),
        (
            "a json_query that is deep in parentheses",
            "{{ {} | json_query('(' * 100000 ~ 'a' ~ ')' * 100000) }}",
        ),
        (
            "a json_query that multiplies",
            "{{ [1, 2] | json_query('[[@, @], [@, @]]' ~ ' | [[@, @], [@, @]]' * 20) | to_json }}",
        ),
        (
            "a json_query that joins with much",
            "{{ {'a': ['b'] * 100000, 'c': 'x' * 1000000} | json_query('join(c, a)') | length }}",
        ),
        (
            "a json_query that looks for much in much",
            "{% set d = {'a': 'x' * 4000000, 'b': 'x' * 4000} %}{% for i in range(400000) %}{% set _ = d | json_query('contains(a, b)') %}{% endfor %}",
        ),
        (
            "json_query many times",
            "{% set l = range(10**5) | list %}{% for i in range(10**4) %}{% set _ = l | json_query('[]') %}{% endfor %}",
        ),
        (
            "password_hash with many rounds",
            "{{ 'x' | password_hash('sha512', 'saltsalt', rounds=999999999) }}",
        ),
        (
            "password_hash of bcrypt with many rounds",
            "{{ 'x' | password_hash('bcrypt', 'abcdefghijklmnopqrstuu', rounds=31) }}",
        ),
        (
            "password_hash many times",
            "{% for i in range(999) %}{{ 'x' | password_hash('sha512', 'saltsalt', rounds=5000) }}{% endfor %}",
        ),
        (
            "password_hash of sha256 many times",
            "{% for i in range(999) %}{{ 'x' | password_hash('sha256', 'saltsalt', rounds=5001) }}{% endfor %}",
        ),
        (
            "password_hash of md5 many times",
            "{% for i in range(10**5) %}{{ 'x' | password_hash('md5', 'saltsalt') }}{% endfor %}",
        ),
        (
            "password_hash of bcrypt many times",
            "{% for i in range(10**5) %}{{ 'x' | password_hash('bcrypt', 'abcdefghijklmnopqrstuu', rounds=4 + i % 11) }}{% endfor %}",
        ),
        (
            "password_hash of a long password many times",
            "{% for i in range(10**5) %}{{ ('x' * 4096) | password_hash('sha512', 'saltsalt', rounds=1000) }}{% endfor %}",
        ),
        (
            "to_uuid of a long text many times",
            "{% set t = 'x' * 8000000 %}{% for i in range(10**4) %}{% set _ = t | to_uuid %}{% endfor %}",
        ),
        (
            "password_hash of a long password",
            "{{ ('x' * 8000000) | password_hash('sha512', 'saltsalt') }}",
        ),
        ("from_json of much", "{{ ('[' * 10**6) | from_json }}"),
        (
            "from_json that is deep",
            "{{ ('[' * 10**6 ~ ']' * 10**6) | from_json }}",
        ),
        (
            "from_json that is long",
            "{{ ('[' ~ '1,' * 10**6 ~ '1]') | from_json | length * 10**4 * 'y' }}",
        ),
        (
            "from_yaml of aliases",
            "{{ 'a: &a [1,1,1,1,1,1,1,1,1]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]' | from_yaml | to_json }}",
        ),
        (
            "from_yaml that is deep",
            "{{ ('[' * 10**5 ~ ']' * 10**5) | from_yaml }}",
        ),
        (
            "from_yaml_all of many",
            "{{ ('--- 1\\n' * 10**6) | from_yaml_all | list | length * 10**4 * 'y' }}",
        ),
        (
            "usable_range",
            "{{ '10.0.0.0/8' | ansible.utils.usable_range }}",
        ),
        (
            "ipaddr of many",
            "{{ ['10.0.0.0/8'] * 10**6 | ansible.utils.ipaddr }}",
        ),
        (
            "ipsubnet of many",
            "{{ '10.0.0.0/8' | ansible.utils.ipsubnet(32, 10**6) }}{{ '::/0' | ansible.utils.ipsubnet(128, 10**9) }}{{ 'x' * 10**9 }}",
        ),
        ("strftime of much", "{{ ('%A' * 10**7) | strftime(0) }}"),
        (
            "human_readable of much",
            "{{ (10**100000) | human_readable }}{{ 'x' * 10**9 }}",
        ),
    ] {
        add(name, "a template", text.to_owned());
    }
    let many = 100_000;
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(many), close.repeat(many))
    };
    for (name, text) in [
        (
            "100000 parentheses",
            format!("{{{{ {} }}}}", around("(", "1", ")")),
        ),
        (
            "100000 open parentheses",
            format!("{{{{ {} }}}}", "(".repeat(many)),
        ),
        (
            "100000 lists",
            format!("{{{{ {} }}}}", around("[", "1", "]")),
        ),
        (
            "100000 open lists",
            format!("{{{{ {} }}}}", "[".repeat(many)),
        ),
        (
            "100000 mappings",
            format!("{{{{ {} }}}}", around("{1:", "1", "}")),
        ),
        (
            "100000 times not",
            format!("{{{{ {} nosuch }}}}", "not ".repeat(many)),
        ),
        (
            "100000 minus signs",
            format!("{{{{ {} nosuch }}}}", "- ".repeat(many)),
        ),
        (
            "100000 sums",
            format!("{{{{ 1 {} + nosuch }}}}", "+ 1 ".repeat(many)),
        ),
        (
            "100000 powers",
            format!("{{{{ 1 {} + nosuch }}}}", "** 1 ".repeat(many)),
        ),
        (
            "100000 inline ifs",
            format!("{{{{ {} nosuch }}}}", "1 if false else ".repeat(many)),
        ),
        (
            "100000 attributes",
            format!("{{{{ x{} }}}}", ".a".repeat(many)),
        ),
        ("100000 items", format!("{{{{ x{} }}}}", "[0]".repeat(many))),
        ("100000 calls", format!("{{{{ x{} }}}}", "()".repeat(many))),
        (
            "100000 filters",
            format!("{{{{ nosuch {} }}}}", "| upper ".repeat(many)),
        ),
        (
            "100000 tests",
            format!("{{{{ 1 {} + nosuch }}}}", "is none ".repeat(many)),
        ),
        (
            "100000 comparisons",
            format!("{{{{ 1 {} + nosuch }}}}", "<= 1 ".repeat(many)),
        ),
        (
            "100000 times and",
            format!("{{{{ 1 {} and nosuch }}}}", "and 1 ".repeat(many)),
        ),
        (
            "100000 times ~",
            format!("{{{{ 1 {} ~ nosuch }}}}", "~ 1 ".repeat(many)),
        ),
        (
            "100000 ifs",
            around("{% if true %}", "{{ nosuch }}", "{% endif %}"),
        ),
        ("100000 open ifs", "{% if true %}".repeat(many)),
        (
            "100000 elifs",
            format!(
                "{{% if not x %}}{}{{% else %}}{{{{ nosuch }}}}{{% endif %}}",
                "{% elif not x %}".repeat(many)
            ),
        ),
        (
            "100000 loops",
            around("{% for i in [1] %}", "{{ nosuch }}", "{% endfor %}"),
        ),
        (
            "100000 macros",
            around("{% macro m() %}", "", "{% endmacro %}") + "{{ nosuch }}",
        ),
        (
            "100000 blocks",
            "{% set a %}".repeat(many) + &"{% endset %}".repeat(many) + "{{ nosuch }}",
        ),
        (
            "100000 filter blocks",
            around("{% filter upper %}", "{{ nosuch }}", "{% endfilter %}"),
        ),
        (
            "100000 names in a target",
            format!(
                "{{% for {} in [1] %}}{{% endfor %}}{{{{ nosuch }}}}",
                around("(", "a", ")")
            ),
        ),
        (
            "10 MB of one expression",
            format!(
                "{{{{ [{}] | length }}}}{{{{ nosuch }}}}",
                "1,".repeat(5 << 20)
            ),
        ),
        (
            "10 MB of statements",
            "{% set a = 1 %}".repeat(700_000) + "{{ nosuch }}",
        ),
        (
            "10 MB of names",
            (0..900_000).map(|n| format!("{{{{n{n}}}}}")).collect(),
        ),
        (
            "10 MB of one name",
            format!("{{{{ {} }}}}", "n".repeat(10 << 20)),
        ),
        ("10 MB of text", "text\n".repeat(2 << 20) + "{{ nosuch }}"),
        (
            "10 MB of an open comment",
            format!("{{# {}", "x\n".repeat(5 << 20)),
        ),
        (
            "10 MB of an open text",
            format!("{{{{ '{}", "x\n".repeat(5 << 20)),
        ),
        (
            "10 MB of digits",
            format!("{{{{ {} * nosuch }}}}", "9".repeat(10 << 20)),
        ),
        ("10 MB of open braces", "{".repeat(10 << 20)),
    ] {
        add(name, "a template", text);
    }
    let doubled: String = (1..60)
        .map(|n| format!("v{n}: \"{{{{ v{} ~ v{} }}}}\"\n", n - 1, n - 1))
        .collect();
    let nested: String = (1..60)
        .map(|n| {
            format!(
                "v{n}: [\"{{{{ v{} }}}}\", \"{{{{ v{} }}}}\"]\n",
                n - 1,
                n - 1
            )
        })
        .collect();
    let long: String = (1..100_000)
        .map(|n| format!("v{n}: \"{{{{ v{} }}}}\"\n", n - 1))
        .collect();
    for (name, vars) in [
        (
            "values that double one another",
            format!("v0: ab\n{doubled}x: \"{{{{ v59 }}}}\"\n"),
        ),
        (
            "values that nest one another",
            format!("v0: ab\n{nested}x: \"{{{{ v59 }}}}\"\n"),
        ),
        (
            "a long chain of values",
            format!("v0: ab\n{long}x: \"{{{{ v99999 }}}}\"\n"),
        ),
        (
            "a ring of values",
            "x: \"{{ y }}\"\ny: \"{{ x }}\"\n".to_owned(),
        ),
        ("a value within itself", "x: [\"{{ x }}\"]\n".to_owned()),
        (
            "a value within itself by a mapping",
            "x: {a: \"{{ x.a }}\"}\n".to_owned(),
        ),
        (
            "aliases in vars",
            format!("a0: &a0 [1, 1]\n{}x: *a39\n", aliases(40)),
        ),
        ("deep vars", format!("x: {}\n", around("[", "1", "]"))),
        (
            "deep vars in blocks",
            format!(
                "x:\n{}",
                (1..3000)
                    .map(|n| format!("{}a:\n", " ".repeat(n)))
                    .collect::<String>()
            ),
        ),
        (
            "deep vars in dashes",
            format!("x:\n  {}1\n", "- ".repeat(many)),
        ),
        ("open vars", format!("x: {}", "[".repeat(many))),
        ("open mappings in vars", format!("x: {}", "{".repeat(many))),
        ("open keys in vars", format!("x: {}", "? ".repeat(many))),
        ("a merge key of itself", "x: &x\n  <<: *x\n".to_owned()),
        ("10 MB of vars", format!("x: [{}]\n", "a,".repeat(5 << 20))),
        (
            "10 MB of keys in vars",
            (0..700_000)
                .map(|n| format!("k{n}: {n}\n"))
                .collect::<String>()
                + "x: [\n",
        ),
    ] {
        add(name, "a vars file", vars);
    }
    let head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    for (name, text) in [
        (
            "aliases in a manifest",
            format!("{head}a0: &a0 [1, 1]\n{}", aliases(40)),
        ),
        (
            "long aliases in a manifest",
            format!(
                "{head}a: &a {}\nb: [{}]\n",
                "x".repeat(1 << 20),
                "*a,".repeat(1 << 20)
            ),
        ),
        (
            "deep lists in a manifest",
            format!("{head}a: {}\n", around("[", "1", "]")),
        ),
        (
            "deep mappings in a manifest",
            format!("{head}a: {}\n", around("{a: ", "1", "}")),
        ),
        (
            "deep dashes in a manifest",
            format!("{head}a:\n  {}1\n", "- ".repeat(many)),
        ),
        (
            "open lists in a manifest",
            format!("{head}a: {}", "[".repeat(many)),
        ),
        (
            "a merge key of merge keys",
            format!(
                "{head}m0: &m0 {{a: 1, b: 2}}\n{}z: {{<<: [*m39, *m39]}}\n- \n",
                merges(40)
            ),
        ),
        (
            "10 MB of a manifest",
            format!("{head}a: [{}\n", "a,".repeat(5 << 20)),
        ),
        (
            "10 MB of documents",
            format!("---\n{head}").repeat(180_000) + "a: [\n",
        ),
        (
            "10 MB of keys in a manifest",
            head.to_owned()
                + &(0..700_000)
                    .map(|n| format!("k{n}: {n}\n"))
                    .collect::<String>()
                + "x: [\n",
        ),
        (
            "10 MB of JSON",
            format!(
                "{{\"apiVersion\": \"v1\", \"kind\": \"A\", \"a\": [{}}}\n",
                "1,".repeat(5 << 20)
            ),
        ),
        (
            "deep JSON",
            format!(
                "{{\"apiVersion\": \"v1\", \"kind\": \"A\", \"a\": {}}}\n",
                around("[", "1", "]")
            ),
        ),
        (
            "the same keys in a manifest",
            format!("{head}{}x: [\n", "a: 1\n".repeat(1 << 20)),
        ),
        (
            "many anchors in a manifest",
            head.to_owned()
                + &(0..300_000)
                    .map(|n| format!("k{n}: &a{n} 1\n"))
                    .collect::<String>()
                + "x: [\n",
        ),
    ] {
        add(name, "a manifest", text);
    }
    bombs
}

fn aliases(levels: usize) -> String {
    (1..levels)
        .map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1))
        .collect()
}

fn merges(levels: usize) -> String {
    (1..levels)
        .map(|n| format!("m{n}: &m{n} {{<<: [*m{}, *m{}]}}\n", n - 1, n - 1))
        .collect()
}
