"""The floor: a bare Flask application under the same server, on the same PostgreSQL.

``GET /read`` does one indexed SELECT; ``POST /write`` one INSERT and COMMIT. Nothing else: no log-in, no template, no
rule. What a page of Trace59 costs is told as a multiple of these.
"""

import os
import uuid

from flask import Flask, Response, jsonify
from psycopg_pool import ConnectionPool


def create_floor() -> Flask:
    """Return the bare application; ``FLOOR_URL`` is the address of the database."""
    app = Flask("floor")
    pool = ConnectionPool(os.environ["FLOOR_URL"], min_size=4, max_size=8, open=True)

    @app.get("/read")
    def read() -> Response:
        with pool.connection() as connection:
            row = connection.execute("select value from floor_read where id = %s", (5_000,)).fetchone()
        return jsonify(value=row[0] if row else None)

    @app.post("/write")
    def write() -> Response:
        with pool.connection() as connection:
            connection.execute("insert into floor_write (id, value) values (%s, %s)", (uuid.uuid4(), "x" * 200))
        return jsonify(done=True)

    return app
