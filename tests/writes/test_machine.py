"""A state machine: random writes compared with a dict; after each step all reads agree."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from engines import Engine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scaled import scaled
from spread_tables import spread
from strategies import floats, genre_lists, small_ids, title_keys, titles
from table_dump import assert_no_slot_is_lost

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.typed_json import ItemKey, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.errors import ConflictError, TitleExistsError, TitleNotFoundError
from catalog_model.operations import create_table, delete_table
from catalog_model.table import keys
from catalog_model.table.folding import fold_name

some_titles = titles(small_ids)

short_texts = st.text(max_size=3)

pytestmark = pytest.mark.over_aio

CHANGES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "update_popularity": st.fixed_dictionaries({"popularity": floats}),
    "update_votes": st.fixed_dictionaries(
        {"vote_average": floats, "vote_count": st.integers(0, 100_000)}
    ),
    "set_genres": st.fixed_dictionaries({"genre_ids": genre_lists}),
    "update_title": st.fixed_dictionaries(
        {},
        optional={
            "popularity": floats,
            "genre_ids": genre_lists,
            "overview": short_texts,
            "extra": st.lists(short_texts, min_size=1, max_size=1),
        },
    ).filter(bool),
}
"""The changes of a title, and the attributes that they change."""


class CatalogMachine(RuleBasedStateMachine):
    """The table, and a dict of titles as its model."""

    engine: Engine
    reads_shards = False

    def __init__(self) -> None:
        super().__init__()
        self.catalog: Catalog = self.engine.catalog(sharded_lists=self.reads_shards)
        create_table(self.catalog)
        self.model: dict[TitleKey, AnyTitle] = {}
        self.tallies: set[ItemKey] = set()
        self.touched: Kind = "movie"

    def teardown(self) -> None:
        for self.touched in KINDS:
            self.every_list_is_the_sorted_model()
        delete_table(self.catalog)

    def _put(self, title: AnyTitle) -> None:
        self.touched = title.kind
        self.model[title.key] = title
        self.tallies.add(keys.tally_key(title.kind, keys.shard_of(title.key)))

    @rule(title=some_titles)
    def put(self, title: AnyTitle) -> None:
        assert ap.put_title(self.catalog, title) == title
        self._put(title)

    @rule(title=some_titles)
    def put_if_absent(self, title: AnyTitle) -> None:
        if title.key in self.model:
            with pytest.raises(TitleExistsError):
                ap.put_title(self.catalog, title, if_absent=True)
        else:
            ap.put_title(self.catalog, title, if_absent=True)
            self._put(title)

    @rule(some=st.lists(some_titles, max_size=8))
    def load(self, some: list[AnyTitle]) -> None:
        report = ap.load_titles(self.catalog, some)
        assert report.done == len(some)
        for title in some:
            self._put(title)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), name=st.sampled_from(sorted(CHANGES)))
    def change(self, data: st.DataObject, name: str) -> None:
        title, changes = self._pick(data), data.draw(CHANGES[name])
        after = getattr(ap, name)(self.catalog, *title.key, **changes)
        self._put(title.replace(**changes))
        assert after == self.model[title.key]

    @rule(title=some_titles, before=some_titles)
    def put_if_unchanged(self, title: AnyTitle, before: AnyTitle) -> None:
        stored = self.model.get(title.key)
        if stored is None or title.vote_count % 2:
            before = before.replace(id=title.id)
            if before.kind == title.kind and before != stored:
                with pytest.raises(ConflictError):
                    ap.put_title(self.catalog, title, if_unchanged=before)
        else:
            assert ap.put_title(self.catalog, title, if_unchanged=stored) == title
            self._put(title)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        title = self._pick(data)
        assert ap.delete_title(self.catalog, *title.key) == title
        del self.model[title.key]
        self.touched = title.kind

    @rule(key=title_keys)
    def changes_of_what_is_not_there_are_refused(self, key: TitleKey) -> None:
        if key in self.model:
            return
        calls: list[Callable[[], object]] = [
            partial(ap.update_popularity, self.catalog, *key, 1.5),
            partial(ap.update_votes, self.catalog, *key, vote_average=1, vote_count=1),
            partial(ap.set_genres, self.catalog, *key, [28]),
            partial(ap.update_title, self.catalog, *key, overview="Up."),
            partial(ap.delete_title, self.catalog, *key),
            partial(ap.get_title, self.catalog, *key, consistent=True),
        ]
        for call in calls:
            with pytest.raises(TitleNotFoundError):
                call()

    def _pick(self, data: st.DataObject) -> AnyTitle:
        return self.model[data.draw(st.sampled_from(sorted(self.model)))]

    @invariant()
    def each_title_is_there_with_its_memberships(self) -> None:
        for key in list(self.model)[-2:]:
            title, memberships = ap.get_title_with_genres(self.catalog, *key)
            assert title == self.model[key] == ap.get_title(self.catalog, *key, consistent=True)
            assert [each.genre_id for each in memberships] == list(dict.fromkeys(title.genre_ids))
        asked = [*self.model, TitleKey("movie", 10**6)]
        assert ap.get_titles(self.catalog, asked) == [*self.model.values(), None]

    @invariant()
    def every_list_is_the_sorted_model(self) -> None:
        self._agrees("popularity", lambda title: title.popularity)
        self._agrees("rating", lambda title: title.vote_average)
        self._agrees("release", lambda title: title.released)
        self._agrees("name", lambda title: fold_name(title.display_name))

    def _agrees(self, order: Any, value: Any) -> None:
        own = [title for title in self.model.values() if title.kind == self.touched]
        listed = ap.list_titles(self.catalog, self.touched, order=order, limit=100)
        expected = sorted(own, key=lambda title: (value(title), title.id), reverse=True)
        assert list(listed) == expected
        assert listed.next is None

    @invariant()
    def counts_genres_and_samples_agree(self) -> None:
        for kind in KINDS:
            own = [title for title in self.model.values() if title.kind == kind]
            assert ap.count_titles(self.catalog, kind) == len(own)
            assert set(ap.sample_titles(self.catalog, kind, 100)) == set(own)
            genres = {genre for title in own for genre in title.genre_ids}
            counted = {each.id: each.title_count for each in ap.list_genres(self.catalog, kind)}
            assert counted == {g: sum(g in title.genre_ids for title in own) for g in genres}
            for genre in sorted(genres)[:1]:
                listed = ap.list_titles_in_genre(self.catalog, kind, genre, limit=100)
                assert set(listed) == {title for title in own if genre in title.genre_ids}

    @invariant()
    def nothing_is_left_behind(self) -> None:
        """A title is its item, its listing and its memberships; tallies stay."""
        table = self.catalog.table
        pages = self.catalog.client.get_paginator("scan").paginate(
            TableName=table, ConsistentRead=True
        )
        found = [item for page in pages for item in page["Items"]]
        assert_no_slot_is_lost({primary_key(item): item for item in found})
        per_title = (2 + len(set(title.genre_ids)) for title in self.model.values())
        assert len(found) == sum(per_title) + len(self.tallies)


class SpreadMachine(CatalogMachine):
    """The same table, whose lists are spread over another number of shards now and then."""

    reads_shards = True

    def __init__(self) -> None:
        super().__init__()
        self.lists = 1

    @rule(lists=st.sampled_from((1, 2, 3, 8)))
    def spread(self, lists: int) -> None:
        report = spread(self.catalog, lists)
        assert report.moved == (len(self.model) if lists != self.lists else 0)
        if lists != self.lists:
            every = ((kind, shard) for kind in KINDS for shard in range(keys.SHARDS))
            self.tallies |= {keys.tally_key(*each) for each in every}
        self.lists = lists
        for self.touched in KINDS:
            self.every_list_is_the_sorted_model()


@pytest.mark.in_memory
@pytest.mark.over_aio(False)
def test_random_writes_keep_spread_lists_and_the_model_in_step(engine: Engine) -> None:
    """Also while the number of shards changes between them."""
    machine = type("Machine", (SpreadMachine,), {"engine": engine})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=scaled(8), stateful_step_count=20)
    )


@pytest.mark.in_memory
def test_random_writes_keep_the_table_and_the_model_in_step(engine: Engine) -> None:
    """After writes in any order, reads return what a dict of titles would."""
    machine = type("Machine", (CatalogMachine,), {"engine": engine})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=scaled(12), stateful_step_count=20)
    )
