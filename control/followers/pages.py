"""The pages behind the links in mails: a button, because programs that check mails open every link. Pure."""

from html import escape


def page(title: str, said: str, button: str = "") -> str:
    """With a button the page sends its own address again, by POST. Nothing that a stream's owner has written
    is on it."""
    form = f'<form method="post"><button>{escape(button)}</button></form>' if button else ""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><h1>{escape(title)}</h1><p>{escape(said)}</p>{form}"
    )


CONFIRM = page(
    "Follow this stream?", "You get a mail when it begins, and can end that with one click.", "Follow"
)
CONFIRMED = page("You follow this stream", "You get a mail when it begins.")
UNSUBSCRIBE = page("End these messages?", "You are told of this stream no longer.", "Unsubscribe")
UNSUBSCRIBED = page("You are told no longer", "Nothing more comes about this stream.")
