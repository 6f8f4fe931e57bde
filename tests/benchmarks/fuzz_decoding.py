"""Whether any file can break the decoding: mutants of each format, and what became of them.

    python tests/benchmarks/fuzz_decoding.py [--mutants 1500] [--others 400] [--formats PNG TIFF]

Each promised format is written in a few ways (modes, depths, frames), then bytes are flipped, cut
out, repeated, overwritten with extreme numbers, or the end is cut off. Of formats that Pillow knows
and curate does not promise, mutants must come back as unreadable. An escape is an exception out of
``decode`` or ``digest_picture``; a crash or hang of a decoder may cost that file only, so they are
counted apart.
"""

import argparse
import io
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from PIL import Image

from curate.images.decode import Decoded, Unreadable, decode, digest_picture
from curate.images.formats import FORMATS

SIDE = 48
Rng = np.random.Generator


def samples(name: str) -> Iterator[bytes]:
    """Yield a few whole files of a format."""
    rng = np.random.default_rng(1)
    colour = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE + 9, 3), np.uint8))
    pictures = {
        "RGB": colour,
        "L": colour.convert("L"),
        "P": colour.convert("P"),
        "RGBA": Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 4), np.uint8)),
        "1": colour.convert("1"),
        "CMYK": colour.convert("CMYK"),
        "I;16": Image.fromarray(rng.integers(0, 65536, (SIDE, SIDE)).astype(np.uint16)),
        "F": Image.fromarray(rng.normal(size=(SIDE, SIDE)).astype(np.float32)),
    }
    for picture in pictures.values():
        for options in ({}, {"save_all": True, "append_images": [picture.rotate(90)]}):
            buffer = io.BytesIO()
            try:
                picture.save(buffer, name, **options)
            except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
                continue
            yield buffer.getvalue()


def mutate(raw: bytes, rng: Rng) -> bytes:
    """Return a file with some damage."""
    hurt = bytearray(raw)
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(0, max(1, len(hurt))))
        if rng.random() < 0.5:
            place = min(place, 200)  # headers hold the sizes
        kind = int(rng.integers(0, 5))
        if kind == 0:
            hurt[place : place + 1] = bytes([int(rng.integers(0, 256))])
        elif kind == 1:
            hurt[place : place + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]
            )
        elif kind == 2:
            del hurt[place : place + int(rng.integers(1, 64))]
        elif kind == 3:
            hurt[place:place] = hurt[place : place + int(rng.integers(1, 64))]
        else:
            del hurt[max(8, place) :]
    return bytes(hurt)


def outcome(raw: bytes) -> str:
    """Return what becomes of a file."""
    try:
        found = decode(raw)
        digest = digest_picture(raw)
    except Exception as error:  # noqa: BLE001 - an escape is what is looked for
        return f"escape: {type(error).__name__}"
    if isinstance(found, Decoded):
        return "ok" if isinstance(digest, bytes) else "ok, but for its digest"
    assert isinstance(found, Unreadable)
    for word, name in (("died", "crash"), ("took more than", "hang")):
        if word in found.reason:
            return name
    return "unreadable"


def main() -> None:
    """Print a row a format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=1500)
    parser.add_argument("--others", type=int, default=400)
    parser.add_argument("--formats", nargs="*")
    options = parser.parse_args()
    register()
    Image.init()
    promised = [name for name in FORMATS if name in Image.SAVE]
    others = sorted(set(Image.SAVE) - set(FORMATS) - {"PDF"})
    total: Counter[str] = Counter()
    for name in options.formats or [*promised, *others]:
        rng = np.random.default_rng(len(name))
        whole = list(samples(name))
        if not whole:
            continue
        n_mutants = options.mutants if name in promised else options.others
        start, slowest, counts = time.perf_counter(), 0.0, Counter[str]()
        for number in range(n_mutants):
            begin = time.perf_counter()
            counts[outcome(mutate(whole[number % len(whole)], rng))] += 1
            slowest = max(slowest, time.perf_counter() - begin)
        total.update(counts)
        seconds = time.perf_counter() - start
        print(
            f"{name:10} {n_mutants:6} {seconds:7.1f} s, slowest {slowest:.2f} s  {dict(counts)}",
            flush=True,
        )
    print(dict(total))


def register() -> None:
    """Let Pillow write the formats of the extra, where they are installed."""
    from curate.images.decode_worker import register_readers

    register_readers()


if __name__ == "__main__":
    main()
