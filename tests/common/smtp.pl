# A mail server for tests/boot.sh: prints the mails that it gets on port 25.
use strict;
use warnings;
use IO::Socket::INET;

$| = 1;
my $server = IO::Socket::INET->new(
    LocalAddr => '127.0.0.1', LocalPort => 25, Listen => 5, ReuseAddr => 1,
) or die $@;
while (my $client = $server->accept) {
    print $client "220 trial\r\n";
    while (my $line = <$client>) {
        if ($line =~ /^DATA/i) {
            print $client "354 go on\r\n";
            while (defined($line = <$client>) && $line !~ /^\.\r?$/) {
                $line =~ s/\r//;
                print $line;
            }
        }
        print $client "250 yes\r\n";
        last if $line =~ /^QUIT/i;
    }
}
