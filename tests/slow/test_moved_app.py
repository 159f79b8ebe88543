"""docs/move-the-application.md, followed step by step on two copies of the application."""

import ast
import difflib
import http.client
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from generated import Record, Records
from loads import HOST, await_answer
from packages import ROOT, run_in
from pages import blocks

from catalog_model.dynamodb.engines.local import environment_without_aws, free_port
from catalog_model.files.reader import FILE_NAMES
from catalog_model.local import Engine

pytestmark = pytest.mark.one_engine

PAGE = "move-the-application.md"
PATIENCE = 60
SOME = 120

APP = """\
«|import json
import random

»from flask import Flask, jsonify, request
from prometheus_flask_exporter import PrometheusMetrics

app = Flask(__name__)
PrometheusMetrics(app)

«0|with open("data/data_movies.json") as file:
    movies = json.load(file)
with open("data/data_tv.json") as file:
    shows = json.load(file)»


@app.route("/")
def home():
    return "Hi! This app is an API, there is no UI ;-)"


@app.route("/discover")
def discover():
    «1|titles = shows if request.args.get("type") == "tv" else movies»
    genre = request.args.get("genre")
    if not genre:
        return jsonify(«2|random.sample(list(titles.values()), 20)»)
    found = «3|[title for title in titles.values() if int(genre) in title["genre_ids"]]»
    return jsonify(found[:20])


@app.route("/updatePopularity", methods=["POST"])
def update_popularity():
    body = request.get_json()
    movie_id, popularity = body.get("movieId"), body.get("popularity")
    «4|if movie_id not in movies:»
        return jsonify(error="Movie Id value not provided or not found"), 400
    if popularity is None:
        return jsonify(error="Popularity value not provided"), 400
    try:
        «5|movies[movie_id]["popularity"] = float(popularity)»
    except ValueError:
        return jsonify(error="Popularity value must be a float"), 400
    return jsonify(message="Popularity updated successfully",
                   new_popularity=«6|movies[movie_id]["popularity"]»)


@app.route("/status")
def status():
    return "OK"


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8080)
"""
OTHER_APP = """\
«|import json
import random
»from flask import Flask, request, jsonify
from prometheus_flask_exporter import PrometheusMetrics

app = Flask(__name__)
metrics = PrometheusMetrics(app)

«0|with open('data/data_tv.json', 'r') as f:
    data_tv = json.load(f)

with open('data/data_movies.json', 'r') as f:
    data_movies = json.load(f)»


@app.route("/", methods=['GET'])
def hello():
    return "Hi! This app is an API, there is no UI ;-)"


@app.route('/discover')
def get_discover():
    type_ = request.args.get('type')
    «1|chosen = data_tv if type_ == 'tv' else data_movies»
    genre_id = request.args.get('genre')

    if not genre_id:
        shown = «2|random.sample(list(chosen.values()), 20)»
    else:
        shown = «3|[]
        for each in chosen.values():
            if int(genre_id) in each['genre_ids']:
                shown.append(each)
                if len(shown) == 20:
                    break»

    return jsonify(shown)


@app.route('/updatePopularity', methods=['POST'])
def update():
    key = request.json.get('movieId')
    value = request.json.get('popularity')

    «4|if key not in data_movies:»
        return jsonify({'error': 'Movie Id value not provided or not found'}), 400

    if value is None:
        return jsonify({'error': 'Popularity value not provided'}), 400

    try:
        value = float(value)
    except ValueError:
        return jsonify({'error': 'Popularity value must be a float'}), 400

    «5|data_movies[key]['popularity'] = value»

    return jsonify({'message': 'Popularity updated successfully', 'new_popularity': value}), 200


@app.route('/status')
def status():
    return 'OK'
"""
REQUIREMENTS = "flask\nprometheus-flask-exporter"  # without a final newline, like the original
PLACE = re.compile(r"«(\d?)\|(.*?)»", re.DOTALL)
"""What a user who follows the guide replaces: the number of its block, if any, and the text."""

OTHER_NAMES = {"genre": "genre_id", "movie_id": "key", "popularity": "value"}


def before_guide(app: str) -> str:
    """Return the original application."""
    return PLACE.sub(r"\2", app)


def follow_guide(app: str) -> str:
    """Make the guide's changes, with the names of the application; each block of it is used."""
    pieces = blocks(PAGE, "py")
    used = {int(number) for number, _ in PLACE.findall(APP) if number}
    assert used == set(range(len(pieces)))

    def changed(place: re.Match[str]) -> str:
        line = place.string[: place.start()].rpartition("\n")[2]
        indent = " " * (len(line) - len(line.lstrip(" ")))
        new = pieces[int(place[1])].rstrip("\n") if place[1] else ""
        for name, own in OTHER_NAMES.items() if app == OTHER_APP else ():
            new = re.sub(rf"\b{name}\b", own, new)
        return new.replace("\n", f"\n{indent}").replace(f"{indent}\n", "\n")

    return PLACE.sub(changed, app)


class Answer(NamedTuple):
    status: int
    content_type: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(NamedTuple):
    """An application running on this machine."""

    port: int

    def get(self, target: str) -> Answer:
        return self._send("GET", target)

    def post(self, body: str, content_type: str = "application/json") -> Answer:
        return self._send("POST", "/updatePopularity", body, {"Content-Type": content_type})

    def update(self, movie: Record, popularity: float) -> Answer:
        return self.post(json.dumps({"movieId": str(movie["id"]), "popularity": popularity}))

    def _send(self, *request: Any) -> Answer:
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE)) as connection:
            connection.request(*request)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheader("Content-Type", ""), answer.read())


@contextmanager
def serving(folder: Path, environment: Mapping[str, str]) -> Iterator[Server]:
    """Run the application of a folder, like `flask run`."""
    server = Server(free_port(0))
    words = ["-m", "flask", "--app", "app", "run", "--port", str(server.port)]
    with (folder / f"log-{server.port}").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=folder, env=environment, stdout=log, stderr=log
        )
    with process:
        try:
            await_answer(process, server.port)
            yield server
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def few(records: Records) -> Records:
    """The most popular titles of both kinds, by their key in the file, in its order."""
    return {kind: dict(list(found.items())[:SOME]) for kind, found in records.items()}


def original(folder: Path, app: str, titles: Records) -> Path:
    (folder / "data").mkdir(parents=True)
    (folder / "app.py").write_text(before_guide(app))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    for kind, name in FILE_NAMES.items():
        (folder / "data" / name).write_text(json.dumps(titles[kind]))
    return folder


@pytest.fixture(params=[APP, OTHER_APP], ids=["one spelling", "another spelling"])
def app(request: pytest.FixtureRequest) -> str:
    """Each copy of the application in turn."""
    text: str = request.param
    return text


@pytest.fixture
def before(tmp_path: Path, app: str, few: Records) -> Path:
    return original(tmp_path / "before", app, few)


class Moved(NamedTuple):
    """A folder with the application after the guide, and the environment of its processes."""

    folder: Path
    environment: Mapping[str, str]


@pytest.fixture
def moved(few: Records, app: str, local_engine: Engine, tmp_path: Path) -> Moved:
    """The application after all steps and commands of the guide."""
    folder = original(tmp_path / "moved", app, few)
    (folder / "app.py").write_text(follow_guide(app))
    table = {"CATALOG_TABLE": tmp_path.name}
    environment = {**plain_environment(), **local_engine.environment(), **table}
    for words in shell_lines("create", "load"):
        done = run_in(folder, "-m", "catalog_model", *words, **environment)
        assert done.returncode == 0, done.stderr
    shutil.rmtree(folder / "data")
    return Moved(folder, environment)


def plain_environment() -> dict[str, str]:
    """Return an environment in which this package is found, without AWS settings."""
    return {**environment_without_aws(), "PYTHONPATH": str(ROOT)}


def shell_lines(*names: str) -> list[list[str]]:
    """Return the guide's commands of these programs, with only their arguments."""
    text = "".join(blocks(PAGE, "sh")).replace("\\\n", "")
    lines = [shlex.split(line)[1:] for line in text.splitlines() if "catalog-model " in line]
    chosen = [words for words in lines if words[0] in names]
    assert [words[0] for words in chosen] == list(names)
    return chosen


GOOD_AND_BAD_UPDATES = (
    '{"popularity": 5}',
    '{"movieId": "nope", "popularity": 5}',
    '{"movieId": "999999999", "popularity": "bad"}',
    '{"movieId": null, "popularity": 5}',
    '{"movieId": "%s"}',
    '{"movieId": "%s", "popularity": null}',
    '{"movieId": "%s", "popularity": "much"}',
    '{"movieId": "%s", "popularity": ""}',
    '{"movieId": "%s", "popularity": 7}',
    '{"movieId": "%s", "popularity": "7.25"}',
    '{"movieId": "%s", "popularity": -3}',
    '{"movieId": "%s", "popularity": 1070.023, "title": "ignored"}',
    "{",
    "",
)


def test_the_guide_changes_some_twenty_lines(app: str) -> None:
    """The number of lines is that in the guide; the result has no unused code."""
    first, then = (text.splitlines() for text in (before_guide(app), follow_guide(app)))
    lines = list(difflib.unified_diff(first, then, n=0))[2:]
    come, go = (sum(line[:1] == sign and line[1:] != "" for line in lines) for sign in "+-")
    assert max(come, go) <= 25, (come, go)
    tree = ast.parse(follow_guide(app))
    imported = [
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    ]
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(imported) <= used
    assert not used & {"movies", "shows", "data_tv", "data_movies", "json", "random"}


def test_the_package_is_added_to_what_the_application_needs(before: Path) -> None:
    """On a separate line, though the file's last line has no newline."""
    (command,) = [
        line for line in "".join(blocks(PAGE, "sh")).splitlines() if line.startswith("printf")
    ]
    subprocess.run(["sh", "-ec", command], cwd=before, check=True)
    lines = (before / "requirements.txt").read_text().split()
    assert lines == ["flask", "prometheus-flask-exporter", "catalog-model[cli]"]


def test_every_answer_is_as_before(before: Path, moved: Moved, few: Records) -> None:
    """For every genre of both kinds, and for every invalid update."""
    records = [record for titles in few.values() for record in titles.values()]
    genres = {genre for record in records for genre in record["genre_ids"]}
    targets = [f"/discover?type={kind}&genre={each}" for kind in few for each in sorted(genres)]
    targets += ["/", "/status", "/nope", "/discover?genre=999999", "/discover?type=x&genre=%2018"]
    movie_id = list(few["movie"])[-1]
    bodies = [body.replace("%s", movie_id) for body in GOOD_AND_BAD_UPDATES]
    with serving(before, plain_environment()) as one, serving(*moved) as other:
        assert max(len(one.get(target).json) for target in targets[:-5]) == 20
        assert [other.get(each) for each in targets] == [one.get(each) for each in targets]
        assert [other.post(each) for each in bodies] == [one.post(each) for each in bodies]
        plain = [server.post("{}", "text/plain") for server in (one, other)]
        assert (plain[0].status, plain[0]) == (415, plain[1])


def test_a_sample_is_twenty_different_titles_of_the_files(moved: Moved, few: Records) -> None:
    """A different sample each time, with unchanged records."""
    with serving(*moved) as server:
        for kind in few:
            first, second = (server.get(f"/discover?type={kind}").json for _ in range(2))
            assert len({record["id"] for record in first}) == 20
            assert all(few[kind][str(record["id"])] == record for record in first)
            assert first != second


def test_an_update_is_seen_everywhere_and_stays(before: Path, moved: Moved, few: Records) -> None:
    """Originally only in the process that made it, while it ran; the order stayed the same."""
    *_, last = few["movie"].values()
    action = f"/discover?genre={last['genre_ids'][0]}"
    top = 1_000_000.5

    def first_in(server: Server) -> Record:
        return dict(server.get(action).json[0])

    with serving(before, plain_environment()) as one, serving(before, plain_environment()) as two:
        assert one.update(last, top).status == 200
        assert first_in(one) == first_in(two) != last
    with serving(*moved) as one, serving(*moved) as two:
        assert first_in(two) == first_in(one) != last
        assert one.update(last, top).json["new_popularity"] == top
        assert first_in(two) == first_in(one) == {**last, "popularity": top}
    with serving(*moved) as three:
        assert first_in(three) == {**last, "popularity": top}


def test_what_was_an_error_of_the_server_is_the_clients(moved: Moved, few: Records) -> None:
    """As in the guide's tables, with a reason in JSON; an id may be a number."""
    movie_id = next(iter(few["movie"]))
    with serving(*moved) as server:
        nan = server.post(f'{{"movieId": "{movie_id}", "popularity": NaN}}')
        listed = server.post('{"movieId": ["5"], "popularity": 5}')
        huge = server.post(f'{{"movieId": "{movie_id}", "popularity": 1e300}}')
        nothing = server.get("/discover?genre=0")
        for answer in (nan, huge, listed, nothing):
            assert (answer.status, list(answer.json)) == (400, ["error"])
        assert "genre_id" in nothing.json["error"]
        parted = f"{movie_id[0]}_{movie_id[1:]}" if len(movie_id) > 1 else movie_id
        for spelled in (movie_id, f'"0{movie_id}"', f'" {movie_id}"', f'"{parted}"'):
            assert server.post(f'{{"movieId": {spelled}, "popularity": 5}}').status == 200


def test_the_policy_of_the_guide_is_what_its_app_needs(moved: Moved) -> None:
    """A policy for exactly the access patterns that the moved application calls."""
    (words,) = shell_lines("export")
    named = [word.replace("-", "_") for word in words[2:] if word != "--patterns"]
    code = (moved.folder / "app.py").read_text()
    assert sorted(named) == sorted(re.findall(r"\bap\.(\w+)\(", code))
    done = run_in(moved.folder, "-m", "catalog_model", *words, **moved.environment)
    assert json.loads(done.stdout)["Statement"]
