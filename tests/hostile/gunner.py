"""Makes hostile requests: a valid one of an operation, spoilt in one to three ways by a seeded generator."""

import copy
from functools import cached_property
from random import Random
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from tests.factories import RECIPES, Operation, Scene, doer
from tests.hostile.families import FAMILIES
from tests.hostile.shot import NOTHING, Shot

ROLES = ("ana", "sol", "ada", "aud", "val", "other", None)


class Gunner:
    """Makes shots at what a scene holds. The same seed makes the same shots, but for ids and tokens."""

    def __init__(self, document: dict[str, Any], seed: int) -> None:
        self.document, self.seed = document, seed
        self._validators: dict[str, Draft202012Validator] = {}

    def shot(self, number: int, operation: Operation, who: str | None, scene: Scene, foreign: Scene) -> Shot:
        """The shot of this number: half as the one who may, else as `who`."""
        rng = Random(f"{self.seed}/{number}")
        self.scene, self.foreign, self.rng = scene, foreign, rng
        recipe = RECIPES[operation.name]
        made = Shot(
            number,
            operation,
            doer(operation) if rng.random() < 0.5 else who,
            mark=f"zq{rng.getrandbits(40):010x}kx",
            method=operation.method,
            path=operation.path.format(**scene.ids),
            value=copy.deepcopy(recipe.body(scene)) if recipe.body else NOTHING,
        )
        self._dress(made)
        made.certain = made.who is None and operation.permission is not None
        able = [family for family in FAMILIES if family.fits(made, self)]
        weights = [family.weight for family in able]
        for family in dict.fromkeys(rng.choices(able, weights, k=rng.choice((1, 1, 1, 2, 3)))):
            if family.fits(made, self):  # an earlier one may have taken what this one spoils
                made.families.append(family.name)
                made.certain |= bool(family.spoil(made, self))
        if made.value is not NOTHING and made.raw is None and not self.valid(operation, made.value):
            made.certain = True
        return made

    def _dress(self, shot: Shot) -> None:
        shot.headers = [("host", "127.0.0.1"), ("x-request-id", f"{self.rng.getrandbits(128):032x}")]
        if shot.who is not None:
            shot.head("authorization", f"Bearer {self.scene.api.token(shot.who)}")
        if shot.value is not NOTHING:
            shot.head("content-type", "application/json")
        shot.head("if-match", "*")
        if self.rng.random() < 0.4:  # what is refused behind a key must not keep the key
            shot.head("idempotency-key", f"key-of-{shot.mark}")

    def valid(self, operation: Operation, body: Any) -> bool:
        """Whether the document's own schema takes the body."""
        if operation.name not in self._validators:
            content = self.declared(operation)["requestBody"]["content"]
            schema = next(iter(content.values()))["schema"] | {"components": self.document["components"]}
            self._validators[operation.name] = Draft202012Validator(schema, format_checker=FormatChecker())
        return self._validators[operation.name].is_valid(body)

    def declared(self, operation: Operation) -> dict[str, Any]:
        """What the document says of an operation."""
        declared: dict[str, Any] = self.document["paths"][operation.path][operation.method.lower()]
        return declared

    def reads(self, operation: Operation, header: str, *, always: bool = False) -> bool:
        """Whether the operation reads a header, or even needs it."""
        found = [p for p in self.declared(operation).get("parameters", []) if p["name"].lower() == header]
        return bool(found) and (not always or found[0].get("required", False))

    @cached_property
    def methods(self) -> dict[str, set[str]]:
        """The methods of each path."""
        return {path: {m.upper() for m in item} for path, item in self.document["paths"].items()}
