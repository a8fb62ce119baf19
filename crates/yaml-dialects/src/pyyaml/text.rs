//! Values as Python writes them.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Python's `repr` of a float: the shortest text that reads back, in exponent form below 1e-4 and from 1e16.
///
/// ```
/// assert_eq!(yaml_dialects::pyyaml::float_text(1e16), "1e+16");
/// assert_eq!(yaml_dialects::pyyaml::float_text(3.0), "3.0");
/// ```
pub fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ('-', exponent),
            None => ('+', exponent),
        };
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let text = number.to_string();
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// Python's `isoformat` of a date with a time, with a separator between the two.
///
/// ```
/// use jiff::civil::date;
///
/// let noon = date(2026, 1, 2).at(12, 0, 0, 0);
/// assert_eq!(yaml_dialects::pyyaml::time_text(noon, None, ' '), "2026-01-02 12:00:00");
/// ```
pub fn time_text(civil: DateTime, offset: Option<Offset>, separator: char) -> String {
    let mut text = format!(
        "{}{separator}{:02}:{:02}:{:02}",
        civil.date(),
        civil.hour(),
        civil.minute(),
        civil.second()
    );
    if civil.subsec_nanosecond() != 0 {
        text += &format!(".{:06}", civil.subsec_nanosecond() / 1000);
    }
    if let Some(offset) = offset {
        text.push_str(&offset_text(offset, ":"));
    }
    text
}

/// An offset from UTC as `+01:00`.
pub fn offset_text(offset: Offset, separator: &str) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let mut text = format!(
        "{sign}{:02}{separator}{:02}",
        seconds / 3600,
        seconds / 60 % 60
    );
    if seconds % 60 != 0 {
        text += &format!("{separator}{:02}", seconds % 60);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_python() {
        for (number, text) in [
            (1.0, "1.0"),
            (1.5, "1.5"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5e-7, "-2.5e-07"),
            (0.0, "0.0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }
}
