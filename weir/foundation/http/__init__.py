"""HTTP for all rooms: routes as rows, parsing, refusals, response headers, OpenAPI.

`routing` binds a row to its handler (authentication, limits, body), `router` finds the row, `problems`
renders refusals (RFC 9457), `response_headers` adds CORS and security headers, `idempotency` repeats
answers, `openapi` renders the description.
"""
