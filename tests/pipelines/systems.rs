//! The shipped pipelines on the logs of several systems: an attack is banned once, and once after a
//! restart, whatever writes the log and whatever it is called.
//!
//! A journal is read by tests/boot.sh (a live one, under systemd) and in pages.rs.

use crate::common::run;
use crate::service::prints_on_a_host;

/// For each system, `attack` writes the lines of an attacker as that system's log has them.
const SYSTEMS: &str = r#"
    mount -t tmpfs none /var/lib
    until_banned() {
        tries=0
        until grep -q "^$1	" $HOME/out; do
            tries=$((tries + 1))
            [ $tries -lt 600 ] || { echo "$system: $1 is not banned"; cat $HOME/err; exit 1; }
            sleep 0.1
        done
    }
    syslog() { LC_ALL=C date '+%b %e %H:%M:%S'; }
    failed() { echo "Failed password for root from $1 port 4022$2 ssh2"; }
    scan() {
        clock=$(LC_ALL=C date '+%d/%b/%Y:%H:%M:%S %z')
        echo "$1 - - [$clock] ${2}GET /.env HTTP/1.1$2 403 146 $2-$2 ${2}curl$2"
    }
    line() {
        case $system in
        'Debian 12, rsyslog') echo "$(syslog) host sshd[$2]: $(failed $1 $2)" ;;
        'Debian 13, rsyslog')
            echo "$(date '+%Y-%m-%dT%H:%M:%S.%6N%:z') host sshd-session[$2]: $(failed $1 $2)" ;;
        'Alpine, busybox') echo "$(syslog) host auth.info sshd-session[$2]: $(failed $1 $2)" ;;
        'Fedora, rsyslog') echo "$(syslog) host sshd-session[$2]: $(failed $1 $2)" ;;
        Docker)
            printf '{"log":"%s\\n","stream":"stdout","time":"%s"}\n' "$(scan $1 '\"')" \
                "$(date -u '+%Y-%m-%dT%H:%M:%S.%NZ')" ;;
        Kubernetes) echo "$(date '+%Y-%m-%dT%H:%M:%S.%N%:z') stdout F $(scan $1 '"')" ;;
        esac
    }
    attack() {
        for i in $(seq $number); do line $1 $i; done >> $log
    }
    # When the follower ends, the others finish their work.
    stop() {
        pkill -g $main -x follow-log
        wait $main 2> /dev/null || true
        while pgrep -r D,R,S -g $main > /dev/null; do sleep 0.1; done
    }
    go() {
        setsid sh $HOME/$pipeline.sh >> $HOME/out 2> $HOME/err &
        main=$!
    }
    while IFS='|' read -r system pipeline number log; do
        nft flush ruleset
        rm -rf $HOME/state/* /var/log/* /var/lib/docker
        : > $HOME/out
        sed "s|/usr/lib/pipeban|$HOME/lib|" examples/pipeban/$pipeline.sh > $HOME/$pipeline.sh
        mkdir -p ${log%/*}
        touch $log
        chmod 640 $log
        # The tests' user is in group adm, as the service is.
        chgrp adm $log
        case $pipeline in sshd) ;; *) chmod 710 ${log%/*}; chgrp root $log ;; esac
        go
        attack 203.0.113.9
        until_banned 203.0.113.9
        stop
        attack 203.0.113.10
        go
        until_banned 203.0.113.10
        attack 203.0.113.11
        until_banned 203.0.113.11
        stop
        echo "$system: $(cut -f 1 $HOME/out | tr '\n' ' ')"
    done << 'END'
Debian 12, rsyslog|sshd|5|/var/log/auth.log
Debian 13, rsyslog|sshd|5|/var/log/auth.log
Alpine, busybox|sshd|5|/var/log/messages
Fedora, rsyslog|sshd|5|/var/log/secure
Docker|docker|20|/var/lib/docker/containers/9c/9c-json.log
Kubernetes|kubernetes|20|/var/log/pods/web_7d/nginx/0.log
END
"#;

#[test]
fn an_attack_is_banned_once_on_each_system() {
    if run("nft", &["--version"]).is_none() {
        return;
    }
    let systems = [
        "Debian 12, rsyslog",
        "Debian 13, rsyslog",
        "Alpine, busybox",
        "Fedora, rsyslog",
        "Docker",
        "Kubernetes",
    ];
    let expected: String = systems
        .iter()
        .map(|system| format!("{system}: 203.0.113.9 203.0.113.10 203.0.113.11 \n"))
        .collect();
    let name = "systems::an_attack_is_banned_once_on_each_system";
    prints_on_a_host("-mn", name, SYSTEMS, &expected);
}
