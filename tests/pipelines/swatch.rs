//! The recipe's own way: the real swatch tails a real file and starts a chain of the tools per
//! event.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Child, Stdio};

use crate::common::{Shell, run, unshared, wait_until};

/// swatch at work on a log of its own, until dropped.
struct Swatch {
    child: Child,
    log: File,
}

impl Swatch {
    fn start(shell: &Shell, configuration: &str) -> Option<Self> {
        run("swatchdog", &["--version"])?;
        let log = shell.path("secure");
        File::create(&log).unwrap();
        let child = shell
            .command("swatchdog")
            .arg(format!("--config-file={configuration}"))
            .arg(format!("--tail-file={}", log.display()))
            .arg(format!("--script-dir={}", shell.directory.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut swatch = Swatch {
            child,
            log: OpenOptions::new().append(true).open(log).unwrap(),
        };
        // It begins at the end of the log, and does not tell when it has begun.
        wait_until("swatch follows the log", || {
            swatch.write(&failures("198.51.100.200", "root", 1));
            shell.run("ban-ip --list").addresses() == ["198.51.100.200"]
        });
        Some(swatch)
    }

    fn write(&mut self, text: &str) {
        self.log.write_all(text.as_bytes()).unwrap();
    }

    fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Swatch {
    fn drop(&mut self) {
        // Its tail goes with it on this signal, not on a kill.
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Lines as in the recipe.
fn failures(address: &str, user: &str, count: usize) -> String {
    let line = |_| {
        format!(
            "Mar 30 02:16:17 trippyboy dovecot-auth: pam_unix(dovecot:auth): authentication failure; \
             logname= uid=0 euid=0 tty=dovecot ruser={user} rhost={address}\n"
        )
    };
    (0..count).map(line).collect()
}

#[test]
fn a_burst_becomes_bans_in_the_kernel() {
    unshared("-rn", "a_burst_becomes_bans_in_the_kernel", || {
        let shell = Shell::new();
        let Some(mut swatch) = Swatch::start(&shell, "examples/swatch/secure.conf") else {
            return;
        };
        swatch.write(&failures("::ffff:203.0.113.7", "", 6));
        swatch.write(&failures("2001:db8::7", "", 5));
        swatch.write(&failures("192.0.2.44", "", 4));
        swatch.write(&failures("127.0.0.1", "", 5));
        swatch.write(&failures("192.0.2.45", "x 198.51.100.77", 1));
        // One line is enough for a name that nobody has.
        swatch.write(&failures("203.0.113.8", "admin", 1));
        let expected = [
            "198.51.100.200",
            "2001:db8::7",
            "203.0.113.7",
            "203.0.113.8",
        ];
        wait_until("all attackers are banned", || {
            shell.run("ban-ip --list").addresses() == expected
        });
        let list = shell.run("ban-ip --list").out;
        assert!(
            !list.contains("until=never") && !list.contains("only="),
            "{list}"
        );
        if let Some(kernel) = run("nft", &["list", "table", "inet", "pipeban"]) {
            assert!(kernel.contains("203.0.113.7 "), "{kernel}");
            assert!(
                !kernel.contains("192.0.2.44") && !kernel.contains("127.0.0.1"),
                "{kernel}"
            );
        }
    });
}

#[test]
fn three_hundred_events_and_it_lives() {
    unshared("-rn", "three_hundred_events_and_it_lives", || {
        let shell = Shell::new();
        let Some(mut swatch) = Swatch::start(&shell, "examples/swatch/secure.conf") else {
            return;
        };
        for i in 0..60 {
            swatch.write(&failures(&format!("203.0.113.{i}"), "", 5));
        }
        wait_until("all are banned", || {
            shell.run("ban-ip --list").addresses().len() == 61
        });
        assert!(swatch.lives());
        swatch.write(&failures("203.0.113.99", "", 5));
        wait_until("one more is banned", || {
            shell.run("ban-ip --list").out.contains("203.0.113.99")
        });
    });
}
