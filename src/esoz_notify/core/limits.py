"""Every limit that the product lives by, with its unit last; relations between them are asserted at import.

What belongs here: numbers that code relies on. What an operator changes between environments is a setting instead.
"""

LEASE_S = 5.0
"""A submitting attempt whose worker has not renewed it for so long is taken over."""

HEARTBEAT_S = 1.5
"""How often a worker renews what it holds."""

PROVIDER_TIMEOUT_S = 10.0
"""How long a provider may think about one call before its outcome counts as unknown."""

CALLS_MAX = 6
"""How often one attempt may be repeated under the same provider key."""

REPEAT_AFTER_S = 0.5
"""First pause before a call is repeated under the same key; doubles each time."""

UNKNOWN_WAIT_CODE_S = 4.0
"""How long a code waits for a receipt of an SMS whose submission is unknown before the one recorded repeat."""

UNKNOWN_WAIT_S = 30.0
"""The same for everything that is not a code."""

RETRY_FIRST_S = 1.0
"""First pause of the guaranteed channel after all its providers failed; doubles up to the maxima below."""

RETRY_CODE_MAX_S = 5.0
RETRY_MAX_S = 60.0
PAID_RETRY_CODE_MAX_S = 30.0
PAID_RETRY_MAX_S = 3600.0
"""Longest pauses after a message that an operator took, billed and did not deliver: each further one costs again."""

ABSENT_FIRST_S = 20.0
"""First pause of the guaranteed channel when the phone is out of reach."""

STEP_WAIT_FIRST_S = 5.0
"""First pause of what waits for the providers of its step; grows with the wait: a long outage costs few looks."""

RESEND_COUNT_MAX = 3
RESEND_WINDOW_S = 600.0
"""At most so many resends of one notification within a sliding window."""

NOT_ON_CHANNEL_LIFE_S = 7 * 86_400.0
"""A person may install the application any day; a week of going straight to the next channel is worth one try."""

BLOCKED_LIFE_S = 90 * 86_400.0
"""Who blocked a sender meant it; unblocking shows as a delivery or as a try after so long."""

NUMBER_INACTIVE_LIFE_S = 86_400.0
"""Operators bring numbers back within the day; kept to be shown, the guaranteed channel is tried all the same."""

OVERLOAD_AGE_S = 60.0
OVERLOAD_BACKLOG = 100_000
"""New notifications that are not codes are answered "later" while something due waits longer and more are due."""

WEBHOOK_TIMEOUT_S = 15.0
"""How long a receiver of webhooks may think about one event before it counts as not told."""

WEBHOOK_LEASE_S = 45.0
"""An event whose worker has not recorded what became of its call is called again after so long, under the same id."""

WEBHOOK_CALLS_MAX = 8
"""Events that one worker tells one receiver at a time; one when its last answer was a failure."""

WEBHOOK_WAIT_MAX_S = 86_400.0
"""The longest Retry-After of a receiver that is heeded."""

WEBHOOK_FAILING_DAYS = 5
"""A webhook that has failed for so long without one success is disabled."""

WEBHOOK_KEPT_DAYS = 7
"""What happens while a webhook is disabled is kept for it so long after that, to be replayed."""

WEBHOOKS_MAX = 10
"""Webhooks of one caller."""

SHEET_DOCUMENTS_MAX = 6
"""Summaries that are asked for together: more documents of one visit would not share a sheet anyway."""

PRINT_RUN_MAX = 10_000
"""Summaries in one print run: a stack of paper that one person can still carry."""

BULK_BYTES_MAX = 64 * 1024 * 1024
BULK_ROWS_MAX = 200_000
"""A file that is sent from the pages; the command has no bound."""

BULK_ALONE_MAX = 1_000
"""Rows that one person may have sent from the pages; of more another person confirms. Also in the ledger."""

BODY_BYTES_MAX = 64 * 1024
BATCH_BODY_BYTES_MAX = 32 * 1024 * 1024
BATCH_LINES_MAX = 10_000
CALLBACK_BYTES_MAX = 1024 * 1024
REFERENCE_LENGTH_MAX = 200
IDEMPOTENCY_KEY_LENGTH_MAX = 200
VALIDITY_MAX_S = 30 * 86_400
PAGE_SIZE = 50
PAGE_SIZE_MAX = 200

assert WEBHOOK_TIMEOUT_S * 2 < WEBHOOK_LEASE_S, "what came of a call must be recorded before its lease ends"
assert HEARTBEAT_S * 2 < LEASE_S, "a worker must have two chances to renew before its lease ends"
RESCUE_CODE_MAX_S = 10.0
"""A code whose worker died moves again within so long."""

assert UNKNOWN_WAIT_CODE_S + LEASE_S < RESCUE_CODE_MAX_S, "a code whose worker died must be moving again within 10 s"
