"""Shapes and words in SVG, legible on a light and on a dark page.

Coordinates are in pixels from the top left. Colours are classes, so that the
reader's own preference decides between the two sets.
"""

from html import escape

FONT = "font-family: system-ui, 'DejaVu Sans', sans-serif; font-size: 12px"
PAPER = ("#ffffff", "#0d1117")

# Name: colour on white, colour on black, shape.
MARKS = {
    "mheap": ("#d1410c", "#ff7b4a", "diamond"),
    "glibc": ("#6b6b6b", "#a8a8a8", "square"),
    "mimalloc": ("#0063a8", "#5bb2f5", "circle"),
    "mimalloc-v3": ("#0a8aa5", "#35cde8", "ring"),
    "jemalloc": ("#1b7f3b", "#4fc96f", "up"),
    "tcmalloc": ("#a3358a", "#e67fce", "down"),
    "snmalloc": ("#8a6500", "#e0b030", "plus"),
    "rpmalloc": ("#5b43c4", "#a896ff", "cross"),
}
# Of allocators with other names, in the order they come.
SPARE = (("#7a3b10", "#d9a06a", "ring"), ("#2f4f4f", "#9fc5c5", "up"),
         ("#8b0000", "#ff9d9d", "square"))

PAGE = """\
.page {{ fill: #ffffff; }} .ink {{ fill: #1f2328; }} .dim {{ fill: #59636e; }}
.rule {{ stroke: #d1d9e0; }} .one {{ stroke: #59636e; }}
@media (prefers-color-scheme: dark) {{
.page {{ fill: #0d1117; }} .ink {{ fill: #e6edf3; }} .dim {{ fill: #9198a1; }}
.rule {{ stroke: #30363d; }} .one {{ stroke: #9198a1; }}
{dark}}}
"""


def marks_of(names):
    """{name: (light, dark, shape)} for the allocators of a plot."""
    spare = iter(SPARE * len(names))
    return {name: MARKS.get(name) or next(spare) for name in names}


def outline(shape, x, y, r):
    """The path of a closed or open shape around a point."""
    points = {
        "diamond": ((0, -r), (r, 0), (0, r), (-r, 0)),
        "square": ((-r, -r), (r, -r), (r, r), (-r, r)),
        "up": ((0, -r), (r, r), (-r, r)),
        "down": ((0, r), (r, -r), (-r, -r)),
    }
    if shape in points:
        corners = " L".join(f"{x + dx:.1f} {y + dy:.1f}"
                            for dx, dy in points[shape])
        return f"M{corners} Z"
    if shape == "plus":
        return f"M{x - r:.1f} {y:.1f} h{2 * r} M{x:.1f} {y - r:.1f} v{2 * r}"
    if shape == "cross":
        return f"M{x - r:.1f} {y - r:.1f} l{2 * r} {2 * r} " \
               f"M{x - r:.1f} {y + r:.1f} l{2 * r} {-2 * r}"
    return f"M{x - r:.1f} {y:.1f} a{r} {r} 0 1 0 {2 * r} 0 " \
           f"a{r} {r} 0 1 0 {-2 * r} 0 Z"


class Drawing:
    """Elements in the order they are drawn, and the page around them."""

    def __init__(self, names):
        self.marks = marks_of(names)
        self.classes = {name: f"m{at}" for at, name in enumerate(names)}
        self.elements = []

    def text(self, x, y, words, kind="ink", anchor="start", bold=False):
        weight = ' font-weight="600"' if bold else ""
        self.elements.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" '
            f'text-anchor="{anchor}"{weight}>{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, kind="rule"):
        self.elements.append(
            f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" '
            f'x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def mark(self, name, x, y, words="", r=4):
        hollow = self.marks[name][2] in ("ring", "plus", "cross")
        kind = self.classes[name] + ("o" if hollow else "")
        title = f"<title>{escape(words)}</title>" if words else ""
        path = outline(self.marks[name][2], x, y, r)
        self.elements.append(f'<path class="{kind}" d="{path}">{title}</path>')

    def curve(self, name, points):
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(
            f'<polyline class="{self.classes[name]}o" points="{joined}"/>')

    def legend(self, x, y):
        """One mark and name after the other, and the x where they end."""
        for name in self.marks:
            self.mark(name, x, y - 4, r=5)
            self.text(x + 10, y, name, bold=name == "mheap")
            x += 32 + 7.4 * len(name)
        return x

    def _style(self, column):
        return "".join(
            f".{self.classes[name]} {{ fill: {mark[column]}; "
            f"stroke: {PAPER[column]}; }} "
            f".{self.classes[name]}o {{ fill: none; "
            f"stroke: {mark[column]}; stroke-width: 1.8; }}\n"
            for name, mark in self.marks.items())

    def render(self, width, height, about):
        style = f"text {{ {FONT}; }}\n" + self._style(0) + \
            PAGE.format(dark=self._style(1))
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
            f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            'role="img">',
            f"<title>{escape(about)}</title>", f"<style>\n{style}</style>",
            '<rect class="page" width="100%" height="100%"/>',
            *self.elements, "</svg>"]) + "\n"
