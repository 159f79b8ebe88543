"""Random settings of a table."""

from typing import Any

from hypothesis import strategies as st

from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-1111-2222-3333-444455556666"

_units = st.integers(1, 10**4)
_warm = st.integers(12_000, 10**6)  # not below the units that a table begins with
_both = st.builds(UnitsPerSecond, _units, _units)
_limit = st.one_of(st.none(), st.just(-1), _units)
_limits = st.builds(UnitsPerSecond, _limit, _limit).filter(lambda it: it != UnitsPerSecond())
_scaling = st.builds(
    lambda bounds, target: Scaling(min(bounds), max(bounds), target),
    st.tuples(_units, _units),
    st.integers(20, 90),
)
_others: dict[Any, Any] = {
    "recovery_days": st.integers(0, 35),
    "protection": st.booleans(),
    "stream": st.sampled_from(["new-and-old", "new", "old", "keys", "off"]),
    "encryption": st.sampled_from(["owned", KEY]),
    "tags": st.dictionaries(st.text("abc", min_size=1), st.text("xyz 1")),
    "warm_throughput": st.builds(UnitsPerSecond, _warm, _warm),
    "ttl": st.sampled_from(["", "expires"]),
}
_not_on_moto: dict[Any, Any] = {
    "table_class": st.sampled_from(["standard", "infrequent-access"]),
    "encryption": st.sampled_from(["owned", "managed", KEY]),
}


def table_settings(*, on_moto: bool = False) -> st.SearchStrategy[TableSettings]:
    """Return a strategy for settings; *on_moto* only those that moto shows as they were set."""
    others = _others if on_moto else {**_others, **_not_on_moto}
    on_demand = others if on_moto else {**others, "max_units": _limits}
    return st.one_of(
        st.fixed_dictionaries({}, optional=on_demand),
        st.fixed_dictionaries({}, optional={**others, "scaling": _scaling, "capacity": _both}),
    ).map(_made)


def _made(members: dict[Any, Any]) -> TableSettings:
    return TableSettings(**members)
