#!/bin/sh
# Run once by the database image when its folder is empty: the three roles of scrm/local/roles.py.
set -eu
: "${SCRM_OWNER_PASSWORD:?}" "${SCRM_APP_PASSWORD:?}" "${SCRM_PLATFORM_PASSWORD:?}"

psql --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv owner SCRM_OWNER_PASSWORD
\getenv app SCRM_APP_PASSWORD
\getenv platform SCRM_PLATFORM_PASSWORD
CREATE ROLE scrm_owner    LOGIN NOSUPERUSER CREATEDB   NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner';
CREATE ROLE scrm_app      LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'app';
CREATE ROLE scrm_platform LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS   PASSWORD :'platform';
CREATE DATABASE scrm OWNER scrm_owner;
SQL
