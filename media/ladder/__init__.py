"""Which renditions a stream gets: profiles, sizes, bit rates, cadence, and what this machine can carry.

`rules` chooses renditions, `admission` and `overload` decide what runs, `delivery_options` reads a
stream's latency and DVR settings; `service` stores profiles, `api` is their REST door. Called by live
broadcasts and upload transcoding. The choices are pure functions.
"""
