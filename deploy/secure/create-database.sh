#!/usr/bin/env bash
# Run by the image of PostgreSQL when the data volume is new: the database, and the roles of the services with the passwords in /run/secrets.
set -euo pipefail
as_superuser=(env -u PGUSER -u PGDATABASE psql --no-psqlrc -v ON_ERROR_STOP=1 -U postgres)
"${as_superuser[@]}" -d postgres -v database="$DB_NAME" <<< 'CREATE DATABASE :"database";'
"${as_superuser[@]}" -d "$DB_NAME" -f /rights/postgres-roles.sql
# Psql reads the files itself, so that no password stands in the arguments of a process.
"${as_superuser[@]}" -d "$DB_NAME" <<'SQL'
\set migrator `cat /run/secrets/db-migrator`
\set worker `cat /run/secrets/db-worker`
\set api `cat /run/secrets/db-api`
ALTER ROLE product_cache_migrator PASSWORD :'migrator';
ALTER ROLE product_cache_worker PASSWORD :'worker';
ALTER ROLE product_cache_api PASSWORD :'api';
SQL
