"""People who sign in: accounts, passwords, sessions, mail.

`service` creates and signs in accounts, `mail` sends links, `sign_in_limits` slows down guessing; `api` is
the REST door (/v1/auth). Called by the app and team verbs and by the local administration socket.
Promises: a link works once; a password is hashed off the event loop; a stranger cannot lock an owner out.
"""
