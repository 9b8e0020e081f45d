"""Refusals and faults under /fhir as OperationOutcomes: the status is v1's, and so are the stable codes.

What belongs here: from the error tree to issues. What does not: statuses and texts, which are ``problems``'s.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request, Response

from esoz_notify.api import fhir_terms as terms
from esoz_notify.api.contract_rows import Operation
from esoz_notify.api.edge import edge, operation_of
from esoz_notify.api.problems import SHOWN_SEGMENT, meaning, problem, unexpected
from esoz_notify.api.reading import BadQuery
from esoz_notify.core.errors import InvalidInput, NotifyError, Problem
from esoz_notify.engine.intake import CannotInform

Json = dict[str, Any]

_CHOICE = re.compile(r"(content|occurrence|value)[A-Z]\w*")
"""Elements of several types, which an expression names without the type."""
_OF_QUERY = "/query/"


def is_here(request: Request[Any, Any, Any]) -> bool:
    """Whether a request that came to no row of the contract meant this part of the API."""
    path = request.scope["path"]
    return path == terms.PLACE or path.startswith(f"{terms.PLACE}/")


def refuse(request: Request[Any, Any, Any], error: NotifyError) -> Response[bytes]:
    """An error of ours. Those that nobody foresaw are answered by ``fail``."""
    status = meaning(error)[0]
    document, headers = problem(error, None, edge(request).access.now())
    operation = operation_of(request)
    if operation is not None and isinstance(error, BadQuery):
        issues = [_of_query(one, operation) for one in error.problems]
    elif operation is not None and isinstance(error, InvalidInput):
        issues = [_of_element(one, operation) for one in error.problems]
    elif isinstance(error, CannotInform):
        issues = list(_nobody(error))
    else:
        issues = [_issue("error", terms.ISSUES[status], document["code"], document["detail"])]
    return _answer(status, issues, headers)


def fail(_: Request[Any, Any, Any], error_id: str) -> Response[bytes]:
    """An error that nobody foresaw; ``error_id``: under which it is in the log."""
    document = unexpected(error_id)
    status = document["status"]
    issue = _issue("fatal", terms.ISSUES[status], document["code"], document["detail"])
    return _answer(status, [{**issue, "diagnostics": document["instance"]}], {})


def expression(root: str, pointer: str) -> str:
    """A JSON pointer into a resource as FHIRPath, as far as its names may be shown."""
    made = root
    for segment in pointer.split("/")[1:]:
        if not SHOWN_SEGMENT.fullmatch(segment):
            break
        made += f"[{segment}]" if segment.isdigit() else "." + _CHOICE.sub(r"\1", segment)
    return made


def _of_element(one: Problem, operation: Operation) -> Json:
    return {**_rule(one), "expression": [expression(operation.path.split("/")[2], one.pointer)]}


def _of_query(one: Problem, operation: Operation) -> Json:
    """The standard names a parameter as a location, an element that it uses for nothing else any more."""
    name = one.pointer.removeprefix(_OF_QUERY)
    is_shown = SHOWN_SEGMENT.fullmatch(name) or name in {parameter.name for parameter in operation.parameters}
    return {**_rule(one), "location": [f"http.{name}"]} if is_shown else _rule(one)


def _rule(one: Problem) -> Json:
    return _issue("error", terms.RULE_ISSUES.get(one.code, "value"), one.code, one.detail)


def _nobody(error: CannotInform) -> list[Json]:
    """Nobody can be informed: why, for the doctor, and whether paper is the way out."""
    why = error.refusal.explanation
    issue = _issue("error", "business-rule", error.code, why.uk)
    issue["details"]["coding"][0]["display"] = why.en
    if not error.refusal.offers_print:
        return [issue]
    rule = f"the summary may be printed: send medium with print of {terms.CHANNEL}"
    return [issue, _issue("information", "informational", "print_offered", rule)]


def _issue(severity: str, kind: str, code: str, text: str) -> Json:
    details = {"coding": [{"system": terms.PROBLEM, "code": code}], "text": text}
    return {"severity": severity, "code": kind, "details": details}


def _answer(status: int, issues: list[Json], headers: Mapping[str, str]) -> Response[bytes]:
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    return Response(msgspec.json.encode(outcome), status_code=status, media_type=terms.FHIR_TYPE, headers=headers)
