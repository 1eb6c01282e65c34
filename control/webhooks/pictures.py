"""Pictures for deliveries: the stream's snapshot at the event's moment, cropped as the endpoint wants. [work]"""

import asyncio
import io
from typing import Any

import orjson
import structlog
from PIL import Image, UnidentifiedImageError

from control.webhooks.deliveries import Deliveries
from control.webhooks.documents import CropDoc, DeliveryDoc, WebhookDoc
from weir.foundation.ingest_client import PictureClient
from weir.foundation.tenancy.tokens import Tokens

TOKEN_S = 60
QUALITY = 90
LARGEST_PIXELS = 40_000_000
TRIES, PAUSE_S = 8, 0.5
log = structlog.get_logger("webhooks")


class Pictures:
    def __init__(self, deliveries: Deliveries, client: PictureClient, tokens: Tokens) -> None:
        self._deliveries = deliveries
        self._client = client
        self._tokens = tokens

    async def of(self, hook: WebhookDoc, doc: DeliveryDoc) -> bytes | None:
        """The picture of a delivery, kept for its retries and for other endpoints; None when the stream has
        none. Errors: Unavailable."""
        jpeg = await self._deliveries.picture(hook["app"], doc["event"])
        if jpeg is None and doc["tries"] == 0:
            jpeg = await self._taken(hook["app"], doc)
        crop = hook["image"].get("crop") if hook["image"] else None
        if jpeg is None or not crop:
            return jpeg
        return await asyncio.to_thread(cropped, jpeg, crop)

    async def _taken(self, app: str, doc: DeliveryDoc) -> bytes | None:
        stream = _stream_of(doc)
        if stream is None:
            return None
        token = self._tokens.mint("weir:app", TOKEN_S, sub="webhooks", app=app, role="viewer")
        for _ in range(TRIES):  # a broadcast that has just begun has its first picture within seconds
            jpeg = await self._client.snapshot(stream, token)
            if jpeg is not None:
                await self._deliveries.keep_picture(app, doc["event"], jpeg)
                return jpeg
            if doc["type"] != "stream.live":
                return None
            await asyncio.sleep(PAUSE_S)
        return None


def _stream_of(doc: DeliveryDoc) -> str | None:
    found: Any = orjson.loads(doc["body"])["data"].get("stream")
    return found if isinstance(found, str) else None


def cropped(jpeg: bytes, crop: CropDoc) -> bytes:
    """The part of a JPEG, as a JPEG; the whole one when it can't be read."""
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                return jpeg
            left, top = round(crop["left"] * picture.width), round(crop["top"] * picture.height)
            right = min(picture.width, left + max(1, round(crop["width"] * picture.width)))
            bottom = min(picture.height, top + max(1, round(crop["height"] * picture.height)))
            made = io.BytesIO()
            picture.crop((left, top, right, bottom)).convert("RGB").save(made, "JPEG", quality=QUALITY)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        log.warning("picture.not_cropped", error=str(error))
        return jpeg
    return made.getvalue()
