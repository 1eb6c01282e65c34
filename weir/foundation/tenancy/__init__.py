"""Who belongs to whom and may do what: tokens, permissions, the directory of apps and streams, quotas.

`auth` reads credentials, `tokens` signs and checks them, `permissions` lists roles and scopes, `directory`
caches what all rooms look up, `quotas` and `message_quota` count against a plan. Promises: nothing made
from a credential outlives or exceeds it; a withdrawal reaches every process within seconds.
"""
