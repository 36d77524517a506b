-- The triggers that draw a version for every content of a product and record every change in the outbox. The newest migration and
-- the audit run this script, so it must be repeatable. StoreAudit names the triggers that it expects.
--
-- Functions that run for every row have no SET search_path, which would cost more than their work: all names in them are
-- qualified instead. All run as their owner, so a writer needs rights on the products only.

CREATE OR REPLACE FUNCTION public.products_draw_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  NEW.version := pg_catalog.nextval('public.product_version_seq'::pg_catalog.regclass);
  -- The versions of one product never go back, also where those of the sequence did.
  IF NEW.version OPERATOR(pg_catalog.<=) OLD.version AND OLD.version OPERATOR(pg_catalog.<) 4503599627370495 THEN
    NEW.version := OLD.version OPERATOR(pg_catalog.+) 1;
  END IF;
  NEW.updated_at := pg_catalog.now();
  RETURN NEW;
END
$$;

-- A trigger of another owner may change the row after products_draw_version_anew. The final content of the row must have a version of
-- its own.
CREATE OR REPLACE FUNCTION public.products_redraw_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE public.products SET version = 0 WHERE id = NEW.id AND version = NEW.version;
  IF EXISTS (SELECT FROM public.products WHERE id = NEW.id AND version = NEW.version) THEN
    RAISE EXCEPTION 'A trigger of the table products keeps the version %, although the content of product % changed', NEW.version, NEW.id
      USING ERRCODE = 'triggered_data_change_violation', HINT = 'Only ProductCache may write the column version.';
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.products_record_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
  SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), TG_OP = 'DELETE'
  FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk FROM changed_rows) AS changed
  GROUP BY chunk;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.products_record_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM new_rows WHERE updated_at IS DISTINCT FROM now()) THEN
    -- All rows were written by this transaction. To record a row that did not change is harmless; to join a million rows with
    -- themselves is not.
    INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
    SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), false
    FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk FROM new_rows) AS changed
    GROUP BY chunk;
  ELSE
    INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
    SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), false
    FROM (SELECT new_rows.id, new_rows.version, (row_number() OVER () - 1) / 500 AS chunk
          FROM new_rows LEFT JOIN old_rows ON old_rows.id = new_rows.id
          WHERE old_rows.version IS DISTINCT FROM new_rows.version) AS changed
    GROUP BY chunk;
  END IF;
  RETURN NULL;
END
$$;

-- The new id is recorded with the other updated rows.
CREATE OR REPLACE FUNCTION public.products_record_old_id() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
  VALUES (false, ARRAY[OLD.id], ARRAY[OLD.version], true);
  RETURN NULL;
END
$$;

-- Logical replication applies rows one by one and fires no trigger of a statement, TRUNCATE excepted.
CREATE OR REPLACE FUNCTION public.products_record_replicated_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
    VALUES (false, ARRAY[OLD.id], ARRAY[OLD.version], true);
  ELSIF TG_OP = 'INSERT' OR OLD.version <> NEW.version THEN
    INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
    VALUES (false, ARRAY[NEW.id], ARRAY[NEW.version], false);
  END IF;
  RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION public.products_record_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- TRUNCATE also removes rows that an older snapshot does not show.
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'TRUNCATE of products needs the isolation level READ COMMITTED'
      USING ERRCODE = 'feature_not_supported', HINT = 'Every removed product is recorded, which needs to see all of them.';
  END IF;
  INSERT INTO public.product_changes (bulk, product_ids, versions, deleted)
  SELECT count(*) > 20 OR chunk > 0, array_agg(id), array_agg(version), true
  FROM (SELECT id, version, (row_number() OVER () - 1) / 500 AS chunk FROM public.products) AS changed
  GROUP BY chunk;
  RETURN NULL;
END
$$;

-- Runs at the end of the transaction. PostgreSQL refuses to prepare a transaction that has notified: the relay finds the
-- changes of such a transaction by polling. The statement that ends the transaction is PREPARE TRANSACTION, or there is none and
-- the session applies replicated transactions. (A text that only looks like PREPARE TRANSACTION costs its change that wait and
-- nothing else.)
CREATE OR REPLACE FUNCTION public.product_changes_notify() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('max_prepared_transactions') = '0'
     OR coalesce(current_query() !~* '\mprepare\M.*\mtransaction\M', current_setting('session_replication_role') <> 'replica') THEN
    PERFORM pg_notify('product_changes', '');
  END IF;
  RETURN NULL;
END
$$;

-- A JSON merge patch (RFC 7396). Null removes a member.
CREATE OR REPLACE FUNCTION public.products_merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN jsonb_typeof(patch) <> 'object' THEN patch ELSE (
    SELECT coalesce(jsonb_object_agg(key, CASE WHEN changed.value IS NULL THEN kept.value ELSE public.products_merge_patch(kept.value, changed.value) END), '{}')
    FROM jsonb_each(CASE WHEN jsonb_typeof(target) = 'object' THEN target ELSE '{}' END) AS kept FULL JOIN jsonb_each(patch) AS changed USING (key)
    WHERE changed.value IS DISTINCT FROM 'null') END
$$;

DROP TRIGGER IF EXISTS products_draw_version ON public.products;
CREATE TRIGGER products_draw_version BEFORE INSERT ON public.products
FOR EACH ROW EXECUTE FUNCTION public.products_draw_version();

-- An UPDATE that changes nothing does not call the function. The columns that change most often are compared first.
DROP TRIGGER IF EXISTS products_draw_version_anew ON public.products;
CREATE TRIGGER products_draw_version_anew BEFORE UPDATE ON public.products
FOR EACH ROW WHEN (
  OLD.price IS DISTINCT FROM NEW.price OR OLD.name COLLATE "C" IS DISTINCT FROM NEW.name COLLATE "C"
  OR OLD.description COLLATE "C" IS DISTINCT FROM NEW.description COLLATE "C" OR OLD.id <> NEW.id
  OR OLD.version <> NEW.version OR OLD.created_at <> NEW.created_at OR OLD.updated_at <> NEW.updated_at
  OR OLD.attributes IS DISTINCT FROM NEW.attributes)
EXECUTE FUNCTION public.products_draw_version();

DROP TRIGGER IF EXISTS products_redraw_version ON public.products;
CREATE TRIGGER products_redraw_version AFTER UPDATE ON public.products
FOR EACH ROW WHEN (
  OLD.version = NEW.version
  AND (OLD.price IS DISTINCT FROM NEW.price OR OLD.name COLLATE "C" IS DISTINCT FROM NEW.name COLLATE "C"
       OR OLD.description COLLATE "C" IS DISTINCT FROM NEW.description COLLATE "C" OR OLD.id <> NEW.id
       OR OLD.attributes IS DISTINCT FROM NEW.attributes))
EXECUTE FUNCTION public.products_redraw_version();

DROP TRIGGER IF EXISTS products_record_insert ON public.products;
CREATE TRIGGER products_record_insert AFTER INSERT ON public.products
REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

DROP TRIGGER IF EXISTS products_record_update ON public.products;
CREATE TRIGGER products_record_update AFTER UPDATE ON public.products
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_update();

DROP TRIGGER IF EXISTS products_record_delete ON public.products;
CREATE TRIGGER products_record_delete AFTER DELETE ON public.products
REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_changes();

DROP TRIGGER IF EXISTS products_record_old_id ON public.products;
CREATE TRIGGER products_record_old_id AFTER UPDATE ON public.products
FOR EACH ROW WHEN (OLD.id <> NEW.id) EXECUTE FUNCTION public.products_record_old_id();

DROP TRIGGER IF EXISTS products_record_replicated_row ON public.products;
CREATE TRIGGER products_record_replicated_row AFTER INSERT OR UPDATE OR DELETE ON public.products
FOR EACH ROW EXECUTE FUNCTION public.products_record_replicated_row();

DROP TRIGGER IF EXISTS products_record_truncate ON public.products;
CREATE TRIGGER products_record_truncate BEFORE TRUNCATE ON public.products
FOR EACH STATEMENT EXECUTE FUNCTION public.products_record_truncate();

DROP TRIGGER IF EXISTS product_changes_notify ON public.product_changes;
CREATE CONSTRAINT TRIGGER product_changes_notify AFTER INSERT ON public.product_changes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.product_changes_notify();

-- In sessions that replicate (session_replication_role = replica) the trigger of the row records; in all others those of the
-- statement do. The rest fires in both.
ALTER TABLE public.products
  ENABLE ALWAYS TRIGGER products_draw_version,
  ENABLE ALWAYS TRIGGER products_draw_version_anew,
  ENABLE ALWAYS TRIGGER products_redraw_version,
  ENABLE ALWAYS TRIGGER products_record_old_id,
  ENABLE ALWAYS TRIGGER products_record_truncate,
  ENABLE REPLICA TRIGGER products_record_replicated_row;
ALTER TABLE public.product_changes ENABLE ALWAYS TRIGGER product_changes_notify;
