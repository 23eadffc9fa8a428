//! Counters of bans against real packets: in lists, against a log, and for tables and sets that had
//! none.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::both::held;
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

/// Datagrams from this one, all of which are dropped: the first to a port of its own.
fn send(from: &Place, ipv6: bool, port: u16, number: usize) {
    let (sent, all_sent) = mpsc::channel();
    let job = move || {
        let (own, host) = match ipv6 {
            true => ("[2001:db8:1::2]:0", "[2001:db8:1::1]"),
            false => ("192.0.2.18:0", "192.0.2.17"),
        };
        let socket = UdpSocket::bind(own).unwrap();
        let to = format!("{host}:{port}");
        (0..number).for_each(|_| _ = socket.send_to(b"let me in", &to));
        sent.send(()).unwrap();
    };
    from.jobs.send(Box::new(job)).unwrap();
    all_sent.recv().unwrap();
}

/// A ban that the ledger never knew leaves no figures for the next one of its address: one that was
/// made and ended without the ledger, one of a ledger that was lost, and one of other hands.
#[test]
fn a_ban_that_no_ledger_knew_leaves_no_figures() {
    in_namespace("a_ban_that_no_ledger_knew_leaves_no_figures", || {
        let Some([bad, _good]) = network() else {
            return;
        };
        let (shell, alone) = (Shell::new(), Shell::new());
        std::fs::create_dir(alone.path("state.db")).unwrap();
        let ban = "ban-ip --even-me --for 1h";
        let next = "ban-ip --for 1h 203.0.113.1; ban-ip --sync";
        let drop = |how: &dyn Fn()| {
            how();
            assert!(held("nft").contains("192.0.2.18"));
            send(&bad, false, 9, 50);
            wait_until("they are dropped", || {
                let list = shell.run("ban-ip --list");
                let line = list
                    .out
                    .lines()
                    .find(|line| line.starts_with("192.0.2.18\t"));
                line.is_some_and(|line| line.contains("\tpackets=50\t"))
            });
        };
        let begins_anew = |about: &str| {
            shell.run(&format!("{next}; {ban} 192.0.2.18"));
            let list = shell.run("ban-ip --list");
            let packets = field(&list, "packets");
            assert_eq!(packets, ["0"; 2], "{about}: {list:?}");
            shell.run("ban-ip --list | unban-at now; rm $PIPEBAN_STATE*; nft flush ruleset");
        };
        shell.run(next);
        drop(&|| _ = alone.run(&format!("{ban} 192.0.2.18")));
        alone.run("unban-at now 192.0.2.18");
        begins_anew("made and lifted without the ledger");
        drop(&|| _ = shell.run(&format!("{ban} 192.0.2.18")));
        shell.run("unban-at now 192.0.2.18; rm $PIPEBAN_STATE*");
        begins_anew("the ledger was lost");
        shell.run(&format!(
            "{ban} 192.0.2.18; unban-at now 192.0.2.18; rm $PIPEBAN_STATE*"
        ));
        shell.run(next);
        let element = "add element inet pipeban ipv4_32 { 192.0.2.18 timeout 1h }";
        drop(&|| _ = run("nft", &[element]));
        begins_anew("made by other hands");
    });
}

/// Each kind of ban counts its own packets; after a lift, and after its end, it begins anew; beside
/// a full set of hits it drops all the same.
#[test]
fn figures_are_those_of_each_ban() {
    in_namespace("figures_are_those_of_each_ban", || {
        let Some([bad, _good]) = network() else {
            return;
        };
        if run("nft", &["--version"]).is_none() {
            return;
        }
        wait_until("all is connected", || {
            HOST.iter().all(|to| bad.open(to, SILENCE).is_some())
        });
        let shell = Shell::new();
        let figures = || field(&shell.run("ban-ip --list"), "packets").join(" ");
        let at_least = |least: &[u64]| {
            let told = figures();
            let told: Vec<u64> = told.split(' ').map(|n| n.parse().unwrap()).collect();
            let pairs = told.iter().zip(least);
            // Neighbours may say a word of their own.
            let fit = |(told, least): (&u64, &u64)| told >= least && *told < least + 20;
            assert!(
                told.len() == least.len() && pairs.clone().all(fit),
                "{told:?}"
            );
        };
        let ban = "ban-ip --even-me --for 1h";
        shell.run(&format!("{ban} 192.0.2.18 198.51.100.7 2001:db8:1::2"));
        send(&bad, false, 9999, 30);
        send(&bad, true, 9999, 60);
        at_least(&[30, 0, 60]);
        // A longer ban goes on; a new one begins anew, also among many.
        shell.run("ban-ip --even-me --for 2h 192.0.2.18");
        at_least(&[30, 0, 60]);
        shell.run("unban-at now 192.0.2.18 2001:db8:1::2");
        let many: String = (0..2_500)
            .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
            .collect();
        shell.feed(ban, format!("{many}192.0.2.18\n").as_bytes());
        shell.run(&format!("{ban} 2001:db8:1::2"));
        let of_two = || {
            let list = shell.run("ban-ip --list");
            let lines = list.out.lines();
            let ours = lines.filter(|l| l.starts_with("192.") || l.starts_with("2001:"));
            let ours: Vec<u64> = ours
                .map(|l| l.split("packets=").nth(1).unwrap())
                .map(|l| l.split('\t').next().unwrap().parse().unwrap())
                .collect();
            ours
        };
        let anew = of_two();
        assert!(anew.iter().all(|n| *n < 20), "{anew:?}");
        send(&bad, false, 9999, 40);
        let more = of_two();
        assert!((40..60).contains(&more[0]), "{more:?}");
        // A ban that ends by itself leaves no figures either.
        shell.run("unban-at now 192.0.2.18; ban-ip --even-me --for 1s 192.0.2.18");
        send(&bad, false, 9999, 30);
        wait_until("it ends", || bad.open(HOST[0], SILENCE).is_some());
        shell.run(&format!("{ban} 192.0.2.18"));
        assert!(of_two()[0] < 20);
        shell.run("ban-ip --list | unban-at now");

        shell.run(&format!("{ban} 192.0.2.16/28 2001:db8:1::/64"));
        shell.run(&format!("{ban} --port 53,9999 192.0.2.19 2001:db8:2::2"));
        send(&bad, false, 9999, 30);
        send(&bad, true, 9999, 60);
        at_least(&[30, 0, 60, 0]);
        shell.run("ban-ip --list | unban-at now");
        shell.run(&format!("{ban} --port 53,9999 192.0.2.18 2001:db8:1::2"));
        send(&bad, false, 53, 30);
        send(&bad, true, 9999, 60);
        send(&bad, true, 9998, 60);
        at_least(&[30, 60]);
        shell.run("ban-ip --list | unban-at now; nft flush ruleset");

        // There is room for one.
        shell.run(&format!("{ban} 198.51.100.7"));
        let saved = shell.path("saved").display().to_string();
        let small = "(echo 'flush ruleset'; nft list ruleset) >saved
            sed -i '/ipv4_32_hits {/,/}/s/timeout 7d/&; elements = { 198.51.100.7 }/' saved
            sed -i 's/size 65535/size 1/' saved; nft -f saved";
        assert_eq!(shell.run(&small.replace("saved", &saved)).err, "");
        shell.run(&format!("{ban} 192.0.2.18"));
        send(&bad, false, 9999, 30);
        assert!(bad.open(HOST[0], SILENCE).is_none());
        assert_eq!(figures(), "- -", "nobody knows");
        shell.run("unban-at now 198.51.100.7");
        shell.feed(ban, many.as_bytes());
        send(&bad, false, 9999, 30);
        assert!(of_two()[0] >= 30, "there is room again");
        assert_eq!(shell.run("ban-ip --verify").status, Some(0));
    });
}

/// A table as older versions made it is taken over, and no packet gets through meanwhile: one
/// without counters, and one with a counter in each element.
#[test]
fn an_older_table_is_taken_over_without_a_gap() {
    in_namespace("an_older_table_is_taken_over_without_a_gap", || {
        let Some([bad, _good]) = network() else {
            return;
        };
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let counters = r"-e 's/^\t\tflags timeout$/&; counter/' \
             -e 's/ timeout [0-9]/ counter packets 7000000 bytes 350000000&/g'";
        for (name, figures) in [("without", ""), ("with", counters)] {
            let shell = Shell::new();
            let many: String = (0..2_500)
                .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
                .collect();
            shell.feed("ban-ip --for 1h", many.as_bytes());
            shell.run("ban-ip --even-me --for 1h 192.0.2.18 2001:db8:1::/64");
            shell.run("ban-ip --for 1h --port 22,25 203.0.113.8");
            let older = r"(echo 'flush ruleset'; nft list ruleset) >saved
                sed -i -e '/^\tset .*_hits {$/,/^\t}$/d' -e '/^\tchain ipv.*{$/,/^\t}$/d' \
                    -e 's/ goto ipv.*/ drop/' FIGURES saved
                nft -f saved";
            let saved = shell.path("saved").display().to_string();
            let older = older.replace("FIGURES", figures).replace("saved", &saved);
            assert_eq!(shell.run(&older).err, "", "{name}");
            let rules = || run("nft", &["list", "ruleset"]).unwrap();
            let is_new = |rules: &str| rules.contains("_hits {") && rules.contains(" goto ipv4_32");
            assert!(!is_new(&rules()), "{name}");
            assert_eq!(
                rules().contains("counter packets 7000000"),
                !figures.is_empty()
            );
            let before = shell.run("ban-ip --list");
            assert_eq!(before.out.contains("packets=7000000"), !figures.is_empty());

            let flood = Flood::begin(&bad);
            let banned = shell.run("ban-ip --even-me --for 1h 203.0.113.7");
            assert_eq!(banned.addresses(), ["203.0.113.7"], "{name}");
            flood.end();

            assert!(is_new(&rules()), "{name}: {}", rules());
            assert!(!rules().contains("moving"), "{name}");
            let element = "nft list set inet pipeban ipv4_32 | grep -c counter";
            assert_eq!(shell.run(element).out, "0\n", "{name}: slow elements");
            let list = shell.run("ban-ip --list");
            assert_eq!(list.addresses().len(), 2_504, "{name}");
            assert!(!list.out.contains("only=") && !list.out.contains("firewall-until="));
            let packets = field(&list, "packets");
            let packets: Vec<u64> = packets.iter().map(|n| n.parse().unwrap()).collect();
            let old = if figures.is_empty() { 0 } else { 7_000_000 };
            let kept = packets.iter().filter(|n| **n == old).count();
            // One has sent more, and one is new.
            assert!(kept >= 2_502 - usize::from(old > 0), "{name}: {kept}");
            assert_eq!(shell.run("ban-ip --verify").status, Some(0), "{name}");
            send(&bad, false, 9999, 30);
            let more = shell.run("ban-ip --list");
            assert_ne!(field(&more, "packets"), field(&list, "packets"), "{name}");
            run("nft", &["flush", "ruleset"]);
        }
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

/// Runs a command as on a kernel that can't count.
const NO_DYNSET: &str = include_str!("no_dynset.c");

/// A kernel that can't count the packets of each ban drops them all the same, one by one and in
/// bulk; an older table stays as it is. Where the kernel can count again, it does.
#[test]
fn a_kernel_that_cannot_count_drops_all_the_same() {
    in_namespace("a_kernel_that_cannot_count_drops_all_the_same", || {
        let Some([bad, good]) = network() else {
            return;
        };
        if ["nft", "cc"]
            .iter()
            .any(|program| run(program, &["--version"]).is_none())
        {
            return;
        }
        let shell = Shell::new();
        let [source, tracer] = ["trace.c", "trace"].map(|n| shell.path(n).display().to_string());
        std::fs::write(&source, NO_DYNSET).unwrap();
        run("cc", &["-o", &tracer, &source]);
        let without = |command: &str| shell.run(&command.replace("TRACER", &tracer));
        let is_dropped = || {
            wait_until("the other one is connected", || {
                HOST.iter().all(|to| good.open(to, SILENCE).is_some())
            });
            HOST.iter().all(|to| bad.open(to, SILENCE).is_none())
        };
        let ban = "ban-ip --even-me --for 1h";
        for bans in [
            format!("TRACER {ban} 192.0.2.18 2001:db8:1::2"),
            format!("TRACER {ban} --port 7777 192.0.2.18 2001:db8:1::2"),
            format!("(seq -f 198.18.1.%g 200; echo 192.0.2.18; echo 2001:db8:1::2) | TRACER {ban}"),
        ] {
            let made = without(&bans);
            assert_eq!((made.err.as_str(), made.status), ("", Some(0)), "{bans}");
            assert!(is_dropped(), "{bans}");
            assert!(!held("nft").contains("update @"), "{bans}");
            assert_eq!(without("TRACER ban-ip --verify").status, Some(0), "{bans}");
            let list = without("TRACER ban-ip --list");
            assert!(list.addresses().contains(&"192.0.2.18"), "{list:?}");
            assert!(!list.out.contains("only="), "{list:?}");
            // Where the kernel can, it counts again, in the same table.
            shell.run(&format!("{ban} 198.51.100.7"));
            assert!(held("nft").contains("update @") && is_dropped(), "{bans}");
            let lifted = without("ban-ip --list | TRACER unban-at now");
            assert_eq!(
                (lifted.err.as_str(), lifted.status),
                ("", Some(0)),
                "{bans}"
            );
            shell.run("nft flush ruleset");
        }
    });
}
