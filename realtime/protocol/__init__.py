"""What travels over sockets: requests, acknowledgements, events, their schemas and AsyncAPI.

`messages` checks requests and builds envelopes, `event_schemas` lists the events, `asyncapi` renders the
description. Imported by every other package of the room; imports none. Pure.
"""
