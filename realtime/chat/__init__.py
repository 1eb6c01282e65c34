"""Chat: channels, members, messages, presence, typing, reactions and moderation.

`service` joins, sends and leaves, `moderation` carries out actions, `history` reads pages, `users` and
`addressees` find people by name, `local_members` lists the sockets of this process, `presence` and
`typing_reactions` keep what is short-lived; `api` is the REST door. Promises: one order for all; a command
for an unknown user changes nothing; a deleted message is deleted everywhere.
"""
