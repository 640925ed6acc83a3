"""`fluxcli.dataclass` behaves as the standard library's decorator, which is the reference here."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from fluxcli.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

_DECORATORS = {"standard": dataclasses.dataclass, "ours": dataclass}
_OPTIONS = [
    {},
    {"slots": True},
    {"frozen": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "slots": True, "eq": False, "repr": False},
]


def _made(decorator: Callable[..., Any], options: dict[str, bool]) -> type[Any]:
    class Point:
        """A class with every kind of field that the program uses."""

        name: str
        x: int = 1
        tags: list[str] = dataclasses.field(default_factory=list)
        secret: str = dataclasses.field(default="s", repr=False, compare=False)
        size: int = dataclasses.field(init=False, default=7)
        count: ClassVar[int] = 3

        @property
        def double(self) -> int:
            return self.x * 2

    return decorator(**options)(Point)  # type: ignore[no-any-return]


def _outcome(action: Callable[[], object]) -> object:
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - the kind of error is what is compared
        return type(error)


def _facts(made: type[Any], *, kw_only: bool) -> dict[str, object]:
    names = ["name", "x", "tags", "secret"]

    def new(*values: object, **more: object) -> Any:
        if kw_only:
            return made(**dict(zip(names, values, strict=False)), **more)
        return made(*values, **more)

    one, same, other = new("a", 2, ["t"]), new("a", 2, ["t"], "else"), new("b")
    return {
        "fields": [
            (field.name, field.type, field.init, field.repr, field.compare, field.kw_only)
            for field in dataclasses.fields(made)
        ],
        "match": made.__match_args__,
        "defaults": (other.x, other.tags, other.secret, other.size, made.count, one.double),
        "own list": new("a").tags is not new("a").tags,
        "equal": (one == same, one == other, one == "a"),
        "shown": "object at" in repr(one) or repr(one).rpartition(".")[2],
        "hash": _outcome(lambda: hash(new("a", 1, ())) == hash(new("a", 1, (), "else"))),
        "asdict": dataclasses.asdict(one),
        "replace": dataclasses.replace(one, x=9).x,
        "replace refused": _outcome(lambda: dataclasses.replace(one, size=9)),
        "set": _outcome(lambda: setattr(new("a"), "x", 5)),
        "delete": _outcome(lambda: delattr(new("a"), "x")),
        "unknown": _outcome(lambda: setattr(new("a"), "nonesuch", 5)) is None,
        "missing": _outcome(made),
        "too many": _outcome(lambda: made("a", 1, [], "s", 5)),
        "twice": _outcome(lambda: made("a", name="b")),
        "no such": _outcome(lambda: new("a", color=1)),
        "positional": _outcome(lambda: made("a").name),
        "copied": (copy.copy(one) == one, copy.deepcopy(one).tags),
        "doc": made.__doc__,
        "qualname": made.__qualname__,
        "dict": hasattr(one, "__dict__"),
    }


@pytest.mark.parametrize("options", _OPTIONS, ids=str)
def test_a_class_behaves_as_one_of_the_standard_library(options: dict[str, bool]) -> None:
    kw_only = options.get("kw_only", False)

    standard, ours = (
        _facts(_made(decorator, options), kw_only=kw_only) for decorator in _DECORATORS.values()
    )

    assert ours == standard


@pytest.mark.parametrize("decorator", _DECORATORS.values(), ids=_DECORATORS)
def test_a_subclass_has_the_fields_of_its_base_first(decorator: Any) -> None:
    @decorator(frozen=True, slots=True)
    class Base:
        a: int
        b: int = 2

    @decorator(frozen=True, slots=True)
    class Derived(Base):
        b: int = 3
        c: int = 4

        def __post_init__(self) -> None:
            object.__setattr__(self, "c", self.c + self.a)

    derived: Any = Derived
    base: Any = Base
    made = derived(1)

    assert (made.a, made.b, made.c) == (1, 3, 5)
    assert [field.name for field in dataclasses.fields(made)] == ["a", "b", "c"]
    assert made != base(1)


@pytest.mark.parametrize("decorator", _DECORATORS.values(), ids=_DECORATORS)
def test_a_method_that_is_written_out_is_kept(decorator: Callable[..., Any]) -> None:
    @decorator(frozen=True, slots=True)
    class Key:
        text: str

        def __repr__(self) -> str:
            return "***"

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            return True

    key: Any = Key
    assert repr(key("secret")) == "***"
    assert hash(key("secret")) == 1
    assert key("secret") == key("other")


@pytest.mark.parametrize("decorator", _DECORATORS.values(), ids=_DECORATORS)
def test_equality_that_is_written_out_leaves_a_frozen_class_its_hash(decorator: Any) -> None:
    @decorator(frozen=True, slots=True)
    class Key:  # noqa: PLW1641 - the decorator adds the hash
        text: str

        def __eq__(self, other: object) -> bool:
            return True

    key: Any = Key
    assert hash(key("a")) == hash(key("a"))


@dataclass(frozen=True, slots=True)
class _Pickled:
    name: str
    x: int = 1


def test_a_frozen_instance_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(_Pickled("a", 2))) == _Pickled("a", 2)  # noqa: S301 - our own bytes
