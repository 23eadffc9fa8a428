//! The files of package/completions in the real shells: each tool completes its own flags and
//! values.

use std::os::unix::fs::symlink;

use crate::common::{Shell, run};
use crate::help::TOOLS;

/// A command line up to the cursor, and the candidates.
const ROWS: [(&str, &[&str]); 10] = [
    ("extract-ip --preset ss", &["sshd", "sshd-preauth"]),
    ("extract-ip --preset sshd,lis", &[]),
    ("extract-ip --preset sshd/f", &["sshd/failed"]),
    ("extract-ip --preset sshd,dove", &["sshd,dovecot"]),
    ("ban-ip --max-p", &["--max-prefix4", "--max-prefix6"]),
    ("ban-ip --backend i", &["ipset", "iptables"]),
    ("follow-log --from r", &["resume"]),
    ("unban-at --w", &["--wait"]),
    ("count-ip /etc/host.con", &["/etc/host.conf"]),
    ("ban-ip --never /etc/host.con", &["/etc/host.conf"]),
];

/// A shell's name, and a script that prints the candidates for the command line in its arguments.
/// The files are installed in the directory $FILES.
const SHELLS: [(&str, &str); 3] = [
    (
        "bash",
        r#". "$FILES/$1"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
        $function "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf '%s\n' "${COMPREPLY[@]}""#,
    ),
    (
        "fish",
        r#"set fish_complete_path $FILES
        complete --do-complete "$argv[2..]" | string replace --regex '\t.*' ''"#,
    ),
    (
        "zsh",
        r#"fpath=($FILES $fpath)
        compdef() { }
        _describe() { print -l -- "${(@P)argv[-1]%%:*}" }
        words=("$@") CURRENT=$# service=$1
        autoload -Uz _pipeban
        _pipeban"#,
    ),
];

#[test]
fn shells_offer_flags_and_values() {
    let shell = Shell::new();
    let top = concat!(env!("CARGO_MANIFEST_DIR"), "/package/completions/");
    let install = |from: &str, name: &str| {
        symlink(format!("{top}{from}"), shell.path(name)).unwrap();
    };
    install("zsh", "_pipeban");
    for (tool, _) in TOOLS {
        install("bash", tool);
        install("fish", &format!("{tool}.fish"));
    }
    for (name, script) in SHELLS {
        if run(name, &["--version"]).is_none() {
            continue;
        }
        for (line, expected) in ROWS {
            let mut command = shell.command(name);
            command.args(["-c", script, name]).args(line.split(' '));
            let output = command.env("FILES", shell.directory.path()).output();
            let output = output.unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let offered: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
            assert_eq!(offered, expected, "{name}: {line}: {output:?}");
        }
    }
}

#[test]
fn zsh_knows_every_tool() {
    let file = include_str!("../../package/completions/zsh");
    let names = file.lines().next().unwrap();
    let names = names.strip_prefix("#compdef ").unwrap();
    let tools = TOOLS.map(|(tool, _)| tool).join(" ");
    assert_eq!(names, tools);
}

#[test]
fn an_unknown_shell_is_a_fault() {
    let shell = Shell::new();
    let outcome = shell.run("PIPEBAN_COMPLETE=csh ban-ip");
    assert_eq!((outcome.out.as_str(), outcome.status), ("", Some(2)));
    let start = "ban-ip: PIPEBAN_COMPLETE: unknown shell `csh`";
    assert!(outcome.err.starts_with(start), "{}", outcome.err);
    assert_eq!(
        shell.run("PIPEBAN_COMPLETE= ban-ip --version").status,
        Some(0)
    );
}
