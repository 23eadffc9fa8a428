//! The pipeline as a service: the units as systemd judges them, and the example pipelines with their privileges.

mod common;

use std::process::Command;

use common::{Shell, run, unshared};

/// systemd's own bound for "OK" is 5; lower is more confined.
const EXPOSURE: f64 = 1.5;

#[test]
fn units() {
    let shell = Shell::new();
    for unit in ["pipeban@.service", "pipeban-sync.service"] {
        let text = std::fs::read_to_string(format!("examples/systemd/{unit}")).unwrap();
        // The tools need not be installed here.
        let text = text.replace(
            "ExecStart=ban-ip",
            concat!("ExecStart=", env!("CARGO_BIN_EXE_ban-ip")),
        );
        let path = shell.path(unit);
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        if run("systemd-analyze", &["verify", "--man=no", path]).is_none() {
            return;
        }
        let security = ["security", "--offline=true", path];
        let report = run("systemd-analyze", &security).unwrap();
        let level = report
            .lines()
            .rfind(|l| l.contains("exposure level"))
            .unwrap();
        let number = level.split(": ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(number.parse::<f64>().unwrap() <= EXPOSURE, "{level}");
    }
}

/// Runs the pipeline for sshd as root does, with a user of its own, and prints who holds which capabilities.
const AS_ROOT: &str = r#"
    set -e
    mount --make-rprivate /
    for file in passwd group; do
        cp /etc/$file $HOME/$file
    done
    echo 'pipeban:x:64990:64990::/:/bin/false' >> $HOME/passwd
    echo 'pipeban:x:64990:' >> $HOME/group
    for file in passwd group; do
        mount --bind $HOME/$file /etc/$file
    done
    ip link set lo up
    mkdir $HOME/state $HOME/bin
    chown pipeban: $HOME/state
    chmod 755 $HOME
    for tool in follow-log extract-ip count-ip ban-ip; do
        cp "$(command -v $tool)" $HOME/bin
    done
    cp examples/pipeban/parts $HOME
    sed "s|/var/log/auth.log|$HOME/log|" examples/pipeban/sshd.sh > $HOME/sshd.sh
    for i in 1 2 3 4 5; do
        echo "$(date '+%b %e %H:%M:%S') host sshd[$i]: Failed password for root from 203.0.113.9 port 4022$i ssh2"
    done > $HOME/log
    export PATH=$HOME/bin:$PATH PIPEBAN_STATE=$HOME/state/pipeban.db
    setsid sh $HOME/sshd.sh > $HOME/out 2> $HOME/err &
    main=$!
    tries=0
    until grep -q 203.0.113.9 $HOME/out; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { cat $HOME/err; exit 1; }
        sleep 0.1
    done
    for pid in $(pgrep -g $main); do
        tool=$(cat /proc/$pid/comm)
        own=other
        [ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] || own=same
        [ $tool = sh ] || echo "$tool $(stat -c %U /proc/$pid) $(sed -n 's/CapBnd:\t*//p' /proc/$pid/status) $own"
    done | sort
    kill -9 $(pgrep -g $main -x extract-ip)
    wait $main || echo ended
    kill -9 -- -$main 2> /dev/null || true
"#;

#[test]
fn each_part_with_what_it_needs() {
    // Only real root may become another user.
    if !nix::unistd::geteuid().is_root() || run("setpriv", &["--version"]).is_none() {
        return eprintln!("left out, not root: each_part_with_what_it_needs");
    }
    unshared("-mn", "each_part_with_what_it_needs", || {
        let shell = Shell::new();
        let mut sh = shell.command("sh");
        sh.args(["-c", AS_ROOT]).env("HOME", shell.directory.path());
        let output = Command::output(&mut sh).unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let expected = "\
ban-ip pipeban 0000000000001000 same
count-ip pipeban 0000000000000000 other
extract-ip pipeban 0000000000000000 other
follow-log pipeban 0000000000000000 same
ended
";
        assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
    });
}
