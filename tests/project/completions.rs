//! The shells' completions in completions/ are what the tools' --help says. To write them anew:
//! `PIPEBAN_WRITE=1 cargo test --test completions`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::help::{Flag, flags, help};

const HEADER: &str = "# Written from --help by tests/completions.rs.\n";

fn path(shell: &str, tool: &str) -> PathBuf {
    let name = match shell {
        "zsh" => format!("_{tool}"),
        "fish" => format!("{tool}.fish"),
        _ => tool.into(),
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("completions")
        .join(shell)
        .join(name)
}

/// Whether the operands are files.
fn takes_files(program: &str) -> bool {
    help(program)
        .lines()
        .any(|line| line.starts_with("Usage:") && line.contains("FILE"))
}

fn bash(tool: &str, program: &str) -> String {
    let function = format!("_{}", tool.replace('-', "_"));
    let flags = flags(program);
    let mut values = String::new();
    for flag in flags.iter().filter(|f| f.value.is_some()) {
        let names = flag.names.join("|");
        values += &match (flag.takes_file(), flag.choices.is_empty()) {
            (true, _) => format!("        {names}) return ;;\n"),
            (_, true) => format!("        {names}) compopt +o default; return ;;\n"),
            (_, false) => {
                let choices = flag.choices.join(" ");
                format!(
                    "        {names}) compopt +o default; COMPREPLY=($(compgen -W '{choices}' -- \"$word\")); return ;;\n"
                )
            }
        };
    }
    let names: Vec<_> = flags
        .iter()
        .flat_map(|f| f.names.iter().map(String::as_str))
        .collect();
    let names = names.join(" ");
    let others = if takes_files(program) {
        ""
    } else {
        "        *) compopt +o default ;;\n"
    };
    format!(
        "{HEADER}{function}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}}
    case ${{COMP_WORDS[COMP_CWORD - 1]}} in
{values}    esac
    case $word in
        -*) COMPREPLY=($(compgen -W '{names}' -- \"$word\")) ;;
{others}    esac
}}
complete -o default -F {function} {tool}
"
    )
}

fn zsh(tool: &str, program: &str) -> String {
    let specification = |flag: &Flag| {
        let special = |c: char| {
            if "[]:\\".contains(c) {
                format!("\\{c}")
            } else {
                c.to_string()
            }
        };
        let text: String = flag.text.chars().map(special).collect();
        let text = text.replace('\'', r"'\''");
        let value = flag.value.as_ref().map_or(String::new(), |value| {
            let action = match (flag.takes_file(), flag.choices.is_empty()) {
                (true, _) => "_files".into(),
                (_, true) => " ".into(),
                (_, false) => format!("({})", flag.choices.join(" ")),
            };
            format!(":{value}:{action}")
        });
        let name = |name: &String| match (&flag.value, name.starts_with("--")) {
            (None, _) => name.clone(),
            (_, true) => format!("{name}="),
            (_, false) => format!("{name}+"),
        };
        let names: Vec<_> = flag.names.iter().map(name).collect();
        let names = match names.as_slice() {
            [one] => one.clone(),
            several => format!("{{{}}}", several.join(",")),
        };
        let often = if flag.text.contains("several times") {
            "\\*"
        } else {
            ""
        };
        format!(" \\\n    {often}{names}'[{text}]{value}'")
    };
    let flags: String = flags(program).iter().map(specification).collect();
    let operands = if takes_files(program) { "_files" } else { " " };
    format!("#compdef {tool}\n{HEADER}_arguments -s{flags} \\\n    '*:operand:{operands}'\n")
}

fn fish(tool: &str, program: &str) -> String {
    let mut text = HEADER.to_owned();
    if !takes_files(program) {
        text += &format!("complete -c {tool} -f\n");
    }
    for flag in flags(program) {
        text += &format!("complete -c {tool}");
        for name in &flag.names {
            text += &match name.strip_prefix("--") {
                Some(long) => format!(" -l {long}"),
                None => format!(" -s {}", &name[1..]),
            };
        }
        text += &match (
            flag.value.is_some(),
            flag.takes_file(),
            flag.choices.is_empty(),
        ) {
            (false, ..) => String::new(),
            (_, true, _) => " -r -F".into(),
            (_, _, true) => " -x".into(),
            _ => format!(" -x -a '{}'", flag.choices.join(" ")),
        };
        let description = flag.text.replace('\\', r"\\").replace('\'', r"\'");
        text += &format!(" -d '{description}'\n");
    }
    text
}

#[test]
fn completions_are_fresh() {
    for (tool, program) in crate::help::TOOLS {
        for (shell, text) in [
            ("bash", bash(tool, program)),
            ("zsh", zsh(tool, program)),
            ("fish", fish(tool, program)),
        ] {
            let path = path(shell, tool);
            if std::env::var_os("PIPEBAN_WRITE").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(
                kept,
                text,
                "{}: to write it anew see the head of this test",
                path.display()
            );
        }
    }
}

/// What bash offers after these words.
fn offered(words: &[&str]) -> Option<String> {
    let tool = words[0];
    let script = format!(
        ". \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); compopt() {{ :; }}; _{}; echo \"${{COMPREPLY[*]}}\"",
        tool.replace('-', "_")
    );
    let mut command = Command::new("bash");
    command
        .args(["-c", &script, "bash"])
        .arg(path("bash", tool))
        .args(words);
    let Ok(output) = command.output() else {
        eprintln!("left out, not installed: bash");
        return None;
    };
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned(),
    )
}

#[test]
fn bash_offers_flags_and_values() {
    for (words, expected) in [
        (&["ban-ip", "--max-p"][..], "--max-prefix4 --max-prefix6"),
        (&["ban-ip", "--backend", "i"], "ipset iptables"),
        (&["follow-log", "--from", "r"], "resume"),
        (&["follow-log", "--state-file", "/et"], ""),
        (&["extract-ip", "--", ""], ""),
        (&["unban-at", "--w"], "--wait"),
    ] {
        let Some(offered) = offered(words) else {
            return;
        };
        assert_eq!(offered, expected, "{words:?}");
    }
}

#[test]
fn zsh_and_fish_read_them() {
    for (tool, _) in crate::help::TOOLS {
        for shell in ["zsh", "fish"] {
            match Command::new(shell)
                .arg("-n")
                .arg(path(shell, tool))
                .output()
            {
                Ok(o) => assert!(
                    o.status.success(),
                    "{shell}: {}",
                    String::from_utf8_lossy(&o.stderr)
                ),
                Err(_) => eprintln!("left out, not installed: {shell}"),
            }
        }
    }
}
