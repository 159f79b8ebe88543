"""The application before it had a database: all titles in memory, answers as the original's.

``gunicorn 'bench.in_memory:create_app()'`` with the folder of the two files in ``BENCH_DATA``. Its
views do what those of the original do for a request, so they cost what those cost.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from prometheus_flask_exporter import PrometheusMetrics

PAGE = 20


def create_app() -> Flask:
    """Make the application."""
    app = Flask(__name__)
    PrometheusMetrics(app)
    folder = Path(os.environ["BENCH_DATA"])
    movies, shows = (
        json.loads((folder / name).read_bytes()) for name in ("data_movies.json", "data_tv.json")
    )

    @app.get("/discover")
    def discover() -> Response:
        titles: dict[str, Any] = shows if request.args.get("type") == "tv" else movies
        genre = request.args.get("genre")
        if not genre:
            return jsonify(random.sample(list(titles.values()), PAGE))
        found = []
        for title in titles.values():
            if int(genre) in title["genre_ids"]:
                found.append(title)
                if len(found) >= PAGE:
                    break
        return jsonify(found)

    @app.get("/status")
    def status() -> str:
        return "OK"

    return app
