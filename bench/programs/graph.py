"""Builds and drops graphs of small objects: nodes, lists, strings, tuples."""

import random

ROUNDS, NODES = 7, 12000


class Node:
    def __init__(self, name):
        self.name = name
        self.edges = []
        self.marks = {}


def build(rng):
    nodes = [Node(f"node-{i}-{rng.randrange(1 << 30)}") for i in range(NODES)]
    for node in nodes:
        for other in rng.choices(nodes, k=4):
            node.edges.append((other, rng.random()))
    return nodes


def walk(nodes, mark):
    """Visits what can be reached from the first node and marks it."""
    waiting, seen = [nodes[0]], 0
    while waiting:
        node = waiting.pop()
        if mark in node.marks:
            continue
        node.marks[mark] = f"{mark}:{len(node.name)}"
        seen += 1
        waiting.extend(other for other, _ in node.edges)
    return seen


def main():
    rng = random.Random(1)
    kept, seen = [], 0
    for round_number in range(ROUNDS):
        nodes = build(rng)
        seen += walk(nodes, round_number)
        kept.append(nodes[::3])
        if len(kept) > 2:
            kept.pop(rng.randrange(2))
    words = " ".join(node.name for nodes in kept for node in nodes).split()
    print("graph", seen > ROUNDS * NODES // 2,
          len(sorted(set(words))) > NODES // 2)


main()
