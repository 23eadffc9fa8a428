//! examples/flood.md at a small scale: its commands are run as they stand there, with lower
//! numbers.

use std::fs;
use std::path::Path;

use crate::common::Shell;

/// The commands of the page, in its order.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("\n```sh\n").skip(1);
    blocks
        .map(|block| block.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// `by-net: 5 bans, 96.1 % of the flood stopped, 7 of 40000 users hit` as numbers.
fn judged(line: &str) -> (u32, f64, u32) {
    let numbers: Vec<f64> = line
        .split([' ', ','])
        .filter_map(|word| word.parse().ok())
        .collect();
    (numbers[0] as u32, numbers[1], numbers[2] as u32)
}

const LAST_HOUR: &str =
    r#"LC_ALL=C sed "s|30/Mar/2026:12|$(date -u -d '1 hour ago' +%d/%b/%Y:%H)|" access.log"#;

#[test]
fn a_flood_of_strangers() {
    let shell = Shell::new();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(top.join("examples/flood.md")).unwrap();
    let flood = top.join("examples/flood/");
    let mut script = format!("set -e; cd {}\n", shell.directory.path().display());
    for command in commands(&page) {
        let small = command
            .replace(
                "/usr/share/doc/pipeban/examples/flood/",
                flood.to_str().unwrap(),
            )
            .replace("log.pl 200000 40000", "log.pl 10000 2000")
            .replace("--threshold 1000", "--threshold 50")
            // A twentieth of the addresses: fewer of them share a network of 24 bits.
            .replace("--hosts 20", "--hosts 3")
            // The log of the last hour.
            .replace("follow-log /var/log/nginx/access.log", LAST_HOUR)
            .replace(
                "| ban-ip --for 1h",
                "| ban-ip --for 3h --backend none >live",
            )
            .replace("/var/lib/networks.csv", "networks.csv");
        assert!(small.contains("follow-log") as u32 == 0, "{small}");
        script += &(small + "\n");
    }
    let outcome = shell.run(&script);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let judged: Vec<_> = outcome.out.lines().map(judged).collect();
    let [net, _, small, address] = judged[..] else {
        panic!("four lines are wanted: {outcome:?}");
    };
    // One person in a hundred shares the networks of the flood.
    assert!(net.0 == 5 && net.1 > 90.0 && net.2 == 20, "{outcome:?}");
    assert!(small.2 > 20, "{outcome:?}");
    assert!(address.1 == 0.0 && address.2 > 0, "{outcome:?}");
    let live = fs::read_to_string(shell.path("live")).unwrap();
    let mut live: Vec<_> = live
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    live.sort_unstable();
    // Each new address lengthens the ban of its network.
    live.dedup();
    let hosting = [1, 2, 3, 4, 5].map(|n| format!("10.{n}.0.0/16"));
    assert_eq!(live, hosting, "{outcome:?}");
}
