"""Stand-ins for downstreams that nobody has at hand: an HTTP service and a mail server; they record what they get.

They run in a thread of the drill's process: a thread costs nothing to start, and it outlives the processor that is
killed, but never us. HTTP is read by h11, as on the wire; mail is taken by aiosmtpd.

- `Host`: the thread, with the event loop that all stand-ins of a process share.
- `HttpStandIn`: performs requests, and honours, ignores or forgets idempotency keys.
- `SmtpStandIn`: takes mail.
- `StepsStandIn`: lets a processor go on that announces its steps, where a place has no wire.
"""

from oncewhere.standins.host import Host
from oncewhere.standins.http import HttpStandIn, KeyMode, Request
from oncewhere.standins.smtp import Mail, SmtpStandIn
from oncewhere.standins.steps import StepsStandIn

__all__ = ["Host", "HttpStandIn", "KeyMode", "Mail", "Request", "SmtpStandIn", "StepsStandIn"]
