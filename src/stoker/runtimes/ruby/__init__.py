"""Ruby runtimes: interpreters of this host, each with AWS's runtime client beside it."""
