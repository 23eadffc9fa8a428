//! `pipeline=`, the name of the pipeline that asked for a ban: no log forges it, and each tool
//! hands it on as it is.

use crate::common::{Shell, feed, field};

/// A value with all that is escaped, a control character and a byte that is not UTF-8.
const HOSTILE: &[u8] = b"a\\tb\\\\c=d \x1b[31m\xff pipeline=x\\n";

#[test]
fn no_log_line_forges_it() {
    let shell = Shell::new();
    let user = "x\tpipeline=evil pipeline=evil";
    let line = format!(
        "Mar 30 02:16:17 h sshd[1]: Failed password for invalid user {user} \
         from 203.0.113.7 port 4 ssh2"
    );
    let object =
        r#"{"ip":"203.0.113.8","pipeline":"evil","user":"x\tpipeline=evil\npipeline=evil"}"#;
    let tools = [
        ("extract-ip --preset sshd --line --with user", line.as_str()),
        ("extract-ip --key ip --line --with user", object),
    ];
    for (tool, line) in tools {
        let chain = format!("{tool} | count-ip -n 1 --evidence");
        let counted = shell.feed(&chain, line.as_bytes());
        assert_eq!(counted.out.lines().count(), 1, "{counted:?}");
        assert_eq!(field(&counted, "pipeline"), ["-"], "{counted:?}");
        let ban = "ban-ip --backend none --for 1h";
        let named = shell.feed(
            &format!("{chain} | PIPEBAN_PIPELINE=good {ban}"),
            line.as_bytes(),
        );
        assert_eq!(field(&named, "pipeline"), ["good"], "{named:?}");
    }
    let list = shell.run("ban-ip --backend none --list");
    assert_eq!(field(&list, "pipeline"), ["good"; 2], "{list:?}");
    let why = shell.run("ban-ip --why 203.0.113.7");
    assert_eq!(field(&why, "pipeline"), ["good"], "{why:?}");
}

/// A record that brings one, or several, has one after a pipeline with a name: that name, of any
/// bytes.
#[test]
fn a_pipeline_replaces_it() {
    let shell = Shell::new();
    let ban = "ban-ip --backend none --for 1h";
    let record = b"203.0.113.7\tpipeline=one\tcount=3\tpipeline=two\n";
    for (n, name) in ["good", "two\\twords\\npipeline=x", "\\377"]
        .iter()
        .enumerate()
    {
        let hours = n + 1;
        let script = format!("PIPEBAN_PIPELINE=$(printf '{name}') {ban} --for {hours}h");
        let script = script.replace(" --for 1h --for", " --for");
        let mut sh = shell.command("sh");
        let output = feed(sh.args(["-c", &script]), record);
        assert_eq!(output.status, Some(0), "{output:?}");
        assert_eq!(output.out.matches("\tpipeline=").count(), 1, "{output:?}");
        let written = name.replace("\\377", "\u{fffd}");
        assert_eq!(field(&output, "pipeline"), [written.as_str()], "{output:?}");
        let list = shell.run("ban-ip --backend none --list");
        assert_eq!(field(&list, "pipeline"), [written.as_str()], "{list:?}");
    }
}

#[test]
fn each_tool_hands_it_on() {
    let shell = Shell::new();
    std::fs::write(shell.path("table"), "203.0.113.0\t203.0.113.255\tAS64500\n").unwrap();
    let table = shell.path("table").display().to_string();
    let tools = [
        "count-ip -n 1".to_string(),
        "ban-ip --backend none --for 1h".into(),
        "unban-at 2h".into(),
        "mail-ban --run true".into(),
        format!("name-ip --db {table}"),
    ];
    let field = [b"\tpipeline=", HOSTILE, b"\t"].concat();
    let record = [b"203.0.113.7", &field[..], b"count=1\n"].concat();
    std::fs::write(shell.path("record"), &record).unwrap();
    let record = shell.path("record").display().to_string();
    for tool in &tools {
        let mut sh = shell.command("sh");
        let output = sh
            .args(["-c", &format!("{tool} <{record}")])
            .output()
            .unwrap();
        let has_it = output.stdout.windows(field.len()).any(|part| part == field);
        assert!(has_it, "{tool}: {output:?}");
    }
    let mut sh = shell.command("sh");
    let list = ["-c", "ban-ip --backend none --list"];
    let list = sh.args(list).output().unwrap().stdout;
    assert!(list.windows(field.len()).any(|part| part == field));
}
