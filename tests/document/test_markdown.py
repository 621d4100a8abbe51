"""The document renders: every link has its heading, tables are tables, and nothing somebody wrote becomes markup."""

from __future__ import annotations

import re

import msgspec
import pytest
from committed_facts import committed
from markdown_it import MarkdownIt

from oncewhere.document import as_html, as_json, as_markdown, compose, decode, encode
from oncewhere.document.markdown import anchor

SECTIONS = [
    "Exactly once, where?",
    "Boundary",
    "Transactional identity",
    "External effect policy",
    "Consumer isolation level",
    "Timeouts, in their order",
    "What is not covered",
    "Evidence",
    "Runbook",
]
EVERY = [("dedupe-table", "payments"), ("offset-ledger", "payments"), ("naive", "payments"), ("recorded", "java")]


@pytest.mark.parametrize(("name", "example"), EVERY)
def test_every_section_is_there_and_every_link_leads_somewhere(name, example):
    text = as_markdown(compose(committed(name, example)))
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    anchors = {anchor(heading) for heading in re.findall(r"^##+ (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
    assert text.count("```mermaid") == 1
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "kafka-"))) <= 130


def test_every_row_of_a_table_has_as_many_cells_as_its_head(ledger, changed):
    awkward = changed(ledger, "declared", title="a | b", owner="<script>alert(1)</script>")
    rows = 0
    for token in MarkdownIt("commonmark").enable("table").parse(as_markdown(compose(awkward))):
        assert token.type != "html_block"
        rows += token.type == "tr_open"
    assert rows > 15


def test_nothing_that_somebody_wrote_becomes_markup_in_the_page(ledger, with_effect):
    page = as_html(compose(with_effect(ledger, acknowledged="<script>alert(1)</script>", name="<b>bank")))
    assert "<script" not in page
    assert "<b>bank" not in page
    assert "one Kafka transaction" in page
    assert 'id="what-the-drill-proved"' in page
    assert "mermaid" not in page


def test_the_same_facts_make_the_same_bytes_and_come_back_whole(ledger):
    text = as_markdown(compose(ledger))
    again = decode(encode(ledger, text), "exactly-once.json").facts
    assert again == ledger
    assert as_markdown(compose(again)) == text
    assert decode(as_json(compose(ledger)).encode(), "a document in JSON").facts == ledger


def test_the_json_says_of_each_statement_how_it_is_known(naive):
    data = msgspec.json.decode(as_json(compose(naive)))
    assert [section["title"] for section in data["sections"]] == SECTIONS
    statements = [statement for section in data["sections"] for statement in section["statements"]]
    assert all(statement["known_by"] for statement in statements)
    assert {by for statement in statements for by in statement["known_by"]} == {
        "declared", "observed", "drilled", "no evidence"
    }  # fmt: skip
    assert data["claims"][1]["standing"] == "broken"


def test_the_document_of_a_java_processor_says_as_much_as_that_of_a_python_one():
    java, python = (compose(committed(*which)) for which in (("recorded", "java"), ("dedupe-table", "payments")))
    assert [s.title for s in java.sections] == [s.title for s in python.sections]
    unknown = [[s.text for s in document.statements if s.standing == "unknown"] for document in (java, python)]
    assert len(unknown[0]) <= len(unknown[1]) + 1, unknown
