-- The objects of a mapping, in a schema of their own: "{schema}" and {id} (the type of the ids) are replaced. Repeatable.
-- The tables of the shop get triggers only; see MappingObjects.

CREATE SEQUENCE IF NOT EXISTS "{schema}".product_version_seq MAXVALUE 4503599627370495;
ALTER SEQUENCE "{schema}".product_version_seq INCREMENT 1 CACHE 1 NO CYCLE;

-- The versions of all products that were ever touched. Rows are never deleted, so that an absence has a version too.
CREATE TABLE IF NOT EXISTS "{schema}".product_versions (
  id {id} PRIMARY KEY,
  version bigint NOT NULL
) WITH (fillfactor = 80);

-- What the current transactions have touched. Always empty for all others: the trigger at the commit takes the rows of its transaction.
CREATE UNLOGGED TABLE IF NOT EXISTS "{schema}".product_touches (
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  ids {id}[] NOT NULL
);
CREATE INDEX IF NOT EXISTS product_touches_tx ON "{schema}".product_touches (tx);

-- Changes of rows on which many products may depend. The Workers find these products, some hundred at a time.
CREATE TABLE IF NOT EXISTS "{schema}".product_expansions (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  watch text NOT NULL,
  keys text[] NOT NULL,
  after_id {id},
  changed_at timestamptz NOT NULL DEFAULT now(),
  traceparent text DEFAULT left(nullif(current_setting('product_cache.traceparent', true), ''), 55)
);

-- The outbox.
CREATE TABLE IF NOT EXISTS "{schema}".product_changes (
  bulk boolean NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  product_ids {id}[] NOT NULL,
  versions bigint[] NOT NULL,
  deleted boolean NOT NULL DEFAULT false,
  changed_at timestamptz NOT NULL DEFAULT now(),
  traceparent text DEFAULT left(nullif(current_setting('product_cache.traceparent', true), ''), 55),
  PRIMARY KEY (bulk, seq)
);

CREATE TABLE IF NOT EXISTS "{schema}".product_changes_parked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  product_id {id} NOT NULL,
  version bigint NOT NULL,
  deleted boolean NOT NULL,
  changed_at timestamptz NOT NULL,
  reason text NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now()
);

-- How keys lead to products. Expansions refer to these rows, so that those of an earlier mapping can be done after it was replaced.
CREATE TABLE IF NOT EXISTS "{schema}".product_watches (
  name text PRIMARY KEY,
  key_type text NOT NULL,
  expansion text NOT NULL
);

CREATE TABLE IF NOT EXISTS "{schema}".product_mapping (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  number text NOT NULL,
  id_type text NOT NULL,
  name text NOT NULL,
  watches text[] NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now()
);

-- Draws the versions of all products that the transaction has touched, when it commits. The rows of product_versions are locked in the
-- order of ids, and each version is drawn when its row is locked: so the order of the versions of a product is that of the commits.
CREATE OR REPLACE FUNCTION "{schema}".product_draw_versions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  touched {id}[];
BEGIN
  WITH mine AS (DELETE FROM "{schema}".product_touches WHERE tx = pg_current_xact_id() RETURNING ids)
  SELECT array_agg(DISTINCT id ORDER BY id) INTO touched FROM mine, unnest(ids) AS id;
  IF touched IS NULL THEN
    -- The first row of the transaction has done it for all.
    RETURN NULL;
  END IF;
  WITH drawn AS (
    INSERT INTO "{schema}".product_versions AS versions (id, version)
    SELECT id, nextval('"{schema}".product_version_seq') FROM unnest(touched) AS id ORDER BY id
    ON CONFLICT (id) DO UPDATE SET version = nextval('"{schema}".product_version_seq')
    RETURNING id, version)
  INSERT INTO "{schema}".product_changes (bulk, product_ids, versions)
  SELECT cardinality(touched) > 20, array_agg(id), array_agg(version)
  FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk FROM drawn) AS numbered
  GROUP BY chunk;
  RETURN NULL;
END
$$;

-- PostgreSQL refuses to prepare a transaction that has notified: the relay finds the changes of such a transaction by polling.
CREATE OR REPLACE FUNCTION "{schema}".product_changes_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('max_prepared_transactions') = '0'
     OR coalesce(current_query() !~* '\mprepare\M.*\mtransaction\M', current_setting('session_replication_role') <> 'replica') THEN
    PERFORM pg_notify('{channel}', '');
  END IF;
  RETURN NULL;
END
$$;

DROP TRIGGER IF EXISTS product_draw_versions ON "{schema}".product_touches;
CREATE CONSTRAINT TRIGGER product_draw_versions AFTER INSERT ON "{schema}".product_touches
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "{schema}".product_draw_versions();
ALTER TABLE "{schema}".product_touches ENABLE ALWAYS TRIGGER product_draw_versions;

DROP TRIGGER IF EXISTS product_changes_notify ON "{schema}".product_changes;
CREATE CONSTRAINT TRIGGER product_changes_notify AFTER INSERT ON "{schema}".product_changes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "{schema}".product_changes_notify();
ALTER TABLE "{schema}".product_changes ENABLE ALWAYS TRIGGER product_changes_notify;

DROP TRIGGER IF EXISTS product_expansions_notify ON "{schema}".product_expansions;
CREATE CONSTRAINT TRIGGER product_expansions_notify AFTER INSERT ON "{schema}".product_expansions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "{schema}".product_changes_notify();
ALTER TABLE "{schema}".product_expansions ENABLE ALWAYS TRIGGER product_expansions_notify;
