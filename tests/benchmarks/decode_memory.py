"""Peak memory of decoding the largest pictures that are read, one at a time.

    python tests/benchmarks/decode_memory.py

For each format a picture of 40 million pixels, the largest that is not read alone, is decoded in a
process of its own; printed is what the peak of its memory grew by, in MB.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIDE = 6300
DECODE = """
import sys
from pathlib import Path
from curate.images.decode import decode
from PIL import Image
import io, numpy as np

def peak():  # in MB; `ru_maxrss` would count what the parent held
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024

buffer = io.BytesIO()
Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(buffer, "JPEG")
decode(buffer.getvalue())
before = peak()
found = decode(Path(sys.argv[1]).read_bytes())
assert found.pixels.size, found
print(peak() - before)
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("JPEG", "PNG", "WEBP"):
            place = Path(folder) / kind
            rng = np.random.default_rng(0)
            small = Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8))
            small.resize((SIDE, SIDE)).save(place, kind)
            done = subprocess.run(
                [sys.executable, "-c", DECODE, str(place)],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"{kind:5} {done.stdout.strip()} MB")


if __name__ == "__main__":
    main()
