"""Profiles of Hypothesis: fewer examples on second engines, and as many as before elsewhere."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import settings
from scaled import fewer_examples, is_quick


@pytest.fixture
def usual(request: pytest.FixtureRequest) -> Iterator[str]:
    """A profile that is loaded."""
    before = settings.get_current_profile_name()
    settings.load_profile(request.param)
    yield request.param
    settings.load_profile(before)


@pytest.mark.parametrize("outcome", [None, AssertionError, pytest.skip.Exception])
@pytest.mark.parametrize(
    ("usual", "fewer"),
    [("default", True), ("full", False), ("thorough", False), ("quick", True)],
    indirect=["usual"],
)
def test_a_test_on_a_second_engine_leaves_the_profile_as_it_was(
    usual: str, fewer: bool, outcome: type[BaseException] | None
) -> None:
    """Whether it passes, fails or is skipped; only the default profile makes fewer examples."""
    with suppress(AssertionError, pytest.skip.Exception), fewer_examples():
        assert is_quick() == fewer
        if outcome is not None:
            raise outcome("as tests do")
    assert settings.get_current_profile_name() == usual
