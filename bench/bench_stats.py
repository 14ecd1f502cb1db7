"""Medians, spreads and ratios: the arithmetic behind the benchmark tables."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Summary:
    """What one allocator did in one row, over all repetitions."""
    count: int
    median: float
    minimum: float
    maximum: float

    @property
    def spread(self):
        """Width of the results relative to the median; 0.1 is 10 percent."""
        if self.median == 0:
            return 0.0
        return (self.maximum - self.minimum) / self.median


def median(values):
    """The middle value; the mean of the two middle ones of an even count."""
    if not values:
        raise ValueError("median of nothing")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2 == 1:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def summarize(values):
    """A Summary of the values, or None when there are none."""
    if not values:
        return None
    return Summary(len(values), median(values), min(values), max(values))


def ratio(mine, theirs):
    """mine / theirs by median; None when either is missing or theirs is 0."""
    if mine is None or theirs is None or theirs.median == 0:
        return None
    return mine.median / theirs.median


def ratio_of_minima(mine, theirs):
    """mine / theirs by the best run of each; None as in ratio."""
    if mine is None or theirs is None or theirs.minimum == 0:
        return None
    return mine.minimum / theirs.minimum


def geometric_mean(values):
    """The geometric mean of positive ratios; None when there are none."""
    positive = [value for value in values if value is not None and value > 0]
    if not positive:
        return None
    return math.exp(sum(math.log(value) for value in positive) / len(positive))


def best(summaries):
    """The name with the lowest median in {name: Summary or None}, or None."""
    known = {name: s.median for name, s in summaries.items() if s is not None}
    if not known:
        return None
    return min(known, key=known.get)
