#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# style.pl FILE...: what no compiler looks at. Size of files, licence line,
# width, words that mark unfinished work, calls that are banned, results
# thrown away without a reason, names with blanks, trailing blanks.
use strict;
use warnings;

my $max_lines = 500;
my $max_columns = 80;
my $code = qr{\.[ch]$};
my $script = qr{\.(sh|bash|bats|pl)$|^\.ci/run$|(^|/)Makefile$};

# Written so that this file does not hold the words itself.
my $unfinished = qr{\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b|
	\bnot\ (yet\ )?imp[l]emented\b|\bfor\ n[o]w\b|\bplace[h]older\b}xi;
my $banned = qr{\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|
	atoll|alloca|tmpnam|mktemp|usleep)\s*\(}x;
my $thrown = qr{\(void\)\s*(pthread_|curl_|sqlite3_|close|write|pwrite|fsync|
	rename|unlink|ftruncate)\w*\s*\(}x;

my $bad = 0;
sub offence {
	my ($file, $line, $text) = @_;
	print "$file:$line: $text\n";
	$bad = 1;
}

sub columns {
	my ($text) = @_;
	my $n = 0;
	utf8::decode($text);
	for my $c (split //, $text) {
		$n = $c eq "\t" ? $n - $n % 8 + 8 : $n + 1;
	}
	return $n;
}

sub check_code_line {
	my ($file, $n, $text, $before) = @_;
	offence($file, $n, "over $max_columns columns")
		if columns($text) > $max_columns;
	offence($file, $n, "banned: $1()")
		if $file !~ m{^tests/} && $text =~ $banned;
	offence($file, $n, 'a result is thrown away, and no comment says why')
		if $text =~ $thrown && $text !~ m{/\*|//} &&
			$before !~ m{\*/|//|/\*};
	offence($file, $n, 'switched off code') if $text =~ /^\s*#\s*if\s+0\b/;
}

sub check_head {
	my ($file, @lines) = @_;
	my $head = join("\n", @lines[0 .. ($#lines < 2 ? $#lines : 2)]);
	return if $head =~ /SPDX-License-Identifier: Apache-2\.0/;
	offence($file, 1, 'no SPDX-License-Identifier line at the head');
}

sub check_file {
	my ($file) = @_;
	offence($file, 1, 'a blank in a name') if $file =~ /\s/;
	return unless -T $file;
	open(my $in, '<', $file) or die "cannot open '$file': $!\n";
	chomp(my @lines = <$in>);
	close($in);
	my $is_code = $file =~ $code;
	return unless $is_code || $file =~ $script || $file =~ /\.(md|pod)$/;
	check_head($file, @lines) if $is_code || $file =~ $script;
	offence($file, scalar @lines, "over $max_lines lines")
		if @lines > $max_lines && $file !~ /\.(md|pod)$/;
	my $before = '';
	for my $i (0 .. $#lines) {
		my $text = $lines[$i];
		check_code_line($file, $i + 1, $text, $before) if $is_code;
		offence($file, $i + 1, "words of unfinished work: $&")
			if $text =~ $unfinished;
		offence($file, $i + 1, 'blanks at the end of the line')
			if $text =~ /[ \t\r]$/;
		$before = $text;
	}
}

check_file($_) for map { s{^\./}{}r } @ARGV;
exit $bad;
