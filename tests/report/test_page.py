"""The page as a person has it: in a real Chromium, from disk, by mouse, by keys and by a screen reader's rules."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from made_run import BANK, BATCH, OUTPUT, make_run
from playwright.sync_api import Page

from chromium import Chromium, Opened

FIRST_PAINT_LIMIT_S = 5.0
"""A reader should wait two seconds at most; two processors that do something else beside may be slower."""
MARKS_LIMIT = 40
SIZE_LIMIT_BYTES = 25_000_000
HOSTILE = "</script><img src=x onerror=\"document.title='pwned'\"><!--<script>document.title='pwned'</script>"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("project"), points=6, names=("naive", "sound"))


def verdicts_of(run: Path) -> Counter[tuple[str, str]]:
    found = json.loads((run / "run.json").read_text())
    return Counter((f["place"], f["verdict"]) for v in found["versions"] for t in v["trials"] for f in t["findings"])


def shown(page: Page) -> Counter[tuple[str, str]]:
    """By place and verdict, what the rows of points say."""
    rows = page.locator("tr.point")
    places = page.locator("#matrix thead th").all_inner_texts()[1:]
    counted: Counter[tuple[str, str]] = Counter()
    for row in rows.all():
        for place, cell in zip(places, row.locator("td").all_inner_texts(), strict=True):
            counted[place, cell.split()[-1]] += 1
    return counted


def in_order(opened: Opened) -> None:
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("file:")] == [], "the page needs no network"


def test_the_numbers_on_the_page_are_those_of_the_run(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        assert shown(page) == verdicts_of(run)
        assert shown(page)[BANK, "duplicate"] == 6
        sentences = page.locator(".answers li").all_inner_texts()
        assert "NOT in bank: duplicate at 6 of 6 trials" in sentences[0]
        assert "exactly once in Kafka and bank in all 6 trials" in sentences[1]
        in_order(opened)


def test_the_first_violation_is_there_at_once_with_its_explanation_and_its_command(
    chromium: Chromium, run: Path
) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        assert page.locator("#trial-title").inner_text() == "naive / after-effect"
        assert f"so {BATCH} payments happened twice at bank" in page.locator(".place.violated li").last.inner_text()
        command = page.locator(".command code").inner_text()
        assert command == f"oncewhere replay naive/after-effect {run.name}"
        assert "--project DIR" in page.locator("#trial-body > div", has_text="See it again").inner_text()
        assert page.locator(".strip .mark.chosen.not-done").count() == 1, "the message at which it died is chosen"
        assert "Dropped: the server never saw it" in page.locator(".message").inner_text()
        assert page.locator(".strip .crash-label", has_text="SIGKILL").count() == 1
        assert page.locator(".strip .span.aborted").count() == 1, "the open transaction, and what became of it"
        assert page.locator(".strip .band").count() == 2, "the effects of both lives are joined"
        in_order(opened)


@pytest.mark.parametrize("asked", ["sound%2Fafter-effect", "sound/after-effect", "sound%2Fkafka.EndTxn.1.1.before"])
def test_a_point_is_opened_by_the_name_that_commands_use(chromium: Chromium, run: Path, asked: str) -> None:
    with chromium.open(run / "report.html") as opened:
        opened.page.evaluate("name => { location.hash = name; }", asked)
        opened.page.wait_for_function("document.querySelector('#trial-title').textContent === 'sound / after-effect'")
        in_order(opened)


def test_on_a_phone_an_identity_and_a_position_break_between_their_words(chromium: Chromium, tmp_path: Path) -> None:
    run = make_run(tmp_path, points=1, identity="550e8400-e29b-41d4-a716-44665544")
    with chromium.open(run / "report.html", width=390) as opened:
        row = opened.page.locator(".records tbody tr").first
        lines = """cell => {
            const range = document.createRange(), text = cell.firstChild, lines = [];
            for (let at = 0; at < text.length; at++) {
                range.setStart(text, at); range.setEnd(text, at + 1);
                const top = range.getBoundingClientRect().top;
                if (lines.at(-1)?.top === top) lines.at(-1).words += text.data[at];
                else lines.push({ top, words: text.data[at] });
            }
            return lines.map(({ words }) => words.trim());
        }"""
        identity, position = row.locator("th").evaluate(lines), row.locator("td").first.evaluate(lines)
        assert identity == ["550e8400-e29b-41d4-", "a716-44665544-0"]
        assert position == ["payment-", "authorized-", "0 @ 0"]
        assert opened.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        in_order(opened)


def test_what_is_wrong_names_its_cure_and_evidence_says_what_it_holds(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        cure = page.locator(".cure")
        assert cure.locator("h3").inner_text() == "What to do about duplicate"
        assert "an offset ledger or a dedupe table in the effect's own database transaction" in cure.inner_text()
        assert "the redelivered input did it again" in cure.inner_text(), "why it is bad"
        assert cure.locator("code").all_inner_texts()[-1] == "oncewhere explain duplicate"
        evidence = page.locator("#trial-body > div", has_text="Evidence").last
        assert evidence.locator("a").all_inner_texts() == ["wire.jsonl"], "an empty log is named, and not linked"
        assert " kB)" in evidence.inner_text()
        in_order(opened)


def test_filters_leave_what_was_asked_for_and_say_how_much_that_is(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        page.click("[data-kind=violated]")
        assert shown(page) == {(OUTPUT, "once"): 6, (BANK, "duplicate"): 6}
        assert page.locator("#counted").inner_text() == "6 of 14 trials shown"
        page.fill("#search", "EndTxn.2")
        assert page.locator("tr.point").count() == 2
        page.click("[data-kind=all]")
        page.fill("#search", "")
        page.select_option("#by-version", label="sound")
        assert {verdict for _, verdict in shown(page)} == {"once"}
        in_order(opened)


def test_everything_can_be_done_by_keys(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        title = page.locator("#trial-title")
        page.keyboard.press("j")
        page.wait_for_function("document.querySelector('#trial-title').textContent.includes('kafka.EndTxn.2.1.before')")
        assert page.url.endswith("#naive%2Fkafka.EndTxn.2.1.before"), "the address can be sent to somebody"
        page.keyboard.press("k")
        assert title.inner_text() == "naive / after-effect"
        page.keyboard.press("/")
        page.keyboard.type("interval")
        assert page.locator("#search").input_value() == "interval"
        page.keyboard.press("Escape")
        page.locator("#search").fill("")
        page.wait_for_selector(".strip .mark.chosen")
        page.keyboard.press("Escape")
        page.keyboard.press("m")
        before = page.evaluate("document.activeElement.getAttribute('aria-label')")
        page.keyboard.press("ArrowLeft")
        after = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert "EndTxn" in before
        assert "TxnOffsetCommit" in after
        assert "kafka.TxnOffsetCommit" in page.locator(".message h3").first.inner_text()
        for words, begin, step, unfolded in (
            ("Show all intervals", "End", "ArrowLeft", "commit"),
            ("Show every statement", "Home", "ArrowRight", "write"),
        ):
            toggle = page.locator(".controls button", has_text=words)
            toggle.press("Enter")
            page.keyboard.press("m")
            page.keyboard.press(begin)
            for _ in range(MARKS_LIMIT):
                if unfolded in page.evaluate("document.activeElement.getAttribute('aria-label')"):
                    break
                page.keyboard.press(step)
            toggle.press("Enter")
            assert page.locator(".strip .chosen").count() == 0, f"{words}: what was chosen is folded away"
            page.keyboard.press("m")
            reached = page.evaluate("document.activeElement.matches('.strip [data-mark], .strip [data-fold]')")
            assert reached, f"{words}: the timeline is still reached by keys"
        page.keyboard.press("?")
        assert page.locator("#keys-dialog").is_visible()
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        page.keyboard.press("t")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        in_order(opened)


def as_a_table(page: Page) -> None:
    """Opens the table, which is made once its summary was clicked: a moment later."""
    page.click("summary:has-text('The same as a table')")
    page.wait_for_selector("table.facts tbody tr")


def test_the_table_tells_what_the_drawing_shows(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        for button in page.locator(".controls button").all():
            button.click()
        drawn = page.locator(".strip .mark").count()
        as_a_table(page)
        rows = page.locator("table.facts tbody tr").all_inner_texts()
        assert drawn == sum(": " in row and any(k in row for k in ("done:", "open:", "unknown:")) for row in rows)
        assert any("the cluster says of the transaction: settlement-0 Ongoing" in row for row in rows)
        assert any("aborted: the next producer of that transactional.id fenced it" in row for row in rows)


def test_nothing_that_a_run_holds_is_read_as_markup(chromium: Chromium, tmp_path: Path) -> None:
    run = make_run(tmp_path, points=2, names=(f"naive{HOSTILE.replace('/', '|')}",), hostile=HOSTILE)
    with chromium.open(run / "report.html") as opened:
        page = opened.page
        as_a_table(page)
        assert "pwned" not in page.title()
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 2 + 3, "the facts, the script, and a trial for each point"
        assert HOSTILE in page.locator("#trial-body").inner_text(), "it is shown as what it is"
        in_order(opened)


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_nobody_is_kept_out(chromium: Chromium, run: Path, theme: str, width: int, tmp_path: Path) -> None:
    with chromium.open(run / "report.html", width=width, color_scheme=theme) as opened:
        page = opened.page
        as_a_table(page)
        assert faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "no scrolling sideways"
        picture = tmp_path / f"{theme}-{width}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000


def faults(page: Page) -> list[tuple[str, str, str]]:
    """What axe-core finds: the rule, how bad it is, and the first place."""
    found = Axe().run(page).response["violations"]
    return [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in found]


def test_a_fault_that_is_planted_is_found(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html", color_scheme="light") as opened:
        opened.page.evaluate("document.querySelector('h1').style.color = '#ddd'")
        assert [(rule, impact) for rule, impact, _ in faults(opened.page)] == [("color-contrast", "serious")]


def test_it_prints_and_it_says_what_it_can_without_scripts(chromium: Chromium, run: Path) -> None:
    with chromium.open(run / "report.html") as opened:
        assert opened.page.pdf(format="A4").startswith(b"%PDF")
        opened.page.emulate_media(media="print", color_scheme="dark")
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not opened.page.locator("#filters").is_visible()
        opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        shown = opened.page.locator(".strip").bounding_box()
        chosen = opened.page.locator(".strip .mark.chosen").bounding_box()
        assert shown is not None
        assert chosen is not None
        assert shown["x"] <= chosen["x"] < shown["x"] + shown["width"], "paper shows the part that the screen shows"
    with chromium.browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((run / "report.html").as_uri())
        text = page.locator("body").inner_text()
        assert "NOT in bank: duplicate at 6 of 6 trials" in text
        assert "scripts are switched off" in text


def test_two_thousand_points_stay_a_page_that_opens(chromium: Chromium, tmp_path: Path) -> None:
    run = make_run(tmp_path, points=2000, batches=4)
    page_file = run / "report.html"
    messages = sum(path.read_bytes().count(b'"direction"') for path in run.glob("*/*/wire.jsonl"))
    assert messages > 200_000
    assert page_file.stat().st_size < SIZE_LIMIT_BYTES
    with chromium.open(page_file) as opened:
        page = opened.page
        painted_s = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000
        print(f"first contentful paint of {page_file.stat().st_size / 1e6:.1f} MB: {painted_s:.2f} s")
        assert painted_s < FIRST_PAINT_LIMIT_S
        assert page.locator("#counted").inner_text() == "2,001 of 2,001 trials shown"
        assert page.locator("tr.group").count() >= 1
        page.fill("#search", "EndTxn.2.600.before")
        assert page.locator("tr.point").count() == 1
        page.locator("tr.point button").click()
        page.wait_for_function("document.querySelector('#trial-title').textContent.includes('2.600')")
        page.wait_for_selector(".strip .mark.chosen.not-done")
        in_order(opened)
