"""The page: complete in every state of a campaign, self-contained, accessible."""

import json
import re
from html.parser import HTMLParser

import pytest
import synthetic

from workchains.report.page import key_figures, render
from workchains.report.sections import SECTIONS
from workchains.report.text import duration, number, percent, plural


class Page(HTMLParser):
    """Reads a page: tags with attributes, and headings with their text; every tag must be closed by its own."""

    VOID = frozenset({"meta", "img", "br", "link"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.headings = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "h2":
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings[-1] += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module", params=["report", "running", "empty"])
def rendered(request):
    report = getattr(synthetic, request.param)()
    text = render(report)
    return request.param, report, text, Page(text)


def test_every_section_stands_in_every_state(rendered):
    _, _, _, page = rendered
    assert len(page.headings) == len(SECTIONS) + 2
    anchors = {attrs["id"] for attrs in page.all("section") if "id" in attrs}
    assert {attrs["href"] for attrs in page.all("a")} == {f"#{anchor}" for anchor in anchors}


def test_nothing_is_fetched_from_elsewhere(rendered):
    _, _, text, page = rendered
    for attrs in (attrs for _, attrs in page.tags):
        for name in ("src", "href"):
            assert attrs.get(name, "#").startswith(("#", "data:"))
    assert "@import" not in text
    assert "url(" not in text.split("</style>")[0]
    assert not page.all("script")


def test_every_picture_says_in_words_what_it_shows(rendered):
    name, _, _, page = rendered
    pictures = page.all("img")
    assert len(pictures) == {"report": 13, "running": 7, "empty": 0}[name]
    assert all(len(attrs["alt"]) > 20 for attrs in pictures)


def test_what_is_missing_is_said(rendered):
    name, report, text, _ = rendered
    assert report.ending in text
    assert text.count('class="missing"') == {"report": 0, "running": 6, "empty": 16}[name]
    if name == "running":
        assert "The ensembles are judged when the last stage is done." in text


def test_summary_is_json_and_holds_the_figures(rendered):
    _, report, _, _ = rendered
    summary = json.loads(json.dumps(report.summary()))
    assert summary["labels"] == report.labels
    assert len(summary["iterations"]) == len(report.iterations)
    assert (summary["ended"] is None) == (report.state == "running")


def test_key_figures_are_those_of_the_last_ensemble():
    figures = {figure.name: figure for figure in key_figures(synthetic.report())}
    assert figures["force error (test set)"].value == "0.165 eV/Å"
    assert "worst on surface: 8.4 %" in figures["force error (test set)"].note
    assert figures["labels"].value == "150"
    assert figures["terms of a member"].value == "58"


def test_a_running_campaign_shows_the_error_so_far():
    figures = {figure.name: figure for figure in key_figures(synthetic.running())}
    assert figures["force error (so far)"].value == "0.400 eV/Å"


def test_names_are_escaped():
    from dataclasses import replace

    text = render(replace(synthetic.empty(), description="<script>alert(1)</script>", settings="a: <b>&"))
    assert "<script>" not in text
    assert "a: &lt;b&gt;&amp;" in text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (3.14, "3.1 s"), (42.4, "42 s"), (59.9, "1 min 00 s"), (252, "4 min 12 s"), (3 * 3600 + 299, "3 h 04 min")],
)
def test_durations_read_well(seconds, said):
    assert duration(seconds) == said


def test_numbers_read_well():
    assert (number(None), number(1234), number(0.12345), number(0.0012345)) == ("–", "1,234", "0.123", "0.00123")
    assert percent(0.0834) == "8.3 %"
    assert (plural(1, "label"), plural(2, "label")) == ("1 label", "2 labels")


def test_page_is_reproducible():
    one, two = (re.sub(r"Written .*? by", "", render(synthetic.report())) for _ in range(2))
    assert one == two


def test_every_table_fits_the_page(rendered):
    """Cells of words break between words, those of numbers do not; a digit takes some 8 of the 944 pixels between the margins."""
    for section in (make(rendered[1]) for make in SECTIONS):
        for table in section.tables:
            columns = zip(table.heads, *table.rows, strict=True)
            widths = []
            for index, (head, *cells) in enumerate(columns):
                parts = [*head.split(), *(part for cell in cells for part in (cell.split() if index in table.words else [cell]))]
                widths.append(8 * max(map(len, parts)) + 14)
            assert sum(widths) <= 944, f"{section.title}: {table.caption}: {widths}"
