"""Presets and devices -> the options that they stand for, under those that a request names itself."""

from __future__ import annotations

from collections.abc import Mapping

from calotype.capture.devices import DEVICES
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields, shown
from calotype.capture.presets import PRESETS


def expand(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return mapping with its preset and its device replaced by their options.

    What the request says itself counts before the device, and that before the preset. Raises
    InvalidRequest for a name that is not known.
    """
    fields = Fields(mapping)
    viewport = Fields(fields.group("viewport"), "viewport")
    preset, device = fields.text("preset"), viewport.text("device")
    if preset is None and device is None:
        return dict(mapping)
    expanded = {name: value for name, value in mapping.items() if name != "preset"}
    if device is not None:
        _check(device, DEVICES, "viewport.device", "devices")
        expanded["viewport"] = {
            name: value for name, value in fields.group("viewport").items() if name != "device"
        }
        expanded = _under(expanded, DEVICES[device].options())
    if preset is not None:
        _check(preset, PRESETS, "preset", "presets")
        expanded = _under(expanded, PRESETS[preset].options)
    return expanded


def _check(name: str, known: Mapping[str, object], field: str, what: str) -> None:
    if name not in known:
        raise InvalidRequest(field, f"is {shown(name)}", f"GET /v1/{what} lists them: {', '.join(known)}")


def _under(mapping: Mapping[str, object], options: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
    """Return mapping with options where it says nothing; null says nothing."""
    merged = dict(mapping)
    for name, group in options.items():
        own = merged.get(name)
        if own is None:
            merged[name] = dict(group)
        elif isinstance(own, dict):
            merged[name] = {**group, **{field: value for field, value in own.items() if value is not None}}
    return merged
