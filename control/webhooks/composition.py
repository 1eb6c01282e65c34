"""Builds the webhooks: endpoints, sending, dispatch."""

from dataclasses import dataclass

from control.webhooks.deliveries import Deliveries, DeliveryRecorder
from control.webhooks.dispatcher import Dispatcher
from control.webhooks.documents import WebhookDoc
from control.webhooks.endpoint_worker import EndpointWorker
from control.webhooks.file_import import WebhookFile
from control.webhooks.pictures import Pictures
from control.webhooks.sender import Sender
from control.webhooks.service import EventKinds, Webhooks
from weir.foundation.egress.oauth2 import ClientCredentials
from weir.foundation.ingest_client import PictureClient
from weir.foundation.redis.event_log import EventLogReader
from weir.foundation.services import Services


@dataclass(frozen=True)
class WebhookServices:
    service: Webhooks
    deliveries: Deliveries
    dispatcher: Dispatcher
    pictures: PictureClient
    log_days: int
    file: WebhookFile

    async def forget_old(self) -> None:
        await self.deliveries.forget_old(self.log_days)

    async def close(self) -> None:
        await self.pictures.close()


def build_webhooks(services: Services, kinds: EventKinds) -> WebhookServices:
    settings, store = services.settings, services.store
    deliveries, reader = Deliveries(store), EventLogReader(services.redis)
    sender = Sender(
        services.egress, ClientCredentials(services.egress), services.vault, settings.webhook_timeout_s
    )
    webhooks = Webhooks(
        deliveries,
        sender,
        reader,
        kinds,
        store=store,
        egress=services.egress,
        vault=services.vault,
        audit=services.audit,
        bus=services.bus,
        relay=services.relay,
    )
    client = PictureClient(settings)
    pictures = Pictures(deliveries, client, services.tokens)

    def make_worker(hook: WebhookDoc, recorder: DeliveryRecorder) -> EndpointWorker:
        return EndpointWorker(
            hook,
            deliveries,
            recorder,
            sender,
            schedule_s=settings.webhook_retry_s,
            timeout_s=settings.webhook_timeout_s,
            picture=pictures.of,
            disable=webhooks.disable,
            save_health=webhooks.save_health,
        )

    dispatcher = Dispatcher(
        deliveries,
        reader,
        make_worker,
        store=store,
        redis=services.redis,
        bus=services.bus,
        directory=services.directory,
    )
    file = WebhookFile(webhooks, store=store, settings=settings)
    return WebhookServices(webhooks, deliveries, dispatcher, client, settings.webhook_log_days, file)
