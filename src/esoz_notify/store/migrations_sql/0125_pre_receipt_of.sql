-- Which receipts spoke of which attempt, also those that changed nothing: so that a notification's story can say what a
-- provider said, when, and show it as it came. Written as receipts leave the inbox. "pre": may run before the new code.

CREATE TABLE receipt_of (
  notification_id uuid NOT NULL,
  id          bigint NOT NULL,      -- as it was in the inbox: in order of arrival
  attempt_no  smallint NOT NULL,
  part        smallint NOT NULL,
  receipt_id  uuid NOT NULL,        -- its raw form, which leaves earlier
  provider_message_id text NOT NULL,
  state       smallint NOT NULL,
  reason      text,
  detail      text NOT NULL,
  received_at timestamptz NOT NULL,
  PRIMARY KEY (notification_id, id)
);
