//! Dates, times and spans, as Python's `datetime` has them.

use jiff::civil::{Date, DateTime as Civil};
use jiff::tz::{Offset, TimeZone};

use crate::value::arguments::Given;
use crate::value::error::{Error, Result, fail};
use crate::value::{DateTime, Value, number, print};

const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// How far a zone is from UTC at some time, and what it is called then.
struct Zone {
    offset: Offset,
    abbreviation: String,
}

/// Seconds since 1970, by a format of `strftime`: in UTC, or in the zone of the machine (`TZ`, `/etc/localtime`), as
/// Python's `gmtime` and `localtime` have them.
pub fn of_epoch(seconds: f64, format: &str, utc: bool) -> Result<String> {
    let timestamp = jiff::Timestamp::from_second(seconds.floor() as i64)
        .map_err(|_| Error::failed("timestamp out of range for platform time_t"))?;
    let local = TimeZone::try_system().unwrap_or(TimeZone::UTC);
    let zone = if utc {
        Zone {
            offset: Offset::UTC,
            abbreviation: "GMT".to_owned(),
        }
    } else {
        let info = local.to_offset_info(timestamp);
        Zone {
            offset: info.offset(),
            abbreviation: info.abbreviation().to_owned(),
        }
    };
    if utc && format.contains("%s") && local.to_offset(timestamp) != Offset::UTC {
        return Err(Error::unsupported(
            "`%s` with `utc` depends on the zone of the machine",
            "Write the seconds themselves.",
        ));
    }
    let time = DateTime {
        civil: zone.offset.to_datetime(timestamp),
        offset: None,
    };
    write(time, format, Some(&zone))
}

/// A date or time by a format of `strftime`.
pub fn strftime(value: &Value, format: &str) -> Result<String> {
    match value {
        Value::Time(time) => write(*time, format, None),
        Value::Date(date, _) => write(
            DateTime {
                civil: date.to_datetime(jiff::civil::Time::midnight()),
                offset: None,
            },
            format,
            None,
        ),
        other => fail(format!(
            "'{}' object has no attribute 'strftime'",
            other.type_name()
        )),
    }
}

/// Only a time since 1970 has a zone of the machine.
fn write(time: DateTime, format: &str, zone: Option<&Zone>) -> Result<String> {
    let civil = time.civil;
    let date = civil.date();
    let mut out = String::new();
    let mut characters = format.chars();
    let hour12 = if civil.hour() % 12 == 0 {
        12
    } else {
        civil.hour() % 12
    };
    let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    let sunday = (weekday + 1) % 7;
    let day_of_year = usize::try_from(date.day_of_year()).unwrap_or(1) - 1;
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let Some(mut code) = characters.next() else {
            out.push('%');
            break;
        };
        let plain = code == '-';
        if plain {
            code = characters.next().unwrap_or('%');
        }
        let number = |number: i64, width: usize| {
            if plain {
                number.to_string()
            } else {
                format!("{number:0width$}")
            }
        };
        out.push_str(&match code {
            'Y' => civil.year().to_string(),
            'C' => format!("{:02}", civil.year() / 100),
            'y' => number(i64::from(civil.year().rem_euclid(100)), 2),
            'm' => number(i64::from(civil.month()), 2),
            'd' => number(i64::from(civil.day()), 2),
            'e' => format!("{:2}", civil.day()),
            'H' => number(i64::from(civil.hour()), 2),
            'I' => number(i64::from(hour12), 2),
            'k' => format!("{:2}", civil.hour()),
            'l' => format!("{hour12:2}"),
            'M' => number(i64::from(civil.minute()), 2),
            'S' => number(i64::from(civil.second()), 2),
            'f' if zone.is_none() => format!("{:06}", civil.subsec_nanosecond() / 1000),
            'p' => (if civil.hour() < 12 { "AM" } else { "PM" }).to_owned(),
            'P' => (if civil.hour() < 12 { "am" } else { "pm" }).to_owned(),
            'A' => WEEKDAYS[weekday].to_owned(),
            'a' => WEEKDAYS[weekday][..3].to_owned(),
            'B' => MONTHS[usize::try_from(civil.month() - 1).unwrap_or(0)].to_owned(),
            'b' | 'h' => MONTHS[usize::try_from(civil.month() - 1).unwrap_or(0)][..3].to_owned(),
            'j' => number(i64::from(date.day_of_year()), 3),
            'u' => (weekday + 1).to_string(),
            'w' => sunday.to_string(),
            'U' => number(((day_of_year + 7 - sunday) / 7) as i64, 2),
            'W' => number(((day_of_year + 7 - weekday) / 7) as i64, 2),
            'V' => number(i64::from(date.iso_week_date().week()), 2),
            'G' => date.iso_week_date().year().to_string(),
            'g' => format!("{:02}", date.iso_week_date().year().rem_euclid(100)),
            'F' => date.to_string(),
            'D' | 'x' => format!(
                "{:02}/{:02}/{:02}",
                civil.month(),
                civil.day(),
                civil.year().rem_euclid(100)
            ),
            'T' | 'X' => format!(
                "{:02}:{:02}:{:02}",
                civil.hour(),
                civil.minute(),
                civil.second()
            ),
            'R' => format!("{:02}:{:02}", civil.hour(), civil.minute()),
            'r' => format!(
                "{hour12:02}:{:02}:{:02} {}",
                civil.minute(),
                civil.second(),
                if civil.hour() < 12 { "AM" } else { "PM" }
            ),
            'c' => write(time, "%a %b %e %H:%M:%S %Y", zone)?,
            's' => zone
                .map_or(Offset::UTC, |zone| zone.offset)
                .to_timestamp(civil)
                .map(|timestamp| timestamp.as_second().to_string())
                .map_err(|_| Error::failed("date value out of range"))?,
            'z' => match time.offset.or(zone.map(|zone| zone.offset)) {
                Some(offset) => print::offset_text(offset, ""),
                None => String::new(),
            },
            'Z' => match (time.offset, zone) {
                (_, Some(zone)) => zone.abbreviation.clone(),
                (Some(offset), None) if offset.seconds() == 0 => "UTC".to_owned(),
                (Some(offset), None) => format!("UTC{}", print::offset_text(offset, ":")),
                (None, None) => String::new(),
            },
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            other => format!("%{}{other}", if plain { "-" } else { "" }),
        });
    }
    Ok(out)
}

/// Python's `datetime.strptime`.
pub fn strptime(text: &str, format: &str) -> Result<Value> {
    let wrong = || {
        Error::failed(format!(
            "time data '{text}' does not match format '{format}'"
        ))
    };
    let mut read = Read::default();
    let rest = read.format(text, format).ok_or_else(wrong)?;
    if !rest.is_empty() {
        return fail(format!("unconverted data remains: {rest}"));
    }
    read.value().ok_or_else(wrong)
}

#[derive(Default)]
struct Read {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: i8,
    hour12: Option<i8>,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    day_of_year: Option<i16>,
    offset: Option<Offset>,
}

impl Read {
    fn format<'t>(&mut self, text: &'t str, format: &str) -> Option<&'t str> {
        let mut rest = text;
        let mut codes = format.chars().peekable();
        while let Some(code) = codes.next() {
            if code.is_whitespace() {
                while codes.peek().is_some_and(|next| next.is_whitespace()) {
                    codes.next();
                }
                let trimmed = rest.trim_start();
                if trimmed.len() == rest.len() {
                    return None;
                }
                rest = trimmed;
                continue;
            }
            if code != '%' {
                rest = rest.strip_prefix(code)?;
                continue;
            }
            let code = codes.next()?;
            let mut number = |most: usize| -> Option<i64> {
                let length = rest
                    .bytes()
                    .take(most)
                    .take_while(u8::is_ascii_digit)
                    .count();
                let digits = &rest[..length];
                rest = &rest[length..];
                digits.parse().ok()
            };
            let small = |number: Option<i64>, low: i64, high: i64| {
                number
                    .filter(|number| (low..=high).contains(number))
                    .map(|number| number as i8)
            };
            match code {
                'Y' => self.year = Some(number(4)? as i16),
                'y' => {
                    let short = number(2)?;
                    self.year = Some(
                        (if short < 69 {
                            2000 + short
                        } else {
                            1900 + short
                        }) as i16,
                    );
                }
                'm' => self.month = Some(small(number(2), 1, 12)?),
                'd' | 'e' => self.day = Some(small(number(2), 1, 31)?),
                'H' => self.hour = small(number(2), 0, 23)?,
                'I' => self.hour12 = Some(small(number(2), 1, 12)?),
                'M' => self.minute = small(number(2), 0, 59)?,
                'S' => self.second = small(number(2), 0, 61)?.min(59),
                'j' => {
                    self.day_of_year = Some(number(3).filter(|day| (1..=366).contains(day))? as i16)
                }
                'f' => {
                    let length = rest.bytes().take(6).take_while(u8::is_ascii_digit).count();
                    let digits = format!("{:0<9}", &rest[..length]);
                    if length == 0 {
                        return None;
                    }
                    rest = &rest[length..];
                    self.nanosecond = digits.parse().ok()?;
                }
                'p' => {
                    let word = rest.get(..2)?.to_lowercase();
                    self.afternoon = Some(match word.as_str() {
                        "am" => false,
                        "pm" => true,
                        _ => return None,
                    });
                    rest = &rest[2..];
                }
                'B' | 'b' | 'h' | 'A' | 'a' => {
                    let names: &[&str] = if "Bbh".contains(code) {
                        &MONTHS
                    } else {
                        &WEEKDAYS
                    };
                    let lower = rest.to_lowercase();
                    let length = |name: &str| if "BA".contains(code) { name.len() } else { 3 };
                    let index = names
                        .iter()
                        .position(|name| lower.starts_with(&name[..length(name)].to_lowercase()))?;
                    rest = &rest[length(names[index])..];
                    if "Bbh".contains(code) {
                        self.month = Some(index as i8 + 1);
                    }
                }
                'z' => {
                    if let Some(after) = rest.strip_prefix('Z') {
                        rest = after;
                        self.offset = Some(Offset::UTC);
                        continue;
                    }
                    let negative = rest.starts_with('-');
                    rest = rest.strip_prefix(['+', '-'])?;
                    let mut pair = || {
                        let digits = rest
                            .get(..2)
                            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
                        rest = &rest[2..];
                        rest = rest.strip_prefix(':').unwrap_or(rest);
                        digits.parse::<i32>().ok()
                    };
                    let seconds = pair()? * 3600 + pair()? * 60;
                    self.offset =
                        Offset::from_seconds(if negative { -seconds } else { seconds }).ok();
                }
                'Z' => {
                    let zone = ["UTC", "GMT"]
                        .into_iter()
                        .find(|zone| rest.starts_with(zone))?;
                    rest = &rest[zone.len()..];
                }
                'T' => rest = self.format(rest, "%H:%M:%S")?,
                'D' | 'x' => rest = self.format(rest, "%m/%d/%y")?,
                'X' => rest = self.format(rest, "%H:%M:%S")?,
                'R' => rest = self.format(rest, "%H:%M")?,
                'F' => rest = self.format(rest, "%Y-%m-%d")?,
                'c' => rest = self.format(rest, "%a %b %d %H:%M:%S %Y")?,
                '%' => rest = rest.strip_prefix('%')?,
                _ => return None,
            }
        }
        Some(rest)
    }

    fn value(self) -> Option<Value> {
        let year = self.year.unwrap_or(1900);
        let date = match self.day_of_year {
            Some(day) if self.month.is_none() => Date::new(year, 1, 1)
                .ok()?
                .checked_add(jiff::Span::new().days(i64::from(day) - 1))
                .ok()?,
            _ => Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()?,
        };
        let hour = match (self.hour12, self.afternoon) {
            (Some(hour), Some(true)) => hour % 12 + 12,
            (Some(hour), _) => hour % 12,
            (None, _) => self.hour,
        };
        let civil: Civil = date.at(hour, self.minute, self.second, self.nanosecond);
        Some(Value::Time(DateTime {
            civil,
            offset: self.offset,
        }))
    }
}

/// The methods of dates, times and spans.
pub fn methods(value: &Value) -> &'static [&'static str] {
    match value {
        Value::Date(_, _) => &[
            "isocalendar",
            "isoformat",
            "isoweekday",
            "replace",
            "strftime",
            "toordinal",
            "weekday",
        ],
        Value::Time(_) => &[
            "date",
            "isocalendar",
            "isoformat",
            "isoweekday",
            "replace",
            "strftime",
            "time",
            "timestamp",
            "toordinal",
            "weekday",
        ],
        _ => &["total_seconds"],
    }
}

/// Their attributes.
pub fn attribute(value: &Value, name: &str) -> Option<Value> {
    let (date, time) = match value {
        Value::Date(date, _) => (*date, None),
        Value::Time(time) => (time.civil.date(), Some(time)),
        Value::Delta(delta) => {
            let (days, seconds, micros) = print::delta_parts(*delta);
            return Some(Value::Int(match name {
                "days" => days,
                "seconds" => seconds,
                "microseconds" => micros,
                _ => return None,
            }));
        }
        _ => return None,
    };
    let number = match (name, time) {
        ("year", _) => i64::from(date.year()),
        ("month", _) => i64::from(date.month()),
        ("day", _) => i64::from(date.day()),
        ("hour", Some(time)) => i64::from(time.civil.hour()),
        ("minute", Some(time)) => i64::from(time.civil.minute()),
        ("second", Some(time)) => i64::from(time.civil.second()),
        ("microsecond", Some(time)) => i64::from(time.civil.subsec_nanosecond() / 1000),
        _ => return None,
    };
    Some(Value::Int(number))
}

/// Calls one of their methods.
pub fn call(value: &Value, name: &str, given: Given) -> Result<Value> {
    let date = match value {
        Value::Date(date, _) => *date,
        Value::Time(time) => time.civil.date(),
        Value::Delta(delta) => {
            given.bind(name, &[])?;
            return Ok(Value::Float(delta.as_micros() as f64 / 1e6));
        }
        _ => return fail("this is no date"),
    };
    let weekday = i64::from(date.weekday().to_monday_zero_offset());
    Ok(match (name, value) {
        ("strftime", _) => {
            let given = given.bind(name, &["format"])?;
            Value::from(strftime(value, given.needed_text("format")?)?)
        }
        ("isoformat", Value::Time(time)) => {
            let given = given.bind(name, &["sep", "timespec"])?;
            let separator = given
                .text("sep")?
                .unwrap_or("T")
                .chars()
                .next()
                .unwrap_or('T');
            match given.text("timespec")?.unwrap_or("auto") {
                "auto" => Value::from(print::time_text(*time, separator)),
                "seconds" => {
                    let mut time = *time;
                    time.civil = time
                        .civil
                        .with()
                        .subsec_nanosecond(0)
                        .build()
                        .unwrap_or(time.civil);
                    Value::from(print::time_text(time, separator))
                }
                _ => {
                    return Err(Error::unsupported(
                        "this `timespec` is not supported",
                        "Use `.strftime(…)`.",
                    ));
                }
            }
        }
        ("isoformat", _) => Value::from(date.to_string()),
        ("weekday", _) => Value::Int(weekday),
        ("isoweekday", _) => Value::Int(weekday + 1),
        ("isocalendar", _) => {
            let week = date.iso_week_date();
            Value::tuple(vec![
                Value::Int(i64::from(week.year())),
                Value::Int(i64::from(week.week())),
                Value::Int(weekday + 1),
            ])
        }
        ("toordinal", _) => {
            let first = Date::new(1, 1, 1).map_err(|_| Error::failed("out of range"))?;
            Value::Int(date.duration_since(first).as_hours() / 24 + 1)
        }
        ("date", _) => Value::Date(date, false),
        ("timestamp", Value::Time(time)) => {
            given.bind(name, &[])?;
            // Without an offset it is the machine's own zone in Ansible; here that is UTC.
            let offset = time.offset.unwrap_or(Offset::UTC);
            let timestamp = offset
                .to_timestamp(time.civil)
                .map_err(|_| Error::failed("date value out of range"))?;
            Value::Float(timestamp.as_microsecond() as f64 / 1e6)
        }
        ("replace", _) => replaced(value, given)?,
        _ => {
            return Err(Error::unsupported(
                format!("`.{name}()` of a time is not supported"),
                "Use `.strftime(…)`.",
            ));
        }
    })
}

fn replaced(value: &Value, given: Given) -> Result<Value> {
    let given = given.bind(
        "replace",
        &[
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "microsecond",
        ],
    )?;
    let wrong = || Error::failed("a part of the date is out of range");
    let part = |name: &str| -> Result<Option<i64>> { given.number(name) };
    let small = |name: &str, old: i8| -> Result<i8> {
        part(name)?.map_or(Ok(old), |number| i8::try_from(number).map_err(|_| wrong()))
    };
    let date = match value {
        Value::Time(time) => time.civil.date(),
        Value::Date(date, _) => *date,
        _ => return fail("this is no date"),
    };
    let year = part("year")?.map_or(Ok(date.year()), |year| {
        i16::try_from(year).map_err(|_| wrong())
    })?;
    let date = Date::new(
        year,
        small("month", date.month())?,
        small("day", date.day())?,
    )
    .map_err(|_| wrong())?;
    let time = match value {
        Value::Time(time) => time,
        Value::Date(_, given) => return Ok(Value::Date(date, *given)),
        _ => return fail("this is no date"),
    };
    let nanosecond = part("microsecond")?
        .map_or(i64::from(time.civil.subsec_nanosecond()), |micros| {
            micros.saturating_mul(1000)
        });
    let time_of_day = jiff::civil::Time::new(
        small("hour", time.civil.hour())?,
        small("minute", time.civil.minute())?,
        small("second", time.civil.second())?,
        i32::try_from(nanosecond).map_err(|_| wrong())?,
    )
    .map_err(|_| wrong())?;
    let _ = number::float;
    Ok(Value::Time(DateTime {
        civil: date.to_datetime(time_of_day),
        offset: time.offset,
    }))
}
