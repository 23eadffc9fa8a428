//! Whom it never bans: lists that change, host names, bans that are put back, routers and the peer
//! of an SSH session however it was started.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::common::{Shell, in_namespace, run, unshared, wait_until};

/// A running ban-ip.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    marks: u8,
}

impl Running {
    fn start(shell: &Shell, arguments: &[&str]) -> Self {
        let errors = fs::File::create(shell.path("errors")).unwrap();
        let tool = "ban-ip";
        let mut command = shell.command(tool);
        command.args(arguments).stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        Running {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            marks: 0,
        }
    }

    /// Feeds lines.
    fn feed(&mut self, lines: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{lines}\n").as_bytes()).unwrap();
    }

    /// Feeds an address; answers whether it was banned.
    fn bans(&mut self, address: &str) -> bool {
        // Another one behind it, which is always banned.
        self.marks += 1;
        let mark = format!("192.0.2.{}", self.marks);
        self.feed(&format!("{address}\n{mark}"));
        let mut banned = false;
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "it has ended");
            match line.split('\t').next().unwrap() {
                first if first == mark => return banned,
                first => banned |= first == address,
            }
        }
    }

    fn end(mut self) {
        drop(self.input.take());
        self.child.wait().unwrap();
    }
}

#[test]
fn a_list_is_read_again_when_it_is_complete() {
    in_namespace("a_list_is_read_again_when_it_is_complete", || {
        let shell = Shell::new();
        let list = shell.path("list");
        let value = list.to_str().unwrap();
        fs::write(&list, "203.0.113.1\n").unwrap();
        let mut running = Running::start(&shell, &["--never", value]);
        assert!(!running.bans("203.0.113.1"));
        // A new file takes the name.
        fs::write(shell.path("new"), "203.0.113.2\n").unwrap();
        fs::rename(shell.path("new"), &list).unwrap();
        assert!(!running.bans("203.0.113.2"));
        assert!(running.bans("203.0.113.1"));
        // It is written in place: the old version counts until the writer closes it.
        let mut writer = OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&list)
            .unwrap();
        writer.write_all(b"203.0.113.3\n").unwrap();
        assert!(!running.bans("203.0.113.2"));
        assert!(running.bans("203.0.113.3"));
        writer.write_all(b"203.0.113.4\n").unwrap();
        assert!(running.bans("203.0.113.5"));
        drop(writer);
        assert!(!running.bans("203.0.113.4"));
        assert!(running.bans("203.0.113.2"));
        // A bad version keeps the old one, with a message.
        fs::write(&list, "203.0.113.6\nfoo/bar\n").unwrap();
        assert!(!running.bans("203.0.113.4"));
        assert!(running.bans("203.0.113.6"));
        // It is deleted, and comes again.
        fs::remove_file(&list).unwrap();
        assert!(!running.bans("203.0.113.4"));
        fs::write(&list, "203.0.113.7\n").unwrap();
        assert!(!running.bans("203.0.113.7"));
        assert!(running.bans("203.0.113.4"));
        // It is read again also if all that came since the last reading was refused.
        running.feed("203.0.113.7");
        wait_until("it is refused", || {
            let errors = fs::read_to_string(shell.path("errors")).unwrap();
            errors.matches(" 203.0.113.7 is on the list").count() == 2
        });
        fs::write(&list, "203.0.113.8\n").unwrap();
        assert!(!running.bans("203.0.113.8"));
        assert!(running.bans("203.0.113.7"));
        running.end();
        let errors = fs::read_to_string(shell.path("errors")).unwrap();
        let message = format!("ban-ip: {value}:2: not an address: \"foo/bar\"; ");
        assert_eq!(errors.matches(&message).count(), 1, "{errors}");
    });
}

#[test]
fn a_list_behind_links_is_read_again() {
    in_namespace("a_list_behind_links_is_read_again", || {
        let shell = Shell::new();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, shell.path("link")).unwrap();
            fs::rename(shell.path("link"), shell.path(name)).unwrap();
        };
        for version in ["1", "2", "3"] {
            fs::create_dir(shell.path(version)).unwrap();
            let text = format!("203.0.113.{version}\n");
            fs::write(shell.path(version).join("list"), text).unwrap();
        }
        link("1", "now");
        link("now/list", "list");
        let list = shell.path("list");
        let mut running = Running::start(&shell, &["--never", list.to_str().unwrap()]);
        assert!(!running.bans("203.0.113.1"));
        link("2", "now");
        assert!(!running.bans("203.0.113.2"));
        assert!(running.bans("203.0.113.1"));
        link("3/list", "list");
        assert!(!running.bans("203.0.113.3"));
        fs::write(shell.path("3").join("list"), "203.0.113.4\n").unwrap();
        assert!(!running.bans("203.0.113.4"));
        assert!(running.bans("203.0.113.3"));
        running.end();
    });
}

/// Puts a getent(1) before the system's that answers with the lines of the file `NAME`.
fn answer_names(shell: &Shell) -> String {
    let directory = shell.path("bin");
    fs::create_dir_all(&directory).unwrap();
    let here = shell.directory.path().display();
    let script = format!(
        "#!/bin/sh\n[ $1 = ahosts ] || exit 3\ngrep ^Cap /proc/self/status >{here}/capabilities\n\
         cat {here}/$2 2>/dev/null\n"
    );
    fs::write(directory.join("getent"), script).unwrap();
    run("chmod", &["+x", directory.join("getent").to_str().unwrap()]);
    format!("PATH={}:$PATH", directory.display())
}

#[test]
fn host_names_protect_their_addresses() {
    in_namespace("host_names_protect_their_addresses", || {
        let shell = Shell::new();
        let path = answer_names(&shell);
        let many: String = (1..=20)
            .map(|n| format!("198.51.100.{n} STREAM x\n"))
            .collect();
        fs::write(
            shell.path("office.example.org"),
            "2001:db8::7 STREAM o\n203.0.113.7 STREAM\n",
        )
        .unwrap();
        fs::write(shell.path("many.example.org"), many).unwrap();
        fs::write(
            shell.path("list"),
            "203.0.113.9\noffice.example.org # ours\n",
        )
        .unwrap();
        let list = shell.path("list").display().to_string();
        let ban = format!("{path} ban-ip --never {list} --never many.example.org");
        let addresses = "203.0.113.7 2001:db8::7 203.0.113.9 198.51.100.16 198.51.100.17";
        let first = shell.run(&format!("{ban} {addresses}"));
        assert_eq!(first.addresses(), ["198.51.100.17"], "{first:?}");
        assert!(
            first.err.contains("many.example.org: 20 addresses"),
            "{first:?}"
        );
        let capabilities = fs::read_to_string(shell.path("capabilities")).unwrap();
        let held = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
        for line in capabilities.lines().filter(|l| held.contains(&&l[..6])) {
            assert!(line.ends_with("\t0000000000000000"), "{capabilities}");
        }
        // Nobody answers: the last answer counts.
        fs::remove_file(shell.path("office.example.org")).unwrap();
        let again = shell.run(&format!("{ban} 203.0.113.7"));
        assert_eq!((again.out.as_str(), again.status), ("", Some(2)));
        assert!(
            again.err.contains("office.example.org: no answer"),
            "{again:?}"
        );
        // Another answer takes its place.
        fs::write(shell.path("office.example.org"), "203.0.113.8 STREAM o\n").unwrap();
        let other = shell.run(&format!("{ban} 203.0.113.7 203.0.113.8"));
        assert_eq!(other.addresses(), ["203.0.113.7"], "{other:?}");
        // One that never had an answer does not stop the start.
        let none = shell.run(&format!(
            "{path} ban-ip --never none.example.org 203.0.113.70"
        ));
        assert_eq!(
            (none.addresses(), none.status),
            (vec!["203.0.113.70"], Some(0))
        );
        assert!(none.err.contains("none.example.org: no answer"), "{none:?}");
    });
}

#[test]
fn a_list_of_the_host_is_always_one_of_them() {
    in_namespace("a_list_of_the_host_is_always_one_of_them", || {
        let shell = Shell::new();
        fs::write(shell.path("list"), "203.0.113.7\n").unwrap();
        let ban = format!("PIPEBAN_NEVER={} ban-ip", shell.path("list").display());
        let refused = shell.run(&format!(
            "{ban} --never 203.0.113.8 203.0.113.7 203.0.113.8"
        ));
        assert_eq!((refused.out.as_str(), refused.status), ("", Some(2)));
        fs::write(shell.path("list"), "203.0.113.7\nfoo/bar\n").unwrap();
        let bad = shell.run(&format!("{ban} 203.0.113.9"));
        assert_eq!((bad.out.as_str(), bad.status), ("", Some(2)));
        assert!(bad.err.contains("list:2: "), "{bad:?}");
    });
}

#[test]
fn protected_addresses_are_not_put_back() {
    in_namespace("protected_addresses_are_not_put_back", || {
        let shell = Shell::new();
        fs::write(shell.path("list"), "203.0.113.7\n").unwrap();
        let never = format!("--never {}", shell.path("list").display());
        let prepare = || {
            shell.run("ban-ip --for 1h 203.0.113.7 203.0.113.8 198.51.100.1");
            run("nft", &["flush", "ruleset"]);
        };
        let others = ["198.51.100.1", "203.0.113.8"];
        // It has an address now that was banned before.
        for (command, own) in [
            (format!("ban-ip --sync {never}"), false),
            (format!("ban-ip {never} 198.51.100.1"), false),
            ("ban-ip --sync".into(), true),
            ("ban-ip 198.51.100.1".into(), true),
        ] {
            prepare();
            if own {
                run("ip", &["addr", "add", "203.0.113.7/32", "dev", "lo"]);
            }
            let plan = shell.run(&format!(
                "{} --dry-run",
                command.replace(" 198.51.100.1", "")
            ));
            let outcome = shell.run(&command);
            let why = if own {
                "an address of this host"
            } else {
                "on the list of --never"
            };
            let message = format!("ban-ip: 203.0.113.7: not put back: 203.0.113.7 is {why}\n");
            assert_eq!(
                (outcome.err, outcome.status),
                (message.clone(), Some(2)),
                "{command}"
            );
            if command.contains("--sync") {
                assert_eq!(plan.err, message);
                assert_eq!(plan.addresses(), others);
            }
            let list = shell.run("ban-ip --list");
            assert_eq!(list.addresses(), others, "{command}: {list:?}");
            assert!(!list.out.contains("only="), "{list:?}");
            run(
                "sh",
                &["-c", "ip addr del 203.0.113.7/32 dev lo 2>/dev/null; true"],
            );
        }
        // One that is in the firewall is let go.
        shell.run("ban-ip --for 1h 203.0.113.7");
        let sync = shell.run(&format!("ban-ip --sync {never}"));
        assert_eq!(sync.addresses(), ["203.0.113.7"]);
        assert_eq!(shell.run("ban-ip --list").addresses(), others);
    });
}

#[test]
fn all_routers_are_known_without_proc() {
    unshared("-rnm", "all_routers_are_known_without_proc", || {
        let shell = Shell::new();
        let network = "
            ip link set lo up
            for n in 0 1 2; do
                ip link add v$n type veth peer name p$n
                ip link set v$n up; ip link set p$n up
                ip addr add 192.0.$n.10/24 dev v$n
                ip -6 addr add 2001:db8:$n::10/64 dev v$n nodad
            done
            ip route add default via 192.0.0.1 table 100
            ip route add default nexthop via 192.0.1.1 dev v1 nexthop via 192.0.1.2 dev v1
            ip route add 128.0.0.0/1 via inet6 2001:db8:2::9 dev v2
            ip nexthop add id 1 via 192.0.2.1 dev v2
            ip nexthop add id 2 via 192.0.2.2 dev v2
            ip nexthop add id 3 group 1/2
            ip route add default nhid 3 table 200
            ip -6 route add default nexthop via 2001:db8:1::1 nexthop via 2001:db8:1::2
            ip -6 route add default via 2001:db8:2::1 table 300
            ip route add 10.0.0.0/8 via 192.0.0.7
            sysctl -qw net.ipv4.nexthop_compat_mode=0
            mount -t tmpfs none /proc/$$/net 2>/dev/null || mount -t tmpfs none /proc/net";
        if run("ip", &["-V"]).is_none() || run("sh", &["-ec", network]).is_none() {
            return;
        }
        for gateway in [
            "192.0.0.1",
            "192.0.1.1",
            "192.0.1.2",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8:1::1",
            "2001:db8:1::2",
            "2001:db8:2::1",
            "2001:db8:2::9",
        ] {
            let outcome = shell.run(&format!("ban-ip {gateway}"));
            assert_eq!(
                (outcome.out.as_str(), outcome.status),
                ("", Some(2)),
                "{gateway}"
            );
            assert!(outcome.err.contains("is a default gateway"), "{outcome:?}");
        }
        let other = shell.run("ban-ip 192.0.0.7 192.0.0.8");
        assert_eq!(other.addresses(), ["192.0.0.7", "192.0.0.8"]);
    });
}

#[test]
fn the_peer_is_known_to_a_program_with_capabilities() {
    in_namespace("the_peer_is_known_to_a_program_with_capabilities", || {
        let shell = Shell::new();
        let tool = shell.path("ban-ip");
        fs::copy(env!("CARGO_BIN_EXE_ban-ip"), &tool).unwrap();
        run("setcap", &["cap_net_admin=ep", tool.to_str().unwrap()]);
        let tool = tool.display();
        // Without capabilities of its own, so that those of the file are more: then the kernel
        // hides the environment.
        let ssh = "SSH_CONNECTION='203.0.113.50 50000 192.0.2.10 22'";
        let as_user = "setpriv --bounding-set=-all,+net_admin --inh-caps=-all --";
        let user = format!("{ssh} {as_user} {tool} 203.0.113.50 203.0.113.51");
        let outcome = shell.run(&user);
        assert_eq!(outcome.addresses(), ["203.0.113.51"], "{outcome:?}");
        assert!(
            outcome.err.contains("is the peer of this SSH session"),
            "{outcome:?}"
        );
    });
}

#[test]
fn the_peer_is_known_from_logind_or_missed() {
    unshared("-rnm", "the_peer_is_known_from_logind_or_missed", || {
        let shell = Shell::new();
        let sessions = |text: &str| {
            let text = text.replace('\n', "\\n");
            format!(
                "mount -t tmpfs none /run; mkdir -p /run/systemd/sessions
                 printf '{text}' >/run/systemd/sessions/c7
                 echo 0::/user.slice/user-1000.slice/session-c7.scope >/run/cgroup
                 mount --bind /run/cgroup /proc/$$/cgroup
                 exec ban-ip 203.0.113.50 203.0.113.51"
            )
        };
        let known = shell.run(&sessions("UID=1000\nREMOTE=1\nREMOTE_HOST=203.0.113.50\n"));
        assert_eq!(known.addresses(), ["203.0.113.51"], "{known:?}");
        let missed = shell.run(&sessions(
            "UID=1000\nREMOTE=1\nREMOTE_HOST=some.example.org\n",
        ));
        assert_eq!(missed.addresses(), ["203.0.113.50"], "{missed:?}");
        assert!(
            missed
                .err
                .contains("peer of this SSH session: can't be found out"),
            "{missed:?}"
        );
        let local = shell.run(&sessions("UID=1000\nREMOTE=0\n"));
        assert_eq!((local.err.as_str(), local.status), ("", Some(1)));
        // A process of sshd's, without a trace of the client.
        let sshd = shell.path("sshd-session");
        fs::copy("/bin/sh", &sshd).unwrap();
        let sshd = format!(
            "{} -c 'env -u SSH_CLIENT ban-ip 203.0.113.52; :'",
            sshd.display()
        );
        let missed = shell.run(&sshd);
        assert!(
            missed
                .err
                .contains("peer of this SSH session: can't be found out"),
            "{missed:?}"
        );
    });
}

#[test]
fn flags_without_effect_are_refused() {
    let shell = Shell::new();
    for (mode, flags) in [
        (
            "--list",
            "--for=1h --never=192.0.2.1 --even-me --max-prefix4=8 --dry-run 192.0.2.1",
        ),
        (
            "--why=192.0.2.1",
            "--for=1h --never=192.0.2.1 --backend=nft --dry-run 192.0.2.1",
        ),
        ("--sync", "--for=1h --max-prefix6=8 192.0.2.1"),
        (
            "--verify",
            "--for=1h --never=192.0.2.1 --even-me --json --dry-run",
        ),
        ("--backend=nft", "--ban-command=x --unban-command=x"),
        ("", "--ban-command=x --unban-command=x"),
    ] {
        for flag in flags.split(' ') {
            let outcome = shell.run(&format!("ban-ip {mode} {flag}"));
            assert_eq!(
                (outcome.out.as_str(), outcome.status),
                ("", Some(2)),
                "{mode} {flag}"
            );
            let name = flag.split('=').next().unwrap();
            let named = if name.starts_with('-') {
                name
            } else {
                "[ADDRESS|CIDR]"
            };
            assert!(outcome.err.contains(named), "{mode} {flag}: {outcome:?}");
        }
    }
}
