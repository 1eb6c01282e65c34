"""Decisions without I/O: who may do what, what a typed command means, what a moderation action changes.

`permissions` decides on roles, modes and rates, `commands` parses typed commands, `moderation_actions`
derives state from actions. Called by chat, its REST door and the sockets.
"""
