"""The limits of each plan. This table is the default; the setting WEIR_PLANS changes single numbers of it.

None is "no limit". Months are calendar months in UTC.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

PlanName = Literal["free", "starter", "pro", "enterprise"]
Feature = Literal["analytics", "branding"]
Standing = Literal["streams", "members", "places", "spaces", "devices", "followers"]
"""What an app has so many of at one time."""


class Plan(BaseModel):
    """One tier. Rates are requests with API keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    requests_per_minute: int = Field(60_000, ge=1)
    requests_per_hour: int | None = Field(None, ge=1)
    streams: int | None = Field(None, ge=0)
    concurrent_viewers: int | None = Field(None, ge=0)
    publish_minutes: int | None = Field(None, ge=0, description="A month.")
    messages: int | None = Field(None, ge=0, description="A month.")
    storage_gb: int | None = Field(None, ge=0)
    members: int | None = Field(None, ge=1)
    places: int | None = Field(None, ge=0)
    spaces: int | None = Field(None, ge=0)
    devices: int | None = Field(None, ge=0)
    followers: int | None = Field(None, ge=0)
    analytics: bool = True
    branding: bool = True


PLANS: dict[PlanName, Plan] = {
    "free": Plan(
        requests_per_minute=60, requests_per_hour=1000, streams=3, concurrent_viewers=50, publish_minutes=1200, messages=50_000,
        storage_gb=5, members=3, places=1, spaces=50, devices=5, followers=500, analytics=False, branding=False,
    ),
    "starter": Plan(
        requests_per_minute=600, requests_per_hour=20_000, streams=10, concurrent_viewers=500, publish_minutes=6000,
        messages=500_000, storage_gb=50, members=10, places=5, spaces=500, devices=50, followers=5000, branding=False,
    ),
    "pro": Plan(
        requests_per_minute=3000, streams=100, concurrent_viewers=10_000, publish_minutes=60_000, messages=10_000_000,
        storage_gb=500, members=50, places=50, spaces=10_000, devices=1000, followers=100_000,
    ),
    "enterprise": Plan(),
}  # fmt: skip


def plan_of(app: Mapping[str, Any], now: int) -> str:
    """The name of an app's plan at a moment (ms): that of its trial until it ends. Empty for none."""
    trial = app.get("trial")
    return str((trial["plan"] if trial and now < trial["until"] else app.get("plan")) or "")


def plan_table(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Plan]:
    """The plans with an operator's changes, `{"free": {"streams": 5}}`. Errors: ValueError for an unknown
    plan or field."""
    unknown = set(changes) - set(PLANS)
    if unknown:
        raise ValueError(f"there is no plan {sorted(unknown)[0]}; there are {', '.join(PLANS)}")
    return {
        name: Plan.model_validate({**plan.model_dump(), **changes.get(name, {})})
        for name, plan in PLANS.items()
    }
