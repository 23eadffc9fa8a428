//! Totals on a terminal, as a person sees them.

use std::process::{Command, Stdio};

use crate::common::left_out;

/// The output of a command of the shell on a terminal; `None` where that is not to be had.
pub(crate) fn on_a_terminal(command: &str) -> Option<String> {
    let output = Command::new("script")
        .args(["-qec", command, "/dev/null"])
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        left_out("script is not installed");
        return None;
    };
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

/// On a terminal of 80 columns, which script(1) makes.
#[test]
fn columns_for_a_person() {
    let input = "192.0.2.1\\n192.0.2.1\\n192.0.2.1\\n192.0.2.10\\n";
    let on_terminal = |environment: &str| {
        let program = env!("CARGO_BIN_EXE_count-ip");
        let command =
            format!("printf '{input}' | env LC_ALL=C.UTF-8 TERM=xterm {environment} {program}");
        on_a_terminal(&command)
    };
    let Some(plain) = on_terminal("NO_COLOR=1") else {
        return;
    };
    let expected = format!(
        "address     count\r\n192.0.2.1       3  {}\r\n192.0.2.10      1  {}▎\r\n",
        "█".repeat(40),
        "█".repeat(13)
    );
    assert_eq!(plain, expected);
    for simple in ["TERM=dumb", "LC_ALL=C NO_COLOR=1"] {
        let text = on_terminal(simple).unwrap();
        let expected = format!(
            "address     count\r\n192.0.2.1       3  {}\r\n192.0.2.10      1  {}\r\n",
            "#".repeat(40),
            "#".repeat(14)
        );
        assert_eq!(text, expected, "{simple}");
    }
    let coloured = on_terminal("NO_COLOR=").unwrap();
    assert!(
        coloured.contains("\u{1b}[36m█") && coloured.contains("█\u{1b}[0m\r\n"),
        "{coloured}"
    );
}

/// A value never reaches a terminal raw, and a long one is cut.
#[test]
fn values_on_a_terminal() {
    let program = env!("CARGO_BIN_EXE_count-ip");
    let long = "x".repeat(300);
    let input = format!("192.0.2.1\\tuser=\\033[31mred\\n192.0.2.1\\tuser={long}\\n");
    let command = format!("printf '{input}' | env LC_ALL=C.UTF-8 TERM=xterm {program} --by user");
    let Some(text) = on_a_terminal(&command) else {
        return;
    };
    assert!(text.contains("\\u{1b}[31mred"), "{text:?}");
    assert!(
        !text.contains('\u{1b}') && text.contains("xxx…      1          1  █"),
        "{text:?}"
    );
}
