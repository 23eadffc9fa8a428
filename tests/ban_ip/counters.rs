//! Counters of bans against real packets: in lists, against a log, and for tables and sets that had
//! none.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::common::{Shell, field, in_namespace, run, wait_until};
use crate::packets::{HOST, Place, SILENCE, network};
use pipeban::time::Time;

/// Packets from one who is banned to this host, one after another; none may come through.
struct Flood {
    here: UdpSocket,
    stop: Arc<AtomicBool>,
    sent: mpsc::Receiver<u64>,
}

impl Flood {
    fn begin(from: &Place) -> Self {
        let here = UdpSocket::bind("192.0.2.17:9999").unwrap();
        here.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let ended = stop.clone();
        let flood = move || {
            let from = UdpSocket::bind("192.0.2.18:0").unwrap();
            let mut sent = 0;
            while !ended.load(Ordering::Relaxed) {
                sent += u64::from(from.send_to(b"let me in", "192.0.2.17:9999").is_ok());
            }
            tell.send(sent).unwrap();
        };
        from.jobs.send(Box::new(flood)).unwrap();
        let sent = told;
        Flood { here, stop, sent }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        assert!(self.sent.recv().unwrap() > 0);
        assert!(
            self.here.recv(&mut [0; 99]).is_err(),
            "a packet came through"
        );
    }
}

/// The lines of a log against the packets dropped: of one whose packets come, of one that is in
/// the log and sends none itself.
#[test]
fn lines_of_a_log_are_held_against_packets() {
    in_namespace("lines_of_a_log_are_held_against_packets", || {
        let Some([bad, _good]) = network() else {
            return;
        };
        wait_until("all is connected", || bad.open(HOST[0], SILENCE).is_some());
        let proxied = "it reaches this host through a proxy or another address";
        for backend in ["nft", "ipset", "iptables"] {
            if backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            let shell = Shell::new();
            let tool = format!("ban-ip --backend {backend}");
            let verify = format!("{tool} --verify");
            shell.run(&format!(
                "{tool} --even-me --for 1h 192.0.2.18 198.51.100.0/24; {tool} --for 1h 203.0.113.7
                 {tool} --for 1h --port 25 203.0.113.8"
            ));
            assert!(bad.open(HOST[0], SILENCE).is_none(), "{backend}");
            let dropped = shell.run(&format!("{verify} 192.0.2.18"));
            let said = dropped.out.trim_end();
            assert_eq!(dropped.status, Some(0), "{backend}: {dropped:?}");
            assert!(said.ends_with(" dropped since the ban"), "{said}");
            assert!(!said.contains("no packet"), "{said}");
            let none = shell.run(&format!("{verify} 203.0.113.7"));
            assert_eq!(none.out, "203.0.113.7: no packet dropped since the ban\n");
            assert_eq!(none.status, Some(0));
            // Lines before the ban, and after it; one record for several.
            let mut log = String::new();
            let hour = Duration::from_secs(3_600);
            let (before, after) = (Time::now() - hour, Time::now() + hour);
            for address in ["192.0.2.18", "203.0.113.7", "203.0.113.8", "198.51.100.7"] {
                log += &format!("{address}\tat={before}\tcount=500\n");
                log += &format!("{address}\tat={after}\n{address}\tat={after}\tcount=30\n");
                log += &format!("{address}\tcount=6\tfirst={after}\tlast={after}\n");
            }
            log += &format!("203.0.113.99\tat={after}\n");
            let outcome = shell.feed(&format!("{verify} -"), log.as_bytes());
            assert_eq!(outcome.status, Some(1), "{backend}: {outcome:?}");
            let lines: Vec<&str> = outcome.out.lines().collect();
            assert!(lines[0].starts_with("192.0.2.18: 37 lines since the ban and "));
            assert!(lines[0].ends_with(" dropped"), "{outcome:?}");
            let port = "203.0.113.8: 37 lines since the ban for port 25 and no packet dropped: it \
                        reaches this host through a proxy, another address or another port";
            let expected = [
                format!(
                    "198.51.100.7: 37 lines since the ban of 198.51.100.0/24 and no packet \
                     dropped: {proxied}"
                ),
                format!("203.0.113.7: 37 lines since the ban and no packet dropped: {proxied}"),
                port.into(),
                "203.0.113.99: not banned".into(),
            ];
            assert_eq!(lines[1..], expected, "{backend}");
            // All is well with the first alone.
            let first: String = log.split_inclusive('\n').take(4).collect();
            let outcome = shell.feed(&format!("{verify} -"), first.as_bytes());
            assert_eq!(outcome.status, Some(0), "{backend}: {outcome:?}");
            // Only the ledger has it.
            shell.run("PIPEBAN_STATE=$PIPEBAN_STATE.x unban-at now 203.0.113.7");
            let lost = shell.run(&format!("{verify} 203.0.113.7"));
            assert_eq!(lost.out, "203.0.113.7: the ban is only in the ledger\n");
            assert_eq!(lost.status, Some(1));
            shell.run(&format!("{tool} --list | unban-at now"));
        }
        let shell = Shell::new();
        let nobody = shell.run("ban-ip --verify -");
        assert_eq!((nobody.out.as_str(), nobody.status), ("", Some(1)));
    });
}

/// A table as the versions before elements had counters made it is made anew, and no packet gets
/// through meanwhile.
#[test]
fn an_older_table_is_taken_over_without_a_gap() {
    in_namespace("an_older_table_is_taken_over_without_a_gap", || {
        let Some([bad, _good]) = network() else {
            return;
        };
        let shell = Shell::new();
        let many: String = (0..2_500)
            .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
            .collect();
        shell.feed("ban-ip --for 1h", many.as_bytes());
        shell.run("ban-ip --even-me --for 1h 192.0.2.18 2001:db8:1::/64");
        let older = "nft list ruleset >saved; sed -i -e '/^\\t\\tcounter$/d' \
            -e 's/ counter packets [0-9]* bytes [0-9]* timeout/ timeout/g' saved
            (echo 'flush ruleset'; cat saved) | nft -f -";
        let saved = shell.path("saved").display().to_string();
        assert_eq!(shell.run(&older.replace("saved", &saved)).err, "");
        let counters = || run("nft", &["list", "set", "inet", "pipeban", "ipv4_32"]).unwrap();
        assert!(!counters().contains("counter"));

        let flood = Flood::begin(&bad);
        let banned = shell.run("ban-ip --even-me --for 1h 203.0.113.7");
        assert_eq!(banned.addresses(), ["203.0.113.7"]);
        flood.end();

        let list = shell.run("ban-ip --list");
        assert_eq!(list.addresses().len(), 2_503);
        assert!(!list.out.contains("only=") && !list.out.contains("firewall-until="));
        assert!(
            field(&list, "packets")
                .iter()
                .all(|packets| *packets != "-")
        );
        let sets = run("nft", &["list", "sets"]).unwrap();
        assert!(!sets.contains("moving"), "{sets}");
        assert_eq!(shell.run("ban-ip --verify").status, Some(0));
    });
}

/// Sets of ipset as the versions before counters made them are made anew likewise.
#[test]
fn older_sets_are_taken_over_without_a_gap() {
    in_namespace("older_sets_are_taken_over_without_a_gap", || {
        let programs = ["ipset", "iptables"];
        if programs.iter().any(|p| run(p, &["--version"]).is_none()) {
            return;
        }
        let Some([bad, _good]) = network() else {
            return;
        };
        let shell = Shell::new();
        let ban = "ban-ip --backend ipset --even-me --for 1h";
        let many: String = (0..2_500)
            .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
            .collect();
        shell.feed(ban, many.as_bytes());
        shell.run(&format!("{ban} 192.0.2.18 2001:db8:1::/64"));
        // The rules stay while another set takes the name.
        let older = "ipset save | grep -E ' pipeban[46] ' | sed -e 's/ counters / /' \
             -e 's/ packets [0-9]* bytes [0-9]*//' -e 's/ \\(pipeban[46]\\) / \\1-old /' >saved
             ipset restore <saved
             for n in 4 6; do
                 ipset swap pipeban$n-old pipeban$n; ipset destroy pipeban$n-old
             done";
        let saved = shell.path("saved").display().to_string();
        assert_eq!(shell.run(&older.replace("saved", &saved)).err, "");
        let has_counters = |set: &str| run("ipset", &["save", set]).unwrap().contains("packets");
        assert!(!has_counters("pipeban4") && !has_counters("pipeban6"));
        let flood = Flood::begin(&bad);
        let banned = shell.run(&format!("{ban} 203.0.113.7"));
        assert_eq!(banned.addresses(), ["203.0.113.7"]);
        flood.end();
        assert!(has_counters("pipeban4") && has_counters("pipeban6"));
        let list = shell.run("ban-ip --backend ipset --list");
        assert_eq!(list.addresses().len(), 2_503);
        assert!(!list.out.contains("only=") && !list.out.contains("firewall-until="));
        assert!(!field(&list, "packets").contains(&"-"));
        let sets = run("ipset", &["list", "-n"]).unwrap();
        assert_eq!(sets, "pipeban4\npipeban6\n");
        assert_eq!(shell.run("ban-ip --backend ipset --verify").status, Some(0));
    });
}
