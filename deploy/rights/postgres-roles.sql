-- The roles of ProductCache with the least rights they can work with. Run it in the database of the products, as a role that may create
-- roles and the extension, and before the first migration:
--
--   psql -v schema=public -f postgres-roles.sql
--
-- A schema other than public is created. The roles get no password here: set them with \password, or use certificates. Repeatable.

\set ON_ERROR_STOP on
\if :{?schema} \else \set schema public \endif
\if :{?migrator} \else \set migrator product_cache_migrator \endif
\if :{?worker} \else \set worker product_cache_worker \endif
\if :{?api} \else \set api product_cache_api \endif
\if :{?writer} \else \set writer product_writer \endif

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name)
FROM unnest(ARRAY[:'migrator', :'worker', :'api', :'writer']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- PUBLIC may connect to a new database, and before PostgreSQL 15 create tables in the schema public.
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()) \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO %I, %I, %I, %I', current_database(), :'migrator', :'worker', :'api', :'writer') \gexec
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

CREATE SCHEMA IF NOT EXISTS :"schema";
GRANT USAGE, CREATE ON SCHEMA :"schema" TO :"migrator";
GRANT USAGE ON SCHEMA :"schema" TO :"worker", :"api", :"writer";

-- For the search in names. The migration finds it in place.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
