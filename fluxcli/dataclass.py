"""The standard library's `dataclass` decorator, without the source code that it generates.

`dataclasses.dataclass` writes, compiles and runs Python source for up to eight methods of each
class. `generate` defines 57 classes and spent more than a quarter of its instructions on that.
Here the methods are closures over the fields: a class costs a tenth to define, an instance about
twice as much to make. Fields are real `dataclasses.Field` objects, so `fields`, `replace`,
`asdict`, `astuple` and `match` work as usual, and type checkers see the standard decorator.

Not supported, as nothing here needs it: `order`, `unsafe_hash`, `InitVar`, `KW_ONLY`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414, TID251 - the export, and its one source
else:
    _MISSING = dataclasses.MISSING
    _set = object.__setattr__

    def dataclass(cls=None, /, **options):
        """Return `cls` as a dataclass, or a decorator that does so.

        Takes `frozen`, `slots`, `kw_only`, `eq` and `repr`, with the standard meanings.
        """
        if cls is None:
            return lambda cls: _dataclass(cls, **options)
        return _dataclass(cls, **options)

    def _dataclass(cls, *, frozen=False, slots=False, kw_only=False, eq=True, repr=True):  # noqa: A002 - the standard name
        inherited = {}
        for base in cls.__mro__[-1:0:-1]:
            inherited.update(getattr(base, "__dataclass_fields__", {}))
        own = {
            name: _field(cls, name, kind, kw_only=kw_only)
            for name, kind in cls.__annotations__.items()
            if not str(kind).startswith(("ClassVar", "typing.ClassVar"))
        }
        found = {**inherited, **own}
        methods = {"__init__": _init(cls, found)}
        if repr:
            methods["__repr__"] = _repr([name for name, one in found.items() if one.repr])
        if eq:
            methods |= _equality([name for name, one in found.items() if one.compare])
            if not frozen:
                methods["__hash__"] = None
        if frozen:
            methods |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete}
        if frozen and slots:
            methods |= {"__getstate__": _get_state, "__setstate__": _set_state}
        written = cls.__dict__
        # Python sets `__hash__` to None where only `__eq__` is written.
        body = {name: one for name, one in methods.items() if written.get(name) is None}
        body["__dataclass_fields__"] = found
        body["__match_args__"] = tuple(
            name for name, one in found.items() if one.init and not one.kw_only
        )
        if not slots:
            for name, value in body.items():
                setattr(cls, name, value)
            return cls
        kept = {name: value for name, value in written.items() if name not in own}
        kept.pop("__dict__", None)
        kept.pop("__weakref__", None)
        body["__slots__"] = tuple(name for name in own if name not in inherited)
        made = type(cls)(cls.__name__, cls.__bases__, kept | body)
        made.__qualname__ = cls.__qualname__
        return made

    def _field(cls, name, kind, *, kw_only):
        """Return the field as `dataclasses.fields` shows it, and leave its default on the class."""
        default = getattr(cls, name, _MISSING)
        field = default if isinstance(default, dataclasses.Field) else None
        if field is None:
            field = dataclasses.field(default=default)
        if field.kw_only is _MISSING:
            field.kw_only = kw_only
        field.name, field.type = name, kind
        field._field_type = dataclasses._FIELD  # noqa: SLF001 - what `dataclasses.fields` selects by
        if field is default:
            if field.default is _MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, field.default)
        return field

    def _init(cls, found):
        taken = {name: one for name, one in found.items() if one.init}
        places = tuple(name for name, one in taken.items() if not one.kw_only)
        needed = frozenset(
            name
            for name, one in taken.items()
            if one.default is _MISSING and one.default_factory is _MISSING
        )
        defaults = {name: one.default for name, one in found.items() if one.default is not _MISSING}
        factories = [
            (name, one.default_factory)
            for name, one in found.items()
            if one.default_factory is not _MISSING
        ]
        after = hasattr(cls, "__post_init__")

        def __init__(self, *arguments, **values):  # noqa: N807 - the method's own name
            given = dict(zip(places, arguments, strict=False))
            if (
                len(arguments) > len(places)
                or not taken.keys() >= values.keys()
                or (given and not given.keys().isdisjoint(values))
            ):
                raise _wrong_arguments(cls, places, arguments, values)
            given |= values
            if not given.keys() >= needed:
                raise _missing_arguments(cls, needed - given.keys())
            if len(given) < len(found):
                for name, factory in factories:
                    if name not in given:
                        given[name] = factory()
                given = defaults | given
            for name, value in given.items():
                _set(self, name, value)
            if after:
                self.__post_init__()

        return __init__

    def _wrong_arguments(cls, places, arguments, values):
        extra = [*arguments[len(places) :], *values]
        return TypeError(
            f"{cls.__qualname__}() got too many, unknown or repeated arguments: {extra}"
        )

    def _missing_arguments(cls, names):
        return TypeError(f"{cls.__qualname__}() is missing {', '.join(sorted(names))}")

    def _repr(names):
        def __repr__(self):  # noqa: N807 - the method's own name
            shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
            return f"{type(self).__qualname__}({shown})"

        return __repr__

    def _equality(names):
        def __eq__(self, other):  # noqa: N807 - the method's own name
            if type(other) is not type(self):
                return NotImplemented
            return all(getattr(self, name) == getattr(other, name) for name in names)

        def __hash__(self):  # noqa: N807 - the method's own name
            return hash(tuple([getattr(self, name) for name in names]))

        return {"__eq__": __eq__, "__hash__": __hash__}

    def _refuse_set(_self, name, _value):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_delete(_self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")

    def _get_state(self):
        return [getattr(self, field.name) for field in dataclasses.fields(self)]

    def _set_state(self, state):
        for field, value in zip(dataclasses.fields(self), state, strict=True):
            _set(self, field.name, value)
