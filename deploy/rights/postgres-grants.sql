-- What the roles of postgres-roles.sql may do. Run it after each migration that adds a table, as the role that migrated:
--
--   psql -v schema=public -f postgres-grants.sql
--
-- Triggers record every write with the rights of the owner of the tables, so a writer needs rights on the products only. Repeatable.

\set ON_ERROR_STOP on
\if :{?schema} \else \set schema public \endif
\if :{?worker} \else \set worker product_cache_worker \endif
\if :{?api} \else \set api product_cache_api \endif
\if :{?writer} \else \set writer product_writer \endif

BEGIN;
SET LOCAL search_path = :"schema";

REVOKE ALL ON ALL TABLES IN SCHEMA :"schema" FROM PUBLIC, :"worker", :"api", :"writer";
REVOKE ALL ON ALL SEQUENCES IN SCHEMA :"schema" FROM PUBLIC, :"worker", :"api", :"writer";

-- Of the functions only our own: those of pg_trgm belong to the extension, and searches call them.
SELECT format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = :'schema'::regnamespace AND proowner = (SELECT oid FROM pg_roles WHERE rolname = current_user) \gexec

-- The Worker reads products and draws versions that are missing; it takes changes from the outbox and parks what it cannot publish.
GRANT SELECT, UPDATE (version) ON products TO :"worker";
GRANT SELECT, UPDATE, USAGE ON SEQUENCE product_version_seq TO :"worker";
GRANT SELECT, UPDATE, DELETE ON product_changes TO :"worker";
GRANT SELECT, INSERT ON product_changes_parked TO :"worker";
GRANT SELECT ON "__EFMigrationsHistory" TO :"worker";

-- The Api writes products and lists them. It moves the sequence of ids after an import.
GRANT SELECT, DELETE, INSERT (name, price, description, attributes), UPDATE (name, price, description, attributes) ON products TO :"api";
SELECT format('GRANT SELECT, USAGE, UPDATE ON SEQUENCE %s TO %I', pg_get_serial_sequence('products', 'id'), :'api') \gexec
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO :"api";
GRANT EXECUTE ON FUNCTION products_merge_patch(jsonb, jsonb) TO :"api";

-- Another team. A statement with a condition reads the columns of the condition.
GRANT SELECT, INSERT, UPDATE, DELETE ON products TO :"writer";

COMMIT;
