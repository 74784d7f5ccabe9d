"""One file a DVC stage: read the composed configuration, call the library, write the outs."""
