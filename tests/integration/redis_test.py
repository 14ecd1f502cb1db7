#!/usr/bin/env python3
"""redis-server on mheap, under redis-benchmark and a load with a known end."""
# ctest: serial

import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

KEYS = 120000
# Of what the idle server takes, after everything was flushed.
GOES_HOME_TO = 1.2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A redis-server of our own: its port, its folder, ended by us."""

    def __init__(self, program, cli, folder, preload):
        self.cli, self.port = cli, free_port()
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--bind", "127.0.0.1",
             "--save", "", "--appendonly", "no", "--dir", str(folder),
             "--enable-debug-command", "yes", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=real.environment(preload, None))
        self.watch = None
        self.wait_until_up()
        if preload:
            self.watch = real.Watch(self.process.pid, ["redis-server"])
            self.watch.start()

    def wait_until_up(self):
        for _ in range(200):
            real.check(self.process.poll() is None,
                       f"redis-server ended with {self.process.returncode}")
            if self.ask("PING") == "PONG":
                return
            time.sleep(0.05)
        real.fail("redis-server does not answer")

    def command(self, *words):
        return [self.cli, "-h", "127.0.0.1", "-p", str(self.port), *words]

    def ask(self, *words):
        return subprocess.run(self.command(*words), capture_output=True,
                              text=True, check=False, timeout=60,
                              env=real.environment(False, None)).stdout.strip()

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=60)
        if self.watch:
            self.watch.stop()
        return status


def commands(path):
    """A load whose end is the same on any allocator."""
    rng = random.Random(1)
    with path.open("wb") as out:
        for n in range(KEYS):
            key, kind = f"k{rng.randrange(KEYS // 2)}", n % 8
            if kind < 4:
                words = ["SET", f"s{key}", "v" * rng.randrange(1, 600)]
            elif kind == 4:
                words = ["HSET", f"h{n % 500}", key, "h" * rng.randrange(90)]
            elif kind == 5:
                words = ["RPUSH", f"l{n % 300}", "e" * rng.randrange(200)]
            elif kind == 6:
                words = ["ZADD", f"z{n % 200}", str(n % 977), key]
            else:
                words = ["DEL", f"sk{rng.randrange(KEYS // 2)}"]
            out.write(f"*{len(words)}\r\n".encode())
            for word in words:
                out.write(f"${len(word)}\r\n{word}\r\n".encode())


def drive(server, benchmark, load):
    """Benchmark, then the known load; the digest of what is stored then."""
    done = real.run([benchmark, "-h", "127.0.0.1", "-p", server.port, "-q",
                     "-n", "40000", "-r", "20000", "-d", "100", "-P", "8",
                     "-t", "set,get,incr,lpush,rpop,sadd,hset,zadd,mset"])
    real.check(done.status == 0, f"redis-benchmark: {done.err.decode()}")
    real.check(server.ask("FLUSHALL") == "OK", "FLUSHALL")
    with load.open("rb") as stdin:
        piped = subprocess.run(server.command("--pipe"), stdin=stdin,
                               capture_output=True, text=True, check=False,
                               env=real.environment(False, None))
    real.check("errors: 0" in piped.stdout, f"load: {piped.stdout}")
    # A fork: the child writes everything it inherited.
    real.check(server.ask("BGSAVE") == "Background saving started", "BGSAVE")
    for _ in range(600):
        info = server.ask("INFO", "persistence")
        if "rdb_bgsave_in_progress:0" in info:
            break
        time.sleep(0.05)
    real.check("rdb_last_bgsave_status:ok" in info, f"BGSAVE: {info}")
    reloaded = server.ask("DEBUG", "RELOAD")
    real.check(reloaded == "OK", f"DEBUG RELOAD: {reloaded}")
    return server.ask("DBSIZE"), server.ask("DEBUG", "DIGEST")


def goes_home(server, idle_kib):
    """The server is told nothing but FLUSHALL, and calls only what it calls
    anyway. It takes two seconds; more on a machine that is busy."""
    populated = server.ask("DEBUG", "POPULATE", "400000", "key", "100")
    real.check(populated == "OK", f"DEBUG POPULATE: {populated}")
    full = server.resident_kib() / idle_kib
    real.check(full > 3, f"full it has only {full:.2f} x its start")
    real.check(server.ask("FLUSHALL") == "OK", "FLUSHALL")
    end = time.monotonic() + 20
    start = time.monotonic()
    while server.resident_kib() > GOES_HOME_TO * idle_kib:
        real.check(time.monotonic() < end,
                   f"{server.resident_kib()} KiB stay resident of a server "
                   f"that began with {idle_kib}")
        time.sleep(0.1)
    print(f"full {full:.2f} x its start, "
          f"{server.resident_kib() / idle_kib:.2f} x it "
          f"{time.monotonic() - start:.1f} s after FLUSHALL")


def main():
    program, cli, benchmark = real.need("redis-server", "redis-cli",
                                        "redis-benchmark")
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        load = folder / "load"
        commands(load)
        for where in ("libc", "mheap"):
            server = Server(program, cli, folder, where == "mheap")
            idle_kib = server.resident_kib()
            try:
                results[where] = drive(server, benchmark, load)
                if where == "mheap":
                    goes_home(server, idle_kib)
            finally:
                status = server.end()
            real.check(status == 0, f"redis-server ended with {status}")
            if server.watch:
                server.watch.judge(100000)
    real.check(int(results["libc"][0]) > 10000, "hardly any keys")
    real.check(results["libc"] == results["mheap"],
               f"what is stored differs: {results}")
    print(f"{results['mheap'][0]} keys, digest {results['mheap'][1]}")


if __name__ == "__main__":
    main()
