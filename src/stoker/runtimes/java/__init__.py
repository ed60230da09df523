"""Java runtimes: the JVMs of this host, all with the one set of AWS's client libraries."""
