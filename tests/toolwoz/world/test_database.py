"""Searches against a brute-force reading of the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwoz.conversion.conversion import Conversion
from toolwoz.world.database import Database
from toolwoz.world.domains import DOMAINS, SEARCH_SLOTS, Row
from toolwoz.world.index import positions
from toolwoz.world.scenario import Mode
from toolwoz.world.values import canonical


@pytest.fixture(scope="session")
def database(synthetic: Mapping[Mode, Conversion]) -> Database:
    return synthetic["v2"].world.database


def brute_force(rows: tuple[Row, ...], constraints: Mapping[str, str]) -> list[Row]:
    def fits(row: Row, slot: str, value: str) -> bool:
        have, want = canonical(slot, row[slot]), canonical(slot, value)
        if slot == "leaveAt":
            return have >= want
        return have <= want if slot == "arriveBy" else have == want

    return [row for row in rows if all(fits(row, s, v) for s, v in constraints.items())]


@given(data=st.data())
def test_a_search_finds_what_reading_every_row_finds(
    database: Database, data: st.DataObject
) -> None:
    domain = data.draw(st.sampled_from(DOMAINS))
    slots = data.draw(st.sets(st.sampled_from(SEARCH_SLOTS[domain])))
    values = {
        s: (*database.values(domain, s), "99", "05:00", "23:59", "no such value") for s in slots
    }
    constraints = {slot: data.draw(st.sampled_from(values[slot])) for slot in sorted(slots)}
    assert database.search(domain, constraints) == brute_force(database.rows[domain], constraints)


@given(data=st.data())
def test_one_more_constraint_finds_no_more(database: Database, data: st.DataObject) -> None:
    domain = data.draw(st.sampled_from(DOMAINS))
    slots = sorted(data.draw(st.sets(st.sampled_from(SEARCH_SLOTS[domain]), min_size=1)))
    constraints = {s: data.draw(st.sampled_from(database.values(domain, s))) for s in slots}
    looser = {s: constraints[s] for s in slots[1:]}
    stricter = database.mask(domain, constraints)
    assert stricter & database.mask(domain, looser) == stricter


@given(st.integers(min_value=0, max_value=1 << 300))
def test_a_mask_is_the_rows_of_its_bits(mask: int) -> None:
    rows = list(positions(mask))
    assert rows == sorted(rows)
    assert sum(1 << i for i in rows) == mask


def test_times_are_inclusive_in_v2_and_strict_in_parity(tiny: Mapping[Mode, Conversion]) -> None:
    database = tiny["v2"].world.database
    monday = {"day": "monday", "leaveAt": "09:15", "arriveBy": "12:00"}
    found = [row["trainID"] for row in database.search("train", monday)]
    assert found == ["TR0002", "TR0003"]
    assert database.exact_mask("train", monday) == 0


def test_names_are_found_without_their_apostrophes(tiny: Mapping[Mode, Conversion]) -> None:
    database = tiny["v2"].world.database
    for name in ("queens gardens", "Queen's Gardens", "the queen's-gardens"):
        assert [row["name"] for row in database.search("attraction", {"name": name})] == [
            "queen's gardens"
        ]
        assert database.spelling("attraction", "name", name) == "queen's gardens"


@pytest.mark.parametrize(
    ("meant", "name"),
    [
        ("fig restaurant", "fig"),
        ("casa lupo", "casa lupo restaurant"),
        ("golden bowl", "goldn bowl"),
        (None, "a name nobody has"),
        (None, "restaurant"),
    ],
)
def test_the_name_a_person_could_have_meant(
    tiny: Mapping[Mode, Conversion], meant: str | None, name: str
) -> None:
    assert tiny["v2"].world.database.closest_name("restaurant", name) == meant


def test_answers_show_unknown_facts_as_unknown(tiny: Mapping[Mode, Conversion]) -> None:
    database = tiny["v2"].world.database
    (pool,) = database.shown("attraction", database.mask("attraction", {"name": "tidal pool"}), 3)
    assert '"entrance fee": "unknown"' in pool
    assert "location" not in pool


def test_a_saved_database_is_the_same(tiny: Mapping[Mode, Conversion], tmp_path: Path) -> None:
    database = tiny["v2"].world.database
    database.save(tmp_path / "database.json")
    assert Database.load(tmp_path / "database.json").rows == database.rows
    assert [path.name for path in tmp_path.iterdir()] == ["database.json"]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "database.json"
    path.write_text('{"restaurant": []}')
    with pytest.raises(
        ValueError, match=r"database\.json is not a database file: .* no rows for rest"
    ):
        Database.load(path)
