//! The pipeline as a service: the units as systemd judges them, and the example pipelines with
//! their privileges.

use crate::common::{Shell, feed, in_namespace, run, unshared};

/// systemd says "OK" below 5; lower is more confined.
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
        assert!(exposure(&report) <= EXPOSURE, "{report}");
    }
}

#[test]
fn bans_are_adjusted_when_the_clock_is_set() {
    let shell = Shell::new();
    for unit in [
        "pipeban-sync.service",
        "pipeban-clock.service",
        "pipeban-sync.timer",
    ] {
        let text = std::fs::read_to_string(format!("examples/systemd/{unit}")).unwrap();
        let tool = concat!("ExecStart=", env!("CARGO_BIN_EXE_ban-ip"));
        let text = text.replace("ExecStart=ban-ip", tool);
        std::fs::write(shell.path(unit), text).unwrap();
    }
    let timer = shell.path("pipeban-sync.timer").display().to_string();
    let arguments = ["verify", "--man=no", timer.as_str()];
    if run("systemd-analyze", &arguments).is_some() {
        let text = std::fs::read_to_string(timer).unwrap();
        assert!(text.contains("OnClockChange=yes\n"), "{text}");
    }
}

/// A drop-in opens the network for names, and for mail; systemd still says "OK".
#[test]
fn drop_ins_open_what_they_say() {
    for (drop_in, level) in [
        ("names/names.conf", 2.0),
        ("mail/mail.conf", 2.0),
        ("ipset/ipset.conf", 2.5),
    ] {
        let shell = Shell::new();
        let text = std::fs::read_to_string("examples/systemd/pipeban@.service").unwrap();
        std::fs::write(shell.path("pipeban@.service"), text).unwrap();
        let folder = shell.path("pipeban@.service.d");
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(format!("examples/{drop_in}"), folder.join("drop-in.conf")).unwrap();
        let unit = shell.path("pipeban@.service").display().to_string();
        if run("systemd-analyze", &["verify", "--man=no", &unit]).is_none() {
            return;
        }
        let report = run("systemd-analyze", &["security", "--offline=true", &unit]).unwrap();
        let opened = report
            .lines()
            .filter(|line| line.contains("RestrictAddressFamilies=~AF_"));
        assert!(opened.count() >= 2, "{report}");
        assert!(exposure(&report) <= level, "{report}");
    }
}

/// The number at the end of a report of `systemd-analyze security`.
fn exposure(report: &str) -> f64 {
    let line = report.lines().rfind(|l| l.contains("exposure level"));
    let number = line.unwrap().split(": ").nth(1).unwrap();
    number.split(' ').next().unwrap().parse().unwrap()
}

/// Makes a host with the pipeline for sshd: the tools, a user of their own, a log with an attack.
const HOST: &str = r#"
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
    mkdir -p /run/log
    mount -t tmpfs none /var/log
    mount -t tmpfs none /run/log
    mkdir $HOME/state $HOME/bin
    chown pipeban: $HOME/state
    chmod 755 $HOME
    for tool in follow-log extract-ip count-ip ban-ip; do
        cp "$(command -v $tool)" $HOME/bin
    done
    mkdir $HOME/lib
    for file in examples/pipeban/*; do
        sed "s|/usr/lib/pipeban|$HOME/lib|; s|/var/log/auth.log|$HOME/log|" \
            $file > $HOME/lib/${file##*/}
    done
    cp $HOME/lib/sshd.sh $HOME
    for i in 1 2 3 4 5; do
        stamp=$(date '+%b %e %H:%M:%S')
        echo "$stamp host sshd[$i]: Failed password for root from 203.0.113.9 port 4022$i ssh2"
    done > $HOME/log
    export PATH=$HOME/bin:$PATH PIPEBAN_STATE=$HOME/state/pipeban.db
"#;

/// Runs the pipeline as root does, and prints who holds which capabilities.
const AS_ROOT: &str = r#"
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
        bounding=$(sed -n 's/CapBnd:\t*//p' /proc/$pid/status)
        [ $tool = sh ] || echo "$tool $(stat -c %U /proc/$pid) $bounding $own"
    done | sort
    kill -9 $(pgrep -g $main -x extract-ip)
    wait $main || echo ended
    kill -s KILL -- -$main 2> /dev/null || true
"#;

#[test]
fn each_part_with_what_it_needs() {
    let expected = "\
ban-ip pipeban 0000000000001000 same
count-ip pipeban 0000000000000000 other
extract-ip pipeban 0000000000000000 other
follow-log pipeban 0000000000000000 same
ended
";
    prints_on_a_host("-mn", "each_part_with_what_it_needs", AS_ROOT, expected);
}

/// Compares the output of a script on such a host. It runs as root who can become another user:
/// the real one, or that of a namespace over the caller's subordinate ids (subuid(5)).
pub(crate) fn prints_on_a_host(flags: &str, test: &str, script: &str, expected: &str) {
    if run("setpriv", &["--version"]).is_none() || run("pgrep", &["--version"]).is_none() {
        return;
    }
    let is_root = nix::unistd::geteuid().is_root();
    let flags = if is_root {
        flags
    } else {
        &format!("--map-auto -r {flags}")
    };
    unshared(flags, test, || {
        let shell = Shell::new();
        let mut sh = shell.command("sh");
        sh.args(["-c", &format!("{HOST}{script}")]);
        sh.env("HOME", shell.directory.path());
        let outcome = feed(&mut sh, b"");
        assert_eq!(outcome.out, expected, "{}", outcome.err);
    });
}

/// The pipeline for Docker's logs, which lie in directories that only root may enter.
const DOCKER: &str = r#"
    mount -t tmpfs none /var/lib
    mkdir -p /var/lib/docker/containers/9c
    chmod 710 /var/lib/docker /var/lib/docker/containers /var/lib/docker/containers/9c
    clock=$(date -u '+%Y-%m-%dT%H:%M:%S.1Z')
    request='203.0.113.9 - - [30/Mar/2026:02:16:17 +0000] \"GET /.env HTTP/1.1\" 403 146 \"-\" \"curl\"\n'
    now=$(date -u '+%d/%b/%Y:%H:%M:%S')
    request=$(printf '%s' "$request" | sed "s|30/Mar/2026:02:16:17|$now|")
    log=/var/lib/docker/containers/9c/9c-json.log
    for i in $(seq 20); do
        printf '{"log":"%s","stream":"stdout","time":"%s"}\n' "$request" "$clock"
    done > $log
    chmod 640 $log
    cp $HOME/lib/docker.sh $HOME/sshd.sh
"#;

#[test]
fn the_logs_of_containers_are_read_with_one_capability() {
    let expected = "\
ban-ip pipeban 0000000000001000 same
count-ip pipeban 0000000000000000 other
extract-ip pipeban 0000000000000000 other
follow-log pipeban 0000000000000004 same
ended
";
    let script = format!("{DOCKER}{AS_ROOT}");
    let name = "the_logs_of_containers_are_read_with_one_capability";
    prints_on_a_host("-mn", name, &script, expected);
}

/// The init script, with our tools on its path.
const INIT: &str = r#"
    export PIPELINES=$HOME/pipelines RUN=$HOME/run
    mkdir $PIPELINES
    mv $HOME/sshd.sh $PIPELINES
    sed "s|^PATH=|PATH=$HOME/bin:|; s|/usr/lib/pipeban|$HOME/lib|" examples/init/sysv > $HOME/init
    until_true() {
        tries=0
        until "$@" > /dev/null; do
            tries=$((tries + 1))
            [ $tries -lt 600 ] || { echo "never: $*"; cat $RUN/*.err; exit 1; }
            sleep 0.1
        done
    }
    banned() { ban-ip --list | grep -q ^203.0.113.9; }
    runs() { pid=$(pgrep -f "^extract-ip --preset sshd --time$" -u pipeban) && [ "$pid" != "$1" ]; }
    sh $HOME/init status || echo status $?
    # By hand, before there is a user pipeban to own the ledger.
    rmdir $HOME/state
    ban-ip --for 1h 198.51.100.200 > /dev/null
    sh $HOME/init start
    until_true banned
    ban-ip --list | grep -c 'only=\|198.51.100.200'
    sh $HOME/init status
    runs none
    kill -9 $pid
    until_true runs $pid
    sh $HOME/init stop
    until_true sh -c '! pgrep -r D,R,S -u pipeban' # without an init the dead stay listed
    sh $HOME/init status || echo status $?
"#;

#[test]
fn without_systemd() {
    let expected = "\
sshd is stopped
status 3
1
sshd is running
sshd is stopped
status 3
";
    let flags = "-mnpf --mount-proc --kill-child";
    prints_on_a_host(flags, "without_systemd", INIT, expected);
}

/// The choice of the pipelines: the journal's units or the first file that is there, never both.
const CHOICE: &str = r#"
    choose() { sh -c '. examples/pipeban/parts; log_of "ssh sshd" /var/log/a /var/log/b'; }
    choose 2> $HOME/err
    grep -c 'not there yet' $HOME/err
    touch /var/log/b
    choose
    mkdir -p /var/log/journal/m
    touch /var/log/journal/m/system.journal
    choose
    rm /var/log/b
    choose
"#;

#[test]
fn each_event_comes_from_one_log() {
    let waiting = if std::path::Path::new("/run/systemd/system").exists() {
        "--unit=ssh\n--unit=sshd\n"
    } else {
        "/var/log/a /var/log/b\n"
    };
    let journal = "--unit=ssh\n--unit=sshd\n";
    let expected = format!("{waiting}1\n/var/log/b\n{journal}{journal}");
    let name = "service::each_event_comes_from_one_log";
    prints_on_a_host("-mn", name, CHOICE, &expected);
}

/// A start with something missing, and the setup's trial.
const MISSING: &str = r#"
    check() { sh $HOME/lib/run --check $1 2>&1 || echo status $?; }
    check $HOME/none.sh | sed "s|$HOME||"
    check $HOME/sshd.sh
    mv $HOME/lib/parts $HOME/lib/gone
    check $HOME/sshd.sh | sed "s|$HOME||"
    mv $HOME/lib/gone $HOME/lib/parts
    sed 's/--preset sshd/--preset ssh-d/' $HOME/sshd.sh > $HOME/wrong.sh
    check $HOME/wrong.sh | grep -c 'extract-ip: .*ssh-d\|status 1'
    printf '198.51.100.7\nnobody at all\n' > $HOME/never
    PIPEBAN_NEVER=$HOME/never check $HOME/sshd.sh | sed "s|$HOME||" | cut -c 1-20
    mv $HOME/log $HOME/moved
    [ -d /run/systemd/system ] || check $HOME/sshd.sh | grep -c 'no log: neither the journal'
    mv $HOME/moved $HOME/log
    grep -v pipeban /etc/passwd > $HOME/without
    cat $HOME/without > /etc/passwd
    check $HOME/sshd.sh
    sh $HOME/lib/run $HOME/sshd.sh 2>&1 || echo status $?
"#;

#[test]
fn a_start_with_something_missing_says_so() {
    let no_log = if std::path::Path::new("/run/systemd/system").exists() {
        ""
    } else {
        "1\n"
    };
    let expected = format!(
        "\
pipeban: there is no pipeline /none.sh: pipeban-setup makes one
status 1
pipeban: there is no /lib/parts: it comes with pipeban; install that again
status 1
2
ban-ip: /never:2: no
status 1
{no_log}pipeban: there is no user pipeban: useradd --system pipeban
status 1
pipeban: there is no user pipeban: useradd --system pipeban
status 1
"
    );
    let name = "a_start_with_something_missing_says_so";
    prints_on_a_host("-mn", name, MISSING, &expected);
}

/// The setup as far as it changes nothing: the log of the last day, on a host without a journal.
const TRIAL: &str = r#"
    sed "s|/usr/lib/pipeban|$HOME/lib|" package/pipeban-setup > $HOME/setup
    setup() { PIPEBAN_ETC=$HOME/etc sh $HOME/setup "$@" 2>&1 || echo status $?; }
    for n in $(seq 20); do
        echo "Mar 30 02:16:17 host sshd[1]: Failed password for root from 203.0.113.10 port 4 ssh2"
    done > $HOME/old
    cat $HOME/log >> $HOME/old
    mv $HOME/old $HOME/log
    setup --dry-run sshd | sed "s|$HOME||; s|\(113.9  *\).*|\1|"
    setup
    setup /etc/passwd
    setup smtp --dry-run
    setup --list
    mv $HOME/log $HOME/moved
    setup --dry-run sshd | sed "s|$HOME||" | grep '^log of'
    [ ! -e $HOME/etc ]
"#;

#[test]
fn the_setup_shows_the_last_day() {
    if std::path::Path::new("/run/systemd/system").exists() {
        return crate::common::left_out("systemd runs here: its journal is the log");
    }
    let expected = "\
log of sshd: /log
the last day through /lib/sshd.sh, without a ban:
  203.0.113.9                              
1 address would have been banned
nothing is changed (--dry-run)
pipeban-setup: usage: which service? One of: docker dovecot kubernetes nginx sshd
status 2
pipeban-setup: no service: /etc/passwd; one of: docker dovecot kubernetes nginx sshd
status 2
pipeban-setup: no service that is known: smtp; one of: docker dovecot kubernetes nginx sshd
status 2
pipeban-setup: usage: unknown option --list (see --help)
status 2
log of sshd: /log /var/log/secure /var/log/messages (not there yet)
";
    prints_on_a_host("-mn", "the_setup_shows_the_last_day", TRIAL, expected);
}

#[test]
fn cron_bans_what_is_new() {
    in_namespace("cron_bans_what_is_new", || {
        let shell = Shell::new();
        let log = shell.path("auth.log").display().to_string();
        let table = std::fs::read_to_string("examples/cron/pipeban").unwrap();
        let jobs = table.lines().filter(|l| !l.starts_with('#'));
        let jobs = jobs.filter_map(|l| Some(l.split_once(" root ")?.1));
        let jobs: Vec<String> = jobs.map(|j| j.replace("/var/log/auth.log", &log)).collect();
        let [new, due, reboot] = jobs.as_slice() else {
            panic!("{jobs:?}");
        };
        let fail = format!(
            "for i in 1 2 3; do
                 echo \"$(date '+%b %e %H:%M:%S') host sshd[$i]: Failed password for root \
                       from 203.0.113.9 port 4022$i ssh2\" | tr -s ' ' >> {log}
             done"
        );
        let banned = || shell.run("ban-ip --list").addresses().len();
        for seen in [0, 1, 1] {
            shell.run(&fail);
            let outcome = shell.run(new);
            assert_eq!((outcome.err.as_str(), banned()), ("", seen));
        }
        assert_eq!(shell.run(due).err, "");
        if run("nft", &["flush", "ruleset"]).is_some() {
            assert_eq!(shell.run(reboot).status, Some(0));
            let list = shell.run("ban-ip --list");
            assert!(!list.out.contains("only="), "{list:?}");
        }
    });
}

#[test]
fn output_of_pipelines_is_rotated() {
    let shell = Shell::new();
    let home = shell.directory.path().display().to_string();
    let text = std::fs::read_to_string("examples/logrotate/pipeban").unwrap();
    let config = text.replace("/var/log/pipeban", &home);
    std::fs::write(shell.path("rotate"), config).unwrap();
    let out = shell.path("sshd.log");
    std::fs::write(&out, "203.0.113.9\n").unwrap();
    let (state, config) = (format!("{home}/state"), format!("{home}/rotate"));
    if run("logrotate", &["--version"]).is_none() {
        return;
    }
    run("logrotate", &["-f", "-s", &state, &config]).unwrap();
    assert_eq!(std::fs::read(&out).unwrap(), b"");
    let old = std::fs::read(shell.path("sshd.log.1")).unwrap();
    assert_eq!(old, b"203.0.113.9\n");
}
