"""Members of an app and invitations to it. Who may do what stands in weir.foundation.permissions."""

from typing import Any

from control.accounts import Accounts, plain
from control.apps import Apps
from control.mail import Sender, open_sender
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.directory import revocation_id
from weir.foundation.documents import Between, Doc, DuplicateKey, Page
from weir.foundation.errors import Conflict, Forbidden, NotFound, Unavailable
from weir.foundation.events import Revoked
from weir.foundation.ground import Ground
from weir.foundation.ids import new_id, new_secret
from weir.foundation.permissions import Role, may_change_member, may_give

INVITED_MS = 7 * 86_400_000
REMEMBERED_MS = 3_600_000  # app tokens live a quarter of an hour
MISSING = "There is no such member."
SPENT = "This invitation has been used, withdrawn or is too old; ask for another."


def invitation_view(invitation: Doc) -> dict[str, Any]:
    times = {name: rfc3339(invitation[name]) for name in ("created", "expires")}
    return {"id": invitation["id"], "email": invitation["email"], "role": invitation["role"], **times}


class Teams:
    def __init__(self, ground: Ground, accounts: Accounts, apps: Apps, audit: Audit, sender: Sender | None = None) -> None:
        self._ground, self._accounts, self._apps, self._audit = ground, accounts, apps, audit
        self._mail = sender or open_sender(ground.settings)
        self._all = ground.store.operator()

    async def members(self, app_id: str, limit: int, cursor: str | None) -> tuple[list[dict[str, Any]], str | None]:
        page = await self._ground.store.app(app_id).find("members", sort="created", limit=limit, cursor=cursor)
        return [await self._shown(member) for member in page.data], page.next

    async def _shown(self, member: Doc) -> dict[str, Any]:
        account = await self._all.get("accounts", member["account"]) or {"email": "", "name": ""}
        return {
            "account": member["account"], "email": account["email"], "name": account["name"], "role": member["role"],
            "since": rfc3339(member["created"]),
        }  # fmt: skip

    async def _member(self, app_id: str, account: str) -> Doc:
        member = await self._ground.store.app(app_id).get("members", f"{app_id}:{account}")
        if member is None:
            raise NotFound(MISSING)
        return member

    async def set_role(self, app_id: str, actor: Role, account: str, role: Role, by: By) -> dict[str, Any]:
        """Errors: NotFound; Forbidden; Conflict for the last owner."""
        member = await self._member(app_id, account)
        await self._check_change(app_id, actor, member, role)
        noted = self._audit.entry(app_id, by, "member.role", account, member, {**member, "role": role})
        after = await self._ground.store.app(app_id).update("members", member["id"], set={"role": role}, emit=[noted])
        if after is None:
            raise NotFound(MISSING)
        if role == "owner":
            await self._apps.owns(app_id, account)
        await self._audit.write(noted, "members", member["id"])
        await self._void(app_id, account)
        return await self._shown(after)

    async def remove(self, app_id: str, actor: Role, account: str, by: By) -> None:
        """By somebody who may, or the member's own leaving. Errors: NotFound; Forbidden; Conflict for the last owner."""
        member = await self._member(app_id, account)
        await self._check_change(app_id, member["role"] if by.actor == account else actor, member, None, leaving=by.actor == account)
        async with self._audit.before_it(app_id, by, "member.removed", account, member):
            await self._ground.store.app(app_id).delete("members", {"id": member["id"]})
        await self._void(app_id, account)

    async def _check_change(self, app_id: str, actor: Role, member: Doc, to: Role | None, leaving: bool = False) -> None:
        if not leaving and not may_change_member(actor, member["role"], to):
            raise Forbidden("Your role may not change this member in this way.")
        if member["role"] == "owner" and to != "owner":
            await self._apps.owns_no_more(app_id, member["account"])

    async def _void(self, app_id: str, account: str) -> None:
        """App tokens that were given to the old role."""
        moment = now_ms() + 1000  # tokens carry whole seconds
        void = {"before": moment, "expires": now_ms() + REMEMBERED_MS}
        await self._ground.store.app(app_id).update("revocations", revocation_id(app_id, "member", account), set=void, upsert=True)
        fact = Revoked(app=app_id, kind="member", subject=account, before=moment)
        await self._ground.directory.heard(fact)
        try:
            await self._ground.bus.publish(fact)
        except Unavailable:
            return  # caches forget within seconds

    # -- invitations

    async def invite(self, app: Doc, actor: Role, email: str, role: Role, by: By) -> tuple[Doc, str]:
        """(invitation, its link), which is mailed too. A second one to the same address replaces the first.

        Errors: Forbidden; Conflict for somebody who is a member; QuotaExceeded.
        """
        if not may_give(actor, role):
            raise Forbidden("Your role may not give this one.")
        handle, address = self._ground.store.app(app["id"]), plain(email)
        account = await self._accounts.by_email(address)
        if account is not None and await self._apps.role(account["id"], app["id"]) is not None:
            raise Conflict("This person is a member already.")
        await handle.delete("invitations", {"email": address})

        async def taken() -> int:
            return await handle.count("members") + await handle.count("invitations")

        token = new_secret(32)
        fresh: Doc = {
            "id": new_id("act"), "email": address, "role": role, "hash": self._ground.vault.lookup_hash(token), "created": now_ms(),
            "expires": now_ms() + INVITED_MS,
        }  # fmt: skip
        noted = self._audit.entry(app["id"], by, "invitation.created", fresh["id"], None, fresh)
        async with self._ground.quotas.room_for(app["id"], "members", taken):
            invitation = await handle.insert("invitations", fresh, emit=[noted])
        await self._audit.write(noted, "invitations", fresh["id"])
        link = f"{self._ground.settings.base_url}/studio#invitation={token}"
        await self._mail.send(address, f"Join {app['name']}", f"You are invited to {app['name']} as {role}. Open this link:\n\n{link}")
        return invitation, link

    async def invitations(self, app_id: str, limit: int, cursor: str | None) -> Page:
        return await self._ground.store.app(app_id).find("invitations", sort="created", limit=limit, cursor=cursor)

    async def withdraw(self, app_id: str, invitation_id: str, by: By) -> None:
        """Errors: NotFound."""
        async with self._audit.before_it(app_id, by, "invitation.withdrawn", invitation_id):
            if not await self._ground.store.app(app_id).delete("invitations", {"id": invitation_id}):
                raise NotFound("There is no such invitation.")

    async def find(self, token: str) -> Doc:
        """Errors: Forbidden for a spent, withdrawn or expired one."""
        invitation = await self._all.find_one("invitations", {"hash": self._ground.vault.lookup_hash(token)})
        if invitation is None or invitation["expires"] <= now_ms():
            raise Forbidden(SPENT)
        return invitation

    async def accept(self, account: Doc, token: str, by: By) -> str:
        """The app's id. Errors: Forbidden, also for an invitation to another address; Conflict for a member."""
        invitation = await self.find(token)
        app_id = str(invitation["app"])
        if invitation["email"] != account["email"]:
            raise Forbidden("This invitation is for another e-mail address.")
        member = {"id": f"{app_id}:{account['id']}", "account": account["id"], "role": invitation["role"], "created": now_ms()}
        noted = self._audit.entry(app_id, by, "member.joined", account["id"], None, member)
        try:
            await self._ground.store.app(app_id).insert("members", member, emit=[noted])
        except DuplicateKey:
            await self._all.delete("invitations", {"id": invitation["id"]})
            raise Conflict("You are a member already.") from None
        if member["role"] == "owner":
            await self._apps.owns(app_id, account["id"])
        await self._audit.write(noted, "members", member["id"])
        await self._all.delete("invitations", {"id": invitation["id"]})
        return app_id

    async def forget_expired(self) -> None:
        """Periodic."""
        await self._all.delete("invitations", {"expires": Between(below=now_ms())})
