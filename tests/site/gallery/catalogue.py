"""All that hangs in the gallery, and where the site serves it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.canvas import CANVAS
from tests.site.gallery.charsets import CHARSETS
from tests.site.gallery.dialogs import DIALOGS
from tests.site.gallery.documents import DOCUMENTS
from tests.site.gallery.endless import ENDLESS
from tests.site.gallery.focus import FOCUS
from tests.site.gallery.fonts import FONTS
from tests.site.gallery.forms import FORMS
from tests.site.gallery.frames import FRAMES
from tests.site.gallery.heavy import HEAVY
from tests.site.gallery.images import IMAGES
from tests.site.gallery.late import LATE
from tests.site.gallery.layout import LAYOUT
from tests.site.gallery.lazy import LAZY
from tests.site.gallery.loading import LOADING
from tests.site.gallery.media import MEDIA
from tests.site.gallery.modern import MODERN
from tests.site.gallery.motion import MOTION
from tests.site.gallery.overlays import OVERLAYS
from tests.site.gallery.page import Answer, Page, framed
from tests.site.gallery.pinned import PINNED
from tests.site.gallery.preferences import PREFERENCES
from tests.site.gallery.redirects import REDIRECTS
from tests.site.gallery.scripts import SCRIPTS
from tests.site.gallery.scrollers import SCROLLERS
from tests.site.gallery.shadows import SHADOWS
from tests.site.gallery.tables import TABLES
from tests.site.gallery.tall import TALL
from tests.site.gallery.transforms import TRANSFORMS
from tests.site.gallery.vectors import VECTORS

CATEGORIES: Final = (
    LAYOUT, TALL, PINNED, LAZY, ENDLESS, LATE, FONTS, SCRIPTS, IMAGES, CANVAS, VECTORS, SHADOWS, FRAMES, MEDIA,
    MOTION, FOCUS, DIALOGS, REDIRECTS, HEAVY, PREFERENCES, FORMS, TABLES, MODERN, DOCUMENTS, CHARSETS, SCROLLERS,
    TRANSFORMS, LOADING, OVERLAYS,
)  # fmt: skip
PAGES: Final[tuple[Page, ...]] = tuple(page for category in CATEGORIES for page in category.pages)


def _part(answer: Answer, request: Request) -> Reply:
    given = answer(request)
    return given if isinstance(given, Reply) else Reply(given)


SERVED: Final[dict[str, Callable[[Request], Reply]]] = {
    **{page.path: partial(framed, page) for page in PAGES},
    **{path: partial(_part, answer) for category in CATEGORIES for path, answer in category.parts.items()},
}
"""Path -> who answers."""
