"""MariaDB and MySQL: connections that never wait for ever, failover, TLS, and the fastest way to insert rows."""
