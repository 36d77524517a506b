-- What the Worker and the Api may do with the objects of a mapping. Run it after `productcache mapping install`, as the same role:
--
--   psql -v schema=product_cache -f mapping-grants.sql
--
-- Both also need SELECT on all tables that the mapping reads. Writers of these tables need nothing: triggers run as the role that installed
-- them. Other objects in the schema are not touched. Repeatable.

\set ON_ERROR_STOP on
\if :{?schema} \else \set schema product_cache \endif
\if :{?worker} \else \set worker product_cache_worker \endif
\if :{?api} \else \set api product_cache_api \endif

-- The schema public, in which everybody may look things up, belongs to others.
SELECT :'schema' <> 'public' AS is_own \gset

BEGIN;
\if :is_own
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
GRANT USAGE ON SCHEMA :"schema" TO :"worker", :"api";
\endif
REVOKE ALL ON
  :"schema".product_versions, :"schema".product_touches, :"schema".product_expansions, :"schema".product_changes, :"schema".product_changes_parked,
  :"schema".product_watches, :"schema".product_mapping
  FROM PUBLIC, :"worker", :"api";
REVOKE ALL ON SEQUENCE :"schema".product_version_seq FROM PUBLIC, :"worker", :"api";

-- Of the functions only our own.
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = :'schema'::regnamespace AND prorettype = 'trigger'::regtype
  AND (proname LIKE 'touch\_%' OR proname IN ('product_draw_versions', 'product_changes_notify')) \gexec

-- The Worker joins versions to products, takes changes from the outbox, finds the products of expansions and touches them.
GRANT SELECT ON
  :"schema".product_versions, :"schema".product_expansions, :"schema".product_changes, :"schema".product_changes_parked, :"schema".product_watches,
  :"schema".product_mapping
  TO :"worker";
GRANT UPDATE, DELETE ON :"schema".product_changes, :"schema".product_expansions TO :"worker";
GRANT INSERT ON :"schema".product_changes_parked, :"schema".product_touches TO :"worker";

-- It moves the sequence after a restore.
GRANT SELECT, UPDATE ON SEQUENCE :"schema".product_version_seq TO :"worker";

-- The Api lists products.
GRANT SELECT ON :"schema".product_versions TO :"api";
COMMIT;
