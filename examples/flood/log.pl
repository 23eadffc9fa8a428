# Writes the log of an hour in which a site is flooded, for flood.md.
#
#     perl log.pl FLOOD USERS
#
# FLOOD addresses in five hosting networks send one request each. USERS people, at home in 40
# networks, and one in a hundred behind a VPN of those hosting networks, send 1 to 20 in some
# minutes.
# Files: access.log; networks.csv, whose networks these are; users, the addresses of the people.
# Private addresses (RFC 1918, RFC 6598) stand for real ones. Each run writes the same.
use strict;
use warnings;

my ($flood, $users) = @ARGV;
srand 19;
my (%taken, @events);

# An address in a network of 16 bits that nobody has yet.
sub address {
    my $net = shift;
    my $address;
    do { $address = join '.', $net, int rand 256, int rand 256 } while $taken{$address}++;
    return $address;
}

for my $i (1 .. $flood) {
    push @events, [int rand 3600, address('10.' . (1 + $i % 5)), '/?q=' . int rand 1e9];
}
open my $people, '>', 'users' or die $!;
for my $i (1 .. $users) {
    my $home = $i % 100 ? '100.' . (64 + $i % 40) : '10.' . (1 + int rand 5);
    my $address = address($home);
    print $people "$address\n";
    my $second = int rand 3600;
    for (1 .. 1 + int rand 20) {
        push @events, [$second, $address, '/page/' . int rand 100];
        $second += int rand 30;
    }
}
open my $log, '>', 'access.log' or die $!;
for (sort { $a->[0] <=> $b->[0] } grep { $_->[0] < 3600 } @events) {
    my ($second, $address, $path) = @$_;
    my $clock = sprintf '12:%02d:%02d', $second / 60, $second % 60;
    print $log "$address - - [30/Mar/2026:$clock +0000] \"GET $path HTTP/1.1\" 200 512\n";
}
open my $networks, '>', 'networks.csv' or die $!;
print $networks "10.$_.0.0,10.$_.255.255,", 64500 + $_, ",Hosting $_\n" for 1 .. 5;
print $networks "100.$_.0.0,100.$_.255.255,", 64446 + $_, ",Home $_\n" for 64 .. 103;
