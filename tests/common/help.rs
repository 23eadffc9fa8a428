//! What a tool's --help says of its flags.
#![allow(dead_code)] // each test program uses a part of it

use std::process::Command;

pub const TOOLS: [(&str, &str); 6] = [
    ("follow-log", env!("CARGO_BIN_EXE_follow-log")),
    ("extract-ip", env!("CARGO_BIN_EXE_extract-ip")),
    ("count-ip", env!("CARGO_BIN_EXE_count-ip")),
    ("ban-ip", env!("CARGO_BIN_EXE_ban-ip")),
    ("unban-at", env!("CARGO_BIN_EXE_unban-at")),
    ("mail-ban", env!("CARGO_BIN_EXE_mail-ban")),
];

/// One flag, such as `-f, --field <N>`.
#[derive(Debug, Default, PartialEq)]
pub struct Flag {
    /// With their hyphens: `-f`, `--field`.
    pub names: Vec<String>,
    pub value: Option<String>,
    pub text: String,
    pub choices: Vec<String>,
}

impl Flag {
    pub fn takes_file(&self) -> bool {
        self.value.as_ref().is_some_and(|v| v.contains("FILE"))
    }
}

/// The text of `--help`.
pub fn help(program: &str) -> String {
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// The flags in it.
pub fn flags(program: &str) -> Vec<Flag> {
    let help = help(program);
    let options = help.split_once("\nOptions:\n").unwrap().1;
    let mut flags: Vec<Flag> = Vec::new();
    for line in options.lines() {
        let text = line.trim();
        if line.starts_with("  ") && !line.starts_with("        ") && text.starts_with('-') {
            let (names, value) = text.split_once(" <").unwrap_or((text, ""));
            flags.push(Flag {
                names: names.split(", ").map(str::to_owned).collect(),
                value: (!value.is_empty()).then(|| {
                    value
                        .trim_end_matches("...")
                        .trim_end_matches('>')
                        .to_owned()
                }),
                ..Flag::default()
            });
            continue;
        }
        let flag = flags.last_mut().unwrap();
        if let Some(list) = text.strip_prefix("[possible values: ") {
            flag.choices = list
                .trim_end_matches(']')
                .split(", ")
                .map(str::to_owned)
                .collect();
        } else if let Some(choice) = text.strip_prefix("- ") {
            let (name, _) = choice.split_once(':').unwrap_or((choice, ""));
            flag.choices.push(name.to_owned());
        } else if !text.is_empty() && !text.starts_with('[') && text != "Possible values:" {
            let blank = if flag.text.is_empty() { "" } else { " " };
            flag.text += blank;
            flag.text += text;
        }
    }
    assert!(flags.len() > 3, "{program}: {help}");
    flags
}
