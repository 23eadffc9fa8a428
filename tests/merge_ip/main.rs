//! merge-ip: lists in, the smallest set that means the same out.

#[path = "../common/mod.rs"]
mod common;

use std::fmt::Write as _;

use common::Shell;

const LIST: &str = "203.0.113.128/25 ; SBL1\n\
    203.0.113.0 - 203.0.113.127\n\
    10.0.0.0\t10.0.0.255\t24\t1\tX\n\
    10.0.1.0 255.255.255.0\n\
    2001:db8::/33\n\
    [2001:db8:8000::]\n\
    {\"cidr\":\"198.51.100.0/24\"}\n\
    198.51.100.7\n\
    2001:db8:8000::1\n";

#[test]
fn the_smallest_set_in_order() {
    let shell = Shell::new();
    for (input, flags, expected) in [
        (
            LIST,
            "",
            "10.0.0.0/23\n198.51.100.0/24\n203.0.113.0/24\n2001:db8::/33\n\
             2001:db8:8000::/127\n",
        ),
        (
            LIST,
            "--ranges",
            "10.0.0.0-10.0.1.255\n198.51.100.0-198.51.100.255\n203.0.113.0-203.0.113.255\n\
             2001:db8::-2001:db8:8000::1\n",
        ),
        (
            LIST,
            "--minus 203.0.113.0/25 --minus 10.0.0.0-10.0.1.254 --minus 2001:db8::/32",
            "10.0.1.255\n198.51.100.0/24\n203.0.113.128/25\n",
        ),
        (
            LIST,
            "--and 203.0.113.200 --and 203.0.0.0/8",
            "203.0.113.200\n",
        ),
        (LIST, "--and ::/0 --ranges", "2001:db8::-2001:db8:8000::1\n"),
        (
            "0.0.0.0/1\n128.0.0.0/1\n::/1\n8000::/1\n",
            "",
            "0.0.0.0/0\n::/0\n",
        ),
        ("::/0\n", "--minus ::/1", "8000::/1\n"),
        // Numbers of IPv6 that stand for IPv4 addresses are not printed as those.
        (
            "::fffe:0:0-::1:0:0:1\n",
            "--minus ::fffe:0:0/97",
            "::fffe:8000:0/97\n::1:0:0:0/127\n",
        ),
        (
            "::/0\n",
            "--minus ::-::fffe:ffff:fffe --minus ::1:0:0:2-f:: --ranges",
            "::fffe:ffff:ffff-::1:0:0:1\nf::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n",
        ),
        ("::/80\n::fffe:0:0/95", "", "::/80\n"),
        ("::fffe:0:0/95", "--ranges", "::fffe:0:0-::fffe:ffff:ffff\n"),
        (
            "203.0.113.9\n203.0.113.8",
            "--json",
            "{\"address\":\"203.0.113.8/31\"}\n",
        ),
    ] {
        let merged = shell.feed(&format!("merge-ip {flags}"), input.as_bytes());
        let all = (merged.out.as_str(), merged.err.as_str(), merged.status);
        assert_eq!(all, (expected, "", Some(0)), "{flags}");
    }
}

#[test]
fn records_in_order() {
    let shell = Shell::new();
    let input =
        "2001:db8::1\tcount=1\n203.0.113.9\tcount=2\n9.9.9.9\tb=1\n9.9.9.9\ta=1\n9.0.0.0/8\n";
    let sorted = shell.feed("merge-ip --sort", input.as_bytes());
    let expected =
        "9.0.0.0/8\n9.9.9.9\tb=1\n9.9.9.9\ta=1\n203.0.113.9\tcount=2\n2001:db8::1\tcount=1\n";
    assert_eq!((sorted.out.as_str(), sorted.status), (expected, Some(0)));
}

#[test]
fn several_files_and_bad_lines() {
    let shell = Shell::new();
    let write = |name: &str, text: &str| std::fs::write(shell.path(name), text).unwrap();
    write("one", "203.0.113.0/25\nfoo\n203.0.113.7 /24\n");
    write("two", "# a comment\n203.0.113.128/25\n203.0.113.300\n");
    let script = format!(
        "cd {}; merge-ip one none two",
        shell.directory.path().display()
    );
    let merged = shell.run(&script);
    assert_eq!(
        (merged.out.as_str(), merged.status),
        ("203.0.113.0/24\n", Some(2))
    );
    let mut lines: Vec<_> = merged.err.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "merge-ip: none: No such file or directory",
            "merge-ip: one:2: not an address: \"foo\"",
            "merge-ip: one:3: 203.0.113.7/24? Only the first address is taken",
            "merge-ip: two:3: not an address: \"203.0.113.300\"",
        ]
    );
    // Nothing is printed where a list to leave out can't be understood.
    for flag in ["--minus one", "--and two", "--minus none"] {
        let script = format!("cd {}; merge-ip {flag}", shell.directory.path().display());
        let refused = shell.feed(&script, b"203.0.113.7\n");
        assert_eq!(
            (refused.out.as_str(), refused.status),
            ("", Some(2)),
            "{flag}"
        );
    }
    for (input, minus) in [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::fffe:0:0/95", "::fffe:0:0/96"),
    ] {
        let nothing = shell.feed(&format!("merge-ip --minus {minus}"), input.as_bytes());
        assert_eq!((nothing.out.as_str(), nothing.status), ("", Some(1)));
    }
}

/// A list of a million bytes, over several reads: the union of its parts, and of its output.
#[test]
fn the_output_means_the_input() {
    let shell = Shell::new();
    let mut random = fastrand::Rng::with_seed(6);
    let mut list = String::new();
    for _ in 0..60_000 {
        let quad = std::net::Ipv4Addr::from_bits(random.u32(..) & 0x03ff_ffff);
        let _ = match random.u8(..4) {
            0 => writeln!(list, "{quad}/{}", random.u8(24..=32)),
            1 => writeln!(list, "{quad} # a comment"),
            2 => writeln!(list, "2001:db8::{:x}:{:x}", random.u16(..), random.u16(..)),
            _ => writeln!(list, "{quad}"),
        };
    }
    let merged = shell.feed("merge-ip", list.as_bytes());
    assert_eq!((merged.err.as_str(), merged.status), ("", Some(0)));
    let again = shell.feed("shuf | merge-ip --ranges | merge-ip", merged.out.as_bytes());
    assert!(again.out == merged.out);
    for flag in ["--not", "--minus"] {
        let (merged_path, list_path) = (shell.path("merged"), shell.path("list"));
        std::fs::write(&merged_path, &merged.out).unwrap();
        std::fs::write(&list_path, &list).unwrap();
        let script = match flag {
            "--not" => format!(
                "extract-ip --not {} {}",
                merged_path.display(),
                list_path.display()
            ),
            _ => format!(
                "merge-ip --minus {} {}",
                list_path.display(),
                merged_path.display()
            ),
        };
        let left = shell.run(&script);
        assert_eq!((left.out.as_str(), left.err.as_str()), ("", ""), "{flag}");
    }
}

/// The memory is that of the set, not of the lists.
#[test]
fn a_list_that_says_one_thing_again_and_again() {
    let shell = Shell::new();
    let list = "yes 203.0.113.7 | head -n 40000000";
    let merged = shell.run(&format!("{list} | (ulimit -v 300000; merge-ip)"));
    let all = (merged.out.as_str(), merged.err.as_str(), merged.status);
    assert_eq!(all, ("203.0.113.7\n", "", Some(0)));
}

/// The list of an option: standard input, one with a long line, one with a host name.
#[test]
fn lists_of_options() {
    let shell = Shell::new();
    let write = |name: &str, text: &[u8]| std::fs::write(shell.path(name), text).unwrap();
    write("one", b"203.0.113.7\n203.0.113.8\n");
    write("names", b"203.0.113.7\n# ours\noffice.example.org\n");
    write(
        "long",
        &[b"203.0.113.7\n", &[b'x'; 2 << 20][..], b"\n203.0.113.8\n"].concat(),
    );
    let here = shell.directory.path().display();
    let cut = "long:2: a line longer than 1 MiB was cut there";
    let name = "names:3: not an address: \"office.example.org\"";
    for (command, out, err) in [
        ("merge-ip one --minus -", "203.0.113.8\n", ""),
        ("extract-ip one --only -", "203.0.113.7\n", ""),
        ("merge-ip one --minus long", "", cut),
        ("extract-ip one --not long", "", cut),
        ("merge-ip one --minus names", "", name),
        ("extract-ip one --only names", "", name),
    ] {
        let done = shell.feed(&format!("cd {here}; {command}"), b"203.0.113.7\n");
        let err = match err {
            "" => String::new(),
            err => format!("{}: {err}\n", command.split(' ').next().unwrap_or_default()),
        };
        assert_eq!((done.out.as_str(), done.err), (out, err), "{command}");
    }
    // The line counts as one, also where no whole word of it is left.
    write(
        "bad",
        &[b"203.0.113.7\n", &[b'x'; 2 << 20][..], b"\nfoo\n"].concat(),
    );
    let done = shell.run(&format!("cd {here}; merge-ip bad"));
    let cut = cut.replace("long:", "bad:");
    let told = format!("merge-ip: {cut}\nmerge-ip: bad:3: not an address: \"foo\"\n");
    assert_eq!((done.out.as_str(), done.err), ("203.0.113.7\n", told));
}
