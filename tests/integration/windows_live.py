#!/usr/bin/env python3
"""windows_live.py - a real program on mheap under wine, read from outside.

Builds Lua from the distribution's own source package for Windows, with every
allocation of its states taken from libmheap.a, starts it under wine, and asks
heapctl.exe about it while it waits. What heapctl says is compared with what the
program says of itself (mheap_stats, through a function added to its library).

Usage: windows_live.py BUILD, a build for Windows with heapctl. Not one of the
scripts that every build runs: `./dev test --platform windows-amd64` does.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "x86_64-w64-mingw32-gcc-posix"
DEADLINE = 300  # seconds for any one thing; wine is slow where much runs

# Keeps trees of tables, says what it holds, and waits for a line.
SCRIPT = """
local function tree(depth)
    if depth == 0 then return {} end
    return { tree(depth - 1), tree(depth - 1) }
end
kept = tree(14)
collectgarbage()
collectgarbage("stop")
heap()
io.read("l")
"""

# Called by lua.c in place of luaL_openlibs.
STATISTICS = """
#include <stdio.h>

#include "lua.h"
#include "lualib.h"
#include "mheap/stats.h"

static int heap(lua_State *lua) {
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    printf("%u %u\\n", (unsigned)stats.in_use_objects,
           (unsigned)stats.in_use_bytes);
    fflush(stdout);
    (void)lua;
    return 0;
}

void open_with_heap(lua_State *lua);
void open_with_heap(lua_State *lua) {
    luaL_openlibs(lua);
    lua_register(lua, "heap", heap);
}
"""


def fetch(folder):
    """A copy of the distribution's source of Lua."""
    script = ROOT / "scripts/cross_check.sh"
    kept = subprocess.run([str(script), "--source", "lua5.4"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    source = folder / "src"
    if not source.exists():
        shutil.copytree(pathlib.Path(kept) / "src", source)
    return source


def flags_of(path):
    """lauxlib.c is where all memory comes from, lua.c opens the libraries."""
    if path.name == "lauxlib.c":
        return ["-include", "mheap/mheap.h", "-Drealloc=mheap_realloc",
                "-Dfree=mheap_free"]
    if path.name == "lua.c":
        return ["-include", "lualib.h", "-DluaL_openlibs=open_with_heap"]
    return []


def build_lua(build, folder):
    source = fetch(folder)
    (source / "statistics.c").write_text(STATISTICS, encoding="utf-8")
    include = [f"-I{source}", f"-I{ROOT}/include", f"-I{build}/include"]
    objects = []
    for path in sorted(source.glob("*.c")):
        if path.name == "luac.c":
            continue
        objects.append(str(folder / (path.stem + ".o")))
        subprocess.run([COMPILER, "-O2", "-std=gnu99", *include,
                        *flags_of(path), "-c", str(path), "-o", objects[-1]],
                       check=True)
    program = folder / "lua.exe"
    subprocess.run([COMPILER, "-static", "-s", "-Wl,--gc-sections", "-o",
                    str(program), *objects, str(build / "lib/libmheap.a"),
                    "-pthread", "-lm"], check=True)
    return program


def heapctl(build, *arguments):
    # To a file: wine's own services keep a pipe open that they inherit.
    output = build / "heapctl.out"
    with output.open("w") as stream:
        status = subprocess.run(
            ["wine", str(build / "bin/heapctl.exe"), *arguments],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.DEVNULL,
            timeout=DEADLINE, check=False).returncode
    return status, output.read_text(encoding="utf-8")


def check(what, condition, told):
    print(f"windows_live: {what}: {'ok' if condition else 'FAILED'}")
    if not condition:
        sys.exit(f"windows_live: {told}")


def look_into(build, program, script):
    with subprocess.Popen(["wine", str(program), str(script)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as lua:
        objects, size = map(int, lua.stdout.readline().split())
        check("the program runs on mheap", objects > 30000, (objects, size))

        status, text = heapctl(build, "ps")
        check("heapctl ps lists it", status == 0 and "lua.exe" in text, text)

        # 6: something could not be read, which is the page tables under wine.
        status, text = heapctl(build, "stats", "--json", "lua")
        check("heapctl stats reads it live", status in (0, 6), text)
        document = json.loads(text)
        data = document["data"]
        check("objects are what the program says",
              data["live_objects"] == objects, (data["live_objects"], objects))
        check("bytes are what the program says",
              data["live_bytes"] == size, (data["live_bytes"], size))
        check("the books are what is reserved",
              data["reserved_difference_bytes"] == 0, data)
        check("no span moved while it waited",
              document["consistency"]["unstable_spans"] == 0, document)

        status, text = heapctl(build, "spans", "--json", "lua")
        rows = json.loads(text)["data"]["rows"]
        check("heapctl spans has them all", len(rows) ==
              document["consistency"]["spans"], len(rows))
        lua.stdin.write("\n")
        lua.stdin.flush()
        check("the program ends as it should", lua.wait(DEADLINE) == 0,
              lua.returncode)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = pathlib.Path(sys.argv[1]).resolve()
    folder = build / "lua"
    folder.mkdir(exist_ok=True)
    for tool in ("wine", COMPILER):
        if shutil.which(tool) is None:
            sys.exit(f"windows_live: no {tool}")
    os.environ.setdefault("WINEDEBUG", "-all")
    program = build_lua(build, folder)
    script = folder / "keep.lua"
    script.write_text(SCRIPT, encoding="utf-8")
    look_into(build, program, script)


if __name__ == "__main__":
    main()
