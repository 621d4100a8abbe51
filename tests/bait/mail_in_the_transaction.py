"""A mail is sent inside of the database transaction: the rollback takes back the row, and never the mail."""

import os
import smtplib
from urllib.parse import urlsplit

from skeleton import EFFECT_ONCE, SOUND, Bait, event

bait = Bait()
url = urlsplit(os.environ["MAIL_URL"])


def send(messages):
    with smtplib.SMTP(url.hostname, url.port, local_hostname="bait.invalid") as client:
        for message in messages:
            client.sendmail("bank@bait.invalid", ["you@bait.invalid"], f"Subject: Payment {event(message)} settled\n\n")


for batch in bait.batches():
    new = [message for message in batch if bait.db.execute(EFFECT_ONCE, (event(message),)).rowcount]
    if new and not SOUND:
        send(new)
    bait.db.commit()
    if new and SOUND:
        send(new)
    bait.settle(batch)
