"""For the command line and the supervisor: creates the first objects of an installation, directly on the
stores.
"""

from typing import Any

from control.accounts.service import Accounts
from control.accounts.service import public_view as account_view
from control.apps.api_keys import ApiKeys, KeyOptions
from control.apps.api_keys import public_view as key_view
from control.apps.service import Apps
from control.models import Viewers
from control.streams.service import Streams
from control.streams.service import public_view as stream_view
from weir.foundation.audit import COMMAND_LINE
from weir.foundation.clock import format_time
from weir.foundation.documents import Store
from weir.foundation.errors import Unavailable
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import ACCOUNTS, APPS, STREAMS
from weir.foundation.tenancy.directory import Directory


class LocalAdmin:
    def __init__(
        self,
        accounts: Accounts,
        apps: Apps,
        streams: Streams,
        keys: ApiKeys,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
    ) -> None:
        self.accounts = accounts
        self.apps = apps
        self.streams = streams
        self.keys = keys
        self._settings = settings
        self._store = store
        self._directory = directory

    async def create_owner(self, email: str, password: str, name: str) -> dict[str, Any]:
        owner = await self.accounts.create_owner(email, password, name, COMMAND_LINE)
        await self.apps.adopt_orphans()
        return account_view(owner)

    async def create_app(self, name: str) -> dict[str, Any]:
        """Owned by the first account, if there is one."""
        owners = (await self._store.operator().find(ACCOUNTS, sort="created", limit=1)).data
        return self.apps.to_public(
            await self.apps.create(owners[0]["id"] if owners else None, name, COMMAND_LINE)
        )

    async def create_key(self, app_id: str, scopes: list[str]) -> dict[str, Any]:
        key, secret, signing = await self.keys.create(
            app_id, KeyOptions("command line", scopes), COMMAND_LINE
        )
        return {**key_view(key), "api_key": secret, "signing_secret": signing}

    async def create_stream(self, app_id: str, title: str) -> dict[str, Any]:
        stream, key = await self.streams.create(app_id, {"title": title}, COMMAND_LINE)
        return {**stream_view(stream), "server": self._settings.publish_url, "key": key}

    async def overview(self, viewers: Viewers) -> dict[str, Any]:
        """What `weir status` prints: addresses, counts, who is on air."""
        everything, settings = self._store.operator(), self._settings
        on_air = [
            {
                "id": stream["id"],
                "app": stream["app"],
                "title": stream.get("title", ""),
                "state": stream["state"],
                "since": format_time(stream.get("began")),
                "viewers": await self._watching(viewers, stream["channel"]),
                "watch_url": f"{settings.base_url}/watch/{stream['playback']}",
            }
            for stream in await self._directory.live_streams()
        ]
        setup = await self.accounts.setup_token()
        return {
            "studio_url": f"{settings.base_url}/studio" + (f"#setup={setup}" if setup else ""),
            "rtmp_url": settings.publish_url,
            "apps": await everything.count(APPS),
            "streams": await everything.count(STREAMS),
            "on_air": on_air,
        }

    async def _watching(self, viewers: Viewers, channel: str) -> int | None:
        try:
            return await viewers(channel)
        except Unavailable:
            return None

    async def card(self, app_name: str, title: str) -> dict[str, Any]:
        """What `weir up` prints: the first app and stream (created if there is none), their addresses, the
        set-up link."""
        handle, settings = self._store.operator(), self._settings
        streams = (await handle.find(STREAMS, sort="created", limit=1)).data
        if streams:
            stream = streams[0]
        else:
            app = await self.apps.create(None, app_name, COMMAND_LINE)
            await self.apps.adopt_orphans()
            stream, _ = await self.streams.create(app["id"], {"title": title}, COMMAND_LINE)
        setup = await self.accounts.setup_token()
        return {
            "watch_url": f"{settings.base_url}/watch/{stream['playback']}",
            "rtmp_url": settings.publish_url,
            "studio_url": f"{settings.base_url}/studio" + (f"#setup={setup}" if setup else ""),
            "stream_key": await self.streams.key(stream["app"], stream["id"]),
            "stream": stream["id"],
            "app": stream["app"],
            "channel": stream["channel"],
            "playback_id": stream["playback"],
            "state": stream["state"],
        }
