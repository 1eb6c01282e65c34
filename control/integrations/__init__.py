"""Connections to partners: enforcement, payments, meters, municipal accounting, LoRaWAN and plate recognition.

`operations` is the table of what each kind of partner can be asked and told, with its fields in `partner_data`;
`calls` carries one out with tries, a breaker that all processes share and tokens; `rules` decides what an
answer means and whether to try again; `service` stores connections with sealed credentials, `api` is the REST
door. A call that a partner may have carried out is never repeated unless repeating it is safe.
"""
