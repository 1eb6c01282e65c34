"""Places with numbered spaces, devices and reservations (parking lots, rooms, seats).

`service` holds the verbs, `rules` the pure decisions on spaces and times, `store` the collections,
`models` requests and answers, `api` the door. Promises: two reservations of one space never overlap; a
late or repeated reading changes nothing.
"""
