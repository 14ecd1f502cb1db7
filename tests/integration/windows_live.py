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
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPILER = "x86_64-w64-mingw32-gcc"
DEADLINE = 60  # seconds for any one thing

# Keeps trees of tables, says what it holds, and waits for a line.
SCRIPT = """
local function tree(depth)
    if depth == 0 then return {} end
    return { tree(depth - 1), tree(depth - 1) }
end
kept = tree(14)
collectgarbage()
collectgarbage("stop")
print(heap())
io.stdout:flush()
io.read("l")
"""

# lua.c opens the standard libraries by this one name.
STATISTICS = """
#include "lua.h"
#include "lualib.h"
#include "mheap/stats.h"

static int heap(lua_State *lua) {
    struct mheap_stats stats;
    mheap_stats(NULL, &stats);
    lua_pushinteger(lua, (lua_Integer)stats.in_use_objects);
    lua_pushinteger(lua, (lua_Integer)stats.in_use_bytes);
    return 2;
}

void open_with_heap(lua_State *lua);
void open_with_heap(lua_State *lua) {
    luaL_openlibs(lua);
    lua_register(lua, "heap", heap);
}
"""


def fetch(folder):
    """The source of Lua, by apt and without changing the system's lists."""
    archives = list(folder.glob("lua5.4_*.orig.tar.*"))
    if not archives:
        script = ROOT / "scripts/cross_source.sh"
        subprocess.run([str(script), "lua5.4", str(folder)], check=True)
        archives = list(folder.glob("lua5.4_*.orig.tar.*"))
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder)
    return next(folder.glob("lua-*/src"))


def build_lua(build, folder):
    source = fetch(folder)
    (source / "statistics.c").write_text(STATISTICS, encoding="utf-8")
    include = [f"-I{source}", f"-I{ROOT}/include", f"-I{build}/include"]
    objects = []
    for path in sorted(source.glob("*.c")):
        if path.name == "luac.c":
            continue
        flags = []
        if path.name == "lauxlib.c":  # where all memory comes from
            flags = ["-include", "mheap/mheap.h", "-Drealloc=mheap_realloc",
                     "-Dfree=mheap_free"]
        elif path.name == "lua.c":
            flags = ["-Dluaopen_base_=0", "-DluaL_openlibs=open_with_heap"]
        if path.name == "lua.c":
            text = path.read_text(encoding="utf-8")
            path.write_text("struct lua_State;\n"
                            "void open_with_heap(struct lua_State *);\n" + text,
                            encoding="utf-8")
            flags = ["-include", "lualib.h", "-DluaL_openlibs=open_with_heap"]
        objects.append(folder / (path.stem + ".o"))
        subprocess.run([COMPILER, "-O2", "-std=gnu99", *include, *flags, "-c",
                        str(path), "-o", str(objects[-1])], check=True)
    program = folder / "lua.exe"
    subprocess.run([COMPILER, "-static", "-o", str(program),
                    *map(str, objects), str(build / "lib/libmheap.a"),
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

        status, text = heapctl(build, "spans", "--json", "--top", "all", "lua")
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
