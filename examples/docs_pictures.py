"""Take the pictures of the docs from the demo's output: report, review page, notebook, terminal.

    make demo && make pictures

Needs chromium and playwright. Writes small WebP files to ``docs/pictures``.
"""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo"
PICTURES = ROOT / "docs" / "pictures"
CURATE = str(Path(sys.executable).with_name("curate"))
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking",
]  # fmt: skip
WIDTH, HEIGHT = 1280, 800
QUALITY = 72  # of WebP: a picture takes 30 to 130 kB and its text stays sharp


def save(page: Page, name: str) -> None:
    """Save what a page shows, without the place of this checkout."""
    page.evaluate(
        """root => {
          const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) {
            walk.currentNode.data = walk.currentNode.data.replaceAll(root, "");
          }
        }""",
        f"{ROOT}/",
    )
    picture = Image.open(io.BytesIO(page.screenshot()))
    PICTURES.mkdir(parents=True, exist_ok=True)
    path = PICTURES / f"{name}.webp"
    picture.convert("RGB").save(path, quality=QUALITY, method=6)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def open_page(browser: Browser, scheme: str = "light") -> Page:
    """Return an empty page."""
    dark = scheme == "dark"
    return browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if dark else "light"
    )


def take_report(browser: Browser) -> None:
    """Take the report."""
    for name, part, scheme in (
        ("report", "#summary", "light"),
        ("report_copies", "#doubtful", "light"),
        ("report_map", "#map", "dark"),
        ("report_clusters", "#clusters", "light"),
    ):
        page = open_page(browser, scheme)
        page.goto((DEMO / "report.html").as_uri())
        page.wait_for_timeout(300)
        page.evaluate("part => document.querySelector(part)?.scrollIntoView()", part)
        if name == "report_copies":
            page.locator("#copies").get_by_role("button", name="Laid over").nth(1).click()
        if name == "report_map":
            page.locator("#map-images").check()
        for _ in range(4):  # cards get their height when they come into sight
            page.wait_for_timeout(400)
            page.evaluate(
                "part => document.querySelector(part)?.scrollIntoView({behavior: 'instant'})", part
            )
        save(page, name)
        page.close()


def take_review(browser: Browser) -> None:
    """Take the review page."""
    command = [str(CURATE), "review", "manifest.parquet", "--no-open"]
    process = subprocess.Popen(command, cwd=DEMO, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    address = next(
        found[1] for line in process.stderr if (found := re.match(r"review: (\S+)", line))
    )
    page = open_page(browser)
    page.goto(address)
    page.wait_for_selector(".acts")
    page.wait_for_timeout(700)
    save(page, "review")
    page.keyboard.press("g")
    page.wait_for_timeout(900)
    save(page, "review_grid")
    page.close()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def take_notebook(browser: Browser) -> None:
    """Take the notebook, if it was executed."""
    page = DEMO / "walk_through.html"
    notebook = ROOT / "examples" / "walk_through.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--to", "html"]
    subprocess.run(
        [*command, "--output-dir", str(DEMO), str(notebook)], check=True, capture_output=True
    )
    shown = open_page(browser)
    shown.route(re.compile("^https?://"), lambda route: route.abort())
    shown.goto(page.as_uri(), wait_until="domcontentloaded")
    shown.wait_for_timeout(500)
    shown.evaluate("document.querySelector('figcaption b')?.scrollIntoView({block: 'center'})")
    save(shown, "notebook")
    shown.close()


def take_terminal(browser: Browser) -> None:
    """Take what commands print on a terminal of 80 columns."""
    from rich.ansi import AnsiDecoder
    from rich.console import Console

    lines: list[str] = []
    for words in (["info"], ["dedup"], ["split", "manifest.parquet", "--stratify", "cluster"]):
        line = " ".join(["curate", *words])
        lines.append(f"$ {line}")
        command = ["script", "-qec", f"stty cols 80; {CURATE} {' '.join(words)}", "/dev/null"]
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80"}
        done = subprocess.run(command, cwd=DEMO, capture_output=True, text=True, env=environment)
        text = re.sub(r"\x1b\[\?25[lh]|\x1b\[\d*[AK]|\x1b\[2K", "", done.stdout)
        shown = [part.split("\r")[-1] for part in text.replace("\r\n", "\n").split("\n")]
        lines += [part for part in shown if "━" not in part]
    console = Console(record=True, width=80, file=io.StringIO(), force_terminal=True)
    shown_text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).replace(f"{ROOT}/", "")
    for line_of_text in AnsiDecoder().decode(shown_text):
        console.print(line_of_text)
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.set_content(console.export_svg(title="curate"))
    svg = page.locator("svg").first
    box = svg.bounding_box()
    assert box is not None
    page.set_viewport_size({"width": 1000, "height": min(1400, round(box["height"]) + 16)})
    save(page, "terminal")
    page.close()


def main() -> None:
    """Take all pictures."""
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser_path is None:
        raise SystemExit("error: no chromium here\nhint: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=ARGUMENTS)
        take_report(browser)
        take_review(browser)
        take_terminal(browser)
        take_notebook(browser)
        browser.close()


if __name__ == "__main__":
    main()
