#!/bin/sh
# A worker that notes when it was started, in nanoseconds, and ends.
date +%s%N >"$WORKER_STARTED_FILE"
