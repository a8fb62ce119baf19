//! Running a program that may do what it likes: it gets so much time, may say so much, and is ended otherwise.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of what goes wrong that are kept.
const COMPLAINT: u64 = 64 * 1024;
/// How often it is looked whether a program that says nothing more has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// How far a program may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub time: Duration,
    /// Bytes of what it says.
    pub output: u64,
}

/// What a program said.
pub struct Said {
    pub status: ExitStatus,
    pub output: Vec<u8>,
    /// On its standard error.
    pub complaint: String,
}

/// Why nothing came of it.
pub enum Failure {
    /// It could not be begun, or be listened to.
    Broken(std::io::Error),
    TooLong,
    TooMuch,
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Runs it with something on its standard input.
pub fn run(command: &mut Command, input: Vec<u8>, limits: Limits) -> Result<Said, Failure> {
    let end = Instant::now() + limits.time;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let ended = listen(&mut child, input, end, limits.output);
    if ended.is_err() {
        // One that has ended already is as good.
        let _ = child.kill();
        child.wait()?;
    }
    ended
}

fn listen(child: &mut Child, input: Vec<u8>, end: Instant, most: u64) -> Result<Said, Failure> {
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it says why.
        thread::spawn(move || stdin.write_all(&input));
    }
    let output = child.stdout.take().map(|pipe| read(pipe, most + 1));
    let complaint = child.stderr.take().map(|pipe| read(pipe, COMPLAINT));
    let output = heard(output, end)?;
    if output.len() as u64 > most {
        return Err(Failure::TooMuch);
    }
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= end {
            return Err(Failure::TooLong);
        }
        thread::sleep(PAUSE);
    };
    let complaint = String::from_utf8_lossy(&heard(complaint, end)?).into_owned();
    Ok(Said {
        status,
        output,
        complaint,
    })
}

/// Reads up to a number of bytes on a thread of its own; of what comes after them it is only seen that it comes.
fn read(pipe: impl Read + Send + 'static, most: u64) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(most).read_to_end(&mut bytes);
        // Nobody may wait for it any more.
        let _ = sender.send(read.map(|_| bytes));
    });
    receiver
}

fn heard(
    from: Option<Receiver<std::io::Result<Vec<u8>>>>,
    end: Instant,
) -> Result<Vec<u8>, Failure> {
    let Some(from) = from else {
        return Ok(Vec::new());
    };
    match from.recv_timeout(end.saturating_duration_since(Instant::now())) {
        Ok(bytes) => Ok(bytes?),
        Err(RecvTimeoutError::Timeout) => Err(Failure::TooLong),
        Err(RecvTimeoutError::Disconnected) => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(20),
        output: 1000,
    };

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_it_says_and_complains_of_is_heard_with_its_end() {
        let said = run(
            &mut shell("cat; echo wrong >&2; exit 3"),
            b"values".to_vec(),
            LIMITS,
        );
        let Ok(said) = said else { panic!("it ran") };
        assert_eq!(said.output, b"values");
        assert_eq!(said.complaint, "wrong\n");
        assert_eq!(said.status.code(), Some(3));
    }

    #[test]
    fn what_never_ends_is_ended_whether_it_speaks_or_not() {
        let limits = Limits {
            time: Duration::from_millis(100),
            ..LIMITS
        };
        for script in ["exec sleep 600", "exec >&- 2>&-; exec sleep 600"] {
            let begun = Instant::now();
            let ended = run(&mut shell(script), Vec::new(), limits);
            assert!(matches!(ended, Err(Failure::TooLong)));
            assert!(begun.elapsed() < Duration::from_secs(300));
        }
    }

    #[test]
    fn what_says_too_much_is_ended_and_a_long_complaint_is_cut() {
        let ended = run(&mut shell("exec yes"), Vec::new(), LIMITS);
        assert!(matches!(ended, Err(Failure::TooMuch)));
        let said = run(
            &mut shell("head -c 65536 /dev/zero | tr '\\0' x >&2"),
            Vec::new(),
            LIMITS,
        );
        let Ok(said) = said else { panic!("it ran") };
        assert_eq!(said.complaint.len() as u64, COMPLAINT);
    }
}
