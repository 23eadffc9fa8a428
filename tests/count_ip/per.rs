//! `--per`: totals by time slot.

use crate::count_ip;
use crate::terminal::on_a_terminal;

fn at(second: u32) -> String {
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("2026-03-30T{hour:02}:{minute:02}:{:02}", second % 60)
}

#[test]
fn by_time_slot() {
    let events = [
        ("1", 7300),
        ("2", 7200),
        ("1", 3599),
        ("1", 10_799),
        ("2", 7260),
        ("2", 7261),
    ];
    let record = |(host, second)| format!("192.0.2.{host}\tat={}Z\n", at(second));
    let input: String = events.into_iter().map(record).collect();
    let row =
        |host, second, count| format!("192.0.2.{host}\tat={}+00:00\tcount={count}\n", at(second));
    let hours = [row("1", 0, 1), row("2", 7200, 3), row("1", 7200, 2)];
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.db");
    let state = state.to_str().unwrap();
    let json = format!(
        "{{\"address\":\"192.0.2.2\",\"at\":\"{}+00:00\",\"count\":3}}\n",
        at(7200)
    );
    for (arguments, expected) in [
        (&["--per", "1h"][..], hours.concat()),
        (&["--per", "1h", "--top", "1"], hours[..2].concat()),
        (&["--per", "1h", "--min", "3"], hours[1].clone()),
        (&["--per", "1h", "--min", "3", "--json"], json),
        (&["--per", "1d"], row("1", 0, 3) + &row("2", 0, 3)),
        (&["--per", "1d", "--prefix4", "24"], row("0/24", 0, 6)),
        (
            &["--per", "1h", "--throttle", "1d"],
            hours[1].replace("=3", "=1") + &hours[1].replace("=3", "=1").replace(".2\t", ".1\t"),
        ),
        (
            &["--per", "1d", "--state-file", state],
            row("1", 0, 3) + &row("2", 0, 3),
        ),
        (
            &["--per", "1d", "--state-file", state],
            row("1", 0, 6) + &row("2", 0, 6),
        ),
    ] {
        let (output, error, status) = count_ip(arguments, input.as_bytes());
        let mut lines: Vec<_> = output.lines().collect();
        let mut expected: Vec<_> = expected.lines().collect();
        if arguments.contains(&"--throttle") {
            lines.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(
            (lines, error.as_str(), status),
            (expected, "", 0),
            "{arguments:?}"
        );
    }
    // The output of one run is the input of the next.
    let (output, _, _) = count_ip(&["--per", "1h"], input.as_bytes());
    let (again, _, _) = count_ip(&["--per", "1d", "--merge"], output.as_bytes());
    assert_eq!(again, row("1", 0, 3) + &row("2", 0, 3));
    // Records without a time amid timed ones would be of now.
    let file = directory.path().join("records");
    std::fs::write(&file, format!("192.0.2.9\n{input}192.0.2.9\n")).unwrap();
    let (output, error, status) = count_ip(&["--per", "1h", file.to_str().unwrap()], b"");
    let message = "count-ip: input: records without at= amid timed ones, which do not count: 2\n";
    assert_eq!(
        (output, error.as_str(), status),
        (hours.concat(), message, 2)
    );
    for arguments in [
        "--per 0",
        "--per 1h -n 3",
        "--per 1h --by user",
        "--per 1h --plain",
    ] {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let (output, _, status) = count_ip(&arguments, b"");
        assert_eq!((output.as_str(), status), ("", 2), "{arguments:?}");
    }
}

/// A picture for a person, in which slots without events are seen.
#[test]
fn bars_over_time() {
    let program = env!("CARGO_BIN_EXE_count-ip");
    let record = |second| format!("192.0.2.1\\tat={}Z\\n", at(second));
    let input: String = [0, 1, 2, 3, 7200, 7201, 11_000]
        .into_iter()
        .map(record)
        .collect();
    // Of each width: whether the numbers of addresses have room, and the bars.
    for (columns, addresses, bars) in [
        (80, true, [40, 20, 10]),
        (47, true, [8, 4, 2]),
        (44, false, [16, 8, 4]),
        (32, false, [4, 2, 1]),
        (20, false, [0; 3]),
    ] {
        let command = format!(
            "stty cols {columns} rows 24; printf '{input}' | \
             env TZ=UTC LC_ALL=C.UTF-8 TERM=xterm NO_COLOR=1 {program} --per 1h"
        );
        let Some(shown) = on_a_terminal(&command) else {
            return;
        };
        let row = |hour, count, blocks: usize| {
            let number = if addresses { "          1" } else { "" };
            let bar = match blocks {
                0 => String::new(),
                n => format!("  {}", "█".repeat(n)),
            };
            format!("2026-03-30 {hour:02}:00:00      {count}{number}{bar}\r\n")
        };
        let expected = [
            format!(
                "from                 count{}\r\n",
                if addresses { "  addresses" } else { "" }
            ),
            row(0, 4, bars[0]),
            "2026-03-30 01:00:00      0\r\n".into(),
            row(2, 2, bars[1]),
            row(3, 1, bars[2]),
        ];
        assert_eq!(shown, expected.concat(), "{columns}");
    }
}
