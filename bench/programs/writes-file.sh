#!/bin/sh
# A worker that writes a file that was made before.
exec cat "$WORKER_OUTPUT_FILE"
