#!/usr/bin/env bash
# demo.sh - a real server on mheap, looked into while it works: ./dev demo.
#
# Starts Debian's redis-server, unchanged, with libmheap_malloc.so loaded first,
# fills it, keeps it busy with a client that counts its answers, and shows with
# heapctl where its memory is. Everything it makes lies in one folder and every
# process it starts is ended, however the script ends.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
release=$root/build/release
library=$release/lib/libmheap_malloc.so
heapctl=$release/bin/heapctl
keys=${MHEAP_DEMO_KEYS:-300000}

if [[ ! -e $library || ! -x $heapctl ]]; then
    "$root/dev" build
fi
for program in redis-server redis-cli python3; do
    command -v "$program" >/dev/null || {
        echo "demo: $program is missing; ./dev setup installs it" >&2
        exit 3
    }
done

folder=$(mktemp -d "${TMPDIR:-/tmp}/mheap-demo.XXXXXX")
server="" client=""

clean_up() {
    local pid
    for pid in $client $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step=0
# say TEXT...: what happens next, and why it is worth a look.
say() {
    step=$((step + 1))
    printf '\n== %d. %s\n' "$step" "$1"
    shift
    if [[ $# != 0 ]]; then
        printf '   %s\n' "$@"
    fi
    echo
}

# show LINES COMMAND...: the command as one would type it, and the first lines
# of what it prints.
show() {
    local lines=$1 out=$folder/out total word
    shift
    printf '$ heapctl'
    for word in "$@"; do
        if [[ $word == *" "* ]]; then
            printf " '%s'" "$word"
        else
            printf ' %s' "$word"
        fi
    done
    echo
    "$heapctl" "$@" >"$out"
    total=$(wc -l <"$out")
    head -n "$lines" "$out"
    if ((total > lines)); then
        printf '  ... %d lines more\n' $((total - lines))
    fi
}

redis() {
    redis-cli -h 127.0.0.1 -p "$port" "$@"
}

# A port nobody has; another program may take it first, then the next is tried.
start_server() {
    local try
    for try in 1 2 3 4 5; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
        LD_PRELOAD=$library redis-server --port "$port" --bind 127.0.0.1 \
            --save "" --appendonly no --dir "$folder" \
            --enable-debug-command yes >"$folder/server.log" 2>&1 &
        server=$!
        for _ in $(seq 100); do
            if [[ $(redis PING 2>/dev/null) == PONG ]] &&
                kill -0 "$server" 2>/dev/null; then
                return 0
            fi
            kill -0 "$server" 2>/dev/null || break
            sleep 0.05
        done
        wait "$server" 2>/dev/null || true
        server=""
        echo "demo: redis-server did not start (try $try)" >&2
    done
    cat "$folder/server.log" >&2
    exit 1
}

# Keys with values of 20 to some 900 bytes, most of them short.
load_keys() {
    awk -v keys="$keys" 'BEGIN {
        srand(1)
        filler = sprintf("%1000s", "")
        gsub(" ", "x", filler)
        for (i = 0; i < keys; i++) {
            key = "user:" i
            value = substr(filler, 1, 20 + int(rand() * rand() * 900))
            printf "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n",
                length(key), key, length(value), value
        }
    }' | redis --pipe | tail -n 1
}

# The client asks without pause, one question at a time, changes what is stored
# all the while, and notes how many answers it got and the longest wait for one.
# On USR1 it writes both down and begins to count anew.
cat >"$folder/client.py" <<'END'
import random, signal, socket, sys, time

port, path, keys = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
link = socket.create_connection(("127.0.0.1", port))
link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
replies = link.makefile("rb")
state = {"answers": 0, "longest": 0.0, "since": time.monotonic(), "note": False}


def note(*_):
    state["note"] = True


def write_down():
    now = time.monotonic()
    with open(path, "a") as out:
        out.write(f"{state['answers']} {state['longest'] * 1000:.1f} "
                  f"{now - state['since']:.2f}\n")
    state.update(answers=0, longest=0.0, since=time.monotonic(), note=False)


signal.signal(signal.SIGUSR1, note)
rng = random.Random(1)
last = time.monotonic()
while True:
    key, value = f"user:{rng.randrange(keys)}", "y" * rng.randrange(20, 900)
    link.sendall(f"*3\r\n$3\r\nSET\r\n${len(key)}\r\n{key}\r\n${len(value)}\r\n"
                 f"{value}\r\n*2\r\n$4\r\nINCR\r\n$8\r\nprogress\r\n".encode())
    replies.readline()
    replies.readline()
    now = time.monotonic()
    state["answers"] += 1
    state["longest"] = max(state["longest"], now - last)
    last = now
    if state["note"]:
        write_down()
        last = time.monotonic()
END

# phase: the line the client writes down for what went by since the last one.
phase() {
    local before
    before=$(wc -l <"$folder/phases")
    kill -USR1 "$client"
    for _ in $(seq 200); do
        if (($(wc -l <"$folder/phases") > before)); then
            tail -n 1 "$folder/phases"
            return 0
        fi
        sleep 0.02
    done
    echo "demo: the client is gone" >&2
    return 1
}

progress() {
    redis GET progress
}

say "redis-server starts on mheap" \
    "Debian's own binary; nothing is recompiled. LD_PRELOAD puts mheap under it."
start_server
printf '$ LD_PRELOAD=libmheap_malloc.so redis-server --port %s &\n' "$port"
printf '%s, process %s\n' "$(redis-server --version | cut -d' ' -f1-3)" "$server"

say "$keys keys go in, and a client stays" \
    "It sets random keys, one after the other, and counts the answers."
load_keys
: >"$folder/phases"
python3 "$folder/client.py" "$port" "$folder/phases" "$keys" &
client=$!
# It listens to signals before it asks its first question.
for _ in $(seq 500); do
    [[ $(progress) -lt 1 ]] || break
    sleep 0.02
done
phase >/dev/null # its start does not count
sleep 2
read -r alone_answers alone_longest alone_seconds <<<"$(phase)"
first=$(progress)

say "Where is the memory?" \
    "Each line is counted on its own, none is what is left over; the sum is held" \
    "against what the system's page tables say. redis-server goes on meanwhile."
show 30 stats "$server"

say "Which sizes of objects?"
show 16 classes "$server"

say "The largest spans" \
    "A span is a run of pages with objects of one size, or one large object."
show 9 spans "$server" --sort -bytes --top 6

say "Small-object spans that are at most half used"
show 7 spans "$server" --where 'class > 0 && occ < 50%' --sort occ --top 4

say "The heap as a picture"
show 40 map "$server"

address=$(redis DEBUG OBJECT user:1000 | sed -n 's/.*at:\(0x[0-9a-f]*\).*/\1/p')
say "What is at this address?" \
    "redis says the value of user:1000 is at $address. heapctl knows what that is," \
    "what the middle of it is, and that 0x10 is nothing."
show 6 what "$server" "$address" "$(printf '0x%x' $((address + 8)))" 0x10

say "A hundred reads more, as fast as they go"
for _ in $(seq 100); do
    "$heapctl" stats --json "$server" >"$folder/out"
done
python3 - "$folder/out" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
data, consistency = found["data"], found["consistency"]
print(f"the last: {data['live_objects']:,} live objects, "
      f"{consistency['spans']:,} spans, "
      f"{consistency['unstable_spans']} of them changed while read, "
      f"{consistency['findings']} findings, "
      f"{consistency['elapsed_ns'] / 1e6:.1f} ms")
END

say "Was it stopped?" \
    "The client counted answers, and the longest wait for one, all the time."
read -r answers longest seconds <<<"$(phase)"
last=$(progress)
awk -v a="$alone_answers" -v al="$alone_longest" -v as="$alone_seconds" \
    -v b="$answers" -v bl="$longest" -v bs="$seconds" \
    -v first="$first" -v last="$last" -v cores="$(nproc)" 'BEGIN {
    printf "                      answers   per second   longest wait\n"
    printf "nobody looking     %10d   %10d   %9.1f ms\n", a, a / as, al
    printf "heapctl looking    %10d   %10d   %9.1f ms\n", b, b / bs, bl
    printf "\nredis counted from %d to %d meanwhile.\n", first, last
    printf "(heapctl, the client and the server share %d processors.)\n", cores
    if (last <= first || b == 0) {
        exit 1
    }
}' || {
    echo "demo: the server made no progress" >&2
    exit 1
}

kill "$client"
wait "$client" 2>/dev/null || true
client=""
status=0
redis SHUTDOWN NOSAVE >/dev/null 2>&1 || true
wait "$server" || status=$?
server=""
if [[ $status != 0 ]]; then
    echo "demo: redis-server ended with status $status" >&2
    exit 1
fi
printf '\nredis-server has ended as it should; nothing is left behind.\n'
