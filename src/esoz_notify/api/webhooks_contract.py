"""The rows of the calls about webhooks, for the table of calls."""

from esoz_notify.api import webhooks_shapes as shapes
from esoz_notify.api.contract_rows import Answer, asked, by_token
from esoz_notify.core.limits import PAGE_SIZE, PAGE_SIZE_MAX, WEBHOOKS_MAX
from esoz_notify.core.webhooks import State

_SCOPE, _GROUP = "webhooks:manage", "Webhooks"
_ALL = "/v1/webhooks"
_ONE = f"{_ALL}/{{webhook_id}}"
_LOG = f"{_ONE}/deliveries"
_BODY = (400, 404, 413, 415, 422)
_SEEN = Answer(status=200, what="The webhook.", shape=shapes.Webhook)

_LOG_QUERY = (
    asked("state", "How telling it stands.", type="string", enum=list(State)),
    asked("cursor", "next_cursor of the page before.", type="string", format="uuid"),
    asked("limit", "Most on one page.", type="integer", minimum=1, maximum=PAGE_SIZE_MAX, default=PAGE_SIZE),
)

WEBHOOKS = (
    by_token(
        "create_webhook", "POST", _ALL, _SCOPE, _GROUP, "Have an address told what becomes of notifications",
        "Told are changes of your notifications that are accepted from then on, each signed with the secret that this"
        f" answer shows (Standard Webhooks), as a CloudEvent. {WEBHOOKS_MAX} webhooks at most.",
        takes=shapes.NewWebhook, refusals=(400, 409, 413, 415, 422),
        answers=(Answer(status=201, what="Made, with its secret.", shape=shapes.WebhookWithSecret),),
    ),
    by_token(
        "list_webhooks", "GET", _ALL, _SCOPE, _GROUP, "Your webhooks", "The oldest first.",
        answers=(Answer(status=200, what="All of them.", shape=shapes.Webhooks),),
    ),
    by_token(
        "get_webhook", "GET", _ONE, _SCOPE, _GROUP, "One webhook", "How it is, and why it is told nothing if so.",
        answers=(_SEEN,), refusals=(404,),
    ),
    by_token(
        "change_webhook", "PATCH", _ONE, _SCOPE, _GROUP, "Change a webhook",
        "Its address, what it is told, or whether. What happens while it is disabled is kept for it for a week, to be"
        " replayed; enabling it tells what happens from then on.",
        takes=shapes.WebhookChange, answers=(_SEEN,), refusals=_BODY,
    ),
    by_token(
        "delete_webhook", "DELETE", _ONE, _SCOPE, _GROUP, "Forget a webhook",
        "What it was not told, it is told no more. Its secrets are erased.",
        answers=(Answer(status=204, what="Forgotten.", media_types=()),), refusals=(404,),
    ),
    by_token(
        "rotate_webhook_secret", "POST", f"{_ONE}/rotate", _SCOPE, _GROUP, "Give a webhook a new secret",
        "Everything is signed by both until the one before ends; an older one ends at once.",
        takes=shapes.SecretRotation, refusals=_BODY,
        answers=(Answer(status=200, what="The webhook, with its new secret.", shape=shapes.WebhookWithSecret),),
    ),
    by_token(
        "test_webhook", "POST", f"{_ONE}/test", _SCOPE, _GROUP, "Send a webhook a test",
        "An event of the type webhook.test, whatever it wants to be told; how it went is in the log a moment later.",
        answers=(Answer(status=202, what="It will be told.", shape=shapes.WebhookDelivery),), refusals=(404, 409),
    ),
    by_token(
        "list_webhook_deliveries", "GET", _LOG, _SCOPE, _GROUP, "What a webhook was told",
        "Every event of the last thirty days with its tries and the last answer; what happened last first.",
        answers=(Answer(status=200, what="A page.", shape=shapes.WebhookDeliveries),), parameters=_LOG_QUERY,
        refusals=(400, 404),
    ),
    by_token(
        "replay_webhook_event", "POST", f"{_LOG}/{{event_id}}/replay", _SCOPE, _GROUP, "Have one event told again",
        "From the first try on, under the same webhook-id.",
        answers=(Answer(status=202, what="It will be told.", shape=shapes.WebhookDelivery),), refusals=(404, 409),
    ),
    by_token(
        "replay_webhook_events", "POST", f"{_ONE}/replay", _SCOPE, _GROUP, "Have a span of time told again",
        "What failed or was held back while the webhook was disabled, or with delivered everything. A thousand events"
        " per call, the oldest first; with next_cursor the next call goes on.",
        takes=shapes.ReplayRange, answers=(Answer(status=202, what="They will be told.", shape=shapes.Replayed),),
        refusals=(400, 404, 409, 413, 415, 422),
    ),
)  # fmt: skip
