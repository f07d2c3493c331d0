#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# arrows.pl FILE...: dependencies between folders point one way, and a library
# has one user. A quoted include is resolved as the compiler does (the file's
# own folder, include/, fs/, the top) and its folder looked up in the table.
use strict;
use warnings;

# Folder of a file => folders whose headers it may include, besides its own.
my %allowed = (
	'include' => [],
	'fs' => [ qw(include fs/base fs/mount fs/upload fs/migration
		fs/sstable backends) ],
	'fs/base' => [ qw(include) ],
	'fs/mount' => [ qw(include fs fs/upload fs/migration fs/sstable) ],
	'fs/upload' => [ qw(include fs/sstable) ],
	'fs/migration' => [ qw(include fs/sstable) ],
	'fs/sstable' => [ qw(include) ],
	'backends' => [ qw(include backends/*) ],
	'backends/*' => [ qw(include backends backends/*) ],
	'tools/astra-sim' => [ qw(include) ],
	'tools/sideloadctl' => [ qw(include fs fs/migration fs/sstable) ],
	'tools/sideload-check' => [ qw(include fs/sstable) ],
	'tests/*' => undef, # tests may look at everything
);

# Header of a library => the only files that may include it.
my @only = (
	[ qr{^fuse[\w]*\.h$|^fuse3?/}, qr{^fs/mount/}, 'fs/mount' ],
	[ qr{^curl/}, qr{^backends/http/}, 'backends/http' ],
	[ qr{^sqlite3\.h$}, qr{^fs/migration/ledger\w*\.[ch]$},
		'fs/migration/ledger' ],
	[ qr{^microhttpd\.h$}, qr{^(tools/astra-sim|tests)/},
		'tools/astra-sim and tests' ],
	[ qr{^cmocka\.h$}, qr{^tests/}, 'tests' ],
);

sub folder_of {
	my ($path) = @_;
	return $path =~ m{^(.*)/[^/]*$} ? $1 : '.';
}

sub rule_of {
	my ($folder) = @_;
	return $folder if exists $allowed{$folder};
	(my $wild = $folder) =~ s{^([^/]+)/.*$}{$1/*};
	return exists $allowed{$wild} ? $wild : undef;
}

sub resolve {
	my ($from, $name) = @_;
	for my $dir (folder_of($from), 'include', 'fs', '.') {
		my $path = $dir eq '.' ? $name : "$dir/$name";
		1 while $path =~ s{[^/]+/\.\./}{};
		return $path if -e $path;
	}
	return undef;
}

sub may {
	my ($rule, $from, $to) = @_;
	return 1 if $from eq $to || !defined $allowed{$rule};
	for my $folder (@{ $allowed{$rule} }) {
		return 1 if $folder eq $to;
		return 1 if $folder =~ m{^(.*)/\*$} && $to =~ m{^\Q$1\E/};
	}
	return 0;
}

my $bad = 0;
sub offence {
	my ($file, $line, $text) = @_;
	print "$file:$line: $text\n";
	$bad = 1;
}

sub check_library {
	my ($file, $line, $name) = @_;
	for my $rule (@only) {
		my ($header, $users, $text) = @$rule;
		next if $name !~ $header || $file =~ $users ||
			$file =~ m{^tests/};
		offence($file, $line, "<$name> is for $text alone");
	}
}

sub check_own {
	my ($file, $line, $name) = @_;
	my $rule = rule_of(folder_of($file));
	my $target = resolve($file, $name);
	if (!defined $rule) {
		offence($file, $line, 'a folder that the table of arrows ' .
			'does not know');
	} elsif (!defined $target) {
		offence($file, $line, "\"$name\" is not in the tree");
	} elsif (!may($rule, folder_of($file), folder_of($target))) {
		offence($file, $line, "$rule may not include $target");
	}
}

for my $file (@ARGV) {
	$file =~ s{^\./}{};
	open(my $in, '<', $file) or die "cannot open '$file': $!\n";
	while (my $text = <$in>) {
		check_library($file, $., $1) if $text =~ /^\s*#\s*include\s*<([^>]+)>/;
		check_own($file, $., $1) if $text =~ /^\s*#\s*include\s*"([^"]+)"/;
	}
	close($in);
}
exit $bad;
