"""Which document store an installation has."""

from collections.abc import Sequence
from typing import Any

from weir.foundation.documents import Collection, Store
from weir.foundation.documents.sqlite import open_sqlite
from weir.foundation.settings import Settings


async def open_store(settings: Settings, collections: Sequence[Collection[Any]]) -> Store:
    """MongoDB when WEIR_MONGODB_URL is set, else `weir.db` in the data folder; give it every room's
    collections.

    Errors: StoreUnavailable in one sentence for a person; ValueError for declarations that can't be kept.
    """
    if not settings.mongodb_url:
        return await open_sqlite(settings.data / "weir.db", collections)
    from weir.foundation.documents.mongo import open_mongo  # noqa: PLC0415 – an embedded installation need not load motor

    return await open_mongo(settings.mongodb_url, settings.mongodb_database, collections)
