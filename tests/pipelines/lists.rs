//! Lists of networks, published or written by hand: each tool reads a line as the same networks.

use crate::common::{Shell, in_namespace};

const LIST: &str = "\u{feff}# a list\n\
    203.0.113.0\t203.0.113.255\t24\t9\tNAME=X\tJP\tabuse@example.org\n\
    198.51.100.1 - 198.51.100.2 , 100 , a name\n\
    192.0.2.0 255.255.255.128\n\
    [2001:db8::1]\n\
    {\"cidr\":\"198.18.0.0/24\",\"sblid\":\"SBL1\"}\n\
    {\"type\":\"metadata\",\"size\":1}\n\
    ExitAddress 198.18.1.1 2026-03-30 02:16:17\n\
    \"198.18.1.2\",\"JP\"\n\
    198.18.1.3#ours\n";

const NETWORKS: [&str; 9] = [
    "192.0.2.0/25",
    "198.18.0.0/24",
    "198.18.1.1",
    "198.18.1.2",
    "198.18.1.3",
    "198.51.100.1",
    "198.51.100.2",
    "2001:db8::1",
    "203.0.113.0/24",
];

const BAN: &str = "ban-ip --backend none --for 1h --even-me";

#[test]
fn banned_as_the_networks_that_it_means() {
    in_namespace("banned_as_the_networks_that_it_means", || {
        let shell = Shell::new();
        for command in [BAN, "unban-at now"] {
            let outcome = shell.feed(command, LIST.as_bytes());
            assert_eq!(
                (outcome.addresses(), outcome.err.as_str()),
                (NETWORKS.to_vec(), ""),
                "{command}"
            );
        }
    });
}

#[test]
fn protected_as_the_networks_that_it_means() {
    let shell = Shell::new();
    let list = shell.path("list");
    std::fs::write(&list, LIST).unwrap();
    let input = "203.0.113.99\n198.51.100.2\n198.51.100.3\n192.0.2.127\n192.0.2.128\n\
        2001:db8::1\n198.18.0.9\n198.18.1.1\n198.18.1.2\n198.18.1.3\n";
    let left = ["192.0.2.128", "198.51.100.3"];
    let never = shell.feed(
        &format!("{BAN} --never {}", list.display()),
        input.as_bytes(),
    );
    assert_eq!(never.addresses(), left, "{never:?}");
    let not = shell.feed(
        &format!("extract-ip --not {}", list.display()),
        input.as_bytes(),
    );
    assert_eq!(not.addresses(), left, "{not:?}");
}

/// The text that a client wrote behind its address bans nobody else, and does not hide it.
#[test]
fn a_line_of_a_log_bans_its_own_address() {
    let shell = Shell::new();
    for line in [
        "203.0.113.7 - 198.51.100.9 [29/Nov/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1",
        "203.0.113.7 /16",
        "203.0.113.7 /11",
        "203.0.113.7 255.0.0.0",
        "203.0.113.7 198.51.100.9",
        "203.0.113.7, 198.51.100.9",
        "203.0.113.7 -203.0.113.255",
    ] {
        let banned = shell.feed(&format!("{BAN} --dry-run"), line.as_bytes());
        assert_eq!(banned.addresses(), ["203.0.113.7"], "{line}: {banned:?}");
        assert_eq!(
            (banned.err.lines().count(), banned.status),
            (1, Some(2)),
            "{line}"
        );
    }
    let typed = shell.feed(&format!("{BAN} --dry-run"), b"14.160.0.0 /11");
    assert_eq!(
        typed.err,
        "ban-ip: standard input:1: 14.160.0.0/11? Only the first address is taken\n"
    );
}

/// Nothing is banned or printed where a list that protects can't be read to its end.
#[test]
fn a_list_that_protects_is_read_whole() {
    let shell = Shell::new();
    let gzip = {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, b"203.0.113.7\n").unwrap();
        gzip.finish().unwrap()
    };
    let long = [&vec![b'#'; (1 << 20) + 1][..], b"\n203.0.113.7\n"].concat();
    for (name, text) in [
        ("cut.gz", &gzip[..gzip.len() - 4]),
        ("foo", b"203.0.113.7\n203.0.113.256\n"),
        ("mask", b"10.0.0.5 255.0.0.0\n"),
        ("long", &long),
    ] {
        std::fs::write(shell.path(name), text).unwrap();
    }
    std::fs::create_dir(shell.path("folder")).unwrap();
    for name in ["cut.gz", "foo", "mask", "long", "folder", "foo/none"] {
        let path = shell.path(name);
        for command in [
            format!("{BAN} --never {}", path.display()),
            format!("extract-ip --not {}", path.display()),
        ] {
            let outcome = shell.feed(&command, b"198.51.100.9\n");
            assert_eq!(
                (outcome.out.as_str(), outcome.status),
                ("", Some(2)),
                "{command}"
            );
            let place = command.split(' ').next().unwrap().to_owned() + ": ";
            let message = format!("{place}{}", path.display());
            assert!(outcome.err.starts_with(&message), "{outcome:?}");
            assert_eq!(outcome.err.lines().count(), 1, "{outcome:?}");
        }
    }
    let typed = "extract-ip --not 14.160.0.0/11 --not 203.0.113.0-203.0.113.9";
    let outcome = shell.feed(typed, b"14.161.0.1 203.0.113.8 203.0.113.10\n");
    assert_eq!(outcome.addresses(), ["203.0.113.10"]);
}
