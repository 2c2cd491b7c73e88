"""GET /v1/presets, /v1/presets/{id} and /v1/devices: the names that options may be given by."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from calotype.access.authenticator import Authenticator
from calotype.api.dialects.outbound import listed
from calotype.api.problems import PresetNotFound
from calotype.api.replies import device_reply, json_value, preset_reply
from calotype.api.request import caller_namespace, client_family
from calotype.capture.devices import DEVICES
from calotype.capture.presets import PRESETS
from calotype.wire.replies import DeviceList, PresetList


class Catalogue:
    """The routes that list what is built in."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def presets(self, request: Request) -> Response:
        """List the presets."""
        await caller_namespace(request.scope, self._authenticator)
        found = [preset_reply(preset) for preset in PRESETS.values()]
        return json_value(listed(PresetList(presets=found), found, client_family(request)))

    async def preset(self, request: Request) -> Response:
        """Tell one preset."""
        await caller_namespace(request.scope, self._authenticator)
        preset = PRESETS.get(request.path_params["preset_id"])
        if preset is None:
            raise PresetNotFound(request.path_params["preset_id"])
        return json_value(preset_reply(preset))

    async def devices(self, request: Request) -> Response:
        """List the devices."""
        await caller_namespace(request.scope, self._authenticator)
        found = [device_reply(device) for device in DEVICES.values()]
        return json_value(listed(DeviceList(devices=found), found, client_family(request)))
