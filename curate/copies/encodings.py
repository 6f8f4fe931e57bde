"""How copies compare as files: which was saved again, and what that has done to it.

Bytes alone do not tell: a second save at a higher quality has more of them than the first.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from curate.copies.keep_policy import Looks, are_lossless
from curate.manifest.text_column import TextColumn

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class EncodingParams:
    """When one file of a pair of copies is worse than the other.

    Measured by ``tests/benchmarks/keep_quality.py``.

    Attributes:
        least_jpeg_step: Grey levels; finer steps of a JPEG leave no trace to go by.
        same_jpeg_step: Of the logarithms of two steps of one JPEG.
        less_pure: Difference of purity from that of the JPEG itself.
        clean: Purity of a JPEG that was saved once.
        mixed: Purity below which two sets of steps lie over each other.
        blocky: Blocks of a bad JPEG; ``times_blocky`` times those of a copy.
        times_blocky: See ``blocky``.
        as_many: Share of a copy's bytes a pixel, below which it is the more compressed of two.
        noisy: Grey levels, of noise; ``times_noisy`` times that of a copy of its size.
        times_noisy: See ``noisy``.
        as_large: Share of an image's pixels that a copy of its size has.
        squeezed: Times fewer bytes a pixel than a copy.
        much_fewer: Times fewer bytes than a copy that is somewhat smaller.
        bad_jpeg_step: Grey levels; the ringing of coarser steps passes for detail. Measured with
            the next two by ``tests/benchmarks/enlarged_or_shrunk.py``.
        bad_jpeg_purity: Of such a JPEG, saved once.
        finer: Times that step, below which a copy's is finer.
    """

    least_jpeg_step: float = 2.5
    same_jpeg_step: float = 0.15
    less_pure: float = 0.05
    clean: float = 0.8
    mixed: float = 0.6
    blocky: float = 1.5
    times_blocky: float = 1.25
    as_many: float = 0.9
    noisy: float = 5.0
    times_noisy: float = 3.0
    as_large: float = 0.75
    squeezed: float = 1.4
    much_fewer: float = 1.8
    bad_jpeg_step: float = 10.0
    bad_jpeg_purity: float = 0.5
    finer: float = 0.75


ENCODING_PARAMS = EncodingParams()


@dataclass(frozen=True, kw_only=True, slots=True)
class Encodings:
    """What R files made of what they show.

    Attributes:
        n_pixels: (R,) px.
        rate: (R,) bytes a pixel.
        formats: R names.
        blocks: (R,) see `curate.images.true_detail.TrueDetail`.
        noise: (R,) see there.
        step: (R,) see `curate.images.jpeg_trace.JpegTrace`.
        purity: (R,) see there.
    """

    n_pixels: Floats
    rate: Floats
    formats: TextColumn
    blocks: Floats
    noise: Floats
    step: Floats
    purity: Floats


def compare_encodings(
    looks: Looks, files: Encodings, a: Ints, b: Ints, has_one_scale: Bools
) -> Looks:
    """Return the looks with what each file has lost or gained that a copy of it has not.

    Args:
        looks: What else there is against the images.
        files: The same images as files.
        a: (P,) one image of each pair of copies.
        b: (P,) the other.
        has_one_scale: (P,) the one is neither enlarged nor shrunk beside the other.
    """
    one, other = np.concatenate([a, b]), np.concatenate([b, a])
    is_unscaled = np.tile(has_one_scale, 2)  # else the steps of a JPEG are gone
    is_gif = pc.equal(files.formats.array, "GIF").to_numpy(zero_copy_only=False)
    noisier = is_noisier(files, one, other)
    is_as_large = files.n_pixels[other] >= ENCODING_PARAMS.as_large * files.n_pixels[one]
    looks = replace(
        looks,
        is_resaved=_mark(looks, one[_is_resaved(files, one, other) & is_unscaled & ~is_gif[other]]),
        has_few_colours=_mark(looks, one[is_gif[one] & ~is_gif[other]]),
        is_blocky=_mark(looks, one[_is_blockier(files, looks.is_enlarged, one, other)]),
        is_noisy=_mark(looks, one[noisier & is_as_large]),
    )
    complaints = _list_complaints(looks)
    is_fair = ~(complaints[:, other] & ~complaints[:, one]).any(axis=0)
    is_squeezed = _is_more_compressed(files, one, other) & is_fair
    return replace(looks, is_squeezed=_mark(looks, one[is_squeezed]))


def is_bad_jpeg(of: Encodings, one: Ints, other: Ints) -> Bools:
    """Return where the one image is a JPEG so bad that the other cannot have been made of it.

    The blocks and the ringing of such a JPEG pass for detail that a shrunken picture has and its
    soft source has not. What is enlarged of it is smooth and takes fewer bytes a pixel.
    """
    params = ENCODING_PARAMS
    is_coarse = of.step[one] >= params.bad_jpeg_step
    is_coarse &= of.purity[one] > params.bad_jpeg_purity
    is_finer = of.step[other] < params.finer * of.step[one]
    return np.asarray(is_coarse & is_finer & (of.rate[other] > of.rate[one]), np.bool_)


def _mark(looks: Looks, rows: Ints) -> Bools:
    """Return a column that is true in some rows."""
    column = np.zeros(len(looks.is_marked), np.bool_)
    column[rows] = True
    return column


def _is_resaved(of: Encodings, one: Ints, other: Ints) -> Bools:
    """Return where the one image was saved once more than the other, which was a JPEG."""
    params = ENCODING_PARAMS
    apart = np.log(np.maximum(of.step[one], 1) / np.maximum(of.step[other], 1))
    is_less = of.purity[one] < of.purity[other] - params.less_pure
    is_same = (np.abs(apart) < params.same_jpeg_step) & is_less
    # finer steps over those of a clean trace make a trace of larger steps that nothing fits well
    is_mixed = (apart > 0) & (of.purity[one] < params.mixed) & (of.purity[other] > params.clean)
    is_mixed &= of.rate[one] > of.rate[other]
    has_steps = (of.step[other] > params.least_jpeg_step) & (of.step[one] > 0)
    return np.asarray(has_steps & (is_same | is_mixed), np.bool_)


def _is_blockier(of: Encodings, is_enlarged: Bools, one: Ints, other: Ints) -> Bools:
    """Return where the one image has the blocks of a JPEG that the other is free of."""
    params = ENCODING_PARAMS
    least = np.maximum(params.blocky, params.times_blocky * of.blocks[other])
    # a copy of fewer bytes has no blocks where it was compressed in another way
    is_less = of.rate[other] < params.as_many * of.rate[one]
    is_source = ~(is_less & ~are_lossless(of.formats)[one]) & ~is_enlarged[other]
    return np.asarray(is_source & (of.blocks[one] > least) & ~is_noisier(of, other, one), np.bool_)


def is_noisier(of: Encodings, one: Ints, other: Ints) -> Bools:
    """Return where the one image has much noise and the other has not."""
    params = ENCODING_PARAMS
    least = np.maximum(params.noisy, params.times_noisy * of.noise[other])
    return np.asarray(of.noise[one] > least, np.bool_)


def _is_more_compressed(of: Encodings, one: Ints, other: Ints) -> Bools:
    """Return where the one image has far fewer bytes a pixel than the other, of its format.

    A somewhat smaller picture has more of them in any case, and so has one with noise in it.
    """
    params = ENCODING_PARAMS
    kind = of.formats.array.dictionary_encode().indices.to_numpy()
    larger = of.n_pixels[one] / of.n_pixels[other]
    fewer = of.rate[other] / np.maximum(of.rate[one], 1e-9)
    is_fair = (larger <= 1) | (fewer > params.much_fewer * larger)
    is_fair &= (kind[one] == kind[other]) & ~is_noisier(of, other, one)
    return np.asarray(is_fair & (fewer > params.squeezed), np.bool_)


def _list_complaints(looks: Looks) -> Bools:
    """Return what there is against each image beside how many bytes it takes, (C, R)."""
    return np.stack(
        [
            looks.is_marked,
            looks.is_framed,
            looks.is_resaved,
            looks.is_grey,
            looks.has_few_colours,
            looks.is_turned,
            looks.is_blocky,
            looks.is_noisy,
        ]
    )
