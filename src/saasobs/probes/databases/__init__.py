"""The kinds that ask a server of data or messages as its clients do: connect, log in, ask, look at the answer.

An open port proves little: the kernel accepts connections for a server that hangs. The protocols are spoken here, on
streams of our own, rather than by each server's driver, for four reasons. The names, the guard over their addresses,
the phases and the description of certificates are the same as for every other kind. Everything read is bounded: drivers
take in whatever a server sends. TLS contexts are shared: libpq reads the CA store for every connection. And the loop
is never held: a server that asks psycopg 3.3 for thirty million rounds of SCRAM holds it for 20 seconds, asyncpg 0.32
for 10, whatever the deadline. Libraries are used for what has no such traps: BSON (pymongo) and AMQP's frames (pamqp).
"""
