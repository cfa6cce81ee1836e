"""The report in a browser: what it shows, where its links lead, and whether everybody can use it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Pages = Callable[[str], Path]

PICTURES = Path("build", "browser")
SIZES = {"wide": (1200, 1000), "phone": (390, 844)}
WAYS = [(size, colours) for size in SIZES for colours in ("light", "dark")]
STORIES = ["good", "failed", "cut", "hostile", "huge", "unreadable"]
SECONDS_TO_OPEN = 2.0


@contextmanager
def opened(browser: Browser, path: Path, size: str = "wide", colours: str = "light") -> Iterator[Page]:
    """Yield a page in a window of a size, for somebody who likes light or dark."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=colours)
    try:
        page = context.new_page()
        page.goto(path.as_uri())
        yield page
    finally:
        context.close()


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize(("size", "colours"), WAYS)
def test_it_can_be_looked_at(browser: Browser, pages: Pages, story: str, size: str, colours: str) -> None:
    """On a wide screen and on a phone, light and dark: nothing is wider than the screen, and a picture is kept."""
    with opened(browser, pages(story), size, colours) as page:
        page.screenshot(path=PICTURES / f"{story}-{size}-{colours}.png", full_page=story not in {"huge", "hostile"})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        assert (sum(shade) < 3 * 64) == (colours == "dark")


@pytest.mark.parametrize("story", [story for story in STORIES if story != "huge"])
@pytest.mark.parametrize(("size", "colours"), [("wide", "light"), ("phone", "dark")])
def test_everybody_can_use_it(browser: Browser, pages: Pages, story: str, size: str, colours: str) -> None:
    """With everything opened, axe-core has nothing serious to say: contrast, names, order, keyboard."""
    with opened(browser, pages(story), size, colours) as page:
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in {"serious", "critical"}]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []


def test_a_criterion_that_failed_leads_to_its_raw_observation(browser: Browser, pages: Pages) -> None:
    """One click on what the test saw opens the test and the observation, and shows the value as it is."""
    with opened(browser, pages("failed")) as page:
        value = page.locator("#observation-2 pre").last
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = false)")
        assert not value.is_visible()
        page.locator("#AC2").get_by_role("link", name="messages that were lost").click()
        expect(value).to_be_in_viewport()
        assert page.url.endswith("#observation-2")
        assert value.inner_text() == '{\n  "lost": 3,\n  "said": ""\n}'


def test_a_fault_on_the_time_line_leads_to_what_was_there_before_and_after(browser: Browser, pages: Pages) -> None:
    """One click on the fault shows what it was done to; what is not the same is marked on both sides."""
    with opened(browser, pages("good")) as page:
        page.locator(".lanes").get_by_role("link", name="a pod is deleted").click()
        fault = page.locator(":target")
        expect(fault.locator("h3")).to_be_in_viewport()
        assert fault.locator("h3").inner_text().strip() == "a pod is deleted"
        before, after = fault.locator("pre").all()
        gone, new = ("".join(side.all_inner_texts()) for side in (before.locator("del"), after.locator("ins")))
        assert '"name": "queue-b"' in gone
        assert '"name": "queue-c"' in new
        assert "queue-a" in before.inner_text()
        assert "queue-a" not in gone + new


def test_a_link_to_an_observation_opens_it(browser: Browser, pages: Pages) -> None:
    """Whoever is sent `report.html#observation-1` sees it at once, though its test and itself are folded."""
    path = pages("good")
    with opened(browser, path) as page:
        page.goto(f"{path.as_uri()}#observation-1")
        page.reload()
        expect(page.locator("#observation-1 pre").last).to_be_in_viewport()


def test_it_can_be_used_without_a_mouse(browser: Browser, pages: Pages) -> None:
    """The first stop skips to the result; a test is opened by a key, and so is an observation of it."""
    with opened(browser, pages("good")) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the result"
        page.keyboard.press("Enter")
        assert page.url.endswith("#result")
        page.locator("article.test summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("article.test .inside").first).to_be_visible()
        page.keyboard.press("Tab")  # to the criteria that the test speaks of
        for _ in range(4):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.tagName") == "SUMMARY":
                break
        page.keyboard.press("Enter")
        expect(page.locator("#observation-1")).to_be_visible()


def test_hostile_text_does_nothing(browser: Browser, pages: Pages) -> None:
    """Nothing runs, nothing is fetched, no question is asked; and the text is there to be read."""
    asked: list[str] = []
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    path = pages("hostile")
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.title().startswith("WS-900: ")
    assert page.locator("script, img").count() == 0
    assert asked == [path.as_uri()]
    assert "onerror=" in page.locator("#observation-1").inner_text() + page.locator("#AC2").inner_text()
    context.close()


def test_the_page_forbids_scripts_even_if_one_were_in_it(browser: Browser, pages: Pages, tmp_path: Path) -> None:
    """Should a text ever get past what makes it harmless, the page's own policy stops it."""
    broken = tmp_path / "broken.html"
    script = "<script>document.title='hacked'</script>"
    broken.write_text(
        pages("good").read_text(encoding="utf-8").replace("</main>", f"{script}</main>"), encoding="utf-8"
    )
    with opened(browser, broken) as page:
        assert page.locator("script").count() == 1
        assert page.title().startswith("WS-900: ")


def test_a_thousand_criteria_with_twenty_thousand_observations_open_in_two_seconds(
    browser: Browser, pages: Pages
) -> None:
    """The result is on the screen by then; the last observation is there, and a link opens it."""
    path = pages("huge")
    with opened(browser, path) as page:
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        assert "857 of 1000 criteria are proven" in page.locator("#result").inner_text()
        assert painted < SECONDS_TO_OPEN
        assert page.locator("[id^=observation-]").count() == 20_000
        page.goto(f"{path.as_uri()}#observation-20000")
        expect(page.locator("#observation-20000 pre").last).to_be_in_viewport()
