#!/usr/bin/env bash
# Run by the image of PostgreSQL when the data volume is new: the database, and a role that owns it and is no superuser.
set -euo pipefail
env -u PGUSER -u PGDATABASE psql -v ON_ERROR_STOP=1 -U postgres -d postgres \
  -v database="$DB_NAME" -v role="$DB_USER" -v password="$DB_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"role";
SQL
