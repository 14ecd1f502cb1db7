# Counts made-up words in hashes of arrays, sorts them, and joins them again.
use strict;
use warnings;

my $state = 1;

sub draw {
    my ($below) = @_;
    $state = ($state * 48271) % 2147483647;
    return $state % $below;
}

my $total = 0;
for my $round (1 .. 5) {
    my %places;
    for my $at (1 .. 60000) {
        my $word = join '', map { chr(97 + draw(26)) } 1 .. 2 + draw(3);
        push @{ $places{$word} }, "$at:$word";
    }
    my @often = sort { @{ $places{$b} } <=> @{ $places{$a} } || $a cmp $b }
        keys %places;
    my $text = join ' ', map { @{ $places{$_} } } @often[0 .. 999];
    my @parts = split / /, $text;
    $total += @parts;
}
print "words ", ($total > 6000 ? "counted" : "lost"), "\n";
