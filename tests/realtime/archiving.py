"""A process that archives until it is killed: `python archiving.py DATA RUN SECRET CHANNEL`."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from realtime.composition import COLLECTIONS
from realtime.log.app_log import AppLog
from realtime.log.app_log_forwarder import AppLogForwarder
from realtime.log.archive import Archive
from realtime.log.archiver import RANGES, Archiver
from realtime.redis.client import address_of, connect
from tests.support.chat_nodes import Directory
from weir.foundation.documents.factory import open_store
from weir.foundation.settings import Settings
from weir.foundation.vault import Vault


async def main(data: str, run: str, secret: str, channel: str) -> None:
    settings = Settings(data_dir=Path(data), run_dir=Path(run), _env_file=None)
    connection = connect(address_of(settings, Vault(secret)))
    running = asyncio.create_task(connection.run())
    await connection.up(5)
    directory: Any = Directory(streams={channel: {"app": "app_1"}})
    store = await open_store(settings, COLLECTIONS)
    archiver = Archiver(
        connection,
        Archive(store),
        directory,
        settings,
        AppLogForwarder(AppLog(connection), directory),
        settle_ms=0,
        keep_entries=5,
        keep_ms=0,
    )
    print("archiving", flush=True)
    while not running.done():
        for number in range(RANGES):
            await archiver.sweep(number)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
