-- Texts of messages that people write over those of the file: every version, who published it, and what the operator
-- noted of a Viber body's way through moderation. "pre": may run before the new code.

CREATE TABLE text_version (
  template     text NOT NULL,       -- its stable name, such as prescription_issued.uk
  no           integer NOT NULL CHECK (no > 0),
  sms          text NOT NULL,
  sms_segments smallint NOT NULL CHECK (sms_segments BETWEEN 1 AND 10),
  viber        text NOT NULL,
  diia_title   text NOT NULL,
  diia_short   text NOT NULL,
  diia_full    text NOT NULL,
  why          text NOT NULL,
  written_by   text NOT NULL,
  written_at   timestamptz NOT NULL,
  PRIMARY KEY (template, no),
  UNIQUE (template, no, written_by),
  CONSTRAINT text_version_says_something CHECK (
    btrim(sms) <> '' AND btrim(viber) <> '' AND btrim(diia_title) <> '' AND btrim(diia_short) <> ''
    AND btrim(diia_full) <> ''
  ),
  CONSTRAINT text_version_says_why CHECK (btrim(why) <> '')
);

-- Four eyes: the ledger itself knows no publication by who wrote.
CREATE TABLE text_publication (
  seq          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,   -- by it processes see that there is news
  template     text NOT NULL,
  no           integer NOT NULL,
  written_by   text NOT NULL,
  published_by text NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (template, no),
  FOREIGN KEY (template, no, written_by) REFERENCES text_version (template, no, written_by),
  CONSTRAINT text_needs_two_people CHECK (lower(btrim(published_by)) <> lower(btrim(written_by)))
);

CREATE TABLE text_viber_note (
  seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  template    text NOT NULL,
  no          integer NOT NULL,
  step        text NOT NULL CHECK (step IN ('submitted', 'approved', 'rejected')),
  template_id text,                  -- the provider's
  why         text,
  noted_by    text NOT NULL,
  noted_at    timestamptz NOT NULL,
  FOREIGN KEY (template, no) REFERENCES text_version (template, no),
  CONSTRAINT text_viber_approved_has_id CHECK ((step = 'approved') = (template_id IS NOT NULL)),
  CONSTRAINT text_viber_rejected_has_why CHECK ((step = 'rejected') = (why IS NOT NULL))
);
CREATE INDEX text_viber_note_by_version ON text_viber_note (template, no);

CREATE TRIGGER text_version_append_only BEFORE UPDATE OR DELETE ON text_version
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_version_no_truncate BEFORE TRUNCATE ON text_version
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_publication_append_only BEFORE UPDATE OR DELETE ON text_publication
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_publication_no_truncate BEFORE TRUNCATE ON text_publication
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_viber_note_append_only BEFORE UPDATE OR DELETE ON text_viber_note
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_viber_note_no_truncate BEFORE TRUNCATE ON text_viber_note
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
