"""Asks for memory on many lines, and prints of each block by its size what Python says of the calls that asked for it: the
innermost first, as the analysis words them."""

import json
import os
import sys
import threading

books = {}
kept = []


def note(size):
    """Notes who asks for a block of this size. Called on the line that does, it has the same calls around it."""
    calls, frame = [], sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        calls.append(f"{code.co_name} ({code.co_filename}:{frame.f_lineno})")
        frame = frame.f_back
    # A bytearray has a zero behind it.
    books[size + 1] = calls
    return size


sizes = iter(range(100_000, 1_000_000, 1_000))


def plain():
    kept.append(bytearray(note(next(sizes)))); kept.append(bytearray(note(next(sizes))))
    for _ in range(2):
        kept.append(
            bytearray(note(next(sizes)))
        )


def deep(levels):
    if levels:
        deep(levels - 1)
    else:
        plain()


def generator():
    while True:
        kept.append(bytearray(note(next(sizes))))
        yield


class Thing:
    def __init__(self):
        self.block = bytearray(note(next(sizes)))

    @property
    def shown(self):
        return sum(1 for _ in [kept.append(bytearray(note(next(sizes))))])


def made(round):
    """Code of one shape, at one place in memory perhaps, that says another file, name or line each time."""
    name, lines = f"made{round % 3}", "\n" * (round % 5)
    source = f"def {name}():\n{lines}    kept.append(bytearray(note(next(sizes))))\n{name}()\n"
    exec(compile(source, f"<made {round}>", "exec"), {"kept": kept, "note": note, "next": next, "sizes": sizes})
    exec(f"{lines}kept.append(bytearray(note(next(sizes))))\n")


def main():
    plain()
    deep(50)
    steps = generator()
    for _ in range(3):
        next(steps)
    kept.append(Thing())
    kept[-1].shown
    list(map(lambda _: kept.append(bytearray(note(next(sizes)))), range(2)))
    for round in range(40):
        made(round)
    threads = [threading.Thread(target=deep, args=(levels,)) for levels in range(4)]
    for thread in threads:
        thread.start()
        thread.join()
    été()
    try:
        raise ValueError
    except ValueError:
        kept.append(bytearray(note(next(sizes))))


def été():
    plain()


def child():
    """A forked child, which has frames of its parent's."""
    process = os.fork()
    if process == 0:
        kept.append(bytearray(note(next(sizes))))
        os._exit(0)
    os.waitpid(process, 0)


main()
if "fork" in sys.argv:
    child()
print(json.dumps(books))
