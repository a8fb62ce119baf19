//! Kubernetes' quantities: `10Gi`, `500M`, `1e9`, `0.5`.

use serde_json::Value;

/// The value in units (bytes), `None` where it is no quantity.
pub fn read(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => read_text(text),
        _ => None,
    }
}

fn read_text(text: &str) -> Option<f64> {
    let end = text
        .find(|next: char| !(next.is_ascii_digit() || ['.', '+', '-'].contains(&next)))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        exponent => {
            let exponent = exponent.strip_prefix(['e', 'E'])?;
            10_f64.powi(exponent.parse().ok()?)
        }
    };
    Some(number * factor).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities_are_read_as_the_api_server_does() {
        for (text, value) in [
            ("10Gi", 10_737_418_240.0),
            ("1500m", 1.5),
            ("2e3", 2000.0),
            ("1E", 1e18),
            ("1E3", 1000.0),
            ("+.5Ki", 512.0),
            ("7", 7.0),
        ] {
            assert_eq!(read(&json!(text)), Some(value), "{text}");
        }
        assert_eq!(read(&json!(3)), Some(3.0));
        for text in ["", "Gi", "1GiB", "ten", "1e999999"] {
            assert_eq!(read(&json!(text)), None, "{text}");
        }
    }
}
