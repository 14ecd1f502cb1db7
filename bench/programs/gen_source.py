"""Prints a C file that keeps a compiler busy: many middling functions."""

FUNCTIONS = 160

HEAD = """\
struct point { long x, y, z; };
static long table[256];
"""

FUNCTION = """\
long step_{i}(struct point *points, int count) {{
    long sum = {i};
    for (int at = 0; at < count; at++) {{
        struct point *p = &points[(at * {odd}) % count];
        switch ((p->x ^ sum) & 7) {{
        case 0: sum += p->y * {odd}; break;
        case 1: p->z -= sum / {odd}; break;
        case 2: p->x = table[sum & 255] + at; break;
        case 3: if (sum > p->z) {{ p->y ^= sum; }} else {{ sum ^= p->y; }}
                break;
        case 5: for (int k = 0; k < 4; k++) {{ table[(at + k) & 255] += k; }}
                break;
        default: sum += {call};
        }}
    }}
    return sum;
}}
"""


def main():
    print(HEAD)
    for i in range(FUNCTIONS):
        call = f"step_{i - 1}(p, at & 3)" if i % 4 else "p->z"
        print(FUNCTION.format(i=i, odd=2 * i + 3, call=call))


main()
