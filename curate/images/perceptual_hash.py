"""A 64-bit hash of how an image looks, from which its flips and quarter turns follow.

Bit (u, v) is the sign of the DCT coefficient of row frequency u and column frequency v of a
32 x 32 grey version, u and v in 0 .. 7. To mirror an image changes the signs where v is odd, to
turn it upside down those where u is odd, to transpose it swaps u and v: the hashes of all eight
orientations are bit operations on one. (A median threshold, as in Zauner 2010, has no such
symmetry.)
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32  # px
_BITS = 8  # frequencies per axis


def perceptual_hash(pixels: NDArray[np.uint8]) -> int:
    """Return the hash of an image, in [0, 2**64).

    Args:
        pixels: (H, W, 3) uint8, upright RGB.

    Raises:
        ValueError: ``pixels`` has another shape or no pixels.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.size == 0:
        raise ValueError(f"pixels must have shape (H, W, 3), got {pixels.shape}")
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small - small.mean())[:_BITS, :_BITS]
    bits = low > 0
    bits[0, 0] = False  # the mean, whose sign is noise once it is taken off
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def orientations(hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the hashes of all eight flipped and turned versions.

    Version k is the image transposed if k & 4, then turned upside down if k & 2, then
    mirrored left to right if k & 1; version 0 is the image itself.

    Args:
        hashes: (N,) uint64, from `perceptual_hash`.

    Returns:
        (N, 8) uint64.
    """
    octets = hashes.astype(">u8")[:, None].view(np.uint8)
    bits = np.unpackbits(octets, axis=1).reshape(-1, _BITS, _BITS)
    odd = np.arange(_BITS, dtype=np.uint8) % 2
    versions = []
    for k in range(8):
        turned = bits.transpose(0, 2, 1) if k & 4 else bits
        if k & 2:
            turned = turned ^ odd[:, None]
        if k & 1:
            turned = turned ^ odd[None, :]
        turned = turned.copy()
        turned[:, 0, 0] = 0
        packed = np.packbits(turned.reshape(-1, _BITS * _BITS), axis=1)
        versions.append(packed.view(">u8")[:, 0].astype(np.uint64))
    return np.stack(versions, axis=1)
