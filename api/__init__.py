"""The service: web, worker, command line. Knows HTTP; writes no SQL. `app.create_app` is where it is put together."""
