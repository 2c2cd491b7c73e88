"""Named devices: what a phone, a tablet or a desktop shows, and says that it is."""

from __future__ import annotations

from dataclasses import dataclass

_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
_IPAD = (
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
_ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; {model}) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36"
)


@dataclass(frozen=True, slots=True)
class Device:
    """The viewport of a device in CSS pixels, its scale, and its user agent (None: the browser's own)."""

    id: str
    name: str
    width: int
    height: int
    scale: float = 1.0
    mobile: bool = False
    user_agent: str | None = None

    def __post_init__(self) -> None:
        # One device's 3 and another's 2.625 are of one kind, to clients that are strict about kinds too.
        object.__setattr__(self, "scale", float(self.scale))

    def options(self) -> dict[str, dict[str, object]]:
        """Return the device as the nested options of a request."""
        viewport: dict[str, object] = {
            "width": self.width, "height": self.height, "scale": self.scale, "mobile": self.mobile,
        }  # fmt: skip
        return {"viewport": viewport, "browser": {"user_agent": self.user_agent}}


DEVICES = {
    device.id: device
    for device in (
        Device("iphone_14_pro", "iPhone 14 Pro", 393, 852, 3, mobile=True, user_agent=_IPHONE),
        Device("iphone_14", "iPhone 14", 390, 844, 3, mobile=True, user_agent=_IPHONE),
        Device("iphone_se", "iPhone SE", 375, 667, 2, mobile=True, user_agent=_IPHONE),
        Device(
            "pixel_7", "Pixel 7", 412, 915, 2.625, mobile=True,
            user_agent=_ANDROID.format(model="Pixel 7"),
        ),
        Device(
            "pixel_7_pro", "Pixel 7 Pro", 412, 892, 3.5, mobile=True,
            user_agent=_ANDROID.format(model="Pixel 7 Pro"),
        ),
        Device(
            "samsung_galaxy_s23", "Samsung Galaxy S23", 360, 780, 3, mobile=True,
            user_agent=_ANDROID.format(model="SM-S911B"),
        ),
        Device("ipad_pro_12", "iPad Pro 12.9", 1024, 1366, 2, mobile=True, user_agent=_IPAD),
        Device("ipad_air", "iPad Air", 820, 1180, 2, mobile=True, user_agent=_IPAD),
        Device("macbook_pro_16", "MacBook Pro 16", 1728, 1117, 2),
        Device("macbook_air_15", "MacBook Air 15", 1440, 932, 2),
        Device("imac_24", "iMac 24", 2240, 1260, 2),
        Device("desktop_1080p", "Desktop 1080p", 1920, 1080),
        Device("desktop_1440p", "Desktop 1440p", 2560, 1440),
        Device("desktop_4k", "Desktop 4K", 3840, 2160),
        Device("surface_pro", "Surface Pro", 912, 1368, 2),
    )
}  # fmt: skip
"""By id, in the order in which they are listed."""
