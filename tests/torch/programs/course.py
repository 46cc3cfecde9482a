"""Asks for blocks of many sizes and gives some back, in an order that looks random and is the same for each seed, until a request is
refused.

    course.py SEED

COURSE_UNTIL says after how many requests it ends at the latest, COURSE_LAST how many bytes the last of those asks for instead, and
COURSE_DROP which blocks it gives back before that, by the number of their request; with COURSE_EMPTY it gives the cache back first.
"""

import os
import random
import sys

import torch
from told import tell

MIB = 1 << 20
# What is live is below this, whatever the device has, so that the requests are the same on another.
ROOM = 158 * MIB
KINDS = {
    "mixed": [300_000, 3 * MIB, 5 * MIB + 777, 9 * MIB, 14 * MIB, 31 * MIB, 67 * MIB],
    "large": [2 * MIB, 13 * MIB, 22 * MIB, 41 * MIB, 66 * MIB, 70 * MIB + 999, 130 * MIB],
}


def main():
    chance = random.Random(sys.argv[1])
    sizes = KINDS[sys.argv[1].split("-")[0]]
    until = int(os.environ.get("COURSE_UNTIL", "400"))
    last = int(os.environ.get("COURSE_LAST", "0"))
    drop = [int(number) for number in os.environ.get("COURSE_DROP", "").split(",") if number]
    live, refused = {}, None
    for number in range(until):
        held = sum(block.numel() for block in live.values())
        while live and held > ROOM * chance.random() ** 0.3:
            held -= live.pop(chance.choice([*live])).numel()
        wanted = chance.choice(sizes)
        if number == until - 1:
            wanted = last or wanted
            for old in drop:
                live.pop(old, None)
            if "COURSE_EMPTY" in os.environ:
                torch.cuda.empty_cache()
        try:
            live[number] = torch.empty(wanted, dtype=torch.uint8, device="cuda")
        except torch.OutOfMemoryError:
            refused = number
            break
    where = {hex(block.data_ptr()): number for number, block in live.items()}
    # A request of before 0 is none.
    tell(course=True, at=-1 if refused is None else refused, wanted=wanted, live=where, reserved=torch.cuda.memory_reserved())


main()
