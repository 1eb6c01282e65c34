"""All rows of all rooms in one look-up: a tree of path segments instead of one pattern after the other (a
hundred rows tried in turn cost more than the work of most of them)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from starlette.datastructures import URLPath
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from weir.foundation.errors import Refused
from weir.foundation.http.problems import NEAREST, bug, problem, refused
from weir.foundation.http.response_headers import ROW, Envelope
from weir.foundation.http.routing import BoundRoute

LONGEST_MEANT = 200


@dataclass
class _Node:
    """`fixed` is tried before `any`; `name` is the parameter that `any` fills."""

    fixed: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    name: str = ""
    bound: dict[str, BoundRoute] = field(default_factory=dict)


class Router(BaseRoute):
    """Answers 405 with Allow for a known path and another method. HEAD is GET, whose body the server leaves
    out.

    Errors: ValueError for two rows with the same method and path, or two names for one parameter.
    """

    def __init__(self, routes: Sequence[BoundRoute]) -> None:
        self._root = _Node()
        self._paths = sorted({route.path for route in routes})
        for route in routes:
            self._add(route)

    def _add(self, route: BoundRoute) -> None:
        node = self._root
        for segment in route.path.split("/")[1:]:
            if segment.startswith("{"):
                node.any = node.any or _Node()
                if node.name not in ("", segment[1:-1]):
                    raise ValueError(f"{route.path}: {segment} is called {node.name} elsewhere")
                node.name, node = segment[1:-1], node.any
            else:
                node = node.fixed.setdefault(segment, _Node())
        if route.row.method in node.bound:
            raise ValueError(f"{route.row.method} {route.path} is in the table twice")
        node.bound[route.row.method] = route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http":
            return Match.NONE, {}
        node, named = self._root, {}
        for segment in scope["path"].split("/")[1:]:
            following = node.fixed.get(segment)
            if following is None:
                if node.any is None or not segment:
                    return Match.NONE, {}
                named[node.name] = segment
                following = node.any
            node = following
        if not node.bound:
            return Match.NONE, {}
        return Match.FULL, {"path_params": named, "weir.bound": node.bound}

    async def answer(self, scope: Scope, receive: Receive) -> Response:
        """Answers a scope for which `matches` returned True."""
        bound: dict[str, BoundRoute] = scope["weir.bound"]
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method == "POST" and method not in bound:
            method = scope["method"] = _overridden(scope, bound)
        route = bound.get(method)
        if route is not None:
            scope[ROW] = route.row
            return await route.answer(scope, receive)
        offered = {"Allow": ", ".join(sorted({*bound, "OPTIONS", *(["HEAD"] if "GET" in bound else [])}))}
        if method == "OPTIONS":
            return Response(status_code=204, headers=offered)
        refusal = problem(405, "invalid", f"{scope['method']} is not offered here.")
        refusal.headers.update(offered)
        return refusal

    def nearest(self, path: str) -> str | None:
        """The path of the row that the caller probably meant."""
        said, paths = path.rstrip("/").split("/"), dict[str, str]()
        if len(path) > LONGEST_MEANT:
            return None
        for known in self._paths:
            segments = known.split("/")
            if len(segments) == len(said):
                guess = "/".join(
                    mine if one.startswith("{") else one for one, mine in zip(segments, said, strict=True)
                )
                paths.setdefault(guess, known)
        close = get_close_matches("/".join(said), paths, 1, 0.8)
        return paths[close[0]] if close else None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.answer(scope, receive)
        await response(scope, receive, send)

    def url_path_for(self, name: str, /, **_path_params: object) -> URLPath:
        raise NoMatchFound(name, {})


class Front:
    """The table before everything else of an application: what it knows passes neither the framework's layers
    nor a wrapper around `send`, which together were a quarter of a request's CPU. So do mounted
    applications, by the first segment of the path; they answer their errors themselves. `table` and
    `mounts` come when the rooms are built."""

    def __init__(self, rest: ASGIApp, envelope: Envelope, table: Router | None = None) -> None:
        self._rest = rest
        self._envelope = envelope
        self.table = table
        self.mounts: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            mount = self.mounts.get(scope["path"].split("/", 2)[1])
            if mount is not None:
                await mount(scope, receive, send)
                return
        match, found = self.table.matches(scope) if self.table is not None else (Match.NONE, {})
        opened = self._envelope.open(scope) if match is Match.FULL else None
        if match is Match.NONE and scope["type"] == "http" and self.table is not None:
            scope[NEAREST] = self.table.nearest
        if self.table is None or opened is None or opened.preflight:
            await self._rest(scope, receive, send)
            return
        scope.update(found)
        try:
            response = await self.table.answer(scope, receive)
        except Refused as refusal:
            response = refused(refusal)
        except Exception as error:
            response = bug(scope["path"], error)
        headers = response.raw_headers
        await self._envelope.seal(scope, opened, response.status_code, headers)
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})


def _overridden(scope: Scope, bound: dict[str, BoundRoute]) -> str:
    """X-HTTP-Method-Override, which the tus protocol requires because some networks block PATCH and DELETE."""
    wanted = next(
        (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-http-method-override"),
        "POST",
    )
    return wanted if wanted in bound and bound[wanted].row.streamed is not None else "POST"


def mounted(routes: Sequence[BaseRoute]) -> dict[str, ASGIApp]:
    """The applications that are mounted at one segment, e.g. `/origin`; each gets the path without it."""

    def under(mount: Mount) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            scope["root_path"] = mount.path
            return await mount.app(scope, receive, send)

        return answer

    return {
        route.path[1:]: under(route)
        for route in routes
        if isinstance(route, Mount) and route.path.count("/") == 1
    }


def tabled(routes: Sequence[BaseRoute]) -> tuple[Router, *tuple[BaseRoute, ...]]:
    """The rows among the routes as one table, and the others."""
    rows = [route for route in routes if isinstance(route, BoundRoute)]
    return Router(rows), *(route for route in routes if not isinstance(route, BoundRoute))
