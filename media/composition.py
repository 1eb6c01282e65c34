"""The media room: takes up streams that control lets in, one worker each, and serves their playlists."""

import structlog
from redis.exceptions import RedisError
from starlette.routing import BaseRoute, Mount

from media.facts import FactPublisher
from media.hls.segment_files import SegmentFiles
from media.ladder.api import ProfileRoutes
from media.ladder.service import Profiles
from media.leases import StreamLeases
from media.live.api import HealthRoutes
from media.live.health_store import HealthStore
from media.live.nchan import NchanPublisher
from media.live.origin import Origin
from media.posters.api import PosterRoutes
from media.posters.service import Posters
from media.recordings.api import RecordingRoutes
from media.recordings.bucket_origin import BucketOrigin
from media.recordings.s3 import Bucket
from media.recordings.service import Recordings
from media.recordings.store import RecordingStore
from media.uploads.api import VodRoutes
from media.uploads.service import Uploads
from media.uploads.staging import UploadStaging
from media.uploads.transcoder import Transcoder
from media.worker import MediaWorker
from weir.foundation.errors import Unavailable
from weir.foundation.services import Services, Tasks
from weir.foundation.tenancy.playback_rights import PlaybackRights

SWEEP_S, TAKE_OVER_S, FIRST_SWEEP_AGAIN_S = 5.0, 2.5, 0.5
KEEP_ENDED_S = 300.0
LADDER_DEPENDS_ON = ("profiles", "streams", "apps")
TELL_AGAIN_S = 1.0
log = structlog.get_logger("media")


class MediaRoom:
    """Builds the services of the room and lists their routes and tasks."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        leases = StreamLeases(services.redis, settings.origin_name, sole=not settings.redis_url)
        secret = settings.hook_secret or services.vault.text_key("internal")
        self._services = services
        self._tasks = Tasks()
        self._facts = FactPublisher(services.bus)
        self._bucket = Bucket(settings) if settings.storage == "s3" else None
        self._nchan = NchanPublisher(settings, secret) if settings.edge == "nchan" else None
        self._health_store = HealthStore(services.redis)
        self._profiles = Profiles(services.store, services.bus, settings, services.audit)
        self._recording_store = RecordingStore(services.store, services.bus, services.relay)
        self._recordings = Recordings(
            self._recording_store,
            self._facts.publish,
            leases.is_held,
            lambda video: UploadStaging(settings, video).remove(),
            self._bucket,
            settings=services.settings,
            directory=services.directory,
            audit=services.audit,
            quotas=services.quotas,
        )

        def overloaded() -> bool:
            return self.worker.is_overloaded()

        self._transcoder = Transcoder(
            self._recording_store,
            self._profiles,
            leases,
            overloaded,
            settings=services.settings,
            directory=services.directory,
        )
        self._uploads = Uploads(
            self._recording_store,
            self._transcoder.wake,
            settings=services.settings,
            store=services.store,
            directory=services.directory,
            audit=services.audit,
            quotas=services.quotas,
        )
        self.worker = MediaWorker(
            leases,
            self._profiles,
            self._recordings,
            self._uploads,
            self._health_store,
            self._nchan,
            self._facts,
            settings=services.settings,
            vault=services.vault,
            store=services.store,
            redis=services.redis,
            directory=services.directory,
            ingest=services.ingest,
        )

    def routes(self) -> list[BaseRoute]:
        settings = self._services.settings
        origin = Origin(
            self.worker.packager, lambda playback, name: SegmentFiles(settings, playback).read(name)
        )
        api = (
            RecordingRoutes(
                self._recording_store,
                self._recordings,
                settings=self._services.settings,
                tokens=self._services.tokens,
                store=self._services.store,
                audit=self._services.audit,
                door=self._services.door,
            ),
            ProfileRoutes(self._profiles, door=self._services.door),
            VodRoutes(
                self._uploads,
                self._recordings,
                settings=self._services.settings,
                tokens=self._services.tokens,
                store=self._services.store,
                audit=self._services.audit,
                door=self._services.door,
            ),
            PosterRoutes(
                Posters(
                    PlaybackRights(self._services.tokens, self._services.directory),
                    self.worker.poster,
                    self._recordings.poster,
                    store=self._services.store,
                    directory=self._services.directory,
                ),
                door=self._services.door,
            ),
            HealthRoutes(
                self._health_store,
                self.worker.snapshot,
                store=self._services.store,
                ingest=self._services.ingest,
                door=self._services.door,
            ),
        )
        return [
            Mount("/origin", app=origin),
            Mount("/recorded", app=BucketOrigin(self._bucket)),
            *(route for routes in api for route in routes.routes()),
        ]

    async def start(self) -> None:
        bus, worker = self._services.bus, self.worker
        try:
            await worker.clear_leftovers()
        except (Unavailable, RedisError, OSError) as error:
            log.warning("leftovers.stay", error=str(error))
        self._tasks.start(bus.consume("media", worker.on_event), "media consumes")
        # A fact goes to one process of the group; a stream's owner needs it whichever process consumes it.
        self._tasks.start(bus.watch(worker.on_event), "media watches")
        if self._nchan is not None:
            self._tasks.start(self._nchan.run(), "nchan")
        self._tasks.start(worker.run_lease_renewal(), "media leases")
        self._tasks.start(worker.run_sweeps(), "media sweep")
        self._tasks.start(worker.run_measurements(), "media measures")
        for job in (*self._recordings.jobs(), *self._uploads.jobs()):
            self._tasks.start(self._services.periodic.run(job), job.name)
        self._transcoder.start()

    async def stop(self) -> None:
        """Stops every FFmpeg; the broadcasts continue in the worker that takes them next."""
        await self._tasks.stop()
        await self._transcoder.stop()
        await self.worker.stop()
        await self._recordings.close()
        await self._facts.stop()
        if self._bucket is not None:
            await self._bucket.close()
