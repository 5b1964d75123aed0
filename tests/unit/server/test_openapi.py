"""The document of the routes: valid by the standard, complete, and true to what the engine says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from comfyui_safe_install.resolver.core.tasks import Task, TaskKind
from comfyui_safe_install.resolver.core.types import Change, Decision, Finding, Wish
from comfyui_safe_install.resolver.engine.explaining import why
from comfyui_safe_install.resolver.engine.past import all_transactions
from comfyui_safe_install.resolver.engine.planned import Options
from comfyui_safe_install.resolver.engine.repairing import Repair
from comfyui_safe_install.resolver.engine.rolling_back import Rollback
from comfyui_safe_install.resolver.engine.wishes_now import wishes_now
from comfyui_safe_install.resolver.errors import Hint, UsageError
from comfyui_safe_install.server_routes import wire
from comfyui_safe_install.server_routes.answering import load_handler
from comfyui_safe_install.server_routes.openapi import document
from comfyui_safe_install.server_routes.table import ROUTES, Route
from comfyui_safe_install.tests.kit.installation import Installation


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_a_handler_and_models(route: Route) -> None:
    """What the table names is there: strict for what comes in, an answer for what goes out."""
    handler = load_handler(route.handler)
    assert handler.__doc__
    assert issubclass(getattr(wire, route.answer), wire.Answer)
    if route.body:
        assert issubclass(getattr(wire, route.body), wire.Body)
        assert getattr(wire, route.body).model_config["extra"] == "forbid"
    if route.query:
        assert issubclass(getattr(wire, route.query), wire.Query)
        assert getattr(wire, route.query).model_config["extra"] == "forbid"
    assert route.method == "GET" or route.body or route.takes, (
        "a changing route takes JSON, if only an empty object"
    )


def test_the_document_is_valid_by_the_standard() -> None:
    """OpenAPI 3.1, with every route in it, each by a name of its own."""
    written: Any = json.loads(json.dumps(document()))
    OpenAPIV31SpecValidator(written).validate()
    operations = [each for path in written["paths"].values() for each in path.values()]
    assert len(operations) == len(ROUTES)
    assert len({each["operationId"] for each in operations}) == len(ROUTES)
    assert all(each["summary"] for each in operations)
    changing = [each for each in operations if each.get("security")]
    assert len(changing) == sum(route.changes for route in ROUTES)


def test_no_key_of_the_engine_is_lost_on_the_way() -> None:
    """What a value of the engine says as JSON is what its model has, no more and no less."""
    wish = Wish(pack="A", requirement="x>1")
    decision = Decision(package="x", rule="newest-wins", chosen="2", wanted=(wish,), violates=(wish,))
    finding = Finding(code="c", message="m", pack="A", file="f", line=1, hints=(Hint("h", "t"),))
    change = Change(name="x", action="upgrade", before="1", after="2", wanted_by=("A",))
    error = UsageError("code", "Message.", context={"a": 1}, hints=(Hint("h", "t"),))
    _same(wire.Wish, wish.to_dict())
    _same(wire.Decision, decision.to_dict())
    _same(wire.Finding, finding.to_dict())
    _same(wire.Change, change.to_dict())
    _same(wire.Fault, error.to_dict())


def test_plans_and_answers_of_the_engine_fit_their_models(here: Installation) -> None:
    """Real ones: of an install with a conflict, of a way back, of a repair; and what else is told of it."""
    here.have("x", "1.0")
    here.wheel("x", "2.0")
    session = here.session()
    tasks = [
        Task(
            kind=TaskKind.INSTALL, subject=here.source("A", "x==1.0", "--extra-index-url https://x.invalid")
        ),
        Task(kind=TaskKind.INSTALL, subject=here.source("B", "x==2.0")),
    ]
    with session.plan_tasks(tasks, Options(), to_apply=True) as planned:
        _same(wire.ChangePlan, planned.plan.to_dict())
        applied = session.apply(planned)
    rolling = Rollback(session=session)
    _same(wire.RollbackPlan, rolling.plan(rolling.find(applied.snapshot)).to_dict())
    module = here.venv.site_packages / "x" / "__init__.py"
    module.write_text("edited = True\n")
    _same(wire.RepairPlan, Repair(session=session).plan().to_dict())
    _same(wire.Why, why(session, "x").to_dict())
    _same(wire.Wishes, wishes_now(session).to_dict())
    _same(wire.Transaction, {**all_transactions(here.state)[0].to_dict(), "snapshot": "id"})
    _same(wire.Drifted, session.drift().to_dict())


def _same(model: type[BaseModel], told: Any) -> None:
    """The model gives back what was told, key for key."""
    kept = json.loads(model.model_validate(told).model_dump_json(by_alias=True))
    assert kept == json.loads(json.dumps(told)), model.__name__
