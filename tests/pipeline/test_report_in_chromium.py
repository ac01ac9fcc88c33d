"""The report in a real browser: nothing is complained of, tables sort, sounds play."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Launch

WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    found = shutil.which("chromium")
    if found is None:
        said = "NOT RUN IN A BROWSER: there is no chromium (make browser-install)"
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(said)
        pytest.skip(said)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        started = playwright.chromium.launch(executable_path=found, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_file(launch: Launch, made_clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    grid = folder / "tiny.yaml"
    grid.write_text(
        "seconds: 0.5\nn_fft: 512\nn_mels: 16\ndepth: 8\nepochs: 3\nbatch_size: 8\nthreads: 1\n"
        "sweep: {lr: [0.05, 0.01, 0.001]}\n"
    )
    where = ("--grid", grid, "--data", made_clips, "--out", folder / "out")
    done = launch(*where, "--executor", "debug")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out" / "report.html"


def opened(browser: Any, path: Path, **settings: Any) -> tuple[Any, list[str]]:
    """Return a page and what its console will say."""
    page, said = browser.new_page(**settings), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda r: said.append(r.url) if r.url.startswith("http") else None)
    page.goto(path.as_uri())
    return page, said


def wait_until(page: Any, condition: Callable[[], bool]) -> None:
    """As the page's own `wait_for_function`, which its security policy forbids."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    raise TimeoutError


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_its_window_in_light_and_dark_and_complains_of_nothing(
    browser: Any, page_file: Path, width: int, scheme: str
) -> None:
    size = {"width": width, "height": 800}
    page, said = opened(browser, page_file, viewport=size, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) > 600) == (scheme == "light")
    assert page.locator("h1").inner_text().startswith("Validation says")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    assert said == []
    page.close()


def test_the_leaderboard_sorts_and_filters(browser: Any, page_file: Path) -> None:
    page, said = opened(browser, page_file)
    column = page.locator("#runs tbody tr:not([hidden]) td:nth-child(4)")
    losses = [float(text) for text in column.all_inner_texts()]
    assert len(losses) == 3
    head = page.locator("#runs thead th:nth-child(4) button")
    for turned in (True, False):
        head.press("Enter")  # by keyboard as by mouse
        shown = [float(text) for text in column.all_inner_texts()]
        assert shown == sorted(losses, reverse=turned)
    page.locator("#filter").fill("lr=0.05")
    assert page.locator("#runs tbody tr:not([hidden])").count() == 1
    assert said == []
    page.close()


def test_a_clip_is_heard_and_its_playhead_moves(browser: Any, page_file: Path) -> None:
    page, said = opened(browser, page_file)
    card = page.locator(".card").first
    assert card.locator("img").evaluate("image => image.naturalWidth") > 10
    card.locator(".play").click()
    audio = card.locator("audio")
    wait_until(page, lambda: audio.evaluate("a => a.currentTime") > 0.05)
    assert audio.evaluate("a => a.error === null && a.duration > 0.4")
    assert card.locator(".head").evaluate("head => parseFloat(head.style.left)") > 0
    # A click into the picture goes there.
    box = card.locator(".picture").bounding_box()
    card.locator(".picture").click(position={"x": box["width"] * 0.5, "y": 20})
    assert audio.evaluate("a => a.currentTime") >= 0.2
    assert said == []
    page.close()


def test_the_map_names_the_clip_under_the_pointer_and_goes_by_keyboard(
    browser: Any, page_file: Path
) -> None:
    page, said = opened(browser, page_file)
    canvas = page.locator("#points")
    canvas.scroll_into_view_if_needed()
    drawn = canvas.evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    )
    assert drawn
    canvas.focus()
    canvas.press("ArrowRight")
    first = page.locator("#name").inner_text()
    canvas.press("ArrowRight")
    assert first != page.locator("#name").inner_text() != ""
    assert any(side in first for side in ("train", "validation", "test"))
    assert said == []
    page.close()


def test_it_prints(browser: Any, page_file: Path, tmp_path: Path) -> None:
    page, said = opened(browser, page_file)
    page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").stat().st_size > 10_000
    assert said == []
    page.close()
