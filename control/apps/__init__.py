"""Tenants: apps, their teams, their API keys, and the operator's view of all apps.

`service` creates, changes and deletes apps, `teams` invites and removes members, `api_keys` issues and
withdraws keys. Called by `api` and `operator_api`, by sign-up and by the local administration socket.
Promises: an app always has an owner; every change has an audit entry in the same write; a deletion resumes
after a crash.
"""
