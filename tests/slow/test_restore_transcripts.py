"""docs/restore-transcripts.md: both transcripts are played, and print what the page shows."""

from restored import settings_of, wanted_of
from table_dump import Table, dump
from transcripts import DYNOXIDE, MOTO, Played, on_dynoxide, on_moto, played, steady

from catalog_model import TitleKey
from catalog_model import access_patterns as ap
from catalog_model.operations import table_status, verify

AGAIN = "tests/support/transcripts.py writes the page again"


def is_as_shown(each: Played) -> bool:
    """Compare without moments, cursors and hashes."""
    return steady(each.printed) == steady(each.shown)


def test_a_table_from_creation_to_cut_over_and_back() -> None:
    """On moto: create (1 to 10), load, recovery on, change, restore, verify, cut over, back.

    The new table has the settings of the old one, and the title that was deleted.
    """
    with on_moto() as stage:
        for each in played(MOTO, stage):
            assert is_as_shown(each), (AGAIN, each.command, each.printed)
        assert settings_of(stage.new) == wanted_of(stage.old, stage.new)
        assert table_status(stage.new, in_full=True).scaling is not None
        assert verify(stage.new).is_clean
        assert ap.get_titles(stage.old, [TitleKey("movie", 11)]) == [None]
        assert ap.get_title(stage.new, "movie", 11).id == 11


def test_an_earlier_state_from_a_dump() -> None:
    """On dynoxide: dump, change, import, verify, cut over; the earlier state is equal, by item."""
    with on_dynoxide() as stage:
        before: Table = {}
        for each in played(DYNOXIDE, stage):
            assert is_as_shown(each), (AGAIN, each.command, each.printed)
            if " dump before" in each.command:
                before = dump(stage.old)
        assert dump(stage.new) == before != dump(stage.old)
        assert verify(stage.new).is_clean
