#!/bin/sh
# Bans that three hosts share over mosquitto with mutual TLS, as examples/share sets it up: each
# host in a network namespace of its own, with its own kernel firewall. Each line has a figure and,
# in brackets, the aim. Usage: share.sh [PART]… of latency, storm, newcomer, broker, partition,
# local and idle; all by default. PROGRAMS is a folder with other programs than this release's. Runs
# as root. Needs mosquitto, nft, openssl and perl.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1-}" != inside ]; then
    if [ -z "${PROGRAMS-}" ]; then
        cargo build --release --quiet --bin ban-ip --bin unban-at --bin share-ban
        PROGRAMS=$PWD/target/release
    fi
    PATH=$PROGRAMS:$PATH:/usr/sbin:/sbin
    export PATH
    exec unshare --net --mount sh tests/bench/share.sh inside "$@"
fi
shift
work=$(mktemp -d)
mount -t tmpfs none "$work"
trap 'umount --lazy "$work"; rmdir "$work"' EXIT

ip link set lo up
ip link add br0 type bridge
ip addr add 10.9.0.254/24 dev br0
ip link set br0 up
sh examples/share/certificates.sh "$work" 10.9.0.254 a b c
cp examples/share/acl "$work"
sed "s|/etc/mosquitto/pipeban|$work|" examples/share/mosquitto.conf >"$work/mosquitto.conf"
printf '%s\n' 'user root' 'persistence true' "persistence_location $work/" >>"$work/mosquitto.conf"
for host in a b c; do
    mkdir "$work/$host"
    : >"$work/$host/never"
    umask 077
    others=$(echo a b c | sed "s/$host//")
    sed "/^never/d; s/^name .*/name $host/; s/^from .*/from $others/
        s/^broker .*/broker 10.9.0.254/
        s/^limit .*/limit 200000/; s|^ca .*|ca $work/ca.pem|; s|^cert .*|cert $work/$host.pem|
        s|^key .*|key $work/$host.key|" examples/share/share.conf >"$work/$host/share.conf"
    umask 022
done

cat >"$work/bench.pl" <<'PERL'
use strict;
use warnings;
use Socket;
use POSIX ();
use Time::HiRes qw(time sleep);

my $work = shift;
my @names = qw(a b c);
my (%holder, %sharing, %watch, $broker);
$SIG{PIPE} = "IGNORE";
$| = 1;

# Starts a program in a process group of its own, with its complaints in a file; answers its number.
sub start {
    my ($log, @command) = @_;
    my $pid = fork // die;
    return $pid if $pid;
    setpgrp;
    open STDIN, "<", "/dev/null";
    open STDOUT, ">", "/dev/null";
    open STDERR, ">>", "$work/$log";
    exec @command or die "$command[0]: $!";
}

sub stop {
    my ($pid) = @_;
    return if !$pid;
    kill "KILL", -$pid;
    waitpid $pid, 0;
}

sub wait_for {
    my ($name, $is_done) = @_;
    my $end = time + 60;
    until ($is_done->()) {
        die "$name: not within a minute\n" if time > $end;
        sleep 0.0005;
    }
}

sub on {
    my ($host, @command) = @_;
    return ("nsenter", "-t", $holder{$host}, "-n", "env", "PIPEBAN_STATE=$work/$host/state.db",
        "PIPEBAN_NEVER=$work/$host/never", @command);
}

sub run {
    my (@command) = @_;
    system(@command) == 0 or die "@command: $?\n";
}

sub share {
    my ($host) = @_;
    my @script = ("examples/share/share.sh", "$work/$host/share.conf");
    $sharing{$host} = start("$host/log", on($host, "sh", @script));
}

# A host as it was before the first ban.
sub clean {
    my ($host) = @_;
    stop(delete $sharing{$host});
    run(on($host, "sh", "-c", "rm -f $work/$host/state.db* $work/$host/log; nft flush ruleset"));
    seen($host);
    $watch{$host}{seen} = {};
}

# All hosts and the broker as they were; those that are named share.
sub begin {
    clean($_) for @names;
    kill_broker();
    start_broker();
    share($_) for @_;
    settle(@_);
}

sub start_broker {
    $broker = start("broker.log", "mosquitto", "-c", "$work/mosquitto.conf");
    wait_for("the broker", sub {
        socket my $socket, PF_INET, SOCK_STREAM, 0;
        connect $socket, pack_sockaddr_in(8883, inet_aton("10.9.0.254"));
    });
}

sub kill_broker {
    stop($broker);
    unlink "$work/mosquitto.db";
}

# A process in the host's network namespace hands over a socket's news: the elements that its kernel
# has taken into a set (NFNLGRP_NFTABLES, nf_tables.h).
sub watch {
    my ($host) = @_;
    pipe my $reader, my $writer;
    my $pid = fork // die;
    if (!$pid) {
        open my $namespace, "<", "/proc/$holder{$host}/ns/net" or die;
        syscall(308, fileno $namespace, 0) == 0 or die "setns: $!";
        socket my $socket, 16, SOCK_RAW, 12 or die;
        bind $socket, pack("S S L L", 16, 0, 0, 1 << 6) or die;
        setsockopt $socket, SOL_SOCKET, 33, pack("i", 256 << 20) or die;
        syswrite $writer, "ready...";
        while (defined recv $socket, my $news, 1 << 20, 0) {
            my $now = time;
            my @keys;
            while (length $news) {
                my ($length, $type) = unpack "L S", $news;
                my $message = substr $news, 0, $length + 3 & ~3, "";
                # NFT_MSG_NEWSETELEM; in it NFTA_SET_ELEM_KEY, and in that NFTA_DATA_VALUE.
                push @keys, $1 if $type == (10 << 8 | 12)
                    && $message =~ /\x0c\0\x01[\0\x80]\x08\0\x01\0(\xc6[\x12\x13]..)/s;
            }
            syswrite $writer, join("", map { pack("a4 x4 d", $_, $now) } @keys) if @keys;
        }
        die "$host: news are lost: $!";
    }
    close $writer;
    sysread $reader, my $ready, 8;
    fcntl $reader, 4, 2048;
    $watch{$host} = {pid => $pid, reader => $reader, seen => {}, rest => ""};
}

# The time at which each address came into the host's kernel.
sub seen {
    my ($host) = @_;
    my $watch = $watch{$host};
    while (sysread $watch->{reader}, $watch->{rest}, 1 << 20, length $watch->{rest}) {
        my $whole = int(length($watch->{rest}) / 16);
        my @news = unpack("(a4 x4 d)$whole", substr $watch->{rest}, 0, 16 * $whole, "");
        while (my ($address, $time) = splice @news, 0, 2) {
            $watch->{seen}{$address} //= $time;
        }
    }
    return $watch->{seen};
}

# Waits until each of these hosts has a number of addresses; answers when the last one came.
sub all_seen {
    my ($count, @hosts) = @_;
    wait_for("$count bans", sub {
        sleep 0.01;
        !grep { keys %{seen($_)} < $count } @hosts;
    });
    my $last = 0;
    for my $host (@hosts) {
        for (values %{seen($host)}) {
            $last = $_ if $_ > $last;
        }
    }
    return $last;
}

sub addresses {
    my ($from, $to) = @_;
    return map { join ".", 198, 18 + ($_ >> 16), ($_ >> 8) & 255, $_ & 255 } $from .. $to - 1;
}

# Bans addresses on a host, all in one.
sub ban {
    my ($host, $from, $to) = @_;
    open my $in, "|-", on($host, "sh", "-c", "ban-ip --for 1d >/dev/null") or die;
    print $in "$_\n" for addresses($from, $to);
    close $in or die "ban-ip: $?\n";
}

sub quantiles {
    my @sorted = sort { $a <=> $b } @_;
    return map { $sorted[$_ * $#sorted] } 0.5, 0.95;
}

sub process {
    my ($host, $program) = @_;
    my @pids = split " ", `pgrep -g $sharing{$host} -x @{[$program // "share-ban"]}`;
    return $pids[-1];
}

# The processor's time of a process so far, in seconds (proc_pid_stat(5)).
sub cpu {
    my ($pid) = @_;
    open my $in, "<", "/proc/$pid/stat" or die;
    my @fields = split " ", <$in> =~ s/.*\) //r;
    return ($fields[11] + $fields[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Waits until share-ban on each of these hosts hears the others of them.
sub settle {
    my $others = @_ - 1;
    for my $host (@_) {
        wait_for("$others hosts", sub {
            my $pid = process($host);
            kill "USR1", $pid if $pid;
            sleep 0.05;
            `grep share-ban.*status: $work/$host/log | tail -n 1` =~ / hosts=$others\b/;
        });
    }
    sleep 0.5;
}

# A pipe into ban-ip on a host; each address is written, and its record waited for.
sub live {
    my ($host) = @_;
    pipe my $from, my $out;
    pipe my $in, my $to;
    my $pid = fork // die;
    if (!$pid) {
        open STDIN, "<&", $in;
        open STDOUT, ">&", $out;
        close $to;
        exec on($host, "ban-ip", "--for", "1d") or die;
    }
    close $out;
    close $in;
    $to->autoflush(1);
    return sub {
        my ($address) = @_;
        my $begun = time;
        print $to "$address\n";
        <$from> // die "ban-ip has gone";
        return time - $begun, $begun;
    };
}

sub latency {
    begin(@names);
    my $ban = live("a");
    my (@there, @between);
    for my $address (addresses(0, 1_000)) {
        my ($taken, $begun) = $ban->($address);
        my $key = inet_aton($address);
        wait_for($address, sub { seen("a")->{$key} && seen("b")->{$key} });
        push @there, seen("b")->{$key} - $begun;
        push @between, seen("b")->{$key} - seen("a")->{$key};
        sleep 0.01;
    }
    printf "ban on A, from its record to B's kernel: p50 %.2f ms (2), p95 %.2f ms (10)\n",
        map { 1000 * $_ } quantiles(@there);
    printf "the same from A's kernel to B's: p50 %.2f ms, p95 %.2f ms\n",
        map { 1000 * $_ } quantiles(@between);
}

sub storm {
    for (1 .. 5) {
        begin(@names);
        my $begun = time;
        ban("a", 0, 10_000);
        my $taken = time - $begun;
        my $last = all_seen(10_000, @names);
        printf "storm of 10,000 on A: on all hosts in %.2f s (1), on A in %.2f s\n",
            $last - $begun, all_seen(10_000, "a") - $begun;
    }
}

sub newcomer {
    begin("a", "b");
    ban("a", 0, 100_000);
    all_seen(100_000, "a", "b");
    sleep 2;
    for (1 .. 3) {
        clean("c");
        my ($begun, $before) = (time, cpu($broker));
        share("c");
        printf "newcomer: 100,000 bans in its kernel in %.2f s (2); processor: broker %.2f s, "
            . "share-ban %.2f s, ban-ip %.2f s\n",
            all_seen(100_000, "c") - $begun, cpu($broker) - $before,
            map { cpu(process("c", $_)) } "share-ban", "ban-ip";
    }
}

sub broker {
    for (1 .. 5) {
        begin("a", "b");
        ban("a", 0, 10_000);
        ban("b", 10_000, 20_000);
        all_seen(20_000, "a", "b");
        kill_broker();
        ban("a", 20_000, 20_500);
        ban("b", 20_500, 21_000);
        sleep 2 + rand 2;
        start_broker();
        my $begun = time;
        # A host that knows nothing finds out whether the broker is whole.
        share("c");
        printf "broker killed, its database erased: 21,000 bans on all hosts in %.2f s (5)\n",
            all_seen(21_000, @names) - $begun;
    }
}

sub partition {
    for (1 .. 5) {
        begin(@names);
        ban("a", 0, 1_000);
        all_seen(1_000, @names);
        run("ip", "link", "set", "va", "down");
        ban("a", 1_000, 2_000);
        ban("b", 2_000, 3_000);
        sleep 12;
        run("ip", "link", "set", "va", "up");
        my $begun = time;
        printf "after a partition of 12 s: all bans on all hosts in %.2f s (5)\n",
            all_seen(3_000, @names) - $begun;
    }
}

sub local_latency {
    begin(@names);
    my %times;
    my $ban = live("a");
    my @all = addresses(0, 24_000);
    $ban->($_) for splice @all, 0, 200;
    for my $round (1 .. 20) {
        for my $state ("goes", "is stopped") {
            kill($state eq "goes" ? "CONT" : "STOP", $broker);
            sleep 0.5;
            for (splice @all, 0, 200) {
                push @{$times{$state}}, ($ban->($_))[0];
                sleep 0.001;
            }
        }
    }
    kill "CONT", $broker;
    my ($goes, $stopped) = map { (quantiles(@{$times{$_}}))[0] } "goes", "is stopped";
    printf "a ban on its own host: broker goes %.3f ms, is stopped %.3f ms, ratio %.2f (1.10)\n",
        1000 * $goes, 1000 * $stopped, $stopped / $goes;
}

sub idle {
    for my $count (100, 10_000) {
        begin(@names);
        ban("a", 0, $count);
        all_seen($count, @names);
        sleep 5;
        for my $host ("a", "b") {
            my $pid = process($host);
            my %before = status($pid);
            sleep 60;
            my %after = status($pid);
            printf "idle for 60 s, %s: RSS %.1f MB, PSS %.1f MB (5), private %.1f MB, "
                . "woken %d times for %d pings\n",
                ($host eq "a" ? "$count bans told" : "$count bans heard"),
                map({ $after{$_} / 1024 } "Rss", "Pss", "Private_Dirty"),
                $after{voluntary_ctxt_switches} - $before{voluntary_ctxt_switches}, 60 / 5;
        }
    }
}

sub status {
    my ($pid) = @_;
    my %status;
    for my $file ("smaps_rollup", "status") {
        open my $in, "<", "/proc/$pid/$file" or die;
        /^(\w+):\s+(\d+)/ and $status{$1} = $2 while <$in>;
    }
    return %status;
}

my %parts = (latency => \&latency, storm => \&storm, newcomer => \&newcomer, broker => \&broker,
    partition => \&partition, local => \&local_latency, idle => \&idle);
my $done = eval {
    for my $i (0 .. $#names) {
        my $host = $names[$i];
        $holder{$host} = start("log", "unshare", "--net", "sleep", "100000");
        wait_for("a namespace", sub {
            (readlink "/proc/$holder{$host}/ns/net" // "") ne readlink "/proc/self/ns/net";
        });
        run("sh", "-ec", "ip link add v$host type veth peer name eth0 netns $holder{$host}
            ip link set v$host master br0; ip link set v$host up
            nsenter -t $holder{$host} -n sh -ec 'ip addr add 10.9.0.@{[$i + 1]}/24 dev eth0
                ip link set lo up; ip link set eth0 up'");
        watch($host);
    }
    $parts{$_}->() for @ARGV ? @ARGV : qw(latency storm newcomer broker partition local idle);
    1;
};
print "failed: $@", `tail -n 10 $work/log $work/*/log $work/broker.log` if !$done;
stop($_) for values %sharing, $broker, values %holder;
kill "KILL", $_->{pid} for values %watch;
exit !$done;
PERL
perl "$work/bench.pl" "$work" "$@"
