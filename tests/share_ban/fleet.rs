//! A broker and hosts, each in a network namespace of its own.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::common::{Outcome, Shell, feed, left_out, unshared, wait_until};

/// The address of the broker.
pub const BROKER: &str = "10.9.0.254";

/// Runs `body` with a fleet of hosts that are called a, b, c…; left out where something is missing.
pub fn with_fleet(name: &str, hosts: usize, body: impl FnOnce(&mut Fleet)) {
    for program in ["mosquitto", "mosquitto_pub", "openssl", "nft", "jq"] {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .output();
        if !found.is_ok_and(|found| found.status.success()) {
            return left_out(&format!("{program} is not installed"));
        }
    }
    unshared("-rn", name, || {
        let mut fleet = Fleet::new(hosts);
        fleet.start_broker();
        body(&mut fleet);
    });
}

/// Hosts and their broker.
pub struct Fleet {
    pub shell: Shell,
    pub hosts: Vec<Host>,
    broker: Option<Child>,
}

/// A host.
pub struct Host {
    pub name: String,
    folder: PathBuf,
    /// The process that holds its network namespace.
    holder: Child,
    /// The pipeline that shares its bans, in a process group of its own.
    sharing: Option<Child>,
    /// Other pipelines, each in a process group of its own, and their scripts.
    pipelines: Vec<(Child, String)>,
}

impl Fleet {
    fn new(count: usize) -> Self {
        let shell = Shell::new();
        let names: Vec<String> = (0..count).map(|i| ["a", "b", "c", "d"][i].into()).collect();
        let made = shell.run(&format!(
            "ip link set lo up; ip link add br0 type bridge; ip addr add {BROKER}/24 dev br0
             ip link set br0 up
             sh examples/share/certificates.sh {} {BROKER} {}",
            shell.path("certificates").display(),
            names.join(" ")
        ));
        assert_eq!((made.status, made.err.as_str()), (Some(0), ""), "{made:?}");
        let mut fleet = Fleet {
            shell,
            hosts: vec![],
            broker: None,
        };
        fleet.configure_broker(|text| text);
        for (i, name) in names.iter().enumerate() {
            let host = fleet.new_host(i, name);
            fleet.hosts.push(host);
            let others: Vec<&str> = names
                .iter()
                .map(String::as_str)
                .filter(|n| n != name)
                .collect();
            let from = match others.is_empty() {
                true => String::new(),
                false => format!("from {}\n", others.join(" ")),
            };
            fleet.configure(i, &from);
        }
        fleet
    }

    fn new_host(&self, i: usize, name: &str) -> Host {
        let folder = self.shell.path(&format!("host-{name}"));
        fs::create_dir(&folder).unwrap();
        let holder = self
            .shell
            .command("unshare")
            .args(["-n", "sleep", "1000"])
            .spawn()
            .unwrap();
        let pid = holder.id();
        let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        wait_until("a namespace", || {
            namespace(pid) != namespace(std::process::id())
        });
        let host = Host {
            name: name.into(),
            folder,
            holder,
            sharing: None,
            pipelines: vec![],
        };
        let address = i + 1;
        let made = self.shell.run(&format!(
            "set -e; ip link add v{i} type veth peer name eth0 netns {pid}
             ip link set v{i} master br0; ip link set v{i} up
             nsenter -t {pid} -n sh -ec 'ip addr add 10.9.0.{address}/24 dev eth0
                 ip link set lo up; ip link set eth0 up'"
        ));
        assert_eq!((made.status, made.err.as_str()), (Some(0), ""), "{made:?}");
        host
    }

    /// Writes the broker's configuration: that of examples/share, changed.
    pub fn configure_broker(&self, change: impl FnOnce(String) -> String) {
        let folder = self.shell.path("certificates").display().to_string();
        let text = fs::read_to_string("examples/share/mosquitto.conf").unwrap();
        let text = text.replace("/etc/mosquitto/pipeban", &folder);
        let own = format!("user root\npersistence true\npersistence_location {folder}/\n");
        fs::write(self.shell.path("mosquitto.conf"), change(text) + &own).unwrap();
        fs::copy("examples/share/acl", self.shell.path("certificates/acl")).unwrap();
    }

    /// Starts the broker, and waits until it listens.
    pub fn start_broker(&mut self) {
        let log = File::create(self.shell.path("mosquitto.log")).unwrap();
        let mut command = self.shell.command("mosquitto");
        command.arg("-c").arg(self.shell.path("mosquitto.conf"));
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.broker = Some(command.spawn().unwrap());
        wait_until("the broker listens", || {
            std::net::TcpStream::connect((BROKER, 8883)).is_ok()
        });
    }

    /// Kills the broker; with `erases` its database is gone too.
    pub fn kill_broker(&mut self, erases: bool) {
        if let Some(mut broker) = self.broker.take() {
            broker.kill().unwrap();
            broker.wait().unwrap();
        }
        if erases {
            let _ = fs::remove_file(self.shell.path("certificates/mosquitto.db"));
        }
    }

    /// Sends the broker a signal.
    pub fn stop_broker(&self, signal: Signal) {
        let pid = self.broker.as_ref().unwrap().id() as i32;
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Writes a host's configuration: that of examples/share, without `from`, and more lines.
    pub fn configure(&self, host: usize, more: &str) {
        let name = &self.hosts[host].name;
        let certificates = self.shell.path("certificates");
        let text = fs::read_to_string("examples/share/share.conf").unwrap();
        let given = |key: &str| more.lines().any(|l| l.split(' ').next() == Some(key));
        let kept = text.lines().filter(|line| {
            let key = line.split(' ').next().unwrap_or_default();
            !given(key) && !["from", "never"].contains(&key)
        });
        let mut text: String = kept.map(|line| format!("{line}\n")).collect();
        for (from, to) in [
            ("name web1", format!("name {name}")),
            ("broker broker.example.org", format!("broker {BROKER}")),
            ("ca ca.pem", format!("ca {}/ca.pem", certificates.display())),
            (
                "cert host.pem",
                format!("cert {}/{name}.pem", certificates.display()),
            ),
            (
                "key host.key",
                format!("key {}/{name}.key", certificates.display()),
            ),
        ] {
            text = text.replace(from, &to);
        }
        write_private(&self.config(host), &(text + more));
    }

    /// The path of a file of a host.
    pub fn path(&self, host: usize, name: &str) -> PathBuf {
        self.hosts[host].folder.join(name)
    }

    /// The path of a host's configuration.
    pub fn config(&self, host: usize) -> PathBuf {
        self.path(host, "share.conf")
    }

    /// Runs a script of sh(1) on a host.
    pub fn on(&self, host: usize, script: &str) -> Outcome {
        self.feed(host, script, b"")
    }

    /// The same with this standard input.
    pub fn feed(&self, host: usize, script: &str, input: &[u8]) -> Outcome {
        feed(&mut self.command(host, script), input)
    }

    fn command(&self, host: usize, script: &str) -> Command {
        let host = &self.hosts[host];
        let mut command = self.shell.command("nsenter");
        command.args([
            "-t",
            &host.holder.id().to_string(),
            "-n",
            "sh",
            "-c",
            script,
        ]);
        command.env("PIPEBAN_STATE", host.folder.join("state.db"));
        command.env("PIPEBAN_NEVER", host.folder.join("never"));
        fs::write(host.folder.join("never"), "").unwrap();
        command
    }

    /// Starts to share the bans of a host.
    pub fn share(&mut self, host: usize) {
        let config = self.config(host);
        let script = format!("exec sh examples/share/share.sh {}", config.display());
        self.hosts[host].sharing = Some(self.start(host, &script));
    }

    /// Starts another pipeline on a host.
    pub fn run(&mut self, host: usize, script: &str) {
        let child = self.start(host, script);
        self.hosts[host].pipelines.push((child, script.into()));
    }

    /// Starts those pipelines again that have ended, as systemd does.
    pub fn run_again(&mut self) {
        for host in 0..self.hosts.len() {
            for (mut child, script) in std::mem::take(&mut self.hosts[host].pipelines) {
                if child.try_wait().unwrap().is_some() {
                    end(child);
                    child = self.start(host, &script);
                }
                self.hosts[host].pipelines.push((child, script));
            }
        }
    }

    fn start(&self, host: usize, script: &str) -> Child {
        let mut command = self.command(host, script);
        let folder = &self.hosts[host].folder;
        let mut log = fs::OpenOptions::new();
        let log = log
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        command.process_group(0).spawn().unwrap()
    }

    /// Kills the pipeline that shares the bans of a host.
    pub fn stop(&mut self, host: usize) {
        self.hosts[host].sharing.take().into_iter().for_each(end);
    }

    /// Starts to share the bans of all hosts, and waits until each hears the others.
    pub fn share_all(&mut self) {
        let count = self.hosts.len();
        (0..count).for_each(|host| self.share(host));
        for host in 0..count {
            self.wait_for_hosts(host, count - 1);
        }
    }

    /// Waits until a host hears this number of others.
    pub fn wait_for_hosts(&self, host: usize, count: usize) {
        wait_until("all hosts are there", || {
            self.figures(host).contains(&format!(" hosts={count} "))
        });
    }

    /// The process of this program in the pipeline of a host, if it is there just now.
    pub fn process(&self, host: usize, program: &str) -> Option<Pid> {
        let group = self.hosts[host].sharing.as_ref()?.id().to_string();
        let found = self
            .shell
            .command("pgrep")
            .args(["-g", &group, "-x", program])
            .output();
        let text = String::from_utf8(found.unwrap().stdout).unwrap();
        let last = text.lines().last()?;
        Some(Pid::from_raw(last.parse().unwrap()))
    }

    /// Whether the pipeline of a host has ended; it is started again then, as systemd does.
    pub fn share_again(&mut self, host: usize) {
        let sharing = self.hosts[host].sharing.as_mut();
        if sharing.is_none_or(|sharing| sharing.try_wait().unwrap().is_some()) {
            self.stop(host);
            self.share(host);
        }
    }

    /// The figures of a host's share-ban, a blank behind each; empty while there are none.
    pub fn figures(&self, host: usize) -> String {
        let log = self.hosts[host].folder.join("log");
        let read = || fs::read_to_string(&log).unwrap_or_default();
        let before = read().len();
        let Some(pid) = self.process(host, "share-ban") else {
            return String::new();
        };
        let _ = kill(pid, Signal::SIGUSR1);
        let mut figures = String::new();
        for _ in 0..100 {
            let text = read();
            let new = text.get(before..).unwrap_or_default();
            if let Some(line) = new
                .lines()
                .find(|line| line.contains("share-ban: status: "))
            {
                figures = format!("{line} ");
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        figures
    }

    /// All that the pipeline of a host has complained of.
    pub fn log(&self, host: usize) -> String {
        fs::read_to_string(self.hosts[host].folder.join("log")).unwrap_or_default()
    }

    /// The bans of a host, in the order of addresses. Its kernel and its ledger agree on them.
    pub fn bans(&self, host: usize) -> Vec<String> {
        let list = self.on(host, "ban-ip --list");
        assert!(!list.out.contains("only="), "{list:?}");
        list.addresses().into_iter().map(String::from).collect()
    }

    /// Waits until a host has these bans, of all hosts.
    pub fn wait_for_bans(&self, host: usize, expected: &[&str]) {
        let mut expected: Vec<_> = expected.to_vec();
        expected.sort();
        wait_until(
            &format!("{} has {expected:?}", self.hosts[host].name),
            || {
                let list = self.on(host, "ban-ip --list");
                !list.out.contains("only=") && list.addresses() == expected
            },
        );
    }

    /// Publishes by mosquitto_pub with a certificate; the payload is standard input.
    pub fn publish(&self, certificate: &str, topic: &str, payload: &str, more: &str) -> Outcome {
        let folder = self.shell.path("certificates").display().to_string();
        let script = format!(
            "mosquitto_pub -V 5 -q 1 -h {BROKER} -p 8883 --cafile {folder}/ca.pem \
             --cert {folder}/{certificate}.pem --key {folder}/{certificate}.key \
             -t '{topic}' -s {more}"
        );
        self.shell.feed(&script, payload.as_bytes())
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for host in 0..self.hosts.len() {
            self.stop(host);
            let pipelines = self.hosts[host].pipelines.drain(..);
            pipelines.for_each(|(child, _)| end(child));
            let _ = self.hosts[host].holder.kill();
            let _ = self.hosts[host].holder.wait();
            if std::thread::panicking() {
                println!("{}: {}", self.hosts[host].name, self.log(host));
            }
        }
        self.kill_broker(false);
        if std::thread::panicking() {
            let log = fs::read_to_string(self.shell.path("mosquitto.log"));
            println!("broker: {}", log.unwrap_or_default());
        }
    }
}

/// Kills a pipeline.
fn end(mut pipeline: Child) {
    let _ = killpg(Pid::from_raw(pipeline.id() as i32), Signal::SIGKILL);
    let _ = pipeline.wait();
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
