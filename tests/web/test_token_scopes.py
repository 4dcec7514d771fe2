"""A token may do what its scope says and no more, on every route of the API."""

from datetime import timedelta

import pytest
from flask import Flask

from tests.hospital import ALICE, HOSPITAL_A, NOW
from tests.pages import Visitor, words
from tracker import clock, db, http
from tracker.accounts import service
from tracker.accounts.rules import TokenScope, permissions_within
from tracker.actor import Permission

UNKNOWN = "00000000-0000-0000-0000-000000000059"


def secret_of(database: db.Database, scope: TokenScope) -> str:
    with db.transaction(database, HOSPITAL_A) as session:
        made = service.create_token(
            session, name="program", scope=scope, lifetime=timedelta(days=1), actor=ALICE, now=clock.utc_now()
        )
    return made[1]


@pytest.mark.parametrize("scope", [TokenScope.READING, TokenScope.GOODS_IN])
def test_every_route_beyond_the_scope_is_refused(app: Flask, database: db.Database, scope: TokenScope) -> None:
    headers = {"Authorization": f"Bearer {secret_of(database, scope)}"}
    allowed = permissions_within(scope, ALICE.permissions)
    client = app.test_client()
    beyond = [
        (method, rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & {"GET", "POST", "PUT", "DELETE"}
        if rule.rule.startswith("/api/")
        and isinstance(declared := http.permission_of(app, rule.endpoint), Permission)
        and declared not in allowed
    ]

    answers = {}
    with app.test_request_context():
        for method, rule in beyond:
            url = rule.build(dict.fromkeys(rule.arguments, UNKNOWN))
            path = url[1] if url else rule.rule
            answers[method, rule.rule] = client.open(path, method=method, json={}, headers=headers).status_code

    assert beyond
    assert {route: status for route, status in answers.items() if status != 403} == {}


def test_a_refusal_by_the_scope_says_so_and_one_by_the_role_speaks_of_the_role(
    app: Flask, database: db.Database
) -> None:
    headers = {"Authorization": f"Bearer {secret_of(database, TokenScope.GOODS_IN)}", "Accept-Language": "fr"}
    client = app.test_client()

    of_scope = client.get("/api/v1/recaps", headers=headers)
    of_role = client.get("/api/v1/establishment", headers=headers)

    assert (of_scope.status_code, of_scope.content_type) == (403, "application/problem+json")
    assert of_scope.json is not None
    assert of_role.json is not None
    assert of_scope.json["type"] == "token-scope-too-narrow"
    assert "portée de ce jeton" in of_scope.json["detail"]
    assert "Créez un jeton" in of_scope.json["next_step"]
    assert of_role.json["type"] == "not-permitted"
    assert "rôle ne permet pas" in of_role.json["detail"]


def test_a_scanner_receives_and_reads_no_patient(app: Flask, database: db.Database) -> None:
    headers = {"Authorization": f"Bearer {secret_of(database, TokenScope.GOODS_IN)}"}
    client = app.test_client()

    verdict = client.post("/api/v1/scans", json={"text": "anything"}, headers=headers)
    opened = client.post("/api/v1/receptions", json={"id": UNKNOWN, "supplier": "S"}, headers=headers)

    assert (verdict.status_code, opened.status_code) == (200, 200)
    assert not permissions_within(TokenScope.GOODS_IN, ALICE.permissions) & {
        Permission.PATIENT_READ,
        Permission.USE_READ,
        Permission.DEROGATION_WRITE,
    }


def test_the_page_makes_a_narrow_token_unless_told_otherwise(app: Flask, database: db.Database) -> None:
    visitor = Visitor(app, database)

    form = visitor.get("/account").text
    made = visitor.post("/account/tokens", {"name": "agent", "days": "30", "scope": "reading"})

    assert 'value="goods_in"' in form
    assert "Reading only" in words(made)
    with db.transaction(database, HOSPITAL_A) as session:
        (token,) = service.queries.list_tokens(session, ALICE.id, now=NOW)
    assert token.scope is TokenScope.READING


def test_a_scope_that_does_not_exist_is_refused(app: Flask, database: db.Database) -> None:
    answer = Visitor(app, database).post("/account/tokens", {"name": "agent", "days": "30", "scope": "world"})

    assert answer.status_code == 422
