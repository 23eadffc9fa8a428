//! Real packets between network namespaces: what a ban stops, to the host and through it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use crate::common::{Shell, field, in_namespace, run, wait_until};
use nix::sched::{CloneFlags, unshare};

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace: that of a thread, which does there what it is asked to.
struct Place {
    thread: i32,
    jobs: mpsc::Sender<Job>,
}

impl Place {
    fn new() -> Self {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            tell.send(nix::unistd::gettid().as_raw()).unwrap();
            todo.into_iter().for_each(|job| job());
        });
        let thread = told.recv().unwrap();
        Place { thread, jobs }
    }

    fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.jobs
            .send(Box::new(move || tell.send(job()).unwrap()))
            .unwrap();
        told.recv().unwrap()
    }

    fn script(&self, script: String) {
        self.run(move || run("sh", &["-ec", &script]));
    }

    /// A connection to somebody, if he answers within this time.
    fn open(&self, to: &'static str, patience: Duration) -> Option<TcpStream> {
        let to: SocketAddr = to.parse().unwrap();
        let stream = self.run(move || TcpStream::connect_timeout(&to, patience));
        let stream = stream.ok()?;
        says(&stream, "hello", patience).then_some(stream)
    }
}

/// Nothing for so long is no answer; where one is expected, it may take longer than anything here
/// takes.
const SILENCE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether what is said comes back.
fn says(mut stream: &TcpStream, text: &str, patience: Duration) -> bool {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut answer = vec![0; text.len()];
    stream.write_all(text.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok()
}

/// Repeats what it is told, on all addresses of the namespace that this is called in.
fn echo() {
    let listener = TcpListener::bind("[::]:7777").unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
}

/// This host, which forwards between two who come from outside and a server inside; both families.
fn network() -> Option<[Place; 2]> {
    run("ip", &["-V"])?;
    let (bad, good, server) = (Place::new(), Place::new(), Place::new());
    let mut host = "ip link set lo up; echo 1 >/proc/sys/net/ipv4/ip_forward
                    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
        .to_owned();
    for (place, n) in [(&bad, 1), (&good, 2), (&server, 3)] {
        let (thread, own) = (place.thread, 16 * n + 1);
        host += &format!(
            "\nip link add v{n} type veth peer name eth netns {thread}; ip link set v{n} up
             ip addr add 192.0.2.{own}/28 dev v{n}; ip -6 addr add 2001:db8:{n}::1/64 dev v{n} nodad",
        );
    }
    run("sh", &["-ec", &host])?;
    for (place, n) in [(&bad, 1), (&good, 2), (&server, 3)] {
        let (own, other) = (16 * n + 1, 16 * n + 2);
        place.script(format!(
            "ip link set lo up; ip link set eth up
             ip addr add 192.0.2.{other}/28 dev eth; ip -6 addr add 2001:db8:{n}::2/64 dev eth nodad
             ip route add default via 192.0.2.{own}; ip -6 route add default via 2001:db8:{n}::1"
        ));
    }
    echo();
    server.run(echo);
    // The thread of a namespace lives for as long as somebody may ask it.
    std::mem::forget(server);
    Some([bad, good])
}

const HOST: [&str; 2] = ["192.0.2.17:7777", "[2001:db8:1::1]:7777"];
const SERVER: [&str; 2] = ["192.0.2.50:7777", "[2001:db8:3::2]:7777"];
/// A port of the host's that leads to the server, as containers publish theirs.
const PUBLISHED: &str = "192.0.2.17:8080";

#[test]
fn the_banned_are_silent_and_the_others_are_not() {
    in_namespace("the_banned_are_silent_and_the_others_are_not", || {
        let Some([bad, good]) = network() else { return };
        let mut targets = [HOST, SERVER].concat();
        // Rules that let open connections through early, and a published port.
        let rules = "add table inet host; add chain inet host input { type filter hook input priority 0; }; \
                     add rule inet host input ct state established,related accept; \
                     add chain inet host forward { type filter hook forward priority 0; }; \
                     add rule inet host forward ct state established,related accept; \
                     add table ip nat; add chain ip nat pre { type nat hook prerouting priority -100; }; \
                     add rule ip nat pre tcp dport 8080 dnat to 192.0.2.50:7777";
        if run("nft", &["--version"]).is_some() && run("nft", &[rules]).is_some() {
            targets.push(PUBLISHED);
        }
        // IPv6 takes a moment to be sure of its own addresses.
        for place in [&bad, &good] {
            wait_until("all is connected", || {
                targets.iter().all(|to| place.open(to, SILENCE).is_some())
            });
        }
        let hosts = ["192.0.2.18", "2001:db8:1::2"];
        let networks = ["192.0.2.18/31", "2001:db8:1::/64"];
        for (backend, addresses) in [
            ("nft", hosts),
            ("nft", networks),
            ("ipset", networks),
            ("iptables", hosts),
        ] {
            let programs = ["ipset", "iptables"];
            if backend != "nft" && programs.iter().any(|p| run(p, &["--version"]).is_none()) {
                continue;
            }
            let shell = Shell::new();
            let addresses = addresses.join(" ");
            let open: Vec<_> = targets
                .iter()
                .map(|to| bad.open(to, PATIENCE).unwrap())
                .collect();
            assert!(
                open.iter()
                    .all(|stream| says(stream, "still here", PATIENCE))
            );

            let ban = format!("ban-ip --even-me --backend {backend} --for 1h {addresses}");
            assert_eq!(shell.run(&ban).addresses().len(), 2, "{backend}");
            for (to, stream) in targets.iter().zip(&open) {
                assert!(
                    bad.open(to, SILENCE).is_none(),
                    "{backend}: {addresses} reaches {to}"
                );
                assert!(
                    !says(stream, "and now?", SILENCE),
                    "{backend}: {addresses} goes on with {to}"
                );
                assert!(
                    good.open(to, PATIENCE).is_some(),
                    "{backend}: another one does not reach {to}"
                );
            }

            if backend == "nft" {
                for script in ["ban-ip --list", &format!("ban-ip --why {addresses}")] {
                    let script = script.split(" 2001").next().unwrap();
                    let outcome = shell.run(script);
                    let number = |text: &&str| text.parse::<u64>().unwrap_or(0);
                    let numbers = |key| field(&outcome, key).iter().map(number).collect::<Vec<_>>();
                    let (packets, bytes) = (numbers("packets"), numbers("bytes"));
                    assert!(packets.iter().all(|n| *n > 0), "{script}: {outcome:?}");
                    // Each packet has at least the heads of IP and TCP.
                    let fit = |(bytes, packets): (&u64, &u64)| *bytes >= 40 * packets;
                    assert!(bytes.iter().zip(&packets).all(fit), "{script}: {outcome:?}");
                }
            }
            assert_eq!(
                shell.run(&format!("unban-at now {addresses}")).status,
                Some(0)
            );
            for to in &targets {
                assert!(
                    bad.open(to, PATIENCE).is_some(),
                    "{backend}: lifted, but does not reach {to}"
                );
            }
        }
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

        let here = std::net::UdpSocket::bind("192.0.2.17:9999").unwrap();
        here.set_nonblocking(true).unwrap();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let ended = stop.clone();
        let flood = move || {
            let from = std::net::UdpSocket::bind("192.0.2.18:0").unwrap();
            let mut sent = 0;
            while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                sent += u64::from(from.send_to(b"let me in", "192.0.2.17:9999").is_ok());
            }
            tell.send(sent).unwrap();
        };
        bad.jobs.send(Box::new(flood)).unwrap();
        let banned = shell.run("ban-ip --even-me --for 1h 203.0.113.7");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(banned.addresses(), ["203.0.113.7"]);
        assert!(told.recv().unwrap() > 0);
        assert!(here.recv(&mut [0; 99]).is_err(), "a packet came through");

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
