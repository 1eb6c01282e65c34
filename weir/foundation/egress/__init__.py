"""HTTP to addresses that customers choose: webhooks, partners, token servers.

A customer's URL must not reach what only this machine can reach (SSRF). Names are therefore judged at the last
moment, where the socket is made: whatever a name server said before, and however an address is spelled, no
socket to a private, local or reserved address is made. Redirects are answers, there are no proxies and no
cookies, and an answer is bounded in bytes and time.

`Egress` is one for each process (`Services.egress`). Metrics: `weir_egress_requests_total{outcome}` (2xx … 5xx
or an error code), `weir_egress_seconds`.
"""

from weir.foundation.egress.client import Egress, EgressAnswer
from weir.foundation.egress.oauth2 import ClientCredentials, NoToken
from weir.foundation.egress.rules import EgressError, check_headers

__all__ = ["ClientCredentials", "Egress", "EgressAnswer", "EgressError", "NoToken", "check_headers"]
