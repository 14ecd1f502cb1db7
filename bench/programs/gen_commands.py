"""Prints commands for redis-cli --pipe: strings, hashes, lists and sets that
grow, shrink and go."""

import random

COMMANDS, KEYS = 300000, 30000


def command(rng):
    key = rng.randrange(KEYS)
    value = "v" * rng.choice((8, 20, 60, 150, 400))
    return rng.choices((
        f"SET s:{key} {value}{key}",
        f"HSET h:{key % 2000} field{rng.randrange(60)} {value}",
        f"RPUSH l:{key % 2000} {value}",
        f"LPOP l:{key % 2000}",
        f"ZADD z:{key % 500} {rng.randrange(1000)} member{key}",
        f"APPEND s:{key} {value[:20]}",
        f"DEL s:{key} h:{key % 2000}",
        f"GET s:{key}",
    ), weights=(30, 20, 12, 10, 10, 8, 5, 5))[0]


def main():
    rng = random.Random(1)
    for _ in range(COMMANDS):
        print(command(rng), end="\r\n")


if __name__ == "__main__":
    main()
