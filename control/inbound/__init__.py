"""What partners and sensors send: signed webhooks and LoRaWAN uplinks become events and readings of an app.

`service` makes sources (an address, a way to sign, a mapping), `receiver` takes what comes in, `signatures` checks who sent it,
`rules` decides what a mapping's results mean, `evaluator` runs mappings (CEL) in child processes (`mapping_worker`), `presets` are
ready-made mappings, `counts` says how it goes. Partners call `POST /v1/inbound/{source}`; realtime hears the facts.
Promises: what was answered 202 is stored with its facts, a repeat within 24 hours does nothing, and a mapping that runs without end
holds up nobody else.
"""
