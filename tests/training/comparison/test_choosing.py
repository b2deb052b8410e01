"""docs/choosing.md: its tables are those of the cards and of what was measured."""

import json

from training.comparison import changes, document

PAGE = document.PAGE.read_text("utf-8")
MEASURED = document.PAGE.parent / document.MEASURED
MAKE_ANEW = ".venv/bin/python -m training.comparison.document writes the page's tables anew"


def test_the_pages_tables_are_those_of_the_cards_and_the_measurements() -> None:
    tables = document.tables(MEASURED)
    for name, table in tables.items():
        assert f"<!-- {name} -->\n{table}<!-- end -->" in PAGE, MAKE_ANEW


def test_the_measurements_are_those_of_the_rows_in_the_code() -> None:
    measured = json.loads(MEASURED.read_text())
    assert {"examples": measured["examples"], "seen": measured["seen"]} == {
        "examples": changes.LENGTH.examples,
        "seen": changes.LENGTH.seen,
    }
    for name, rows in changes.TABLES.items():
        there = [row["change"] for row in measured["tables"][name]]
        assert [row.description for row in rows if row.description in there] == [
            row.description for row in rows
        ]
