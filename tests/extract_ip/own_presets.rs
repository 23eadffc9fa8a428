//! Presets of one's own: `--preset ./FILE` and `--check`.

use std::fs;

use crate::common::Shell;

/// The preset of the page's own example.
fn example_of_the_page() -> String {
    example_of_the_page_at(0)
}

/// The example of this number, from 0.
fn example_of_the_page_at(number: usize) -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/man/pipeban-preset.5");
    let page = fs::read_to_string(page).unwrap();
    let block = page.split(".Bd -literal").nth(number + 1).unwrap();
    let block = block
        .split_once('\n')
        .unwrap()
        .1
        .split_once(".Ed")
        .unwrap()
        .0;
    let plain = block.replace("\\(ha", "^").replace("\\e", "\\");
    plain.replace("\\(Fo", "«").replace("\\(Fc", "»")
}

#[test]
fn presets_of_ones_own() {
    let shell = Shell::new();
    fs::write(shell.path("mine.txt"), example_of_the_page()).unwrap();
    let directory = shell.directory.path().display().to_string();
    let run = |command: &str| shell.run(&format!("cd {directory} && {command}"));
    let checked = run("extract-ip --preset ./mine.txt --check");
    assert_eq!((checked.err.as_str(), checked.status), ("", Some(0)));
    let starts = "./mine.txt: 1 rules, 2 examples, ";
    assert!(checked.out.starts_with(starts), "{}", checked.out);
    assert!(checked.out.ends_with(": good\n"), "{}", checked.out);
    let log = "Mar 30 02:16:17 host myd[9]: x refused, 192.0.2.1 refused, 203.0.113.7
Mar 30 02:16:17 host other[9]: x refused, 192.0.2.1
Mar 30 02:16:18 host sshd[9]: Failed password for root from 203.0.113.8 port 5 ssh2
";
    fs::write(shell.path("log"), log).unwrap();
    let found = run("extract-ip --preset sshd,./mine.txt --with user log");
    let user = "user=x refused, 192.0.2.1";
    let expected = format!(
        "203.0.113.7\trule=mine/refused\t{user}\n203.0.113.8\trule=sshd/failed\tuser=root\n"
    );
    assert_eq!(found.out, expected);
    // A rule about successes, from the page as well.
    let success = example_of_the_page_at(1);
    fs::write(shell.path("mine.txt"), example_of_the_page() + &success).unwrap();
    let checked = run("extract-ip --preset ./mine.txt --check");
    assert_eq!(
        (checked.err.as_str(), checked.status),
        ("", Some(0)),
        "{}",
        checked.out
    );
    assert!(
        checked.out.starts_with("./mine.txt: 2 rules, 4 examples, "),
        "{}",
        checked.out
    );
    let log = log.to_string() + "Mar 30 02:16:18 host myd[9]: bob let in, 203.0.113.9\n";
    fs::write(shell.path("log"), log).unwrap();
    let failed = "203.0.113.7\trule=mine/refused\n";
    let accepted = "203.0.113.9\trule=mine/accepted\tsuccess=yes\n";
    for (names, expected) in [
        ("./mine.txt", failed.to_string()),
        ("./mine.txt/refused", failed.to_string()),
        ("./mine.txt/accepted", accepted.to_string()),
        (
            "./mine.txt,./mine.txt/accepted",
            failed.to_string() + accepted,
        ),
        (
            "./mine.txt/accepted,./mine.txt",
            failed.to_string() + accepted,
        ),
    ] {
        assert_eq!(
            run(&format!("extract-ip --preset {names} log")).out,
            expected,
            "{names}"
        );
    }
    let unknown = run("extract-ip --preset ./mine.txt/no log");
    assert!(
        unknown.err.contains("mine has no rule \"no\""),
        "{}",
        unknown.err
    );
    // From a pipe, which can be read once.
    let piped = run("cat mine.txt | extract-ip --preset /dev/stdin log");
    assert_eq!(piped.out, "203.0.113.7\trule=stdin/refused\n");
    let names = "/dev/stdin,/dev/stdin/accepted";
    let piped = run(&format!("cat mine.txt | extract-ip --preset {names} log"));
    assert_eq!(
        piped.out,
        format!("{failed}{accepted}").replace("mine/", "stdin/")
    );
}

#[test]
fn faults_of_ones_own_presets() {
    let shell = Shell::new();
    let directory = shell.directory.path().display().to_string();
    let run = |text: &str, flags: &str| {
        fs::write(shell.path("mine.txt"), text).unwrap();
        shell.run(&format!(
            "cd {directory} && extract-ip --preset ./mine.txt {flags} /dev/null"
        ))
    };
    let laughs = (0..40).fold("let A0 = xxxxxxxxxx\n".to_string(), |text, i| {
        let half = format!("<A{i}>");
        text + &format!("let A{} = {half}{half}\n", i + 1)
    });
    for (text, message) in [
        ("", "1: no rule: write"),
        (
            "program x\nrule a ^(x <IP>\n",
            "2: unclosed group, here: ^>>(<<x (?P<ip0>",
        ),
        ("program x\nrule a ^x\n", "2: no <IP> in the pattern"),
        (
            "program x\nrule a x <IP>\n",
            "2: the pattern must begin with ^",
        ),
        ("rule a ^x <IP>\n", "1: nobody is named who writes it"),
        (
            "program x\nrule a ^x <USER> <IP>\n",
            "2: an unknown tag: <USER",
        ),
        (
            "program x\nrool a ^x <IP>\n",
            "2: no line begins with \"rool\"",
        ),
        (
            "program x\nrule a ^x <IP>\n+ x y\n",
            "3: not an address: \"x\"",
        ),
        (
            "program x\nrule a ^x <IP>\n+ 192.0.2.1 x «y 192.0.2.1\n",
            "3: the mark « has no",
        ),
        (
            "program x\nrule a ^(?:a{300}){300}<IP>\n",
            "2: the pattern is too large",
        ),
        ("+ 192.0.2.1 x\n", "1: no rule stands before this line: +"),
        (
            "program x\nsuccess\n",
            "2: no rule stands before this line: success",
        ),
        (
            "program x\ncloses a ^x <IP>\nsuccess\n",
            "3: a success is a line \"rule\" or \"json\"",
        ),
        (
            "program x\nrule a ^x <IP>\nsuccess\nstep 2\n",
            "2: a success is no step of an attempt",
        ),
        (
            "program x\nrule a ^x <IP>\nrule a ^y <IP>\nsuccess\n",
            "3: a success and a failure of one name",
        ),
        (&laughs, "13: the pattern is longer than"),
        ("program x\nrule a ^\u{0}(?<IP>\n", "2: "),
    ] {
        for flags in ["", "--check"] {
            let found = run(text, flags);
            let message = format!("extract-ip: ./mine.txt:{message}");
            assert!(found.err.starts_with(&message), "{text}: {}", found.err);
            assert_eq!(found.status, Some(2), "{text}");
        }
    }
    let head = "program x\n";
    for (text, message) in [
        (
            "rule a ^(?P<user>.*?) from <IP>\n+ 203.0.113.7 x[1]: «y» from 203.0.113.7\n- x[1]: y\n",
            "hostile text names 198.51.100.66 in place of 203.0.113.7",
        ),
        (
            "rule a ^(?P<user>.*) from <IP>$\n+ 203.0.113.7 x[1]: y from 203.0.113.8\n- x[1]: y\n",
            "the example is a of 203.0.113.8, and not a of 203.0.113.7",
        ),
        (
            "rule a ^(?P<user>.*) from <IP>$\n+ 203.0.113.7 x[1]: y from 203.0.113.7\n- x[1]: y\n",
            "no example says where: put « and » around it",
        ),
        (
            "rule a ^x from <IP>$\n- x[1]: y\n",
            "no example: write \"+ ADDRESS LINE\"",
        ),
        (
            "rule a ^x from <IP>$\n+ 203.0.113.7 x[1]: x from 203.0.113.7\n",
            "no example of a line that is no event",
        ),
        (
            "rule a ^x from <IP>$\n+ 203.0.113.7 x[1]: x from 203.0.113.7\n- x[1]: x from 192.0.2.1\n",
            "the example is a of 192.0.2.1, and not no event",
        ),
        // A name that a stranger chooses stands before the words that tell of the failure.
        (
            "rule a ^.* failed from <IP>$\n+ 203.0.113.7 x[1]: «y» failed from 203.0.113.7\n\
             rule b ^.* in from <IP>\nsuccess\n+ 203.0.113.7 x[1]: «y» in from 203.0.113.7\n\
             - x[1]: y\n",
            "hostile text is a success, mine/b of 203.0.113.7",
        ),
    ] {
        let stamp = "Mar 30 02:16:17 host x[1]:";
        let found = run(
            &(head.to_string() + &text.replace("x[1]:", stamp)),
            "--check",
        );
        assert!(
            found.err.contains(message),
            "{text}: {}{}",
            found.out,
            found.err
        );
        assert_eq!(found.status, Some(2), "{text}");
    }
    let endless = shell.run("extract-ip --preset /dev/zero /dev/null");
    assert_eq!(
        endless.err,
        "extract-ip: /dev/zero: larger than 1 MiB: no file of patterns\n"
    );
}
