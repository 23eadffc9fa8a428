//! Logs of containers, rotated as Docker and the kubelet do it.

use std::fs;

use crate::{live, once, shell};

/// Docker's rotation of a json-file log, as `rotate` and `compressFile` of moby 24
/// (daemon/logger/loggerutils/logfile.go) do it for `max-file=3`: with `compress` the newest
/// rotated file is compressed behind the new log's back. With `max-file=1` the log is deleted and
/// made anew.
const DOCKER: &str = "
    rotate() {
        log=$1-json.log
        case $2 in
        one) rm $log ;;
        compress)
            rm -f $log.2.gz
            [ ! -e $log.1.gz ] || mv $log.1.gz $log.2.gz
            mv $log $log.1 ;;
        plain)
            rm -f $log.2
            [ ! -e $log.1 ] || mv $log.1 $log.2
            mv $log $log.1 ;;
        esac
        : > $log
        chmod 640 $log
        [ $2 != compress ] || { gzip -c $log.1 > $log.1.gz; rm $log.1; }
    }
    says() { echo \"$2\" >> containers/$1/$1-json.log; }
";

/// The kubelet's rotation, as `rotateLog` of Kubernetes 1.32 (pkg/kubelet/logs/
/// container_log_manager.go) does it: earlier rotated files are compressed by way of a temporary
/// file, then the log is renamed, and the runtime opens a new one.
const KUBELET: &str = "
    rotate() {
        log=$1
        for old in $log.*; do
            case $old in
            *.gz | *\\*) ;;
            *) gzip -c $old > $old.tmp; mv $old.tmp $old.gz; rm $old ;;
            esac
        done
        mv $log $log.$2
        echo \"between $2\" >> $log.$2
        : > $log
    }
    says() { echo \"$2\" >> pods/$1; }
";

#[test]
fn docker_rotates() {
    let rotate = |id: &str, kind: &str| format!("cd containers/{id}; rotate {id} {kind}; cd ../..");
    for kind in ["plain", "compress", "one"] {
        // Lines that nobody has read yet go with a log that is deleted.
        let (before, text) = match kind {
            "one" => ("", "3\n"),
            _ => ("says aa 2;", "2\n3\n"),
        };
        let steps = [
            ("mkdir -p containers/aa; says aa 1".to_owned(), "1\n"),
            (format!("{before} {}; says aa 3", rotate("aa", kind)), text),
            (format!("{}; says aa 4", rotate("aa", kind)), "4\n"),
            (format!("{}; says aa 5", rotate("aa", kind)), "5\n"),
            // A container is started, the other one removed.
            ("mkdir containers/bb; says bb 6".to_owned(), "6\n"),
            ("rm -r containers/aa; says bb 7".to_owned(), "7\n"),
            (format!("{}; says bb 8", rotate("bb", kind)), "8\n"),
        ];
        let steps = steps.map(|(script, text)| (format!("{DOCKER} {script}"), text));
        check(kind, "containers/*/*.log", &steps);
    }
}

#[test]
fn the_kubelet_rotates() {
    let web = "ns_web_7d/nginx";
    let steps = [
        (
            format!("{KUBELET} mkdir -p pods/{web}; says {web}/0.log 1"),
            "1\n",
        ),
        (
            format!("{KUBELET} rotate pods/{web}/0.log 20260330-021617; says {web}/0.log 2"),
            "between 20260330-021617\n2\n",
        ),
        (
            format!("{KUBELET} rotate pods/{web}/0.log 20260330-031617; says {web}/0.log 3"),
            "between 20260330-031617\n3\n",
        ),
        // The container is started again, and has a log of its own.
        (format!("{KUBELET} says {web}/0.log 4"), "4\n"),
        (format!("{KUBELET} says {web}/1.log 5"), "5\n"),
        (
            format!("{KUBELET} rm pods/{web}/0.log*; says {web}/1.log 6"),
            "6\n",
        ),
        // Another pod.
        (
            format!("{KUBELET} mkdir -p pods/ns_db_8e/pg; says ns_db_8e/pg/0.log 7"),
            "7\n",
        ),
    ];
    check("kubelet", "pods/*/*/*.log", &steps);
}

/// Takes the steps with a running follower, and with one that is started after each.
fn check(name: &str, pattern: &str, steps: &[(String, &str)]) {
    let home = tempfile::tempdir().unwrap();
    let inner = |name: &str| {
        let inner = home.path().join(name);
        fs::create_dir(&inner).unwrap();
        inner
    };
    let rows: Vec<(&str, &str)> = steps.iter().map(|(s, t)| (s.as_str(), *t)).collect();
    live(name, &inner("live"), &["--from", "start", pattern], &rows);
    let runs = inner("runs");
    for (script, text) in rows {
        shell(&runs, script);
        let (out, error, _) = once(&runs, &["--from", "resume", pattern]);
        assert_eq!(
            (out.as_str(), rest_of(&error)),
            (text, vec![]),
            "{name}: {script}"
        );
    }
}

/// The messages but those about a file that was deleted, as Docker does with `max-file=1`.
fn rest_of(messages: &str) -> Vec<&str> {
    let lines = messages.lines();
    lines
        .filter(|l| !l.contains("the file that was read last is gone"))
        .collect()
}
