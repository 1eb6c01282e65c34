"""Following a stream: a visitor asks to be told when it begins, by mail or by the browser's push messages.

`service` takes followers, confirms and removes them; `notices` tells them of a broadcast, through `mails` and
`push`; `api` is the REST door. Called by the watch page, by links in mails, and by the facts of streams.
Promises: nobody is written to without having confirmed, but for the one mail that asks; a follower is told of
a broadcast once, whichever process dies (docs/watch-page.md says what can double).
"""
