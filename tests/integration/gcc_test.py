#!/usr/bin/env python3
"""gcc -O2 compiles a large C file on mheap to the very same object file."""

import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import real_program as real  # noqa: E402

FUNCTIONS = 1200

BODY = """
struct s{n} {{ int a[{size}]; struct s{n} *next; double d; }};
static int f{n}(struct s{n} *s, int x) {{
    int t = x * {k};
    for (int i = 0; i < {size}; i++) {{
        t += s->a[i] ^ (x << (i % 13));
        switch (t % {cases}) {{
{switch}
        default: s->d += t; break;
        }}
        if (s->next != 0 && t % 3 == 0) t = f{n}(s->next, t / 3 - i);
    }}
    return t{call};
}}
"""


def source():
    rng = random.Random(1)
    parts = ["#include <stdlib.h>\n"]
    for n in range(FUNCTIONS):
        cases = rng.randrange(4, 12)
        lines = "\n".join(
            f"        case {c}: s->a[{rng.randrange(4)}] += t * "
            f"{rng.randrange(1, 999)} - i; break;" for c in range(cases - 1))
        call = ""
        if n > 0:
            other = rng.randrange(n)
            call = (f" + (x > {rng.randrange(50)} ? f{other}((struct s{other}"
                    f" *)s, x - {rng.randrange(1, 60)}) : 0)")
        parts.append(BODY.format(n=n, size=rng.randrange(4, 40), cases=cases,
                                 k=rng.randrange(1, 9999), switch=lines,
                                 call=call))
    calls = " + ".join(f"f{n}(malloc(4096), argc)" for n in range(FUNCTIONS))
    parts.append(f"int main(int argc, char **argv) {{ (void)argv; return "
                 f"{calls}; }}\n")
    return "".join(parts)


def compile_with(gcc, folder, names):
    # Both in folders of the same name: paths go into the object file.
    done = real.run([gcc, "-O2", "-g", "-c", "large.c", "-o", "large.o"],
                    names=names, least=1000, cwd=folder)
    real.check(done.status == 0, f"gcc: {done.err.decode()[-2000:]}")
    result = folder / "large.o"
    data = result.read_bytes()
    result.unlink()
    return done, data


def main():
    gcc = real.need("gcc")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "large.c").write_text(source())
        libc, wanted = compile_with(gcc, folder, None)
        mheap, got = compile_with(gcc, folder, ["cc1"])
    real.same("gcc", libc, mheap)
    real.check(wanted == got, "the object files differ")
    print(f"an object file of {len(got)} bytes, the same as on libc")


if __name__ == "__main__":
    main()
