//! The job of the whole project: an attack in a real log becomes a real, timed ban.

use crate::common::{Shell, in_namespace, run, wait_until};

/// The attackers in examples/dovecot.log, sorted as text.
const ATTACKERS: [&str; 5] = [
    "183.83.127.82",
    "198.51.100.23",
    "2001:db8:bad::25",
    "203.0.113.66",
    "203.0.113.9",
];

/// The elements of our table by the nft program, an independent eye; `None` without that program.
fn kernel_holds(address: &str) -> Option<bool> {
    run("nft", &["list", "table", "inet", "pipeban"])
        .map(|text| text.contains(&format!("{address} ")))
}

#[test]
fn attackers_are_banned_and_nobody_else() {
    in_namespace("attackers_are_banned_and_nobody_else", || {
        let shell = Shell::new();
        let pipeline = "extract-ip --regex 'dovecot-auth.*authentication failure' --field 14 examples/dovecot.log |
             count-ip --threshold 5 --within 10m | ban-ip | unban-at 'now + 1 hour'";
        let outcome = shell.run(pipeline);
        assert_eq!(outcome.addresses(), ATTACKERS, "{outcome:?}");
        assert_eq!(outcome.status, Some(0));
        // Loopback has failed twenty times; the third, tenth, … time it reaches the threshold it is
        // refused.
        assert!(outcome.err.contains("127.0.0.1"), "{outcome:?}");
        for line in outcome.out.lines() {
            assert!(
                line.contains("\tcount=5\t") && line.contains("\tuntil=20"),
                "{line}"
            );
        }

        let list = shell.run("ban-ip --list");
        assert_eq!(list.addresses(), ATTACKERS);
        assert!(!list.out.contains("only="), "{}", list.out);
        for attacker in ATTACKERS {
            assert_ne!(kernel_holds(attacker), Some(false), "{attacker}");
        }
        assert_ne!(kernel_holds("127.0.0.1"), Some(true));
        assert_ne!(
            kernel_holds("198.51.100.77"),
            Some(true),
            "the bystander named by an attacker"
        );

        // Once more: nothing new but an end a moment later, and nothing doubled.
        shell.run(pipeline);
        assert_eq!(shell.run("ban-ip --list").addresses(), ATTACKERS);
    });
}

#[test]
fn a_pattern_names_the_address_whatever_the_user_name_says() {
    let shell = Shell::new();
    let outcome = shell.run(
        r"extract-ip examples/dovecot.log --regex \
          '^.{15} \S+ dovecot-auth: \S+ authentication failure;( \S+){5} rhost=<IP> *(user=\S+)?$' |
          count-ip",
    );
    let mut expected = [ATTACKERS.as_slice(), &["127.0.0.1", "192.0.2.44"]].concat();
    expected.sort_unstable();
    assert_eq!(outcome.addresses(), expected);
    assert!(
        outcome.out.contains("203.0.113.9\tcount=5"),
        "{}",
        outcome.out
    );
}

#[test]
fn the_kernel_ends_a_ban() {
    in_namespace("the_kernel_ends_a_ban", || {
        let shell = Shell::new();
        let outcome = shell.run("ban-ip --for 2s 203.0.113.7 2001:db8::/48 198.51.100.0/24");
        assert_eq!(
            outcome.addresses(),
            ["198.51.100.0/24", "2001:db8::/48", "203.0.113.7"]
        );
        assert_ne!(kernel_holds("203.0.113.7"), Some(false));
        // Nothing runs any more; only the kernel can do this.
        wait_until("the kernel lets go", || {
            kernel_holds("203.0.113.7") != Some(true)
        });
        wait_until("the list is empty", || {
            shell.run("ban-ip --list").status == Some(1)
        });
        assert_ne!(kernel_holds("198.51.100.0"), Some(true));
    });
}

#[test]
fn unban_at_lifts_lengthens_and_shortens() {
    in_namespace("unban_at_lifts_lengthens_and_shortens", || {
        let shell = Shell::new();
        shell.run("ban-ip 203.0.113.7 203.0.113.8 203.0.113.9");
        let lifted = shell.run("unban-at now 203.0.113.7");
        assert_eq!(
            (lifted.addresses(), lifted.status),
            (vec!["203.0.113.7"], Some(0))
        );
        assert_ne!(kernel_holds("203.0.113.7"), Some(true));

        shell.run("unban-at 1h 203.0.113.8; unban-at '10 May 2099' 203.0.113.9");
        let list = shell.run("unban-at --list");
        assert_eq!(list.addresses(), ["203.0.113.8", "203.0.113.9"]);
        assert!(list.out.contains("203.0.113.9\tsince=20"), "{}", list.out);
        assert!(list.out.contains("until=2099-05-10T"), "{}", list.out);

        let nobody = shell.run("unban-at now 203.0.113.7");
        assert_eq!((nobody.out.as_str(), nobody.status), ("", Some(1)));
        assert_eq!(nobody.err, "unban-at: 203.0.113.7: not banned\n");
    });
}
