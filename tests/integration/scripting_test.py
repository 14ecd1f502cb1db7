#!/usr/bin/env python3
"""perl and bash scripts on mheap print what they print on libc."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

PERL = r"""
use strict;
use warnings;
my (%count, @rows, $seed);
$seed = 1;
sub next_random { $seed = ($seed * 1103515245 + 12345) % 2147483648; $seed }
for my $n (1 .. 120000) {
    my $word = join '', map { chr(97 + next_random() % 26) } 1 .. 5 + $n % 9;
    $count{substr($word, 0, 3)}{$word}++;
    push @rows, { word => $word, n => $n, list => [ ($n) x ($n % 5) ] };
}
my $text = join ' ', map { $_->{word} } @rows;
my $vowels = () = $text =~ /[aeiou]{2,}/g;
(my $changed = $text) =~ s/([b-d])(\w)/$2$1/g;
my @sorted = sort { $a->{word} cmp $b->{word} || $a->{n} <=> $b->{n} } @rows;
print "$vowels ", length($changed), " $sorted[0]{word} $sorted[-1]{word}\n";
for my $key ((sort keys %count)[0 .. 20]) {
    print "$key ", scalar(keys %{ $count{$key} }), "\n";
}
for my $round (1 .. 6) {
    my @copies = map { { %$_, round => $round } } @rows[0 .. 40000];
    my $sum = 0;
    $sum += $_->{n} * $_->{round} + @{ $_->{list} } for @copies;
    print "$round $sum\n";
    if ((fork() // die) == 0) {
        my @more = map { "$_->{word}-$round" } @copies;
        exit(length(join '', @more) % 100);
    }
    wait;
    print "child ", $? >> 8, "\n";
}
"""

BASH = r"""
declare -A count
seed=1
words=()
for ((n = 0; n < 30000; n++)); do
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    word="w$((seed % 5000))-$((n % 7))"
    count[$word]=$((${count[$word]:-0} + 1))
    words+=("$word")
done
printf '%s\n' "${#count[@]}" "${#words[@]}"
for key in "${!count[@]}"; do printf '%s %s\n' "$key" "${count[$key]}"; done |
    sort | head -n 40
text="${words[*]}"
printf '%s\n' "${#text}" "${text:1000:60}"
short="${text:0:40000}"
printf '%s\n' "${short//w/--}" | cksum
for ((i = 0; i < 150; i++)); do
    inner=$(printf '%s' "${words[i]}"; (: "${words[@]:0:100}"))
    [[ $inner == "${words[i]}" ]] || echo wrong
done
sum() { local -a mine=("$@"); printf '%s\n' "${#mine[@]}"; }
sum "${words[@]}"
"""


def compare(program, suffix, text, folder):
    script = folder / f"script.{suffix}"
    script.write_text(text)
    libc = real.run([program, script], cwd=folder)
    mheap = real.run([program, script], cwd=folder, least=1000,
                     names=[pathlib.Path(program).name])
    real.check(libc.status == 0 and libc.err == b"",
               f"{program} fails on libc: {libc.err}")
    real.same(program, libc, mheap)


def main():
    perl, bash = real.need("perl", "bash")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        compare(perl, "pl", PERL, folder)
        compare(bash, "sh", BASH, folder)
    print("perl and bash print what they print on libc")


if __name__ == "__main__":
    main()
