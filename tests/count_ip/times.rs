//! Records without a time, and events that come too late.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{count_ip, records};

/// The message about events that came too late.
pub(crate) fn late_message(number: impl std::fmt::Display) -> String {
    format!(
        "count-ip: input: events that came too late to count, from before the window: {number}\n"
    )
}

/// Records without a time amid timed ones do not count, in whatever order they come.
#[test]
fn records_without_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records");
    let state = directory.path().join("state.db");
    let timed = |second| format!("192.0.2.1\tat=2026-03-30T00:00:0{second}Z\n");
    let bare = "192.0.2.1\n".to_string();
    let rule = "192.0.2.1\trule=a\n".to_string();
    let of = |parts: &[String]| parts.concat();
    let printed = "\tcount=2\t";
    for (input, begin, refused) in [
        (of(&[timed(1), bare.clone(), timed(9)]), "", 1),
        (
            of(&[timed(1), rule.clone(), bare.clone(), timed(2)]),
            printed,
            2,
        ),
        // Those before the first time are forgotten: else the others would be late.
        (of(&[bare.clone(), timed(1), timed(2)]), printed, 1),
        (of(&[rule, timed(1), timed(9)]), "", 1),
        // Without any time all are of the moment in which they are read.
        (of(&[bare.clone(), bare.clone()]), printed, 0),
        (of(&[timed(1), timed(2)]), printed, 0),
    ] {
        std::fs::write(&file, &input).unwrap();
        for more in [
            &[][..],
            &["--evidence"],
            &["--state-file", state.to_str().unwrap()],
        ] {
            let arguments = [&["-n", "2", "-w", "5"], more, &[file.to_str().unwrap()]].concat();
            let (output, error, status) = count_ip(&arguments, b"");
            let message =
                "count-ip: input: records without at= amid timed ones, which do not count";
            let expected = match refused {
                0 => String::new(),
                _ => format!("{message}: {refused}\n"),
            };
            assert_eq!(error, expected, "{more:?} {input}");
            assert_eq!(status == 2, refused > 0);
            assert!(output.contains(begin), "{more:?} {input}: {output}");
            let lines = usize::from(!begin.is_empty());
            assert_eq!(output.lines().count(), lines, "{more:?} {input}: {output}");
            let _ = std::fs::remove_file(&state);
        }
        // A live run counts them at their arrival; without a window no time is needed.
        let (_, error, _) = count_ip(&["-n", "2", "-w", "5"], input.as_bytes());
        assert!(!error.contains("without"), "{error}");
        let (_, error, _) = count_ip(&["-n", "2", file.to_str().unwrap()], b"");
        assert_eq!(error, "");
    }
}

/// A live run tells of late events when they begin, before the input ends.
#[test]
fn late_events_are_told_at_once() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_count-ip"))
        .args(["-n", "5", "-w", "10"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    pipe.write_all(records("7@20 7@9 7@8").as_bytes()).unwrap();
    let (sender, first) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut message = String::new();
        messages.read_line(&mut message).unwrap();
        sender.send(message).unwrap();
        let mut rest = String::new();
        messages.read_to_string(&mut rest).unwrap();
        rest
    });
    // A minute is longer than anything here takes.
    let first = first.recv_timeout(Duration::from_secs(60));
    assert_eq!(first, Ok(late_message(2)));
    pipe.write_all(records("7@7").as_bytes()).unwrap();
    drop(pipe);
    assert_eq!(reader.join().unwrap(), late_message(3));
    assert_eq!(child.wait().unwrap().code(), Some(2));
}
