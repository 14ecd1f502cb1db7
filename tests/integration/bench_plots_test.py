#!/usr/bin/env python3
"""The plots of the benchmark runner: that marks lie where the figures say and
words do not lie on each other. The lines are made up. Exits 0 or 1."""

import sys

sys.dont_write_bytecode = True

import os
import re
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bench_fixture import ROOT, everywhere, session

import bench_jobs
import bench_plots
import bench_report
import bench_stats
import bench_svg
import run
from bench_lines import Row
from bench_rows import Measure

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ("mheap", "glibc", "mimalloc", "mine-own")


def marks(svg):
    """{title of the mark: (x, y)} of every mark that has one."""
    found = {}
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is not None:
            # The middle of a shape is the mean of its first corner's axis.
            numbers = re.findall(r"-?[\d.]+", path.get("d"))
            found[title.text] = (float(numbers[0]), float(numbers[1]))
    return found


def words(svg):
    return [text.text for text in
            ElementTree.fromstring(svg).iter(f"{SVG}text")]


def boxes(svg):
    """Rectangles the words surely fit into: 6.2 pixels a letter."""
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        width = 6.2 * len(text.text)
        x, y = float(text.get("x")), float(text.get("y"))
        x -= {"start": 0, "middle": width / 2, "end": width}[
            text.get("text-anchor")]
        yield text.text, x, y - 11, x + width, y + 3


def collisions(svg):
    found, every = [], list(boxes(svg))
    for at, (name, left, top, right, bottom) in enumerate(every):
        for other, l, t, r, b in every[at + 1:]:
            if left < r and l < right and top < b and t < bottom:
                found.append((name, other))
    return found


def everything(names=NAMES):
    """A line for each metric of each job; figures differ by allocator."""
    lines = [session([job.name for job in bench_jobs.ALL], names)]
    for job in bench_jobs.ALL:
        for at, name in enumerate(names):
            for measure in job.all_measures():
                lines += everywhere(job.name, {name: 10 + 9 * at},
                                    measure.key, peak=1000 + 50 * at)
    return lines


def latency_report():
    rows = []
    for what in ("malloc", "free"):
        for at, key in enumerate(("p50", "p99", "p999", "max")):
            measure = Measure(f"c_{what}_{key}_ns", f"small: {what} {key}",
                              "ns", "latency")
            rows.append(Row("job", measure, {
                name: bench_stats.summarize([20 * (by + 1) * 8 ** at])
                for by, name in enumerate(NAMES)}, {}, {}))
    return SimpleNamespace(rows=rows, allocators=NAMES, reference="mimalloc")


class Places(unittest.TestCase):
    def test_ratios_lie_on_a_log_scale(self):
        at = bench_plots.scale_x
        self.assertAlmostEqual(at(2) - at(1), at(1) - at(0.5))
        self.assertLess(at(0.99), at(1))

    def test_what_is_beyond_the_scale_lies_outside_in_order(self):
        at = bench_plots.places({"a": 9, "b": 5, "c": 1, "d": 0.1, "e": 0.2})
        order = sorted(at, key=at.get)
        self.assertEqual(order, ["d", "e", "c", "b", "a"])
        self.assertGreater(at["b"], bench_plots.scale_x(bench_plots.HIGH))
        self.assertLess(at["e"], bench_plots.scale_x(bench_plots.LOW))

    def test_nine_allocators_fit_beside_the_scale(self):
        for ratio in (0.01, 100):
            at = bench_plots.places({str(i): ratio for i in range(9)})
            self.assertEqual(len(set(at.values())), 9)
            self.assertGreater(min(at.values()), bench_plots.LEFT)
            self.assertLess(
                max(at.values()),
                bench_plots.scale_x(bench_plots.HIGH) + bench_plots.OUTSIDE)


class DotPlots(unittest.TestCase):
    def test_marks_lie_where_their_ratio_says(self):
        job = "bench_churn churn1k x1"
        lines = [session([job], NAMES), *everywhere(
            job, {"mheap": 5, "glibc": 20, "mimalloc": 10}, "churn1k_ns")]
        found = marks(bench_plots.draw(lines)["ratios.svg"])
        self.assertEqual(len(found), 3)
        x = {title.split(":")[0]: place[0] for title, place in found.items()}
        self.assertAlmostEqual(x["glibc"] + 4, bench_plots.scale_x(2), 0)
        self.assertAlmostEqual(x["mheap"], bench_plots.scale_x(0.5), 0)
        self.assertIn("mheap: 5.00 ns, ratio 0.50", found)

    def test_memory_and_time_are_apart_and_the_unchecked_build_in_neither(
            self):
        names = ("mheap", "mimalloc", "mheap-unchecked")
        plots = bench_plots.draw(everything(names))
        self.assertIn("pair 16 B", words(plots["ratios.svg"]))
        self.assertIn("one small object", words(plots["peak.svg"]))
        self.assertNotIn("one small object", words(plots["ratios.svg"]))
        self.assertNotIn("pair 16 B", words(plots["peak.svg"]))
        for svg in plots.values():
            self.assertNotIn("unchecked", svg)
            self.assertIn("mheap", words(svg))

    def test_every_row_of_the_report_has_its_label(self):
        plots = bench_plots.draw(everything())
        shown = set(words(plots["ratios.svg"]) + words(plots["peak.svg"]))
        for job in bench_jobs.ALL:
            for measure in job.all_measures():
                if measure.judged and measure.family != "latency":
                    self.assertIn(measure.label, shown)

    def test_no_word_lies_on_another(self):
        names = ("mheap", "glibc", "mimalloc", "mimalloc-v3", "jemalloc",
                 "tcmalloc", "snmalloc", "rpmalloc", "mine-own")
        for name, svg in bench_plots.draw(everything(names)).items():
            self.assertEqual(collisions(svg), [], name)
            width = float(ElementTree.fromstring(svg).get("width"))
            for text, left, _, right, _ in boxes(svg):
                self.assertGreater(left, 0, text)
                self.assertLess(right, width, text)

    def test_allocators_look_different_from_each_other(self):
        looks = bench_svg.marks_of([*bench_svg.MARKS, "one", "two"])
        self.assertEqual(len(set(looks.values())), len(looks))

    def test_both_kinds_of_page_have_their_colours(self):
        for svg in bench_plots.draw(everything()).values():
            head, dark = svg.split("@media (prefers-color-scheme: dark)", 1)
            for kind in ("page", "ink", "dim", "rule", "m0", "m3"):
                self.assertIn(f".{kind} {{", head)
                self.assertIn(f".{kind} {{", dark)

    def test_words_that_mean_something_to_xml_are_escaped(self):
        drawing = bench_svg.Drawing(("a<b&c",))
        drawing.legend(0, 0)
        self.assertEqual(words(drawing.render(9, 9, "<&>")), ["a<b&c"])


class Latency(unittest.TestCase):
    def test_there_is_a_panel_for_each_call_and_a_curve_for_each(self):
        svg = bench_plots.latency_plot(latency_report())
        shown = words(svg)
        for word in ("small: malloc", "small: free"):
            self.assertEqual(shown.count(word), 1)
        for quantile in ("p50", "p99", "p999", "max"):
            self.assertEqual(shown.count(quantile), 2)
        curves = list(ElementTree.fromstring(svg).iter(f"{SVG}polyline"))
        self.assertEqual(len(curves), 2 * len(NAMES))
        for curve in curves:
            heights = [float(pair.split(",")[1])
                       for pair in curve.get("points").split()]
            self.assertEqual(len(heights), 4)
            self.assertEqual(heights, sorted(heights, reverse=True))
        self.assertEqual(collisions(svg), [])

    def test_without_quantiles_there_is_no_such_plot(self):
        job = "bench_pairs pair16"
        lines = [session([job], NAMES), *everywhere(
            job, {"mheap": 5, "mimalloc": 10}, "pair16_ns")]
        self.assertNotIn("latency.svg", bench_plots.draw(lines))
        self.assertIn("ratios.svg", bench_plots.draw(lines))
        self.assertNotIn("peak.svg", bench_plots.draw(
            [*lines[:1], *everywhere(job, {"mheap": 5}, "pair16_ns")]))


class Documents(unittest.TestCase):
    def test_plots_lie_in_the_folder_the_document_links(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "figures.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"a\n{bench_report.BEGIN}\n{bench_report.END}\nb\n")
            run.write_docs(path, everything())
            with open(path, encoding="utf-8") as file:
                links = re.findall(r"!\[\w+\]\((.*?)\)", file.read())
            self.assertIn("figures/ratios.svg", links)
            self.assertIn("figures/peak.svg", links)
            for link in links:
                ElementTree.parse(os.path.join(folder, link))

    def test_the_document_in_the_tree_links_plots_that_are_there(self):
        docs = os.path.join(ROOT, "docs")
        with open(os.path.join(docs, "benchmarks.md"),
                  encoding="utf-8") as file:
            links = re.findall(r"!\[\w+\]\((.*?)\)", file.read())
        self.assertGreaterEqual(len(links), 2)
        for link in links:
            ElementTree.parse(os.path.join(docs, link))


if __name__ == "__main__":
    unittest.main()
