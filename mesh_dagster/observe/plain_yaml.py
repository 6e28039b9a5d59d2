"""Read YAML that may be hostile, as texts, lists and mappings only.

In:  the bytes of a file.
Out: nested lists and mappings of texts, or of what the caller makes of them. Anchors, aliases,
tags and repeated keys are refused while the text is parsed, before anything is built, so that no
small file becomes a large value.

Source:
    YAML 1.2; events as PyYAML's own parser yields them. The parser in C dies of deep nesting.
"""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

Node = str | list["Node"] | dict[str, "Node"]
Scalar = Callable[[yaml.ScalarEvent], Any]  # Any: what the caller makes of it
_MOST_BYTES = 256 * 1024
_MOST_EVENTS = 20_000
_DEEPEST = 32
_Events = Iterator[yaml.Event]


class PlainYamlError(ValueError):
    """A file is not plain YAML; the text says why, as a clause, and quotes nothing of it."""


def _text(event: yaml.ScalarEvent) -> str:
    return str(event.value)


def load_plain(content: bytes, scalar: Scalar = _text) -> Any:  # noqa: ANN401 - nested scalars
    """Read one document; nothing at all is an empty mapping.

    Args:
        content: The file.
        scalar: Makes a value of a scalar; by default its text.

    Raises:
        PlainYamlError: It is too large, no YAML, or more than plain YAML.
    """
    if len(content) > _MOST_BYTES:
        raise PlainYamlError(f"has more than {_MOST_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
        return _document(_guarded(text), scalar)
    except UnicodeDecodeError as error:
        raise PlainYamlError("is no UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise PlainYamlError(f"is no YAML{where}") from error


def _guarded(text: str) -> _Events:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.SafeLoader)):
        line = _line(event)
        if count > _MOST_EVENTS:
            raise PlainYamlError(f"has more than {_MOST_EVENTS} parts")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise PlainYamlError(f"has an anchor or alias in line {line}")
        if getattr(event, "tag", None):
            raise PlainYamlError(f"has a tag in line {line}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise PlainYamlError(f"is nested deeper than {_DEEPEST} levels in line {line}")
        yield event


def _document(events: _Events, scalar: Scalar) -> Any:  # noqa: ANN401 - nested scalars
    root: Any = {}
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            root = _node(next(events), events, scalar)
            break
    if any(isinstance(event, yaml.DocumentStartEvent) for event in events):
        raise PlainYamlError("has more than one document")
    return {} if root in ("", None) else root


def _node(event: yaml.Event, events: _Events, scalar: Scalar) -> Any:  # noqa: ANN401 - as above
    if isinstance(event, yaml.ScalarEvent):
        return scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        return [_node(member, events, scalar) for member in _until_end(events)]
    mapping: dict[str, Any] = {}
    for key_event in _until_end(events):
        if not isinstance(key_event, yaml.ScalarEvent):
            line = _line(key_event)
            raise PlainYamlError(f"has a key that is no text in line {line}")
        if key_event.value in mapping:
            raise PlainYamlError(f"repeats a key in line {_line(key_event)}")
        mapping[str(key_event.value)] = _node(next(events), events, scalar)
    return mapping


def _until_end(events: _Events) -> _Events:
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            return
        yield event


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
