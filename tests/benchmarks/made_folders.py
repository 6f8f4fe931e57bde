"""Folders in which much agrees and nothing is a copy: pages, forms, cards, a fixed camera, a pan,
slices through a body, things on one floor. Made from seeds and from photos that one has.

    python tests/benchmarks/made_folders.py OUT --photos FOLDER [--images 60]
        [--kinds pages forms] [--copies 2] [--seed 0]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from curate.copies.probability.augment import make_copy

FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
)  # fmt: skip


def _word(rng):
    return "".join(rng.choice(list("etaoinshrdlucmfwypvbgk"), int(rng.integers(2, 10))))


def _number(rng):
    return f"{rng.integers(1, 10 ** int(rng.integers(2, 7))) / 100:,.2f}"


def _write(image, words, place, *, size, font, ink, thick=1):
    cv2.putText(image, words, place, font, size, ink, thick, cv2.LINE_AA)


def pages(n, rng, photos):
    """Pages of one book: words drawn anew under one head."""
    font, size = FONTS[int(rng.integers(4))], float(rng.uniform(0.4, 0.9))
    step, width, height = int(42 * size), int(rng.integers(500, 900)), int(rng.integers(700, 1200))
    has_head, has_paragraphs = rng.random(2) < 0.5
    for _ in range(n):
        page = np.full((height, width, 3), 250, np.uint8)
        if has_head:
            _write(page, "Quarterly Review", (40, 50), size=1, font=font, ink=(0, 0, 0), thick=2)
        for y in range(90, height - 40, step):
            if has_paragraphs and rng.random() < 0.15:
                continue
            line, end = "", width - 60 - int(rng.integers(0, 60 if rng.random() < 0.8 else width))
            while cv2.getTextSize(line, font, size, 1)[0][0] < end - 100:
                line += _word(rng) + " "
            _write(page, line, (40, y), size=size, font=font, ink=(20, 20, 20))
        yield _scan(page, rng)


def forms(n, rng, photos):
    """One form, filled in anew: labels, lines and boxes agree, names and numbers do not."""
    font, width, height = FONTS[int(rng.integers(4))], 640, int(rng.integers(700, 1100))
    n_rows = int(rng.integers(8, 24))
    labels = [_word(rng) + " " + _word(rng) for _ in range(n_rows)]
    with_grid, size = rng.random() < 0.6, float(rng.uniform(0.5, 0.8))
    head = " ".join(_word(rng).upper() for _ in range(3))
    for _ in range(n):
        form = np.full((height, width, 3), 252, np.uint8)
        _write(form, head, (40, 60), size=1.1, font=font, ink=(0, 0, 0), thick=2)
        for row, label in enumerate(labels):
            y = 110 + row * (height - 160) // n_rows
            _write(form, label, (40, y), size=size, font=font, ink=(60, 60, 60))
            if with_grid:
                cv2.rectangle(form, (250, y - 22), (600, y + 8), (120, 120, 120), 1)
            filled = _word(rng) + " " + _number(rng) if rng.random() < 0.9 else ""
            _write(form, filled, (258, y), size=size * 1.1, font=font, ink=(90, 20, 20))
        yield _scan(form, rng)


def receipts(n, rng, photos):
    """Receipts of one shop: the same head and foot, some of the same goods, other numbers."""
    font, width = FONTS[int(rng.integers(4))], int(rng.integers(380, 520))
    goods = [_word(rng) + " " + _word(rng) for _ in range(12)]
    head = [" ".join(_word(rng) for _ in range(2)).upper() for _ in range(5)]
    n_usual = int(rng.integers(2, 6))
    for _ in range(n):
        paper = np.full((900, width, 3), int(rng.integers(225, 255)), np.uint8)
        n_goods = int(np.clip(n_usual + rng.integers(-1, 2), 1, 10))
        day = f"{rng.integers(1, 29)}/{rng.integers(1, 13)}/16"
        clock = f"{rng.integers(8, 22)}:{rng.integers(10, 60)}"
        lines = [*head, f"No {rng.integers(1e6):06d}", f"{day} {clock}", ""]
        chosen = rng.choice(goods[:4] if rng.random() < 0.7 else goods, n_goods)
        lines += [f"{good[:14]:15}{_number(rng):>8}" for good in chosen]
        lines += [
            "",
            f"TOTAL {_number(rng)}",
            f"CASH {_number(rng)}",
            "",
            "THANK YOU",
            "COME AGAIN",
        ]
        for row, line in enumerate(lines):
            _write(paper, line, (24, 50 + 30 * row), size=0.62, font=font, ink=(40, 40, 40))
        yield _scan(paper[: 80 + 30 * len(lines)], rng)


def cards(n, rng, photos):
    """Identity cards: one ground, another portrait, name and number."""
    ground = cv2.resize(photos[int(rng.integers(len(photos)))], (640, 400))
    ground = cv2.addWeighted(
        cv2.GaussianBlur(ground, (0, 0), 4), 0.3, np.full_like(ground, 225), 0.7, 0
    )
    for x in range(0, 640, int(rng.integers(9, 22))):
        cv2.line(ground, (x, 60), (x + 50, 400), (190, 205, 215), 1)
    for face in _pick_different(photos, n, rng):
        card = ground.copy()
        _write(
            card,
            "MEMBER CARD OF SOMEWHERE",
            (24, 40),
            size=0.9,
            font=FONTS[1],
            ink=(20, 40, 90),
            thick=2,
        )
        card[90:330, 30:220] = cv2.resize(face, (190, 240))
        for row in range(4):
            _write(
                card,
                ("Name", "First name", "Born", "No")[row],
                (250, 110 + 62 * row),
                size=0.5,
                font=FONTS[0],
                ink=(90, 90, 90),
            )
            _write(
                card,
                f"{_word(rng).upper()} {rng.integers(1e5)}",
                (250, 138 + 62 * row),
                size=0.9,
                font=FONTS[1],
                ink=(10, 10, 10),
                thick=2,
            )
        yield _scan(card, rng)


def camera(n, rng, photos):
    """A fixed camera: one scene, another thing at another place, other light, other noise.

    What noise the photo has is taken out first: of a sensor it is another one in each frame.
    """
    scene = cv2.resize(photos[int(rng.integers(len(photos)))], (640, 480))
    scene = cv2.GaussianBlur(scene, (0, 0), 1.2)
    share = float(np.exp(rng.uniform(np.log(0.004), np.log(0.15))))
    for _ in range(n):
        frame = scene.copy()
        for _ in range(int(rng.integers(1, 3))):
            side = int(np.sqrt(share * 640 * 480))
            w, h = int(side * rng.uniform(0.7, 1.4)), int(side * rng.uniform(0.7, 1.4))
            thing = cv2.resize(
                photos[int(rng.integers(len(photos)))], (w, h), interpolation=cv2.INTER_AREA
            )
            mask = np.zeros((h, w), np.uint8)
            cv2.ellipse(mask, (w // 2, h // 2), (w // 2, h // 2), 0, 0, 360, 255, -1)
            y, x = int(rng.integers(0, 480 - h)), int(rng.integers(0, 640 - w))
            np.copyto(frame[y : y + h, x : x + w], thing, where=mask[..., None] > 0)
        lit = frame * rng.normal(1, 0.06) + rng.normal(0, rng.uniform(0.5, 4), frame.shape)
        yield np.clip(lit, 0, 255).astype(np.uint8)


def pan(n, rng, photos):
    """A camera that pans over a wide scene, by an eighth to a half of its view each time."""
    some = [cv2.resize(photos[int(k)], (400, 300)) for k in rng.integers(0, len(photos), 6)]
    wide = cv2.GaussianBlur(np.concatenate(some, axis=1), (0, 0), 1.0)
    step = float(rng.uniform(0.12, 0.5)) * 400
    for k in range(n):
        x = int(k * step) % (wide.shape[1] - 400)
        frame = wide[:, x : x + 400] + rng.normal(0, 2, (300, 400, 3))
        yield np.clip(frame, 0, 255).astype(np.uint8)


def slices(n, rng, photos):
    """Neighbouring slices through one body after another: much alike, never the same."""
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    k = 0
    while k < n:
        centres = rng.uniform(-0.5, 0.5, (30, 3))
        radii = np.exp(rng.uniform(np.log(0.05), np.log(0.4), (30, 3)))
        tones = rng.uniform(-60, 60, 30)
        step = rng.uniform(0.02, 0.06)
        for z in np.arange(-0.3, 0.3, step):
            image = np.zeros((256, 256))
            skull = (x / 0.8) ** 2 + (y / 0.95) ** 2 + z**2
            image[skull < 1] = 90
            image[(skull < 1) & (skull > 0.88)] = 200
            for centre, radius, tone in zip(centres, radii, tones, strict=True):
                inside = ((x - centre[0]) / radius[0]) ** 2 + ((y - centre[1]) / radius[1]) ** 2
                image += (
                    tone
                    * np.clip(1.2 - inside - ((z - centre[2]) / radius[2]) ** 2, 0, 0.6)
                    * (skull < 0.88)
                )
            texture = (
                cv2.GaussianBlur(rng.normal(0, 1, (256, 256)), (0, 0), 1.2) * 12 * (skull < 0.9)
            )
            image = cv2.GaussianBlur(image, (0, 0), 0.8) + texture + rng.normal(0, 2, image.shape)
            yield np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
            k += 1
            if k == n:
                return


def floors(n, rng, photos):
    """Things laid on one floor, photographed from nearly the same spot."""
    floor = cv2.resize(photos[int(rng.integers(len(photos)))], (500, 500))
    for thing in _pick_different(photos, n, rng):
        yield _expose(_lay(_capture(floor, rng), thing, rng), rng)


def sprites(n, rng, photos):
    """Small silhouettes and digits: little to see, much alike."""
    side = int(rng.choice([28, 32, 48]))
    for _ in range(n):
        tone = int(rng.integers(120, 255))
        ground = np.linspace(tone, tone - 30, side * 4)[:, None, None] * np.ones((1, side * 4, 3))
        image = ground.astype(np.uint8)
        words = str(rng.integers(10)) if rng.random() < 0.5 else "-" * int(rng.integers(1, 4))
        _write(
            image,
            words,
            (side, 3 * side),
            size=side / 10,
            font=FONTS[int(rng.integers(4))],
            ink=(20, 20, 20),
            thick=int(rng.integers(4, 14)),
        )
        yield cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def badges(n, rng, photos):
    """Small pictures of signs: a few shapes, another glyph or the same, other light and ground."""
    glyphs = [
        "".join(rng.choice(list("ABEHKPRSX2358<>?!"), int(rng.integers(1, 3)))) for _ in range(9)
    ]
    for _ in range(n):
        ground = photos[int(rng.integers(len(photos)))]
        sign = cv2.resize(ground[:100, :100], (128, 128), interpolation=cv2.INTER_AREA)
        edge, fill = (
            ((40, 40, 200), (240, 240, 240)) if rng.random() < 0.6 else ((150, 60, 20),) * 2
        )
        if rng.random() < 0.5:
            cv2.circle(sign, (64, 64), 54, edge, -1, cv2.LINE_AA)
            cv2.circle(sign, (64, 64), 42, fill, -1, cv2.LINE_AA)
        else:
            corners = np.array([[64, 8], [120, 112], [8, 112]])
            cv2.fillPoly(sign, [corners], edge, cv2.LINE_AA)
            cv2.fillPoly(sign, [(corners - 64) * 2 // 3 + [64, 70]], fill, cv2.LINE_AA)
        ink = (20, 20, 20) if fill[0] > 200 else (240, 240, 240)
        words, place = str(rng.choice(glyphs)), (40 + int(rng.integers(-4, 5)), 86)
        _write(sign, words, place, size=1.4, font=FONTS[1], ink=ink, thick=5)
        move = cv2.getRotationMatrix2D(
            (64, 64), float(rng.normal(0, 3)), float(rng.uniform(0.85, 1.1))
        )
        seen = cv2.warpAffine(sign, move, (128, 128), borderMode=cv2.BORDER_REFLECT)
        lit = seen * rng.uniform(0.25, 1.1) + rng.normal(0, 3, seen.shape)
        side = int(np.exp(rng.uniform(np.log(20), np.log(90))))
        small = np.clip(lit, 0, 255).astype(np.uint8)
        yield cv2.resize(small, (side, side), interpolation=cv2.INTER_AREA)


def _pick_different(photos, n, rng):
    """Return n photos, no two the same: two of one on one ground would be copies."""
    if n > len(photos):
        raise ValueError(f"need {n} different photos, got {len(photos)}")
    return [photos[at] for at in rng.permutation(len(photos))[:n].tolist()]


def _lay(ground, thing, rng):
    """Return the ground with a piece of a photo on its middle, an eighth to a half of it."""
    height, width = ground.shape[:2]
    side = float(np.exp(rng.uniform(np.log(0.12), np.log(0.5)))) ** 0.5
    w, h = (min(int(size * side * rng.uniform(0.8, 1.2)), size) for size in (width, height))
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False) + rng.uniform(0, 0.6, 9)
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.7, 1, (9, 1))
    mask = np.zeros((h, w), np.uint8)
    cv2.fillPoly(mask, [((corners + 1) / 2 * [w - 1, h - 1]).astype(np.int32)], 255)
    y, x = (
        int(np.clip((size - part) / 2 + rng.normal(0, 0.05) * size, 0, size - part))
        for size, part in ((height, h), (width, w))
    )
    laid = ground.copy()
    np.copyto(laid[y : y + h, x : x + w], cv2.resize(thing, (w, h)), where=mask[..., None] > 0)
    return laid


def _capture(scene, rng):
    """Return a scene as another capture shows it: a little from the side, without its noise."""
    height, width = scene.shape[:2]
    size = np.array([width, height], np.float32)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * size
    pulled = corners + rng.normal(0, 0.006, (4, 2)).astype(np.float32) * size
    moved = cv2.getPerspectiveTransform(corners, pulled)
    soft = cv2.GaussianBlur(scene, (0, 0), 1.2)
    return cv2.warpPerspective(soft, moved, (width, height), borderMode=cv2.BORDER_REFLECT)


def _expose(scene, rng):
    """Return a scene in light of its own, from a side of its own, with the noise of a sensor."""
    height, width = scene.shape[:2]
    y, x = np.linspace(-1, 1, height)[:, None, None], np.linspace(-1, 1, width)[None, :, None]
    slope = rng.normal(0, 0.08, 2)
    light = rng.normal(1, 0.06) * rng.normal(1, 0.03, 3) * (1 + slope[0] * y + slope[1] * x)
    lit = scene * light + rng.normal(0, rng.uniform(0.5, 4), scene.shape)
    return np.clip(lit, 0, 255).astype(np.uint8)


def _scan(page, rng):
    """Return paper as a scanner sees it: a little turned and shifted, with noise; or as printed."""
    if rng.random() < 0.4:
        return page
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 0.5)), 1)
    turn[:, 2] += rng.normal(0, 3, 2)
    seen = cv2.warpAffine(page, turn, (width, height), borderValue=(250, 250, 250))
    seen = seen * rng.uniform(0.85, 1) + rng.normal(0, rng.uniform(0, 6), page.shape)
    return np.clip(seen, 0, 255).astype(np.uint8)


def read_photos(folder, limit=400):
    """Return photos of a folder, (h, w, 3) uint8 each, at most 500 px wide."""
    files = sorted(
        p for p in Path(folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
    )
    photos = [cv2.imread(str(path)) for path in files[:: max(1, len(files) // limit)]]
    return [photo for photo in photos if photo is not None and min(photo.shape[:2]) >= 100]


def photographs(n, rng, photos):
    """Yield the photos themselves, each once."""
    for number in rng.permutation(len(photos))[:n]:
        yield photos[number]


def pieces(n, rng, photos):
    """Yield pieces of 200 px of photos, as tiles are."""
    for number in rng.permutation(len(photos))[:n]:
        photo = photos[number]
        h, w = (min(side, 200) for side in photo.shape[:2])
        y, x = (
            int(rng.integers(0, size - side + 1))
            for size, side in zip(photo.shape[:2], (h, w), strict=True)
        )
        yield photo[y : y + h, x : x + w]


def tiny(n, rng, photos):
    """Yield photos of 28 to 100 px."""
    for number in rng.permutation(len(photos))[:n]:
        side = int(np.exp(rng.uniform(np.log(28), np.log(100))))
        yield cv2.resize(photos[number], (side, side), interpolation=cv2.INTER_AREA)


MAKERS = (
    photographs, pieces, tiny, pages, forms, receipts, cards, camera, pan, slices, floors, sprites,
    badges,
)  # fmt: skip
KINDS = {maker.__name__: maker for maker in MAKERS}


def make(out, kind, n, *, photos, seed, n_copies=0):
    """Write one folder of a kind, with copies of its images if wanted, and return it.

    With copies it holds ``images/`` and ``truth.csv``: path, original, kind.
    """
    rng = np.random.default_rng([seed, *kind.encode()])
    folder = Path(out) / f"{kind}_{seed}"
    into = folder / "images" if n_copies else folder
    into.mkdir(parents=True, exist_ok=True)
    rows = ["path,original,kind"]
    for number, image in enumerate(KINDS[kind](n, rng, photos)):
        ending = ".png" if kind == "sprites" or rng.random() < 0.2 else ".jpg"
        for copy in range(n_copies + 1):
            name = f"{number:04d}_{copy}{ending}" if n_copies else f"{number:04d}{ending}"
            other = photos[int(rng.integers(len(photos)))]
            shown = make_copy(np.ascontiguousarray(image), other, rng) if copy else image
            cv2.imwrite(
                str(into / name), shown, [cv2.IMWRITE_JPEG_QUALITY, 88] if ending == ".jpg" else []
            )
            rows.append(f"{name},{number},{'altered' if copy else 'original'}")
    if n_copies:
        (folder / "truth.csv").write_text("\n".join(rows) + "\n")
    return folder


def make_views(out, *, photos, seed, n_views=3):
    """Write a folder of photos and views of them, which share some of what they show.

    A view is a window of 0.35 to 0.8 of either side, in light of its own and compressed. The folder
    holds ``images/`` and ``truth.csv`` as that of :func:`make` does; nothing is marked, so all are
    called originals.
    """
    rng = np.random.default_rng([seed, *b"views"])
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows = ["path,original,kind"]
    for number, photo in enumerate(photos):
        for view in range(n_views + 1):
            share = rng.uniform(0.35, 0.8, 2) if view else np.ones(2)
            sides = (np.array(photo.shape[:2]) * share).astype(int)
            y, x = rng.integers(0, np.array(photo.shape[:2]) - sides + 1)
            shown = photo[y : y + sides[0], x : x + sides[1]] * rng.uniform(0.8, 1.2)
            name, quality = f"{number:04d}_{view}.jpg", int(rng.integers(60, 96))
            shown = np.clip(shown, 0, 255).astype(np.uint8)
            cv2.imwrite(str(out / "images" / name), shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
            rows.append(f"{name},{number},original")
    (out / "truth.csv").write_text("\n".join(rows) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--copies", type=int, default=0, help="of each image, by curate's augment")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    photos = read_photos(options.photos)
    for kind in options.kinds:
        n, seed, n_copies = options.images, options.seed, options.copies
        print(make(options.out, kind, n, photos=photos, seed=seed, n_copies=n_copies))


if __name__ == "__main__":
    main()
