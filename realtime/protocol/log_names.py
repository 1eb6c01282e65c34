"""Names of logs: a channel's id, or an app's for the log that its programs follow. [decision]"""


def of_app(name: str) -> bool:
    """Whether a log's name is that of an app; all others are channels."""
    return name.startswith("app_")
