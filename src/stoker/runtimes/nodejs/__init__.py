"""Node.js runtimes: interpreters of this host or from wheels, all with the one build of AWS's runtime client."""
