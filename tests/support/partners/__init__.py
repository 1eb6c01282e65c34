"""Partners' sandboxes: one server for each kind, which checks what it gets and misbehaves on request."""

from tests.support.partners.aims import Aims
from tests.support.partners.chirpstack import ChirpStack
from tests.support.partners.duncan import Duncan
from tests.support.partners.gtcs import Gtcs
from tests.support.partners.ips import Ips
from tests.support.partners.parkeon import Parkeon
from tests.support.partners.parkpow import ParkPow
from tests.support.partners.server import Custom, PartnerServer, Seen, started
from tests.support.partners.teller import Teller

SERVERS: dict[str, type[PartnerServer]] = {
    "ips": Ips,
    "teller": Teller,
    "aims": Aims,
    "parkeon": Parkeon,
    "gtcs": Gtcs,
    "duncan": Duncan,
    "chirpstack": ChirpStack,
    "parkpow": ParkPow,
    "custom": Custom,
}

__all__ = ["SERVERS", "Custom", "PartnerServer", "Seen", "started"]
