"""The flags that every browser is started with."""

from __future__ import annotations

from typing import Final

_FEATURES_OFF = (
    "PaintHolding,BackForwardCache,Translate,MediaRouter,OptimizationHints,SpareRendererForSitePerProcess,"
    # Our proxy judges every address. These checks take its own loopback address for the page's.
    "LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,LocalNetworkAccessChecksWebRTC,"
    "BlockInsecurePrivateNetworkRequests,PrivateNetworkAccessSendPreflights,"
    # An http page must be pictured as it is, and typed hosts must not be guessed at.
    "HttpsUpgrades,HttpsFirstBalancedModeAutoEnable"
)

FLAGS: Final = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-breakpad",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    f"--disable-features={_FEATURES_OFF}",
    "--hide-scrollbars",
    "--mute-audio",
    "--lang=en-US",
    "--password-store=basic",
    "--use-mock-keychain",
    # One flag, since of several the browser takes the last. Animated images, and what moves inside of SVG,
    # stand at their beginning (kNoAnimation): no protocol knows how to halt them for one page, and CSS has
    # no word for it yet. And without a screen there is no mouse, and pages would be laid out for a device
    # that can neither point nor hover; a phone's touch is emulated over it. (Blink's terms: hover, fine.)
    (
        "--blink-settings=imageAnimationPolicy=2,primaryHoverType=2,availableHoverTypes=2,"
        "primaryPointerType=4,availablePointerTypes=4"
    ),
    # Belts for the proxy that each context is given: without one, the browser as a whole goes
    # through a port where nobody listens; it resolves no names by itself; WebRTC does not
    # step around proxies; and loopback is not exempt.
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
)
