"""The server of the review page: on this machine only, for whoever holds the token.

Any page that the browser has open may send requests to 127.0.0.1, so each must carry the token (a
cookie that the first visit with the token sets, never sent from other sites), name this host, and
come from no other origin.
"""

import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import pyarrow as pa
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route

from curate.commands import format_command, name_file
from curate.copies.align import Lay, align_images
from curate.pages.images_table import ImagesTable
from curate.pages.templates import hash_script, read_asset, render
from curate.pages.thumbnails import encode_webp, shrink
from curate.review_page.decisions import Decision, DecisionLog, Verdict
from curate.review_page.listings import list_subjects
from curate.review_page.members import Members
from curate.review_page.nearly_copies import NearlyCopies
from curate.review_page.queue import ReviewQueue
from curate.workspace.pixel_cache import PixelCache

_MOST_ITEMS = 200
"""Groups or subjects in one answer."""
_SIDES = (96, 160, 320, 512)
"""px, long sides at which images are served."""
_LAYS_HELD = 4096
_MOST_BODY = 1 << 16
_NAME_LENGTH = 200


class Review:
    """What the page asks for and what it decides, one request at a time."""

    def __init__(
        self,
        images: ImagesTable,
        log: DecisionLog,
        cache: PixelCache,
        named: str,
        misses: pa.Table | None = None,
        *,
        workspace: str | None = None,
    ) -> None:
        """Open a manifest for review.

        Args:
            images: Of the manifest.
            log: Takes the decisions.
            cache: Of pixels.
            named: The manifest's file, as the page shows it.
            misses: The pairs just below the cut, or None.
            workspace: What the workspace was named by; None where nothing was.
        """
        self.images, self.log, self.named = images, log, named
        self._dedup = format_command("dedup", name_file(named), workspace=workspace)
        members = Members(images, log)
        self.queue = ReviewQueue(images, members, log)
        self.nearly = NearlyCopies(images, members, misses)
        self.queues: dict[str, ReviewQueue | NearlyCopies] = {
            "copies": self.queue,
            "nearly": self.nearly,
        }
        self.listings = list_subjects(images)
        self._cache = cache
        self._lays: dict[tuple[int, int], Lay | None] = {}
        self._lock = Lock()

    def count(self) -> dict[str, Any]:
        """Return how much there is of each kind, and how much is decided."""
        return {
            "dedup": self._dedup,
            "was_searched": self.images.has("keep"),
            **_count_queue(self.queue),
            "nearly": _count_queue(self.nearly),
            "untold": self._untold(),
            "subjects": {name: len(listing) for name, listing in self.listings.items()},
            "said": {
                name: listing.count_decided(self.images, self.log)
                for name, listing in self.listings.items()
            },
        }

    def _untold(self) -> str | None:
        """Return why no labels are shown as suspects; None if some may be, or without labels."""
        agreement = self.images.label_agreement
        return agreement.describe() if agreement and not agreement.are_told else None

    def list_groups(self, name: str, start: int, n: int) -> list[dict[str, Any]]:
        """Return a part of a queue."""
        queue = self.queues[name]
        return [queue.describe(place) for place in range(start, min(start + n, len(queue)))]

    def list_subjects(self, subject: str, start: int, n: int) -> list[dict[str, Any]]:
        """Return a part of a listing."""
        listing = self.listings[subject]
        stop = min(start + n, len(listing))
        return [listing.describe(p, self.images, self.log) for p in range(start, stop)]

    def align(self, first: int, second: int) -> dict[str, Any]:
        """Return how one image lies on another."""
        key = (first, second)
        if key not in self._lays:
            hashes = [self.images.hashes[row] for row in key]
            is_there = all(one is not None for one in hashes) and all(self._cache.has(hashes))
            lays = align_images(self._cache.read(hashes), [(0, 1)]) if is_there else [None]
            if len(self._lays) >= _LAYS_HELD:
                self._lays.clear()
            self._lays[key] = lays[0]
        lay = self._lays[key]
        if lay is None:
            return {"matrix": None}
        return {
            "matrix": list(lay.matrix),
            "inliers": lay.inliers,
            "agreement": lay.agreement,
            "mirrored": lay.mirrored,
        }

    def picture(self, row: int, side: int) -> bytes | None:
        """Return an image of the manifest as WebP, or None if its pixels are not cached."""
        content = self.images.hashes[row]
        if content is None or not self._cache.has([content])[0]:
            return None
        return encode_webp(shrink(self._cache.read([content])[0], side))

    def decide_group(self, name: str, place: int, verb: str, rows: list[int]) -> None:
        """Take a decision on a group.

        Args:
            name: Of the queue.
            place: Of the group.
            verb: ``copy``, ``different``, ``keep``, or ``all``: all images are copies.
            rows: Images of the group; of no meaning for ``all``.

        Raises:
            ValueError: An image is not of the group, or there is no such verb.
        """
        queue = self.queues[name]
        members = set(queue.members(place))
        if verb != "all" and (not rows or not members.issuperset(rows)):
            raise ValueError("these images are not of the group")
        match verb:
            case "all":
                decisions = queue.judge_all(place)
            case "copy" | "different":
                decisions = queue.judge(place, rows, Verdict(verb))
            case "keep":
                decisions = queue.choose(place, rows[0])
            case _:
                raise ValueError(f"no decision {verb!r}")
        self._append(decisions)
        queue.refresh(place)

    def decide_subject(self, subject: str, place: int, verdict: str, text: str | None) -> None:
        """Take a decision on a cluster or an image.

        Raises:
            ValueError: It cannot be taken.
        """
        if text is not None and len(text) > _NAME_LENGTH:
            raise ValueError(f"a name has at most {_NAME_LENGTH} characters")
        listing = self.listings[subject]
        self._append(listing.decide(place, self.images, Verdict(verdict), text))

    def undo(self) -> bool:
        """Take back the last decision, and return whether there was one."""
        with self._lock:
            taken_back = self.log.undo()
            self.log.append(replace(one, time=time.time()) for one in taken_back)
            for queue in self.queues.values():
                queue.refresh_all()
        return bool(taken_back)

    def _append(self, decisions: list[Decision]) -> None:
        with self._lock:
            action = self.log.next_action
            self.log.append(replace(one, action=action, time=time.time()) for one in decisions)


def _count_queue(queue: ReviewQueue | NearlyCopies) -> dict[str, Any]:
    first = queue.next_open(-1) if len(queue) else None
    return {"groups": len(queue), "decided": queue.n_decided, "next": first}


def make_token() -> str:
    """Return a word that nobody guesses."""
    return secrets.token_urlsafe(24)


def make_app(review: Review, *, token: str, port: int) -> Starlette:
    """Return the server.

    Args:
        review: What is shown and decided.
        token: That every request must carry.
        port: That it listens at.
    """
    routes = [
        Route("/", partial(_show_page, review)),
        Route("/api/count", partial(_count, review)),
        Route("/api/groups", partial(_list_groups, review)),
        Route("/api/subjects/{subject}", partial(_list_subjects, review)),
        Route("/api/lay/{first:int}/{second:int}", partial(_align, review)),
        Route("/api/decide", partial(_decide, review), methods=["POST"]),
        Route("/api/undo", partial(_undo, review), methods=["POST"]),
        Route("/image/{row:int}/{side:int}", partial(_send_picture, review)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Gate, token=token, port=port)])


class _Gate(BaseHTTPMiddleware):
    """Lets through whoever holds the token, from this machine's own page."""

    def __init__(self, app: Any, token: str, port: int) -> None:  # noqa: ANN401 - any ASGI app
        super().__init__(app)
        self._token, self._cookie = token, f"curate_{port}"
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def dispatch(
        self, request: Request, call_next: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        origin = request.headers.get("origin")
        if request.headers.get("host") not in self._hosts:
            return PlainTextResponse("another host was asked for", 403)
        if origin is not None and origin.removeprefix("http://") not in self._hosts:
            return PlainTextResponse("asked from another origin", 403)
        given = request.query_params.get("token", "")
        held = request.cookies.get(self._cookie, "")
        if request.url.path == "/" and self._matches(given):
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        if not self._matches(held):
            return PlainTextResponse("open the address that `curate review` printed", 403)
        answer = await call_next(request)
        answer.headers.update(
            {
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Resource-Policy": "same-origin",
                "X-Frame-Options": "DENY",
            }
        )
        if not request.url.path.startswith("/image/"):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    def _matches(self, word: str) -> bool:
        return secrets.compare_digest(word.encode(), self._token.encode())


async def _show_page(review: Review, _request: Request) -> Response:
    script = "".join(
        read_asset(package, name)
        for package, name in (
            ("curate.pages", "pair_viewer.js"),
            ("curate.review_page", "review.js"),
            ("curate.review_page", "grid.js"),
        )
    )
    style = "".join(
        read_asset(package, name)
        for package, name in (
            ("curate.pages", "base.css"),
            ("curate.pages", "pair_viewer.css"),
            ("curate.review_page", "review.css"),
        )
    )
    values = {"script": Markup(script), "style": Markup(style), "named": review.named}
    policy = (
        "default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'unsafe-inline'; "
        f"script-src {hash_script(script)}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    page = render("curate.review_page", "review.html", values)
    return HTMLResponse(page, headers={"Content-Security-Policy": policy})


async def _count(review: Review, _request: Request) -> Response:
    return JSONResponse(review.count())


async def _list_groups(review: Review, request: Request) -> Response:
    name = request.query_params.get("of", "copies")
    if name not in review.queues:
        raise HTTPException(404)
    start, n = _read_range(request)
    return JSONResponse({"start": start, "groups": review.list_groups(name, start, n)})


async def _list_subjects(review: Review, request: Request) -> Response:
    subject = request.path_params["subject"]
    if subject not in review.listings:
        raise HTTPException(404)
    start, n = _read_range(request)
    return JSONResponse({"start": start, "subjects": review.list_subjects(subject, start, n)})


def _align(review: Review, request: Request) -> Response:
    first, second = request.path_params["first"], request.path_params["second"]
    if max(first, second) >= len(review.images):
        raise HTTPException(404)
    return JSONResponse(review.align(first, second))


def _send_picture(review: Review, request: Request) -> Response:
    row, side = request.path_params["row"], request.path_params["side"]
    if row >= len(review.images) or side not in _SIDES:
        raise HTTPException(404)
    picture = review.picture(row, side)
    if picture is None:
        raise HTTPException(404)
    return Response(
        picture, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"}
    )


async def _decide(review: Review, request: Request) -> Response:
    body = await request.body()
    if len(body) > _MOST_BODY:
        raise HTTPException(413)
    try:
        return JSONResponse(_take_decision(review, json.loads(body)))
    except (ValueError, KeyError, TypeError) as error:
        raise HTTPException(400, str(error)) from None


def _take_decision(review: Review, asked: dict[str, Any]) -> dict[str, Any]:
    """Take the decision that a request names, and return what the page shows then.

    Raises:
        ValueError: It makes no sense.
        KeyError: Part of it is missing.
    """
    place, subject = int(asked["place"]), asked.get("subject")
    name = str(asked.get("of", "copies"))
    queue = review.queues[name]
    n_places = len(queue) if subject is None else len(review.listings[subject])
    if not 0 <= place < n_places:
        raise ValueError("no such place")
    if subject is not None:
        review.decide_subject(subject, place, asked["verdict"], asked.get("text"))
        return {"count": review.count()}
    verb = str(asked["verb"])
    rows = [] if verb == "all" else [int(row) for row in asked["rows"]]
    review.decide_group(name, place, verb, rows)
    return {
        "count": review.count(),
        "group": queue.describe(place),
        "next": queue.next_open(place),
    }


def _undo(review: Review, _request: Request) -> Response:
    return JSONResponse({"undone": review.undo(), "count": review.count()})


def _read_range(request: Request) -> tuple[int, int]:
    try:
        start = max(0, int(request.query_params.get("start", "0")))
        n = min(_MOST_ITEMS, max(0, int(request.query_params.get("n", "50"))))
    except ValueError:
        raise HTTPException(400) from None
    return start, n
