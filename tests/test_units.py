"""Quantities as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import UnitsError
from nas.units import format_bytes, format_count, how_many, parse_count, suggest_unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("400M", 400_000_000),
        ("400m", 400_000_000),
        ("0.4G", 400_000_000),
        ("0.4B", 400_000_000),
        (" 5.3e6 ", 5_300_000),
        ("1_000k", 1_000_000),
        ("385814752", 385_814_752),
        (".5T", 500_000_000_000),
        (7, 7),
    ],
)
def test_counts_are_read(text: str, value: int) -> None:
    assert parse_count(text) == value


@pytest.mark.parametrize("text", ["", "M", "400Q", "400 MM", "-3M", "0", "nan", "1e999", "4,5M", 0])
def test_misspelt_counts_are_refused_with_the_text(text: str) -> None:
    with pytest.raises(UnitsError) as error:
        parse_count(text, "target FLOPs")
    assert str(text) in str(error.value)
    assert "400M" in str(error.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (385_814_752, "385.8M"),
        (5_288_548, "5.289M"),
        (999_999_999, "1.000G"),
        (12, "12"),
        (1000, "1.000k"),
    ],
)
def test_counts_are_written_with_four_digits(value: int, text: str) -> None:
    assert format_count(value) == text


@given(st.integers(min_value=1, max_value=10**14))
def test_writing_and_reading_keeps_four_digits(value: int) -> None:
    assert parse_count(format_count(value)) == pytest.approx(value, rel=5e-4)


def test_bytes_are_binary() -> None:
    assert format_bytes(6 * 2**20) == "6.0 MiB"


def test_a_forgotten_suffix_is_guessed() -> None:
    assert suggest_unit(400, 51_600_000, 884_000_000) == "400M"
    assert suggest_unit(500_000, 51_600_000, 884_000_000) == "500M"
    assert suggest_unit(3, 51_600_000, 884_000_000) is None


def test_one_thing_is_not_called_several() -> None:
    assert [how_many(count, "epoch") for count in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]
    assert how_many(12_000, "image") == "12,000 images"
