-- What the Worker and the Api may do with the objects of a mapping. Run it after `productcache mapping install`, as the same role:
--
--   psql -v schema=product_cache -f mapping-grants.sql
--
-- Both also need SELECT on all tables that the mapping reads. Writers of these tables need nothing: triggers run as the role that installed
-- them. Repeatable.

\set ON_ERROR_STOP on
\if :{?schema} \else \set schema product_cache \endif
\if :{?worker} \else \set worker product_cache_worker \endif
\if :{?api} \else \set api product_cache_api \endif

BEGIN;
REVOKE ALL ON SCHEMA :"schema" FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA :"schema" FROM PUBLIC, :"worker", :"api";
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA :"schema" FROM PUBLIC;
GRANT USAGE ON SCHEMA :"schema" TO :"worker", :"api";

-- The Worker joins versions to products, takes changes from the outbox, finds the products of expansions and touches them.
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"worker";
GRANT SELECT, UPDATE, USAGE ON SEQUENCE :"schema".product_version_seq TO :"worker";
GRANT UPDATE, DELETE ON :"schema".product_changes, :"schema".product_expansions TO :"worker";
GRANT INSERT ON :"schema".product_changes_parked, :"schema".product_touches TO :"worker";

-- The Api lists products.
GRANT SELECT ON :"schema".product_versions TO :"api";
COMMIT;
