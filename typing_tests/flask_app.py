"""A Flask application with the extension."""

from __future__ import annotations

from typing import assert_type

from flask import Flask, Response, jsonify, request

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.flask import FlaskCatalog, current_catalog, health

extension = FlaskCatalog()


def create_app(catalog: Catalog | None = None) -> Flask:
    """Make an application, with its own handle or the one given."""
    app = Flask("films")
    extension.init_app(app, catalog=catalog)
    app.register_blueprint(health)
    app.add_url_rule("/action", view_func=action)
    return app


def action() -> Response:
    """Return a page; `current_catalog` is accepted as a handle."""
    assert_type(current_catalog, Catalog)
    page = ap.list_titles_in_genre(current_catalog, "movie", 28, after=request.args.get("after"))
    return jsonify(items=[movie.to_json() for movie in page], next=page.next)
