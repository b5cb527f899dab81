-- The three database roles of Waypost. Run once per PostgreSQL server, by a superuser; running it again changes nothing.
-- Passwords are set elsewhere, so that this file stays free of secrets.
--
--   waypost_owner    owns the database and runs the migrations
--   waypost_app      serves requests and chores; row-level security always applies to it
--   waypost_auditor  reads the ledger

DO $roles$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['waypost_owner', 'waypost_app', 'waypost_auditor'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', role_name);
    END IF;
    -- Said in full, so that a role made by hand with too much power is cut back.
    EXECUTE format('ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS', role_name);
  END LOOP;
END
$roles$;
