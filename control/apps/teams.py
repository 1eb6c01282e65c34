"""Members of an app and invitations to it. weir.foundation.tenancy.permissions defines who may do what."""

import contextlib
from typing import Any

from redis.asyncio import Redis

from control.accounts.mail import MailLimit, MailSender, open_sender, quoted
from control.accounts.service import Accounts, is_leaving, normalize_email
from control.apps.service import Apps
from control.collections import INVITATIONS, MEMBERS, InvitationDoc, MemberDoc
from weir.foundation.audit import Audit, By
from weir.foundation.clock import now_ms, rfc3339
from weir.foundation.documents import Between, DuplicateKey, Page, Store
from weir.foundation.errors import Conflict, Forbidden, NotFound, Refused, Stale, Unavailable
from weir.foundation.events import AuditNoted, Revoked
from weir.foundation.ids import new_id, new_secret
from weir.foundation.redis.bus import Bus
from weir.foundation.settings import Settings
from weir.foundation.tenancy.collections import ACCOUNTS, REVOCATIONS, AccountDoc, AppDoc
from weir.foundation.tenancy.directory import REMEMBERED_MS, Directory, revocation_id
from weir.foundation.tenancy.permissions import Role, may_change_member, may_give
from weir.foundation.tenancy.quotas import Quotas
from weir.foundation.vault import Vault

INVITED_MS = 7 * 86_400_000
MISSING = "There is no such member."
CHANGED = "This has been changed since you read it; read it again and repeat the change."
NOT_YOURS = "Your role may not change this member in this way."
TRIES = 5
SPENT = "This invitation has been used, withdrawn or is too old; ask for another."


def invitation_view(invitation: InvitationDoc) -> dict[str, Any]:
    times = {name: rfc3339(invitation[name]) for name in ("created", "expires")}
    return {"id": invitation["id"], "email": invitation["email"], "role": invitation["role"], **times}


class Teams:
    def __init__(
        self,
        accounts: Accounts,
        apps: Apps,
        audit: Audit,
        sender: MailSender | None = None,
        *,
        settings: Settings,
        vault: Vault,
        store: Store,
        redis: Redis,
        bus: Bus,
        directory: Directory,
        quotas: Quotas,
    ) -> None:
        self._settings = settings
        self._vault = vault
        self._store = store
        self._bus = bus
        self._directory = directory
        self._quotas = quotas
        self._accounts = accounts
        self._apps = apps
        self._audit = audit
        self._mail = sender or open_sender(settings)
        self._bound = MailLimit(redis)
        self._all = store.operator()

    async def members(
        self, app_id: str, reader: str, addresses: bool, limit: int, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        """E-mail addresses of others are included only for those who may change members."""
        page = await self._store.app(app_id).find(MEMBERS, sort="created", limit=limit, cursor=cursor)
        return [
            await self._shown(member, addresses or member["account"] == reader) for member in page.data
        ], page.next

    async def _shown(self, member: MemberDoc, address: bool = True) -> dict[str, Any]:
        account = await self._all.get(ACCOUNTS, member["account"])
        email, name = (account["email"], account["name"]) if account else ("", "")
        return {
            "account": member["account"],
            "email": email if address else None,
            "name": name,
            "role": member["role"],
            "since": rfc3339(member["created"]),
        }

    async def _member(self, app_id: str, account: str) -> MemberDoc:
        member = await self._store.app(app_id).get(MEMBERS, f"{app_id}:{account}")
        if member is None:
            raise NotFound(MISSING)
        return member

    async def member(self, app_id: str, account: str, address: bool = True) -> dict[str, Any]:
        """Errors: NotFound."""
        return await self._shown(await self._member(app_id, account), address)

    async def set_role(
        self, app_id: str, actor: Role, account: str, role: Role, by: By, present: str | None = None
    ) -> dict[str, Any]:
        """Errors: NotFound; Forbidden; Conflict for the last owner; Stale when the role is no longer the
        `present` one."""
        member = await self._member(app_id, account)
        if present not in (None, member["role"]):
            raise Stale(CHANGED)
        if not may_change_member(actor, member["role"], role):
            raise Forbidden(NOT_YOURS)
        if "owner" in (member["role"], role):
            async with self._apps.owners(app_id) as owners:
                if member["role"] == "owner" != role:
                    await owners.remove(account)
                after = await self._write_role(app_id, member, role, by)
                if role == "owner":
                    await owners.add(account)
        else:
            after = await self._write_role(app_id, member, role, by)
        await self._void(app_id, account)
        return await self._shown(after)

    async def _write_role(self, app_id: str, member: MemberDoc, role: Role, by: By) -> MemberDoc:
        """Errors: NotFound; Stale when the member has another role by now."""
        changed = {**member, "role": role}
        noted = self._audit.entry(app_id, by, "member.role", member["account"], member, changed)
        after = await self._store.app(app_id).update(
            MEMBERS, member["id"], set={"role": role}, expect={"role": member["role"]}, emit=[noted]
        )
        if after is None:
            await self._member(app_id, member["account"])
            raise Stale(CHANGED)
        await self._audit.write(noted, "members", member["id"])
        return after

    async def remove(self, app_id: str, actor: Role, account: str, by: By) -> None:
        """Removes a member, or lets a member leave. Errors: NotFound; Forbidden; Conflict for the last owner."""
        for _ in range(TRIES):
            member = await self._member(app_id, account)
            if by.actor != account and not may_change_member(actor, member["role"], None):
                raise Forbidden(NOT_YOURS)
            with contextlib.suppress(Stale):  # the role has changed meanwhile: decide again
                if member["role"] == "owner":
                    async with self._apps.owners(app_id) as owners:
                        await owners.remove(account)
                        await self._delete(app_id, member, by)
                else:
                    await self._delete(app_id, member, by)
                await self._void(app_id, account)
                return
        raise Unavailable("This member changes too fast; try again.", retry_after=1)

    async def _delete(self, app_id: str, member: MemberDoc, by: By) -> None:
        """Errors: Stale when the member has another role by now, or has left."""
        async with self._audit.before_it(app_id, by, "member.removed", member["account"], member):
            gone = {"id": member["id"], "role": member["role"]}
            if not await self._store.app(app_id).delete(MEMBERS, gone):
                raise Stale(CHANGED)

    async def _void(self, app_id: str, account: str) -> None:
        """Withdraws app tokens that were issued for the old role, and what was made with them."""
        moment = now_ms() + 1000  # tokens carry whole seconds
        void = {"before": moment, "expires": now_ms() + REMEMBERED_MS}
        await self._store.app(app_id).update(
            REVOCATIONS, revocation_id(app_id, "member", account), set=void, upsert=True
        )
        fact = Revoked(app=app_id, kind="member", subject=account, before=moment)
        await self._directory.on_event(fact)
        try:
            await self._bus.publish(fact)
        except Unavailable:
            return  # caches forget within seconds

    async def delete_account(self, account: AccountDoc, session: str, password: str, by: By) -> None:
        """Leaves all apps, then deletes the account. After a crash it is completed by asking again. Errors:
        Invalid; Conflict for the operator, and for the only owner of an app."""
        await self._accounts.check_password(account, session, password)
        if account["operator"]:
            raise Conflict("The operator's account can't be deleted: the installation needs it.")
        await self._accounts.mark_leaving(account["id"], True)
        try:
            await self._leave_all(account, by)
        except Refused:
            await self._accounts.mark_leaving(account["id"], False)
            raise
        await self._accounts.delete(account, by)

    async def _leave_all(self, account: AccountDoc, by: By) -> None:
        """Errors: Conflict for the only owner of an app."""
        roles: dict[str, Role] = {}
        cursor: str | None = None
        while True:
            found, cursor = await self._apps.of_member(account["id"], 200, cursor)
            alone = [
                app["name"]
                for app, _ in found
                if app.get("owners") == [account["id"]] and app.get("state") != "deleting"
            ]
            if alone:
                named = ", ".join(map(quoted, alone))
                raise Conflict(
                    f"You are the only owner of {named}: make another member an owner first, or delete it.",
                    code="last_owner",
                )
            roles |= {app["id"]: role for app, role in found if app.get("state") != "deleting"}
            if cursor is None:
                break
        for app_id, role in roles.items():
            with contextlib.suppress(NotFound):
                await self.remove(app_id, role, account["id"], by)

    # -- invitations

    async def invite(
        self, app: AppDoc, actor: Role, email: str, role: Role, by: By
    ) -> tuple[InvitationDoc, str, bool]:
        """(invitation, a link to it, whether it was mailed too). A second invitation to the same address
        replaces the first.

        The mailed link is a different one: only a reader of that mailbox has it. Nothing is mailed to an
        address that has reached its limit. Errors: Forbidden; Conflict for a member; QuotaExceeded."""
        if not may_give(actor, role):
            raise Forbidden("Your role may not give this one.")
        handle, address = self._store.app(app["id"]), normalize_email(email)
        account = await self._accounts.by_email(address)
        if account is not None and await self._apps.role(account["id"], app["id"]) is not None:
            raise Conflict("This person is a member already.")
        await handle.delete(INVITATIONS, {"email": address})

        async def taken() -> int:
            return await handle.count(MEMBERS) + await handle.count(INVITATIONS)

        hashed, shown, mailed = self._vault.lookup_hash, new_secret(32), new_secret(32)
        fresh: InvitationDoc = {
            "id": new_id("act"),
            "email": address,
            "role": role,
            "hash": hashed(shown),
            "mailed_hash": hashed(mailed),
            "by": by.actor,
            "created": now_ms(),
            "expires": now_ms() + INVITED_MS,
        }
        noted = self._audit.entry(app["id"], by, "invitation.created", fresh["id"], None, fresh)
        async with self._quotas.room_for(app["id"], "members", taken):
            invitation = await handle.insert(INVITATIONS, fresh, emit=[noted])
        await self._audit.write(noted, "invitations", fresh["id"])
        link = f"{self._settings.base_url}/studio#invitation="
        if not await self._bound.admits("invitation", hashed(address)):
            return invitation, link + shown, False
        about = quoted(app["name"])
        await self._mail.send(
            address,
            f"Join {about}",
            f"You are invited to work on {about} as {role}. If you do not know what this is, do nothing. To join, open this link:\n\n"
            f"{link}{mailed}",
        )
        return invitation, link + shown, self._mail.delivers

    async def invitations(self, app_id: str, limit: int, cursor: str | None) -> Page[InvitationDoc]:
        return await self._store.app(app_id).find(INVITATIONS, sort="created", limit=limit, cursor=cursor)

    async def withdraw(self, app_id: str, invitation_id: str, by: By) -> None:
        """Errors: NotFound."""
        async with self._audit.before_it(app_id, by, "invitation.withdrawn", invitation_id):
            if not await self._store.app(app_id).delete(INVITATIONS, {"id": invitation_id}):
                raise NotFound("There is no such invitation.")

    async def find(self, token: str) -> tuple[InvitationDoc, bool]:
        """(invitation, whether this is the mailed link). Errors: Forbidden for a spent, withdrawn or expired
        one, and for one whose inviter may no longer give that role."""
        hashed = self._vault.lookup_hash(token)
        by_mail = await self._all.find_one(INVITATIONS, {"mailed_hash": hashed})
        invitation = by_mail or await self._all.find_one(INVITATIONS, {"hash": hashed})
        if invitation is None or not await self._stands(invitation):
            raise Forbidden(SPENT, code="invitation_spent")
        return invitation, by_mail is not None

    async def shown(self, token: str) -> dict[str, Any]:
        """What a person with the link may know before joining. Errors: Forbidden, as `find`."""
        invitation, _ = await self.find(token)
        app = await self._apps.get_any(invitation["app"])
        inviter = await self._all.get(ACCOUNTS, invitation.get("by") or "")
        return {
            "app_name": app["name"],
            "email": invitation["email"],
            "role": invitation["role"],
            "invited_by": inviter["name"] or None if inviter else None,
            "expires": rfc3339(invitation["expires"]),
        }

    async def _stands(self, invitation: InvitationDoc) -> bool:
        """False when the inviter was removed or demoted, or has set a new password since (the account may
        have been stolen)."""
        if invitation["expires"] <= now_ms():
            return False
        inviter = invitation.get("by")
        if inviter is None:
            return True
        role = await self._apps.role(inviter, invitation["app"])
        account = await self._all.get(ACCOUNTS, inviter)
        if role is None or account is None or not may_give(role, invitation["role"]):
            return False
        return bool(invitation["created"] >= account.get("void", 0))

    async def accept(self, account: AccountDoc, token: str, by: By) -> str:
        """Joins the app and returns its id. The mailed link verifies the address. Errors: Forbidden, also for
        an invitation to another address, and while the account's own address must be verified; Conflict
        for a member."""
        invitation, mailed = await self.find(token)
        if invitation["email"] != account["email"]:
            raise Forbidden("This invitation is for another e-mail address.")
        if mailed:
            await self._accounts.mark_verified(account, by)
        elif self._accounts.must_verify and not account.get("verified", True):
            raise Forbidden("Verify your e-mail address first: open the invitation's link in the mail.")
        return await self._join(account, invitation, by)

    async def accept_waiting(self, account: AccountDoc, invitation_id: str, by: By) -> None:
        """Accepts the invitation of a registration whose address is verified now. Does nothing when the
        invitation no longer exists."""
        invitation = await self._all.get(INVITATIONS, invitation_id)
        if (
            invitation is not None
            and invitation["email"] == account["email"]
            and await self._stands(invitation)
        ):
            with contextlib.suppress(Conflict, Forbidden):
                await self._join(account, invitation, by)

    async def _join(self, account: AccountDoc, invitation: InvitationDoc, by: By) -> str:
        """Deletes the invitation first: it works once, and not when it was withdrawn at the same moment. That
        of an owner is kept while the owners cannot be changed."""
        app_id = str(invitation["app"])
        member: MemberDoc = {
            "id": f"{app_id}:{account['id']}",
            "account": account["id"],
            "role": invitation["role"],
            "created": now_ms(),
        }
        noted = self._audit.entry(app_id, by, "member.joined", account["id"], None, member)
        if member["role"] == "owner":
            async with self._apps.owners(app_id) as owners:
                await self._spend(invitation)
                await self._add(app_id, member, noted)
                await owners.add(account["id"])
        else:
            await self._spend(invitation)
            await self._add(app_id, member, noted)
        return app_id

    async def _spend(self, invitation: InvitationDoc) -> None:
        if not await self._all.delete(INVITATIONS, {"id": invitation["id"]}):
            raise Forbidden(SPENT, code="invitation_spent")

    async def _add(self, app_id: str, member: MemberDoc, noted: AuditNoted) -> None:
        """Errors: Conflict for a member, and for an account that is being deleted."""
        handle = self._store.app(app_id)
        try:
            await handle.insert(MEMBERS, member, emit=[noted])
        except DuplicateKey:
            raise Conflict("You are a member already.") from None
        if is_leaving(await self._all.get(ACCOUNTS, member["account"])):
            await handle.delete(MEMBERS, {"id": member["id"]})
            raise Conflict("This account is being deleted.")
        await self._audit.write(noted, "members", member["id"])

    async def forget_expired(self) -> None:
        """Periodic."""
        await self._all.delete(INVITATIONS, {"expires": Between(below=now_ms())})
