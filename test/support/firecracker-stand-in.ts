import { chmodSync, rmSync, writeFileSync } from "node:fs";

/** What a stand-in does at a request, instead of carrying it out: Perl, which has `$client` and may `refuse` it. */
export interface StandInPlan {
  /** By method and path. */
  readonly at?: Readonly<Record<string, string>>;
  /** Before it listens for requests. */
  readonly first?: string;
  /** When a connection to the guest has been made. */
  readonly connected?: string;
}

/**
 * Writes a program that is started, configured, spoken to and killed as Firecracker is, and runs no guest: each request becomes
 * a line on its standard output, which is the console, and each connection to the guest an echo.
 */
export function writeStandIn(path: string, { at = {}, first = "", connected = "" }: StandInPlan) {
  const cases = Object.entries(at).map(([request, does]) => `'${request}' => sub { ${does} },`);
  rmSync(path, { force: true });
  writeFileSync(
    path,
    `#!/usr/bin/perl
use strict; use IO::Select; use IO::Socket::UNIX;
$| = 1;
if ($ARGV[0] eq '--version') { print "Firecracker v1.14.2\\n"; exit }
if ($ARGV[0] eq '--snapshot-version') { print "v8.0.0\\n"; exit }
my ($client, $api, $guests);
my $select = IO::Select->new;
sub listening { my $socket = IO::Socket::UNIX->new(Local => $_[0], Listen => 64) or die "cannot listen: $!\\n"; return $socket }
sub answer { my ($status, $body) = @_; syswrite($client, "HTTP/1.1 $status\\r\\nContent-Length: " . length($body) . "\\r\\n\\r\\n$body") }
sub refuse { answer('400 Bad Request', '{"fault_message":"' . $_[0] . '"}') }
sub stop { print "stopped here\\n"; sleep 60; exit }
my %at = (${cases.join("\n")});
${first}
$api = listening('/api.sock');
$select->add($api);
sub serve {
  my ($head, $body) = ('', '');
  sysread($client, $head, 1, length $head) or return until $head =~ /\\r\\n\\r\\n/;
  my ($length) = $head =~ /content-length: (\\d+)/i;
  sysread($client, $body, $length - length $body, length $body) or return while length $body < $length;
  my ($method, $path) = $head =~ /^(\\S+) (\\S+)/;
  print "$method $path $body\\n";
  return $at{"$method $path"}->() if $at{"$method $path"};
  $guests = listening('/channel.sock') if $path eq '/vsock' or $path eq '/snapshot/load';
  # Whoever connects earlier waits.
  $select->add($guests) if $path eq '/actions' or $path eq '/snapshot/load';
  answer('204 No Content', '');
}
while (1) {
  for my $ready ($select->can_read) {
    if ($ready == $api) { $client = $api->accept; serve(); close $client }
    elsif (defined $guests and $ready == $guests) { $select->add(scalar $guests->accept) }
    else {
      my $length = sysread($ready, my $bytes, 65536);
      if (!$length) { $select->remove($ready); close $ready; next }
      if ($bytes =~ s/^CONNECT \\d+\\n//) { ${connected}; syswrite($ready, "OK 1073741824\\n") }
      syswrite($ready, $bytes);
    }
  }
}
`,
  );
  chmodSync(path, 0o755);
}
