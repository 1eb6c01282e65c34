"""What all rooms share: settings, ids, clock, errors, events, documents, Redis, HTTP, tokens and quotas.

Called by every room; imports none of them. `services` is what a process opens once and hands to its rooms;
`http`, `redis`, `documents` and `tenancy` are packages of their own.
"""
